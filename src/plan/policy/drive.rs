//! Rows for commands of the drive itself. What was read of the standards, and where, stands with each row; where two
//! readings are possible the one that claims less is taken.
use super::{InterfaceKind, MEDIA, Medium, Need, Rule, Ruling};
use crate::unit::term::{Basis, Method, Standard, Technique};

const STANDARDS: [Standard; 3] = [Standard::NistR2, Standard::NistR1, Standard::Ieee2883];

const NVME: Option<InterfaceKind> = Some(InterfaceKind::Nvme);
const ATA: Option<InterfaceKind> = Some(InterfaceKind::Ata);
const SCSI: Option<InterfaceKind> = Some(InterfaceKind::Scsi);

/// All of them.
pub(super) fn rows() -> Vec<Rule> {
    let mut rules = Vec::new();
    for standard in STANDARDS {
        for medium in MEDIA {
            for technique in Technique::ALL {
                rules.extend(rows_for(standard, medium, technique));
            }
        }
    }
    rules
}

fn rows_for(standard: Standard, medium: Medium, technique: Technique) -> Vec<Rule> {
    let facts = match (medium, technique) {
        (_, Technique::Overwrite) => Vec::new(),
        (Medium::RemovableFlash | Medium::LogicalVolume | Medium::TestObject, _) => vec![nowhere(medium)],
        (Medium::Rotating | Medium::Flash, Technique::BlockErase) => block_erase(standard, medium),
        (Medium::Rotating | Medium::Flash, Technique::SanitizeOverwrite) => {
            sanitize_overwrite(standard, medium)
        }
        (Medium::Rotating | Medium::Flash, Technique::CryptoErase) => crypto_erase(standard),
        (Medium::Rotating | Medium::Flash, Technique::OpalRevert) => revert(standard),
        (Medium::Rotating | Medium::Flash, Technique::SecurityErase) => security_erase(standard, medium),
        (Medium::Rotating | Medium::Flash, Technique::SecurityEraseEnhanced) => enhanced(standard, medium),
        (Medium::Rotating, Technique::Format | Technique::FormatCrypto) => vec![format_on_platters()],
        (Medium::Flash, Technique::Format) => format(standard),
        (Medium::Flash, Technique::FormatCrypto) => format_crypto(standard),
    };
    facts
        .into_iter()
        .flat_map(|row| {
            let rule = |method, ruling| Rule {
                standard,
                medium,
                interface: row.interface,
                technique,
                method,
                ruling,
                basis: row.basis,
                source: row.source.to_owned(),
            };
            [rule(Method::Purge, row.purge.ruling()), rule(Method::Clear, row.clear.ruling())]
        })
        .collect()
}

/// What a technique is accepted for on an interface.
struct Row {
    interface: Option<InterfaceKind>,
    purge: Answer,
    clear: Answer,
    basis: Basis,
    source: &'static str,
}

#[derive(Clone, Copy)]
enum Answer {
    Yes(&'static [Need]),
    No(&'static str),
}

impl Answer {
    fn ruling(self) -> Ruling {
        match self {
            Self::Yes(needs) => Ruling::ByDrive { needs: needs.to_vec() },
            Self::No(why) => Ruling::NotReachable { why: why.to_owned() },
        }
    }
}

const YES: Answer = Answer::Yes(&[]);
const REPORTED: Answer = Answer::Yes(&[Need::PurgeReported]);
const KEYS: Answer = Answer::Yes(&[Need::CryptographicBasis]);
const KEYS_REPORTED: Answer = Answer::Yes(&[Need::CryptographicBasis, Need::PurgeReported]);

const R2_SANITIZE: &str = "NIST SP 800-88 Rev. 2, second-hand: purge can include overwrite, block erase and \
                           cryptographic erase by dedicated, standardized sanitize commands of the device; the claim is \
                           the drive's sanitize command, not a purge of IEEE 2883, to which Rev. 2 leaves techniques";
const R1_TABLES: &str = "NIST SP 800-88 Rev. 1, public excerpt and quotations of its technique tables (withdrawn in \
                         September 2025)";
const R1_NO_NVME: &str = "Rev. 1 is older than the NVMe Sanitize command and does not list it; choose --standard \
                          nist-800-88r2";
const IEEE_SANITIZE: &str =
    "IEEE 2883-2022, whose text was not read: sanitize commands as purge there are from memory";
const IEEE_NVME: &str = "IEEE 2883-2022, whose text was not read: sanitize commands as purge there are from memory; that a \
                         drive says of NVMe Sanitize whether it purged as IEEE 2883 defines it is from the commit that \
                         brought TP4218 to nvme-cli (second-hand)";

fn nowhere(medium: Medium) -> Row {
    let (basis, why, source) = match medium {
        Medium::RemovableFlash => (
            Basis::SecondHand,
            "no purge is standardized for most removable flash: where purge is needed, destroy it",
            "NIST SP 800-88 Rev. 1, public excerpt: for most cases where purging of removable flash is desired, destroy it; \
             under the others from memory",
        ),
        Medium::LogicalVolume => (
            Basis::Memory,
            "a volume's commands say nothing about the drives below it; purge those drives themselves",
            "no technique for volumes was read in the standard",
        ),
        Medium::TestObject => (
            Basis::Memory,
            "a test object is no drive and has no commands of its own",
            "no standard speaks of test objects",
        ),
        Medium::Rotating | Medium::Flash => (
            Basis::Memory,
            "this technique does not belong to such a medium",
            "no row of the standard was read for it",
        ),
    };
    Row { interface: None, purge: Answer::No(why), clear: Answer::No(why), basis, source }
}

fn block_erase(standard: Standard, medium: Medium) -> Vec<Row> {
    let row = |interface, answer, basis, source| Row {
        interface,
        purge: answer,
        clear: match answer {
            Answer::Yes(_) => YES,
            Answer::No(why) => Answer::No(why),
        },
        basis,
        source,
    };
    if medium == Medium::Rotating {
        let why = Answer::No("block erase is listed for flash only, not for magnetic platters");
        return vec![row(None, why, Basis::SecondHand, R1_TABLES)];
    }
    match standard {
        Standard::NistR2 => vec![row(None, YES, Basis::SecondHand, R2_SANITIZE)],
        Standard::NistR1 => vec![
            row(NVME, Answer::No(R1_NO_NVME), Basis::SecondHand, R1_TABLES),
            row(ATA, YES, Basis::SecondHand, R1_TABLES),
            row(SCSI, YES, Basis::SecondHand, R1_TABLES),
        ],
        Standard::Ieee2883 => vec![
            row(NVME, REPORTED, Basis::Memory, IEEE_NVME),
            row(ATA, YES, Basis::Memory, IEEE_SANITIZE),
            row(SCSI, YES, Basis::Memory, IEEE_SANITIZE),
        ],
    }
}

fn sanitize_overwrite(standard: Standard, medium: Medium) -> Vec<Row> {
    let row = |interface, purge, basis, source| Row {
        interface,
        purge,
        clear: match purge {
            Answer::Yes(_) => YES,
            Answer::No(why) => Answer::No(why),
        },
        basis,
        source,
    };
    let not_for_flash = Answer::No(
        "an overwrite by the drive is listed for magnetic drives and not for this flash, where it may be written to \
         other cells than those that hold the old data",
    );
    let (ata_and_scsi, basis, source) = match (standard, medium) {
        (Standard::NistR2, Medium::Rotating) => (YES, Basis::SecondHand, R2_SANITIZE),
        (Standard::NistR1, Medium::Rotating) => (YES, Basis::SecondHand, R1_TABLES),
        (Standard::Ieee2883, Medium::Rotating) => (YES, Basis::Memory, IEEE_SANITIZE),
        (
            Standard::NistR2 | Standard::NistR1 | Standard::Ieee2883,
            Medium::Flash | Medium::RemovableFlash | Medium::LogicalVolume | Medium::TestObject,
        ) => (not_for_flash, Basis::SecondHand, R1_TABLES),
    };
    let nvme = match standard {
        Standard::NistR2 => row(NVME, YES, Basis::SecondHand, R2_SANITIZE),
        Standard::NistR1 => row(NVME, Answer::No(R1_NO_NVME), Basis::SecondHand, R1_TABLES),
        Standard::Ieee2883 => row(NVME, REPORTED, Basis::Memory, IEEE_NVME),
    };
    vec![nvme, row(ATA, ata_and_scsi, basis, source), row(SCSI, ata_and_scsi, basis, source)]
}

fn crypto_erase(standard: Standard) -> Vec<Row> {
    let row = |interface, purge, basis, source| Row {
        interface,
        purge,
        clear: match purge {
            Answer::Yes(_) => KEYS,
            Answer::No(why) => Answer::No(why),
        },
        basis,
        source,
    };
    match standard {
        Standard::NistR2 => vec![row(
            None,
            KEYS,
            Basis::SecondHand,
            "NIST SP 800-88 Rev. 2, second-hand: cryptographic erase, where nothing was stored in plain text before, with \
             keys of at least 128 bits, of which every copy is destroyed; the claim is the drive's sanitize command",
        )],
        Standard::NistR1 => vec![
            row(NVME, Answer::No(R1_NO_NVME), Basis::SecondHand, R1_TABLES),
            row(ATA, KEYS, Basis::SecondHand, R1_TABLES),
            row(SCSI, KEYS, Basis::SecondHand, R1_TABLES),
        ],
        Standard::Ieee2883 => vec![
            row(NVME, KEYS_REPORTED, Basis::Memory, IEEE_NVME),
            row(ATA, KEYS, Basis::Memory, IEEE_SANITIZE),
            row(SCSI, KEYS, Basis::Memory, IEEE_SANITIZE),
        ],
    }
}

fn revert(standard: Standard) -> Vec<Row> {
    const NEEDS: Answer =
        Answer::Yes(&[Need::CryptographicBasis, Need::MediaEncryption, Need::LockingActive]);
    let (basis, source) = match standard {
        Standard::NistR2 => (
            Basis::SecondHand,
            "NIST SP 800-88 Rev. 2, second-hand: cryptographic erase; that a TCG revert is one is from Rev. 1 and memory",
        ),
        Standard::NistR1 => (Basis::SecondHand, R1_TABLES),
        Standard::Ieee2883 => (
            Basis::Memory,
            "IEEE 2883-2022, whose text was not read: a change of TCG keys as purge there is from memory",
        ),
    };
    vec![Row { interface: None, purge: NEEDS, clear: NEEDS, basis, source }]
}

const ERASE_NOT_IN_R2: &str = "Rev. 2 does not mention SECURITY ERASE UNIT: as purge it would need a standard of the \
                               organization behind it";
const ERASE_CLEAR_IEEE: Answer =
    Answer::No("IEEE 2883 knows SECURITY ERASE UNIT as clear only, as far as is remembered");

fn security_erase(standard: Standard, medium: Medium) -> Vec<Row> {
    let normal = "SECURITY ERASE UNIT in normal mode need not reach reallocated sectors, and on flash not the cells behind \
                  the map: it is no purge on any medium";
    let (purge, clear, basis, source) = match (standard, medium) {
        (Standard::NistR1, Medium::Rotating) => {
            let listed = "the excerpt of Rev. 1 lists it under clear for flash, not for magnetic drives";
            (Answer::No(normal), Answer::No(listed), Basis::SecondHand, R1_TABLES)
        }
        (
            Standard::NistR1,
            Medium::Flash | Medium::RemovableFlash | Medium::LogicalVolume | Medium::TestObject,
        ) => (Answer::No(normal), YES, Basis::SecondHand, R1_TABLES),
        (Standard::NistR2, _) => (Answer::No(ERASE_NOT_IN_R2), YES, Basis::Memory, R2_CLEAR_ERASE),
        (Standard::Ieee2883, _) => (ERASE_CLEAR_IEEE, YES, Basis::Memory, IEEE_CLEAR_ERASE),
    };
    vec![Row { interface: ATA, purge, clear, basis, source }]
}

const R2_CLEAR_ERASE: &str = "NIST SP 800-88 Rev. 2 leaves techniques to IEEE 2883 and does not mention SECURITY ERASE UNIT \
                              (second-hand); as clear in IEEE 2883: from memory";
const IEEE_CLEAR_ERASE: &str =
    "IEEE 2883-2022, whose text was not read: SECURITY ERASE UNIT as clear there is from memory";

fn enhanced(standard: Standard, medium: Medium) -> Vec<Row> {
    let (purge, clear, basis, source) = match (standard, medium) {
        (Standard::NistR1, Medium::Rotating) => (YES, YES, Basis::SecondHand, R1_TABLES),
        (
            Standard::NistR1,
            Medium::Flash | Medium::RemovableFlash | Medium::LogicalVolume | Medium::TestObject,
        ) => {
            let why = "on flash SECURITY ERASE UNIT is only clear, enhanced or not: implementations vary, and spare cells \
                       may stay";
            (Answer::No(why), YES, Basis::SecondHand, R1_TABLES)
        }
        (Standard::NistR2, _) => (Answer::No(ERASE_NOT_IN_R2), YES, Basis::Memory, R2_CLEAR_ERASE),
        (Standard::Ieee2883, _) => (ERASE_CLEAR_IEEE, YES, Basis::Memory, IEEE_CLEAR_ERASE),
    };
    vec![Row { interface: ATA, purge, clear, basis, source }]
}

const FORMAT_NOT_IN_R2: &str =
    "Format NVM is a purge under Rev. 1 only; Rev. 2 asks for a dedicated sanitize command";
const R2_FORMAT: &str = "NIST SP 800-88 Rev. 2 leaves techniques to IEEE 2883 (second-hand); Format NVM with user data \
                         erase as clear there: from memory";
const IEEE_FORMAT: &str = "IEEE 2883-2022, whose text was not read: Format NVM with user data erase as clear there is from \
                           memory; what it says of cryptographic erase by Format NVM is not clear";

fn format_on_platters() -> Row {
    let why = Answer::No("Format NVM is listed for flash only");
    Row { interface: NVME, purge: why, clear: why, basis: Basis::SecondHand, source: R1_TABLES }
}

fn format(standard: Standard) -> Vec<Row> {
    let (purge, basis, source) = match standard {
        Standard::NistR1 => (YES, Basis::SecondHand, R1_TABLES),
        Standard::NistR2 => (Answer::No(FORMAT_NOT_IN_R2), Basis::Memory, R2_FORMAT),
        Standard::Ieee2883 => {
            let why =
                "IEEE 2883 knows Format NVM with user data erase as clear only, as far as is remembered";
            (Answer::No(why), Basis::Memory, IEEE_FORMAT)
        }
    };
    vec![Row { interface: NVME, purge, clear: YES, basis, source }]
}

fn format_crypto(standard: Standard) -> Vec<Row> {
    let unclear = Answer::No("what IEEE 2883 says of cryptographic erase by Format NVM is not known");
    let (purge, clear, basis, source) = match standard {
        Standard::NistR1 => (KEYS, KEYS, Basis::SecondHand, R1_TABLES),
        Standard::NistR2 => (Answer::No(FORMAT_NOT_IN_R2), unclear, Basis::Memory, R2_FORMAT),
        Standard::Ieee2883 => (unclear, unclear, Basis::Memory, IEEE_FORMAT),
    };
    vec![Row { interface: NVME, purge, clear, basis, source }]
}
