//! The confirmation: what the user repeats must be the text of the drive that was opened.
use std::collections::BTreeSet;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::device::DriveFacts;
use crate::job::prepare::Prepared;
use crate::unit::{Reason, ReasonCode};

/// Where confirmations come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From `--confirm`.
    Options,
    /// From the terminal.
    Terminal,
}

impl Source {
    /// Options where any were given, else the terminal if there is one.
    pub fn choose(given: &[String]) -> Option<Self> {
        if !given.is_empty() {
            Some(Self::Options)
        } else if is_attended() {
            Some(Self::Terminal)
        } else {
            None
        }
    }
}

/// Whether somebody can be asked: a terminal shows the plan and takes the answer.
pub fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Confirms drives that were named one by one. The result has, for each of `prepared`, the reason why it is not
/// confirmed. A text that belongs to none of the drives means a mix-up: then none is confirmed.
pub fn named(prepared: &[Prepared], given: &[String]) -> Vec<Option<Reason>> {
    let Some(source) = Source::choose(given) else {
        return prepared.iter().map(|one| ready_text(one).map(|text| missing(one, &text))).collect();
    };
    match source {
        Source::Options => by_options(prepared, given),
        Source::Terminal => {
            prepared.iter().map(|one| ready_text(one).and_then(|text| ask(&title(one), &text))).collect()
        }
    }
}

/// Confirms a whole list by its number of drives.
pub fn counted(prepared: &[Prepared], given: &[String]) -> Option<Reason> {
    let ready = prepared.iter().filter(|one| matches!(one, Prepared::Ready(_))).count();
    let expected = ready.to_string();
    let wrong = |said: &str| {
        Reason::new(
            ReasonCode::ConfirmationMismatch,
            format!("{ready} drives would be overwritten, not {said:?}"),
            "look at the list again; confirm with the number of drives",
        )
    };
    match Source::choose(given) {
        None => Some(Reason::new(
            ReasonCode::ConfirmationMissing,
            format!("{ready} drives would be overwritten and nobody confirmed it"),
            format!("--confirm {ready}"),
        )),
        Some(Source::Options) => {
            let said = given.join(" ");
            (said != expected).then(|| wrong(&said))
        }
        Some(Source::Terminal) => {
            let said = prompt(&format!("{ready} drives will be OVERWRITTEN. Type the number of drives: "));
            (said != expected).then(|| wrong(&said))
        }
    }
}

/// The text that confirms a drive, for drives that can begin.
fn ready_text(prepared: &Prepared) -> Option<String> {
    match prepared {
        // A drive without identity was refused before.
        Prepared::Ready(ready) => Some(ready.claimed.facts().confirm_text().unwrap_or_default()),
        Prepared::Dead(_) | Prepared::Refused(_) => None,
    }
}

fn title(prepared: &Prepared) -> String {
    prepared.facts().map_or_else(String::new, crate::device::DriveFacts::title)
}

fn missing(prepared: &Prepared, text: &str) -> Reason {
    Reason::new(
        ReasonCode::ConfirmationMissing,
        format!("{} would be overwritten and nobody confirmed it", title(prepared)),
        format!("--confirm {}", quoted(text)),
    )
}

fn by_options(prepared: &[Prepared], given: &[String]) -> Vec<Option<Reason>> {
    let said: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    let known: BTreeSet<String> =
        prepared.iter().filter_map(|one| one.facts().and_then(|facts| facts.confirm_text())).collect();
    // Bridges and makers repeat serial numbers: one text must not confirm two drives, nor may it confirm the one
    // that was meant together with the one that was not.
    let shared =
        |text: &str| prepared.iter().filter_map(ready_text).filter(|other| other == text).count() > 1;
    let strangers: Vec<&str> = said.iter().filter(|text| !known.contains(**text)).copied().collect();
    prepared
        .iter()
        .map(|one| {
            let text = ready_text(one)?;
            if !strangers.is_empty() {
                return Some(Reason::new(
                    ReasonCode::ConfirmationMismatch,
                    format!("{:?} confirms none of the drives that were opened", strangers.join(" ")),
                    format!(
                        "check that {} is the drive you mean; it has --confirm {}",
                        title(one),
                        quoted(&text)
                    ),
                ));
            }
            if shared(&text) {
                return Some(Reason::new(
                    ReasonCode::DuplicateIdentity,
                    format!(
                        "{} is confirmed by {text:?}, and so is another drive of this request",
                        title(one)
                    ),
                    "give one of these drives at a time, each with its own command",
                ));
            }
            (!said.contains(text.as_str())).then(|| missing(one, &text))
        })
        .collect()
}

fn ask(title: &str, text: &str) -> Option<Reason> {
    let said = prompt(&format!("{title} will be OVERWRITTEN.\nType or scan {text:?} to confirm: "));
    (said != text).then(|| mismatch(title, &said, text))
}

fn mismatch(title: &str, said: &str, text: &str) -> Reason {
    Reason::new(
        ReasonCode::ConfirmationMismatch,
        format!("{title} was confirmed with {said:?}, but it has {text:?}"),
        "check that it is the drive you mean",
    )
}

/// Why it is not confirmed that the power of a drive's bay is cycled.
pub fn of_power(facts: &DriveFacts, bay: &str, given: Option<&str>) -> Option<Reason> {
    let title = facts.title();
    let Some(text) = facts.confirm_text() else {
        return Some(Reason::new(
            ReasonCode::Unidentified,
            format!("{title} has neither a serial number nor a world wide name"),
            "pull the drive out and insert it again by hand",
        ));
    };
    let said = match given {
        Some(said) => said.to_owned(),
        None if is_attended() => {
            prompt(&format!("{title} in {bay} will lose its POWER.\nType or scan {text:?} to confirm: "))
        }
        None => {
            return Some(Reason::new(
                ReasonCode::ConfirmationMissing,
                format!("{title} in {bay} would lose its power and nobody confirmed it"),
                format!("--confirm {}", quoted(&text)),
            ));
        }
    };
    (said != text).then(|| mismatch(&title, &said, &text))
}

fn prompt(text: &str) -> String {
    let _unseen = write!(io::stderr(), "{text}").and_then(|()| io::stderr().flush());
    let mut line = String::new();
    // A terminal that went away confirms nothing.
    match io::stdin().lock().read_line(&mut line) {
        Ok(_) => line.trim().to_owned(),
        Err(_) => String::new(),
    }
}

/// Confirms what is to become of one drive; the reason why it is not confirmed.
pub fn this_drive(what: &str, text: &str, given: &[String]) -> Option<Reason> {
    let said = match Source::choose(given) {
        None => {
            return Some(Reason::new(
                ReasonCode::ConfirmationMissing,
                format!("{what}, and nobody confirmed it"),
                "confirm it with the text of this drive",
            ));
        }
        Some(Source::Options) => given.join(" "),
        Some(Source::Terminal) => prompt(&format!("{what}.\nType or scan {text:?} to confirm: ")),
    };
    (said != text).then(|| {
        Reason::new(
            ReasonCode::ConfirmationMismatch,
            format!("{what}; it was confirmed with {said:?}, but it has {text:?}"),
            "check that it is the drive you mean",
        )
    })
}

/// The text as one word of a shell.
pub fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_texts_are_one_word_of_a_shell() {
        for text in ["S1", "a b", "it's", "", "$(reboot)", "ä"] {
            let command = format!("printf %s {}", quoted(text));
            let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}
