//! A newcomer with a drive that was a member of something: three commands, and nothing is refused that could
//! have been known one command earlier.
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

use super::Drive;
use crate::common::process::{run_within, tool};
use crate::common::{Expunge, Record, require};

/// The screen of the time of terminals.
const SCREEN_LINES: usize = 25;

/// The check sum of LVM's labels: CRC-32 with the reflected polynomial 0xEDB88320 and an initial value of its
/// own, without a final inversion. `blkid` judges whether it is right.
fn lvm_sum(bytes: &[u8]) -> u32 {
    let bit = |sum: u32| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
    let byte = |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |sum, _| bit(sum));
    bytes.iter().fold(0xF597_A6CF, byte)
}

fn lvm_label(size: u64) -> Vec<u8> {
    let mut sector = vec![0; 512];
    sector[..8].copy_from_slice(b"LABELONE");
    sector[8..16].copy_from_slice(&1_u64.to_le_bytes());
    sector[20..24].copy_from_slice(&32_u32.to_le_bytes());
    sector[24..32].copy_from_slice(b"LVM2 001");
    sector[32..64].copy_from_slice(b"Zx9vQ1kT3mYb7LdNw2RcPf5HsGa8JeUo");
    sector[64..72].copy_from_slice(&size.to_le_bytes());
    let sum = lvm_sum(&sector[20..]);
    sector[16..20].copy_from_slice(&sum.to_le_bytes());
    sector
}

/// A version 1.2 superblock, at byte 4096, with what tells it from chance: magic, version, name, own place.
fn md_superblock() -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..4].copy_from_slice(&0xA92B_4EFC_u32.to_le_bytes());
    block[4..8].copy_from_slice(&1_u32.to_le_bytes());
    block[16..32].copy_from_slice(&[7; 16]);
    block[32..45].copy_from_slice(b"filer:archive");
    block[72..76].copy_from_slice(&1_u32.to_le_bytes());
    block[92..96].copy_from_slice(&2_u32.to_le_bytes());
    block[144..152].copy_from_slice(&8_u64.to_le_bytes());
    block
}

/// A drive with a signature that another program takes for what it is.
#[track_caller]
fn member(offset: u64, signature: &[u8], blkid: &str) -> Drive {
    require::tool("blkid", "util-linux");
    let drive = Drive::new(8 << 20, 512);
    let file = std::fs::OpenOptions::new().write(true).open(drive.file()).unwrap();
    file.write_all_at(signature, offset).unwrap();
    file.sync_all().unwrap();
    let kind = tool("blkid", &["--probe", "--match-tag", "TYPE", "--output", "value", drive.device.arg()]);
    assert_eq!(kind.trim(), blkid, "the test's own signature is not right");
    drive
}

/// The command that the plan prints, carried out by a shell as it was pasted.
#[track_caller]
fn pasted(expunge: &Expunge, plan: &str) -> String {
    let line = plan.lines().find_map(|line| line.strip_prefix("command")).unwrap_or_else(|| panic!("{plan}"));
    let line = line.trim();
    assert!(line.starts_with("expunge sanitize "), "{line}");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_expunge")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let [state, out, key] = [expunge.state(), expunge.out(), expunge.key()];
    let [state, out, key] = [&state, &out, &key].map(|path| path.display());
    let script = format!("{line} --state {state} --out {out} --key {key}");
    let mut shell = Command::new("sh");
    let ran = run_within(shell.args(["-c", &script]).env("PATH", path), Duration::from_secs(120));
    assert_eq!(ran.status.code(), Some(0), "{script}\n{}\n{}", ran.stdout, ran.stderr);
    ran.stdout
}

#[track_caller]
fn three_commands(drive: &Drive, word: &str) {
    let expunge = Expunge::new();
    let node = drive.device.arg();
    // One: the list shows the drive and what is on it.
    let list = expunge.run(["list"]).expect_code(0);
    assert!(list.stdout.contains(node), "{}", list.stdout);
    // Two: the plan refuses with everything that stands against it, and prints what to type, on one screen.
    let plan = expunge.run(["plan", node]).expect_code(3);
    assert!(plan.stdout.contains(word) && plan.stdout.contains("[member-content]"), "{}", plan.stdout);
    assert!(plan.stdout.contains(&format!("--known-content {word}")), "{}", plan.stdout);
    assert!(plan.stdout.lines().count() < SCREEN_LINES, "{}", plan.stdout);
    drive.expect_unchanged_but_signature();
    // Three: pasted as it stands, it runs.
    let said = pasted(&expunge, &plan.stdout);
    assert!(said.contains("DONE"), "{said}");
    let record = Record::only_in(&expunge.out());
    record.expect_certificate();
    assert!(record.at("/plan/content").to_string().contains(word));
    assert_eq!(record.at("/plan/knownContent"), &serde_json::json!([word]));
    drive.expect_holds(&record);
}

impl Drive {
    /// Markers are counted, since the signature itself is a change: it took the place of none.
    #[track_caller]
    fn expect_unchanged_but_signature(&self) {
        let left = self.media.leftovers();
        assert_eq!(left.markers, self.media.markers());
        assert_eq!(left.blocks, self.media.size() / 512 - 1);
    }
}

#[test]
fn a_retired_member_of_lvm_takes_three_commands() {
    three_commands(&member(512, &lvm_label(8 << 20), "LVM2_member"), "lvm2-member");
}

#[test]
fn a_retired_member_of_md_takes_three_commands() {
    three_commands(&member(4096, &md_superblock(), "linux_raid_member"), "linux-raid-member");
}

/// Nothing but the option that names this very content helps.
#[test]
fn naming_other_content_does_not_help() {
    let drive = member(512, &lvm_label(8 << 20), "LVM2_member");
    let expunge = Expunge::new();
    for more in [&[][..], &["--known-content", "linux-raid-member"]] {
        let ran = expunge.overwrite(drive.node(), drive.file(), more).expect_code(3);
        assert!(ran.stdout.contains("member-content"), "{}", ran.stdout);
        drive.expect_unchanged_but_signature();
    }
}

/// Everything at once: a drive that is in use and a member besides is refused once, with all its reasons.
#[test]
fn all_blockers_are_on_one_screen() {
    let drive = member(512, &lvm_label(8 << 20), "LVM2_member");
    let holder = std::fs::File::open(drive.node()).unwrap();
    let expunge = Expunge::new();
    let plan = expunge.run(["plan", drive.device.arg()]).expect_code(3);
    for text in ["[open-elsewhere]", "[member-content]", "--known-content lvm2-member"] {
        assert!(plan.stdout.contains(text), "{text}: {}", plan.stdout);
    }
    assert!(plan.stdout.contains(&format!("{}", std::process::id())), "{}", plan.stdout);
    assert!(plan.stdout.lines().count() < SCREEN_LINES, "{}", plan.stdout);
    drop(holder);
    drive.expect_unchanged_but_signature();
}
