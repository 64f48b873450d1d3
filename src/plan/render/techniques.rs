//! Techniques and commands of the drive, for people.
use super::Page;
use crate::command::{AfterFailure, DriveCommand, DriveOverwrite, Invert, ata, nvme, scsi, tcg};
use crate::plan::estimate::duration_text;
use crate::plan::firmware::{CanaryKind, Expected, FirmwarePlan, Scope};
use crate::plan::technique::{Candidate, TimeSource};
use crate::unit::term::{Method, word};

/// Every technique that the drive offers, the best first, and in one line those that it does not.
pub(super) fn rows(page: &mut Page, techniques: &[Candidate]) {
    let (offered, missing): (Vec<&Candidate>, Vec<&Candidate>) =
        techniques.iter().partition(|one| one.not_offered.is_none());
    for (index, one) in offered.iter().enumerate() {
        let name = if index == 0 { "techniques" } else { "" };
        page.row(name, &format!("{}. {}", index + 1, candidate_text(one)));
    }
    if !missing.is_empty() {
        let words: Vec<String> = missing
            .iter()
            .map(|one| {
                format!("{} ({})", word(one.technique), one.not_offered.as_deref().unwrap_or("not offered"))
            })
            .collect();
        page.row("not here", &words.join("; "));
    }
}

fn candidate_text(one: &Candidate) -> String {
    let reaches = one.reaches.map_or_else(|| "neither clear nor purge".to_owned(), word);
    let mut parts = vec![format!("{}: {reaches}", word(one.technique))];
    if let Some(row) = &one.policy {
        parts[0].push_str(&format!(" (basis {})", word(row.basis)));
    }
    parts.extend(time_text(one));
    if let Some(reach) = &one.reach {
        if reach.scope == Scope::Drive {
            let all: Vec<&str> = reach.units.iter().chain(&reach.unproven).map(String::as_str).collect();
            parts.push(format!("reaches {}", all.join(", ")));
        }
        if !reach.not_reached.is_empty() {
            parts.push(format!("not {}", reach.not_reached.join(", ")));
        }
    }
    if one.reaches != Some(Method::Purge) {
        parts.extend(one.why_no_purge.as_ref().map(|why| format!("no purge: {why}")));
    }
    parts.extend(
        one.obstacles.iter().map(|reason| format!("in the way: {} [{}]", reason.text, word(reason.code))),
    );
    parts.join("; ")
}

/// How long a technique takes, and who says so.
pub(super) fn time_text(one: &Candidate) -> Option<String> {
    one.time.map(|time| {
        let length = duration_text(time.seconds);
        match time.source {
            TimeSource::Drive => format!("{length}, as the drive says"),
            TimeSource::DriveAtLeast => format!("more than {length}, as the drive says"),
            TimeSource::Assumed => format!("about {length}, assumed"),
        }
    })
}

/// What the drive is told to do.
pub(super) fn firmware_rows(page: &mut Page, firmware: &FirmwarePlan, techniques: Option<&Candidate>) {
    if let Some(restore) = &firmware.restore {
        let text = format!(
            "full capacity first, for good: {} blocks instead of {}",
            restore.native, restore.presented
        );
        page.row("restore", &text);
    }
    if firmware.steps.is_empty() {
        return;
    }
    for (index, step) in firmware.steps.iter().enumerate() {
        page.row(&format!("command {}", index + 1), &step_text(step));
    }
    if let Some(time) = techniques.and_then(time_text) {
        page.row("  takes", &time);
    }
    let reach = &firmware.reach;
    page.row("dies", &reach.units.join(", "));
    if !reach.unproven.is_empty() {
        page.row("dies too", &format!("{} (or may; not compared, not claimed)", reach.unproven.join(", ")));
    }
    if !reach.not_reached.is_empty() {
        page.row("keeps", &format!("{} (not reached by the command)", reach.not_reached.join(", ")));
    }
    let canaries = match (firmware.canaries, firmware.canary_kind) {
        (0, _) => "none: nothing is written before the command".to_owned(),
        (count, CanaryKind::Planted) => format!(
            "{count} blocks are written with random data before it, and must be gone after each command"
        ),
        (count, CanaryKind::Fingerprints) => format!(
            "fingerprints of up to {count} blocks that the drive holds, which must be gone after each command; nothing \
             is written before it"
        ),
    };
    page.row("canaries", &canaries);
    page.row("afterwards", expected_text(&firmware.expected));
}

const fn expected_text(expected: &Expected) -> &'static str {
    match expected {
        Expected::Bytes { .. } => "every block reads as the pattern that the command writes",
        Expected::Blank => "every block reads as zeros, or every block as ones",
        Expected::Changed => "what blocks read as is not known, only that it is not what was there",
    }
}

/// One command in words.
fn step_text(step: &DriveCommand) -> String {
    match step {
        DriveCommand::NvmeSanitize(sanitize) => {
            let action = match sanitize.action {
                nvme::SanitizeAction::BlockErase => "block erase".to_owned(),
                nvme::SanitizeAction::CryptoErase => "cryptographic erase".to_owned(),
                nvme::SanitizeAction::Overwrite(overwrite) => overwrite_text(overwrite),
            };
            let mut text = format!("NVMe Sanitize: {action}, {}", failure_text(sanitize.after_failure));
            if sanitize.allocation == nvme::Allocation::Keep {
                text.push_str(", without deallocation");
            }
            if sanitize.purge == nvme::PurgeRequest::Asked {
                text.push_str(", asked for as a purge of IEEE 2883");
            }
            text
        }
        DriveCommand::NvmeFormat(format) => {
            let erase = match format.erase {
                nvme::SecureErase::UserData => "user data erase",
                nvme::SecureErase::Cryptographic => "cryptographic erase",
            };
            let which = match format.namespace {
                nvme::FormatScope::One { nsid } => format!("namespace {nsid}"),
                nvme::FormatScope::All => "all namespaces".to_owned(),
            };
            format!("NVMe Format NVM: {erase}, {which}, format {} kept", format.lba_format)
        }
        DriveCommand::AtaSanitize(sanitize) => {
            let action = match sanitize.action {
                ata::SanitizeAction::BlockErase => "BLOCK ERASE EXT".to_owned(),
                ata::SanitizeAction::CryptoScramble => "CRYPTO SCRAMBLE EXT".to_owned(),
                ata::SanitizeAction::Overwrite(with) => {
                    format!("OVERWRITE EXT, {}", overwrite_text(with.overwrite))
                }
            };
            format!("ATA SANITIZE DEVICE: {action}, {}", failure_text(sanitize.after_failure))
        }
        DriveCommand::AtaSecurityErase(erase) => {
            let mode = match erase.mode {
                ata::EraseMode::Normal => "normal",
                ata::EraseMode::Enhanced => "enhanced",
            };
            format!("ATA SECURITY SET PASSWORD, ERASE PREPARE, ERASE UNIT in {mode} mode")
        }
        DriveCommand::ScsiSanitize(sanitize) => {
            let action = match sanitize.action {
                scsi::SanitizeAction::Overwrite(overwrite) => overwrite_text(overwrite),
                scsi::SanitizeAction::BlockErase => "block erase".to_owned(),
                scsi::SanitizeAction::CryptoErase => "cryptographic erase".to_owned(),
            };
            format!("SCSI SANITIZE: {action}, {}", failure_text(sanitize.after_failure))
        }
        DriveCommand::TcgRevert(revert) => match revert.authority {
            tcg::Authority::Psid => "TCG revert with the PSID that is printed on the drive".to_owned(),
            tcg::Authority::SidByMsid => "TCG revert with the drive's default credential".to_owned(),
        },
    }
}

fn overwrite_text(overwrite: DriveOverwrite) -> String {
    let [a, b, c, d] = overwrite.pattern;
    let invert = match overwrite.invert {
        Invert::Never => "",
        Invert::BetweenPasses => ", every second one its complement",
    };
    let passes = if overwrite.passes == 1 { "pass" } else { "passes" };
    format!("overwrite with {a:02x}{b:02x}{c:02x}{d:02x}, {} {passes}{invert}", overwrite.passes)
}

const fn failure_text(after: AfterFailure) -> &'static str {
    match after {
        AfterFailure::Restricted => "shut after a failure until one succeeds",
        AfterFailure::Unrestricted => "a failure can be left",
    }
}
