use super::*;

#[test]
fn the_builtin_policy_has_one_row_for_every_case_and_no_purge_by_overwrite() {
    let policy = Policy::builtin_1();
    for standard in [Standard::NistR1, Standard::NistR2] {
        for medium in MEDIA {
            for method in [Method::Clear, Method::Purge] {
                let rows = policy
                    .rules
                    .iter()
                    .filter(|rule| (rule.standard, rule.medium, rule.method) == (standard, medium, method));
                assert_eq!(rows.count(), 1, "{standard:?} {medium:?} {method:?}");
            }
            let purge = policy.rule(standard, medium, Technique::Overwrite, Method::Purge).unwrap();
            assert!(matches!(purge.ruling, Ruling::NotReachable { .. }));
            assert_eq!(policy.rule(standard, medium, Technique::Overwrite, Method::Destroy), None);
        }
    }
    assert_eq!(policy.rules.len(), 20);
    let all = Policy::builtin();
    for standard in [Standard::NistR1, Standard::NistR2, Standard::Ieee2883] {
        for medium in MEDIA {
            let case = (standard, medium, Technique::Overwrite, Method::Clear);
            let rows =
                all.rules.iter().filter(|row| (row.standard, row.medium, row.technique, row.method) == case);
            assert_eq!(rows.count(), 1, "{case:?}");
        }
    }
}

#[test]
fn only_removable_flash_asks_for_a_complement_and_not_under_rev_2() {
    for rule in &Policy::builtin().rules {
        let complement = rule.ruling == Ruling::Accepted { passes: PassRule::PatternThenComplement };
        let flash = (rule.medium, rule.method) == (Medium::RemovableFlash, Method::Clear)
            && rule.technique == Technique::Overwrite;
        let expected = flash && rule.standard != Standard::NistR2;
        assert_eq!(complement, expected, "{rule:?}");
    }
}

#[test]
fn no_row_claims_that_a_text_was_read_or_names_a_clause() {
    for rule in &Policy::builtin().rules {
        assert_ne!(rule.basis, Basis::TextRead);
        assert!(!rule.source.contains('§') && !rule.source.contains("Sec."), "{}", rule.source);
    }
}

#[test]
fn the_digest_covers_every_row_and_survives_a_file() {
    let policy = Policy::builtin();
    let text = serde_json::to_string(&policy).unwrap();
    let read: Policy = serde_json::from_str(&text).unwrap();
    assert_eq!(read.digest(), policy.digest());
    for index in 0..policy.rules.len() {
        let mut other = policy.clone();
        other.rules[index].source.push('.');
        assert_ne!(other.digest(), policy.digest());
    }
}

/// Digests on records of the versions that wrote them. The first was printed by version 1.1 in its documentation.
#[test]
fn the_digests_of_policies_on_records_do_not_change() {
    let first = "9721dca26fe74ed175f84c0136e27c1867c5151a1d2c1371a8c120ed669d5428";
    assert_eq!(Policy::builtin_1().digest().to_string(), first);
    assert_eq!(Policy::builtin().digest().to_string(), CURRENT);
    for policy in [Policy::builtin_1(), Policy::builtin()] {
        assert_eq!(Policy::known(&policy.digest()), Some(policy));
    }
    assert_eq!(Policy::known(&Digest::of(b"another")), None);
}

const CURRENT: &str = "92948f91c5336748899fcfa17f00fd9e52e044d5b2f384a412b5883be32f06ac";

/// What stands for a row in the table below.
///
/// `P` purge; `K` purge if cryptographic erase has its basis; `R` purge if the drive reports it (PRGD); `B` both;
/// `T` purge by revert: basis, encryption, locking active; `C` clear only; `N` neither.
const COLUMNS: [Technique; 8] = [
    Technique::BlockErase,
    Technique::SanitizeOverwrite,
    Technique::CryptoErase,
    Technique::SecurityErase,
    Technique::SecurityEraseEnhanced,
    Technique::Format,
    Technique::FormatCrypto,
    Technique::OpalRevert,
];

type Line = (Standard, Medium, InterfaceKind, &'static str);

/// Typed by hand from the project's reading of the standards; `-` where the interface has no such command.
///
/// Rev. 1: its table by media type. Magnetic ATA: overwrite, cryptographic scramble, enhanced security erase, TCG;
/// normal security erase is not in the clear cell. Magnetic SCSI: overwrite, cryptographic erase, TCG. ATA flash: block erase,
/// scramble, TCG; overwrite is not listed; security erase, enhanced too, is clear. SCSI flash: block erase,
/// cryptographic erase, TCG. NVMe: Format with SES 1 or 2, TCG; Sanitize is younger. Removable flash: destroy.
///
/// Rev. 2: dedicated sanitize commands are purge; security erase is nowhere mentioned; Format is no purge.
///
/// IEEE 2883 (memory): sanitize commands and TCG are purge; security erase and Format SES 1 are clear, SES 2 is unclear;
/// NVMe Sanitize only with PRGD.
const TABLE: [Line; 18] = [
    (Standard::NistR1, Medium::Rotating, InterfaceKind::Ata, "N P K N P - - T"),
    (Standard::NistR1, Medium::Rotating, InterfaceKind::Scsi, "N P K - - - - T"),
    (Standard::NistR1, Medium::Rotating, InterfaceKind::Nvme, "N N N - - N N T"),
    (Standard::NistR1, Medium::Flash, InterfaceKind::Ata, "P N K C C - - T"),
    (Standard::NistR1, Medium::Flash, InterfaceKind::Scsi, "P N K - - - - T"),
    (Standard::NistR1, Medium::Flash, InterfaceKind::Nvme, "N N N - - P K T"),
    (Standard::NistR2, Medium::Rotating, InterfaceKind::Ata, "N P K C C - - T"),
    (Standard::NistR2, Medium::Rotating, InterfaceKind::Scsi, "N P K - - - - T"),
    (Standard::NistR2, Medium::Rotating, InterfaceKind::Nvme, "N P K - - N N T"),
    (Standard::NistR2, Medium::Flash, InterfaceKind::Ata, "P N K C C - - T"),
    (Standard::NistR2, Medium::Flash, InterfaceKind::Scsi, "P N K - - - - T"),
    (Standard::NistR2, Medium::Flash, InterfaceKind::Nvme, "P P K - - C N T"),
    (Standard::Ieee2883, Medium::Rotating, InterfaceKind::Ata, "N P K C C - - T"),
    (Standard::Ieee2883, Medium::Rotating, InterfaceKind::Scsi, "N P K - - - - T"),
    (Standard::Ieee2883, Medium::Rotating, InterfaceKind::Nvme, "N R B - - N N T"),
    (Standard::Ieee2883, Medium::Flash, InterfaceKind::Ata, "P N K C C - - T"),
    (Standard::Ieee2883, Medium::Flash, InterfaceKind::Scsi, "P N K - - - - T"),
    (Standard::Ieee2883, Medium::Flash, InterfaceKind::Nvme, "R R B - - C N T"),
];

fn needs(letter: &str) -> Option<Vec<Need>> {
    use Need::{CryptographicBasis, LockingActive, MediaEncryption, PurgeReported};
    match letter {
        "P" => Some(vec![]),
        "K" => Some(vec![CryptographicBasis]),
        "R" => Some(vec![PurgeReported]),
        "B" => Some(vec![CryptographicBasis, PurgeReported]),
        "T" => Some(vec![CryptographicBasis, MediaEncryption, LockingActive]),
        "C" | "N" | "-" => None,
        other => panic!("{other}"),
    }
}

#[test]
fn every_medium_technique_and_standard_is_ruled_as_the_standards_were_read() {
    let policy = Policy::builtin();
    for (standard, medium, interface, letters) in TABLE {
        for (technique, letter) in COLUMNS.into_iter().zip(letters.split(' ')) {
            let ruling = |method| {
                let case = Case { standard, medium, interface: Some(interface), technique, method };
                policy.rule_on(&case).map(|rule| rule.ruling.clone())
            };
            let what = format!("{standard:?} {medium:?} {interface:?} {technique:?}");
            match (needs(letter), ruling(Method::Purge)) {
                (Some(needs), Some(Ruling::ByDrive { needs: found })) => assert_eq!(needs, found, "{what}"),
                (None, Some(Ruling::NotReachable { .. })) => assert_ne!(letter, "-", "{what}"),
                (None, None) => assert_eq!(letter, "-", "{what}"),
                (_, found) => panic!("{what}: {found:?}"),
            }
            let clear = matches!(ruling(Method::Clear), Some(Ruling::ByDrive { .. }));
            assert_eq!(clear, !["N", "-"].contains(&letter), "clear by {what}");
        }
    }
}

#[test]
fn no_technique_is_accepted_on_removable_flash_volumes_and_test_objects() {
    let policy = Policy::builtin();
    for medium in [Medium::RemovableFlash, Medium::LogicalVolume, Medium::TestObject] {
        for technique in COLUMNS {
            for method in [Method::Purge, Method::Clear] {
                for standard in [Standard::NistR1, Standard::NistR2, Standard::Ieee2883] {
                    let rule = policy.rule(standard, medium, technique, method).unwrap();
                    assert!(matches!(rule.ruling, Ruling::NotReachable { .. }), "{rule:?}");
                }
            }
        }
    }
}
