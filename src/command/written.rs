//! The bytes of a [`DriveCommand`], in the order in which they are sent: for the journal, before they are, and for the
//! record.
use super::{DriveCommand, ata, scsi};
use crate::unit::digest::to_hex;

impl DriveCommand {
    /// Command blocks and submission queue entries as hexadecimal digits, each followed by what is sent with it, after
    /// the word `data`. The revert of TCG has a session around it whose numbers the drive gives: what is told here is
    /// the method call alone. Empty for parameters that cannot be sent.
    pub fn written(&self) -> Vec<String> {
        let data = |bytes: &[u8]| format!("data {}", to_hex(bytes));
        match self {
            Self::NvmeSanitize(sanitize) => {
                sanitize.entry().map(|entry| to_hex(&entry)).into_iter().collect()
            }
            Self::NvmeFormat(format) => format.entry().map(|entry| to_hex(&entry)).into_iter().collect(),
            Self::AtaSanitize(sanitize) => {
                ata::sanitize::start(sanitize).map(|command| to_hex(&command.block())).into_iter().collect()
            }
            Self::AtaSecurityErase(erase) => vec![
                to_hex(&ata::security::SET_PASSWORD.block()),
                data(&ata::security::set_password_block()),
                to_hex(&ata::security::ERASE_PREPARE.block()),
                to_hex(&ata::security::ERASE_UNIT.block()),
                data(&ata::security::erase_block(erase.mode)),
            ],
            Self::ScsiSanitize(sanitize) => scsi_bytes(sanitize).unwrap_or_default(),
            Self::TcgRevert(_) => super::tcg::token::encode(&super::tcg::method::revert())
                .map(|bytes| data(&bytes))
                .into_iter()
                .collect(),
        }
    }

    /// The password that the command sets on the drive before it erases, as text: published, so that anybody can unlock
    /// a drive on which it was interrupted.
    pub fn password(&self) -> Option<String> {
        match self {
            Self::AtaSecurityErase(_) => {
                let password = ata::security::PASSWORD;
                let end = password.iter().position(|byte| *byte == 0).unwrap_or(password.len());
                Some(String::from_utf8_lossy(password.get(..end).unwrap_or_default()).into_owned())
            }
            Self::NvmeSanitize(_)
            | Self::NvmeFormat(_)
            | Self::AtaSanitize(_)
            | Self::ScsiSanitize(_)
            | Self::TcgRevert(_) => None,
        }
    }
}

fn scsi_bytes(sanitize: &scsi::Sanitize) -> Option<Vec<String>> {
    let list = sanitize.parameter_list().ok()?;
    let mut bytes = vec![to_hex(&sanitize.block())];
    bytes.extend(list.map(|list| format!("data {}", to_hex(&list))));
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{AfterFailure, DriveOverwrite, Invert};

    /// Against bytes that were written down by hand from the tables of the reference: SAT for ATA, SBC for SCSI, and the
    /// NVMe dwords.
    #[test]
    fn the_bytes_are_those_of_the_standards() {
        let restricted = AfterFailure::Restricted;
        let ata =
            |action| DriveCommand::AtaSanitize(ata::Sanitize { action, after_failure: restricted }).written();
        assert_eq!(ata(ata::SanitizeAction::BlockErase), ["8507200012000042720045006b40b400"]);
        assert_eq!(ata(ata::SanitizeAction::CryptoScramble), ["8507200011000043700079007240b400"]);
        let overwrite = DriveOverwrite { pattern: [0; 4], passes: 1, invert: Invert::Never };
        let scsi = scsi::Sanitize {
            action: scsi::SanitizeAction::Overwrite(overwrite),
            after_failure: restricted,
            answer: scsi::AnswerWhen::Accepted,
        };
        assert_eq!(
            DriveCommand::ScsiSanitize(scsi).written(),
            ["48810000000000000800", "data 0100000400000000"]
        );
        let erase = DriveCommand::AtaSecurityErase(ata::SecurityErase { mode: ata::EraseMode::Enhanced });
        let written = erase.written();
        assert_eq!(written.len(), 5);
        assert!(written[4].starts_with("data 0200657870756e676500"), "{}", written[4]);
        assert_eq!(erase.password().as_deref(), Some("expunge"));
    }
}
