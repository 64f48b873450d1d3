//! The command line that carries out a plan, with every word quoted for a shell.
use std::collections::BTreeSet;

use super::request::{CanaryChoice, Fallback, HiddenChoice, PassChoice, Request, VerificationChoice};
use crate::device::{ContentType, DriveFacts};
use crate::unit::Digest;
use crate::unit::term::{DriveKind, Method, word};

/// The command line that does what `request` asks with this drive. `units` are the texts that confirm its other units
/// where the command reaches them. With a digest it refuses whatever has changed since.
pub fn command_line(
    request: &Request,
    facts: &DriveFacts,
    units: &[String],
    digest: Option<&Digest>,
) -> String {
    let mut words =
        vec!["expunge".to_owned(), "sanitize".to_owned(), quoted(&facts.node.display().to_string())];
    let filled = request.profile.and_then(|profile| profile.fill_in(&Request::default()).ok());
    let usual = filled.unwrap_or_default();
    if let Some(profile) = request.profile {
        words.push(format!("--profile {}", word(profile)));
    }
    if let Some(method) = request.method.filter(|_| request.method != usual.method) {
        words.push(format!("--method {}", word(method)));
    }
    if request.standard != usual.standard {
        words.push(format!("--standard {}", word(request.standard)));
    }
    words.extend(technique_words(request, &usual));
    match &request.passes {
        PassChoice::Default => {}
        PassChoice::Listed(patterns) => {
            words.extend(patterns.iter().map(|pattern| format!("--pass {}", quoted(&pattern.to_string()))));
        }
        PassChoice::Scheme(name) => words.push(option("--scheme", name)),
    }
    if request.verification != VerificationChoice::Full {
        words.push(format!("--verify {}", verification_words(request.verification)));
    }
    if !request.known_content.is_empty() {
        words.push(known_content_option(&request.known_content));
    }
    words.extend(request.rules.iter().map(|rule| format!("--rule {}", quoted(&rule.to_string()))));
    words.extend(facts.confirm_text().iter().chain(units).map(|text| option("--confirm", text)));
    if let Some(digest) = digest {
        words.push(format!("--plan {digest}"));
    }
    words.join(" ")
}

/// The options about commands of the drive.
fn technique_words(request: &Request, usual: &Request) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(technique) = request.technique {
        words.push(format!("--technique {}", word(technique)));
    }
    if request.scope != usual.scope {
        words.push(format!("--scope {}", word(request.scope)));
    }
    match request.fallback {
        Fallback::None => {}
        Fallback::Clear => words.push("--or-clear".to_owned()),
    }
    if request.afterwards != usual.afterwards {
        words.push("--overwrite-after".to_owned());
    }
    match request.canaries {
        CanaryChoice::Planted => {}
        CanaryChoice::Fingerprints => words.push("--canaries fingerprints".to_owned()),
        CanaryChoice::None => words.push("--no-canaries".to_owned()),
    }
    match request.hidden {
        HiddenChoice::Restore => {}
        HiddenChoice::Leave => words.push("--hidden-areas=leave".to_owned()),
    }
    if let Some(file) = &request.policy {
        words.extend([option("--policy", &file.path), option("--policy-keys", &file.keys)]);
    }
    if let Some(given) = &request.crypto {
        words.extend(given.statement.as_ref().map(|file| option("--crypto-basis", &file.path)));
        words.extend(given.declaration.as_ref().map(|text| option("--declare-crypto", text)));
    }
    words
}

/// What `--verify` takes for a choice.
pub fn verification_words(choice: VerificationChoice) -> String {
    match choice {
        VerificationChoice::Full => "full".to_owned(),
        VerificationChoice::SampledR1 => "sampled".to_owned(),
        VerificationChoice::Sampled { confidence, fraction } => format!("sampled={confidence},{fraction}"),
        VerificationChoice::None => "none".to_owned(),
    }
}

/// The option `--known-content` that names all of these.
pub fn known_content_option(types: &BTreeSet<ContentType>) -> String {
    let names: Vec<String> = types.iter().map(word).collect();
    format!("--known-content {}", names.join(","))
}

/// Membership on the drive that a request must repeat.
pub fn content_to_repeat(facts: &DriveFacts) -> BTreeSet<ContentType> {
    facts.content.iter().map(|content| content.content_type).filter(|kind| kind.needs_repeating()).collect()
}

/// The method of a drive for which none was asked for. Flash has no default, and what is not known counts as
/// flash: there the difference between clear and purge is the old data in cells that no address reaches.
pub const fn default_method(kind: DriveKind) -> Option<Method> {
    match kind {
        DriveKind::Rotating | DriveKind::LogicalVolume | DriveKind::TestObject => Some(Method::Clear),
        DriveKind::Flash | DriveKind::Unknown => None,
    }
}

/// The same request with this method and everything named that must be repeated for this drive, so that its
/// command line is not refused for something that could have been known.
pub fn completed(request: &Request, facts: &DriveFacts, method: Method) -> Request {
    let present: BTreeSet<ContentType> = facts.content.iter().map(|content| content.content_type).collect();
    let named = request.known_content.intersection(&present).copied();
    Request {
        method: Some(method),
        known_content: named.chain(content_to_repeat(facts)).collect(),
        ..request.clone()
    }
}

/// An option and its value; joined with `=` where the value would be taken for an option itself.
fn option(name: &str, value: &str) -> String {
    let joint = if value.starts_with('-') { '=' } else { ' ' };
    format!("{name}{joint}{}", quoted(value))
}

/// A word as a POSIX shell reads it back.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_.:=,+@%-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_every_word_back_as_it_was() {
        for text in
            ["", "a b", "it's", "$(true)", "`x`", "a;b", "*", "\\", "a\nb", "WD-1234", "\"q\"", "!x", "~"]
        {
            let output = Command::new("sh").args(["-c", &format!("printf %s {}", quoted(text))]).output();
            assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), text);
        }
    }
}
