//! How long a command takes: by the drive's own numbers where it gives some, else by assumed rates where the command
//! writes every block, else not said.
use serde::Serialize;

use super::super::estimate::Rates;
use crate::command::{DriveCommand, ata, nvme, scsi};
use crate::device::DriveFacts;
use crate::device::capability::Interface;
use crate::device::capability::ata::{AtaFacts, EraseTime};
use crate::device::capability::nvme::NvmeFacts;

/// A time and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeTold {
    /// Seconds.
    pub seconds: u64,
    /// By whom.
    pub source: TimeSource,
}

/// Who says how long something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSource {
    /// The drive.
    Drive,
    /// The drive, as a lower bound.
    DriveAtLeast,
    /// Nobody: an assumption for this kind of drive.
    Assumed,
}

/// The time of these commands, one after the other; `None` when nothing can be said of one of them.
pub(super) fn of_steps(steps: &[DriveCommand], facts: &DriveFacts) -> Option<TimeTold> {
    let mut sum: Option<TimeTold> = None;
    for step in steps {
        let time = of_step(step, facts)?;
        sum = Some(match sum {
            None => time,
            Some(before) => TimeTold {
                seconds: before.seconds.saturating_add(time.seconds),
                source: before.source.max(time.source),
            },
        });
    }
    sum
}

/// An overwrite by the host with its read-back.
pub(super) fn of_overwrite(facts: &DriveFacts) -> Option<TimeTold> {
    writing(facts, 2)
}

/// Going over every block so many times, at an assumed rate.
fn writing(facts: &DriveFacts, times: u64) -> Option<TimeTold> {
    let bytes = facts.geometry()?.bytes();
    let rate = Rates::assumed(facts.kind).write_bytes_per_second.max(1);
    Some(TimeTold { seconds: bytes.div_ceil(rate).saturating_mul(times), source: TimeSource::Assumed })
}

fn of_step(step: &DriveCommand, facts: &DriveFacts) -> Option<TimeTold> {
    let interface = facts.capability.as_deref().map(|capability| &capability.interface)?;
    match (step, interface) {
        (DriveCommand::NvmeSanitize(sanitize), Interface::Nvme(nvme)) => of_nvme(sanitize, facts, nvme),
        (DriveCommand::AtaSanitize(sanitize), Interface::Ata(ata)) => match sanitize.action {
            ata::SanitizeAction::Overwrite(overwrite) => of_ata_overwrite(overwrite, facts, ata),
            ata::SanitizeAction::BlockErase | ata::SanitizeAction::CryptoScramble => None,
        },
        (DriveCommand::AtaSecurityErase(erase), Interface::Ata(ata)) => {
            let security = ata.security?;
            match erase.mode {
                ata::EraseMode::Normal => of_erase_time(security.normal_time),
                ata::EraseMode::Enhanced => of_erase_time(security.enhanced_time),
            }
        }
        (DriveCommand::ScsiSanitize(sanitize), Interface::Scsi(_)) => match sanitize.action {
            scsi::SanitizeAction::Overwrite(overwrite) => writing(facts, u64::from(overwrite.passes)),
            scsi::SanitizeAction::BlockErase | scsi::SanitizeAction::CryptoErase => None,
        },
        (
            DriveCommand::NvmeSanitize(_)
            | DriveCommand::AtaSanitize(_)
            | DriveCommand::AtaSecurityErase(_)
            | DriveCommand::ScsiSanitize(_)
            | DriveCommand::NvmeFormat(_)
            | DriveCommand::TcgRevert(_),
            Interface::Nvme(_) | Interface::Ata(_) | Interface::Scsi(_),
        ) => None,
    }
}

fn of_nvme(sanitize: &nvme::Sanitize, facts: &DriveFacts, nvme: &NvmeFacts) -> Option<TimeTold> {
    let told = nvme.sanitize.as_ref()?;
    let drive = |seconds: u64| TimeTold { seconds, source: TimeSource::Drive };
    match sanitize.action {
        nvme::SanitizeAction::BlockErase => told.block_erase_seconds.map(|seconds| drive(seconds.into())),
        nvme::SanitizeAction::CryptoErase => told.crypto_erase_seconds.map(|seconds| drive(seconds.into())),
        // The drive's number is for sixteen passes.
        nvme::SanitizeAction::Overwrite(overwrite) => told
            .overwrite_seconds
            .map(|seconds| drive((u64::from(seconds) * u64::from(overwrite.passes)).div_ceil(16)))
            .or_else(|| writing(facts, u64::from(overwrite.passes))),
    }
}

/// The drive gives no number for its sanitize operations; its own full erase goes over the same blocks.
fn of_ata_overwrite(overwrite: ata::AtaOverwrite, facts: &DriveFacts, ata: &AtaFacts) -> Option<TimeTold> {
    let passes = u64::from(overwrite.overwrite.passes);
    let erase = ata.security.and_then(|security| of_erase_time(security.normal_time));
    match erase {
        Some(time) => Some(TimeTold { seconds: time.seconds.saturating_mul(passes), ..time }),
        None => writing(facts, passes),
    }
}

fn of_erase_time(time: EraseTime) -> Option<TimeTold> {
    match time {
        EraseTime::NotTold => None,
        EraseTime::Minutes { minutes } => {
            Some(TimeTold { seconds: u64::from(minutes) * 60, source: TimeSource::Drive })
        }
        EraseTime::MoreThan { minutes } => {
            Some(TimeTold { seconds: u64::from(minutes) * 60, source: TimeSource::DriveAtLeast })
        }
    }
}
