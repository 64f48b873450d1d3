//! ATA: hdparm reads the IDENTIFY DEVICE pages that our decoder reads.
use std::io::Write as _;
use std::process::{Command, Stdio};

use expunge::command::ata::identify::Identify;
use expunge::command::ata::security::EraseTime;

/// What `hdparm --Istdin` says of a page. It takes the words as hexadecimal digits, eight to a line.
fn hdparm(page: &[u8; 512]) -> String {
    let words: Vec<String> =
        page.chunks_exact(2).map(|pair| format!("{:02x}{:02x}", pair[1], pair[0])).collect();
    let text: Vec<String> = words.chunks(8).map(|line| line.join(" ")).collect();
    let path = format!("{}:/sbin:/usr/sbin", std::env::var("PATH").expect("a path"));
    let mut child = Command::new("hdparm")
        .arg("--Istdin")
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("hdparm is installed (scripts/install-test-tools)");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all((text.join("\n") + "\n").as_bytes()).expect("hdparm reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("hdparm ends");
    String::from_utf8(output.stdout).expect("text").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn page(words: &[(usize, u16)], texts: &[(usize, &str)]) -> [u8; 512] {
    let mut page = [0; 512];
    for (at, text) in texts {
        for (index, pair) in text.as_bytes().chunks(2).enumerate() {
            let low = pair.get(1).copied().unwrap_or(b' ');
            page[2 * (at + index)..2 * (at + index) + 2].copy_from_slice(&[low, pair[0]]);
        }
    }
    for (index, word) in words {
        page[2 * index..2 * index + 2].copy_from_slice(&word.to_le_bytes());
    }
    page[510] = 0xa5;
    page[511] = page.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg();
    page
}

/// A SATA drive of 976,773,168 sectors with everything besides word 59, 89, 90 and 128.
fn drive(more: &[(usize, u16)]) -> [u8; 512] {
    let words = [
        (0, 0x0040),
        (49, 0x0f00),
        (53, 0x0007),
        (60, 0xffff),
        (61, 0x0fff),
        (80, 0x07f0),
        (82, 0x746b),
        (83, 0x7d09),
        (84, 0x4163),
        (85, 0x7469),
        (86, 0xbc09),
        (87, 0x4163),
        (100, 0x6030),
        (101, 0x3a38),
        (106, 0x6003),
        (169, 0x0001),
        (217, 0x0001),
        (222, 0x107e),
    ];
    let texts =
        [(10, "  SN-0123456789ABCDE"), (23, "FW.01   "), (27, "EXAMPLE SOLID 500                       ")];
    page(&[words.as_slice(), more].concat(), &texts)
}

/// What hdparm says of a bit: "supported" with or without "not" before it.
#[track_caller]
fn flag(text: &str, name: &str, is: bool) {
    let negated = text.contains(&format!("not {name}"));
    assert!(text.contains(name), "hdparm does not speak of {name}: {text}");
    assert_eq!(!negated, is, "{name}: {text}");
}

#[test]
fn names_and_sectors_are_what_hdparm_reads() {
    let page = drive(&[]);
    let (ours, theirs) = (Identify::decode(&page).unwrap(), hdparm(&page));
    assert!(theirs.contains(&format!("Model Number: {}", ours.model())), "{theirs}");
    assert!(theirs.contains(&format!("Serial Number: {}", ours.serial())), "{theirs}");
    assert!(theirs.contains(&format!("Firmware Revision: {}", ours.firmware())), "{theirs}");
    assert!(theirs.contains(&format!("LBA48 user addressable sectors: {}", ours.sectors())), "{theirs}");
    assert!(theirs.contains(&format!("Logical Sector size: {} bytes", ours.logical_bytes())), "{theirs}");
    assert!(theirs.contains(&format!("Physical Sector size: {} bytes", ours.physical_bytes())), "{theirs}");
    assert_eq!(theirs.contains("Solid State Device"), ours.rotation() == Some(1), "{theirs}");
    assert!(theirs.contains("Checksum: correct") && ours.has_checksum(), "{theirs}");
    assert_eq!(ours.sectors(), 976_773_168);
}

#[test]
fn features_are_what_hdparm_reads() {
    for word in [0x0000, 0x1000, 0x9000, 0x5000, 0x3000, 0xf400, 0xe000] {
        let page = drive(&[(59, word)]);
        let (ours, theirs) = (Identify::decode(&page).unwrap().sanitize(), hdparm(&page));
        let has = |name: &str| theirs.contains(name);
        assert_eq!(ours.is_some(), has("SANITIZE feature set"), "{word:04x}: {theirs}");
        if let Some(ours) = ours {
            assert_eq!(ours.block_erase, has("BLOCK_ERASE_EXT"), "{word:04x}: {theirs}");
            assert_eq!(ours.overwrite, has("OVERWRITE_EXT"), "{word:04x}: {theirs}");
            assert_eq!(ours.crypto_scramble, has("CRYPTO_SCRAMBLE_EXT"), "{word:04x}: {theirs}");
            assert_eq!(ours.antifreeze, has("SANITIZE_ANTIFREEZE_LOCK_EXT"), "{word:04x}: {theirs}");
        }
    }
    for (supported, name) in [(0x746b_u16, true), (0x706b, false)] {
        let page = drive(&[(82, supported)]);
        let theirs = hdparm(&page);
        assert_eq!(Identify::decode(&page).unwrap().has_hpa(), name);
        assert_eq!(theirs.contains("Host Protected Area feature set"), name, "{theirs}");
    }
    let page = drive(&[(69, 0x4020)]);
    let (ours, theirs) = (Identify::decode(&page).unwrap(), hdparm(&page));
    assert_eq!(ours.has_trim(), theirs.contains("Data Set Management TRIM supported"), "{theirs}");
    assert_eq!(ours.zeros_after_trim(), theirs.contains("Deterministic read ZEROs after TRIM"), "{theirs}");
    assert!(ours.has_dco() && theirs.contains("Device Configuration Overlay feature set"), "{theirs}");
}

#[test]
fn security_states_are_what_hdparm_reads() {
    for state in [0x0001, 0x0021, 0x0003, 0x0007, 0x0029, 0x0011, 0x0127, 0x0137] {
        let page = drive(&[(89, 60), (90, 0x0001), (128, state)]);
        let ours = Identify::decode(&page).unwrap().security().unwrap();
        let text = hdparm(&page);
        let theirs = text.split_once("Security:").unwrap().1;
        flag(theirs, "enabled", ours.enabled);
        flag(theirs, "locked", ours.locked);
        flag(theirs, "frozen", ours.frozen);
        flag(theirs, "expired: security count", ours.count_expired);
        flag(theirs, "supported: enhanced erase", ours.enhanced);
    }
}

#[test]
fn erase_times_are_what_hdparm_reads() {
    for (word, expected) in
        [(0x0001, "2min"), (0x00fe, "508min"), (0x00ff, "more than 508min"), (0x8100, "512min")]
    {
        let page = drive(&[(89, word), (90, 2), (128, 0x0021)]);
        let time = Identify::decode(&page).unwrap().security().unwrap().normal_time;
        let ours = match time {
            EraseTime::NotTold => String::new(),
            EraseTime::Minutes { minutes } => format!("{minutes}min"),
            EraseTime::MoreThan { minutes } => format!("more than {minutes}min"),
        };
        assert_eq!(ours, expected);
        let theirs = hdparm(&page);
        assert!(theirs.contains(&format!("{ours} for SECURITY ERASE UNIT")), "{word:04x}: {theirs}");
        assert!(theirs.contains("4min for ENHANCED SECURITY ERASE UNIT"), "{theirs}");
    }
}
