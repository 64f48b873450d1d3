//! The confirmation: what the user repeats must be the text of the drive that was opened.
use std::collections::BTreeSet;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::device::{Claimed, DriveFacts};
use crate::job::prepare::{Prepared, Ready};
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
        let unsaid = |one: &Prepared| missing(&ready_texts(one));
        return prepared.iter().map(unsaid).collect();
    };
    match source {
        Source::Options => {
            let drives = prepared.iter().filter_map(|one| one.facts().and_then(DriveFacts::confirm_text));
            let texts: Vec<_> = prepared.iter().map(ready_texts).collect();
            by_options(&texts, &drives.collect(), given)
        }
        Source::Terminal => {
            // One after the other, and no further than the first that is not confirmed.
            let ask_all = |one: &Prepared| ready_texts(one).iter().find_map(|(title, text)| ask(title, text));
            prepared.iter().map(ask_all).collect()
        }
    }
}

/// Confirms a whole list by its number of drives.
pub fn counted(prepared: &[Prepared], given: &[String]) -> Option<Reason> {
    // A unit that a command reaches besides the one that was named counts as one that was not expected.
    let ready: usize = prepared.iter().map(|one| ready_texts(one).len()).sum();
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

/// What is confirmed by which text, for drives that can begin: the drive itself first, then every other unit of it that
/// its command reaches. Another path to a unit has its text too.
fn ready_texts(prepared: &Prepared) -> Vec<(String, String)> {
    match prepared {
        Prepared::Ready(ready) => texts(ready),
        Prepared::Dead(_) | Prepared::Refused(_) => Vec::new(),
    }
}

fn texts(ready: &Ready) -> Vec<(String, String)> {
    let units = ready.claimed.units().iter().map(Claimed::facts);
    let mut texts: Vec<(String, String)> = Vec::new();
    for facts in std::iter::once(ready.claimed.facts()).chain(units) {
        // A drive without identity was refused before; a unit without one is named by its node.
        let own = || facts.node.display().to_string();
        let text = facts.confirm_text().unwrap_or_else(own);
        if texts.iter().all(|(_, known)| *known != text) {
            texts.push((facts.title(), text));
        }
    }
    texts
}

/// What confirms the other units of a drive, where its command reaches them.
pub fn unit_texts(ready: &Ready) -> Vec<String> {
    texts(ready).into_iter().skip(1).map(|(_, text)| text).collect()
}

/// Why texts that nobody said are missing; `None` when none is.
fn missing(unsaid: &[(String, String)]) -> Option<Reason> {
    let titles: Vec<&str> = unsaid.iter().map(|(title, _)| title.as_str()).collect();
    let options: Vec<String> = unsaid.iter().map(|(_, text)| format!("--confirm {}", quoted(text))).collect();
    (!unsaid.is_empty()).then(|| {
        Reason::new(
            ReasonCode::ConfirmationMissing,
            format!("{} would be overwritten and nobody confirmed it", titles.join(" and ")),
            options.join(" "),
        )
    })
}

/// `texts` has, for each drive, what confirms it and its units; `drives` are the texts of all drives that were opened.
fn by_options(
    texts: &[Vec<(String, String)>],
    drives: &BTreeSet<String>,
    given: &[String],
) -> Vec<Option<Reason>> {
    let said: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    let has = |one: &[(String, String)], text: &str| one.iter().any(|(_, known)| known == text);
    let known = |text: &str| drives.contains(text) || texts.iter().any(|one| has(one, text));
    // Bridges and makers repeat serial numbers: one text must not confirm two drives, nor may it confirm the one
    // that was meant together with the one that was not.
    let shared = |text: &str| texts.iter().filter(|one| has(one, text)).count() > 1;
    let strangers: Vec<&str> = said.iter().copied().filter(|text| !known(text)).collect();
    let judge = |texts: &Vec<(String, String)>| {
        let (title, text) = texts.first()?;
        if !strangers.is_empty() {
            return Some(Reason::new(
                ReasonCode::ConfirmationMismatch,
                format!("{:?} confirms none of the drives that were opened", strangers.join(" ")),
                format!("check that {title} is the drive you mean; it has --confirm {}", quoted(text)),
            ));
        }
        if let Some((title, text)) = texts.iter().find(|(_, text)| shared(text)) {
            return Some(Reason::new(
                ReasonCode::DuplicateIdentity,
                format!("{title} is confirmed by {text:?}, and so is another drive of this request"),
                "give one of these drives at a time, each with its own command",
            ));
        }
        let unsaid: Vec<_> =
            texts.iter().filter(|(_, text)| !said.contains(text.as_str())).cloned().collect();
        missing(&unsaid)
    };
    texts.iter().map(judge).collect()
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
    fn a_command_that_reaches_several_units_takes_the_text_of_each() {
        let text = |nsid: u32| (format!("/dev/nvme0n{nsid}"), format!("S/nsid={nsid}"));
        let whole = vec![vec![text(1), text(2)]];
        let drives = BTreeSet::from(["S/nsid=1".to_owned()]);
        let confirm = |given: &[&str]| {
            let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
            by_options(&whole, &drives, &given).remove(0)
        };
        assert_eq!(confirm(&["S/nsid=1", "S/nsid=2"]), None);
        let reason = confirm(&["S/nsid=1"]).unwrap();
        assert_eq!(
            (reason.code, reason.remedy.as_str()),
            (ReasonCode::ConfirmationMissing, "--confirm S/nsid=2")
        );
        assert!(reason.text.contains("/dev/nvme0n2"), "{}", reason.text);
        let reason = confirm(&["S/nsid=1", "S/nsid=2", "S/nsid=3"]).unwrap();
        assert_eq!(reason.code, ReasonCode::ConfirmationMismatch);
        let both = missing(&whole[0]).unwrap();
        assert_eq!(both.remedy, "--confirm S/nsid=1 --confirm S/nsid=2");
        assert_eq!(missing(&[]), None);
        // A unit of one drive is not confirmed together with another drive that has the same text.
        let twice = vec![whole[0].clone(), vec![("/dev/sdx".to_owned(), "S/nsid=2".to_owned())]];
        let given = ["S/nsid=1".to_owned(), "S/nsid=2".to_owned()];
        let codes: Vec<_> =
            by_options(&twice, &drives, &given).into_iter().map(|reason| reason.unwrap().code).collect();
        assert_eq!(codes, [ReasonCode::DuplicateIdentity; 2]);
    }

    #[test]
    fn odd_texts_are_one_word_of_a_shell() {
        for text in ["S1", "a b", "it's", "", "$(reboot)", "ä"] {
            let command = format!("printf %s {}", quoted(text));
            let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }
}
