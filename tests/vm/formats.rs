//! Drives with blocks of 520 and 4160 bytes behind the kernel's disk driver, which gives their nodes no capacity: purged
//! through these nodes, and named by their pass-through nodes.
use std::process::Command;

use expunge::sim::controller::{Quirk, ScsiSpec, ScsiTraits, Shape, Work};

use serde_json::Value;

use crate::bench::{Bench, purge};
use crate::drives::{Drive, shape, spinning};
use crate::support::Ask as _;

/// What such a drive carries is not recognized, and has to be named.
const KNOWN: &str = "--known-content unreadable";

fn of(block_bytes: u32, drive: u64) -> Shape {
    Shape { block_bytes, ..shape(drive) }
}

#[test]
fn drives_that_the_kernel_gives_no_capacity_are_purged_and_liars_are_found_out() {
    let honest = [Drive::scsi(ScsiSpec::scsi(of(520, 61))), Drive::scsi(spinning(of(4160, 62)))];
    let liar = Drive::scsi(ScsiSpec::scsi(of(528, 63).with(Quirk::ErasesNothing)));
    let without = ScsiTraits { sanitize: Vec::new(), ..ScsiTraits::default() };
    let without = expunge::sim::controller::Personality::Scsi(without);
    let without = Drive::scsi(ScsiSpec { shape: of(520, 64), personality: without });
    let all = [&honest[0], &honest[1], &liar, &without];
    let mut bench = Bench::new(&[], &all);

    // The kernel and sg3_utils, before anything is believed.
    let node = bench.node(&honest[0].serial);
    let machine = bench.machine();
    assert_eq!(machine.tell(&format!("blockdev --getsize64 {node}")).trim(), "0");
    let capacity = machine.tell(&format!("sg_readcap -l {node}"));
    assert!(capacity.contains("Logical block length=520 bytes"), "{capacity}");
    // Named by its pass-through node it is the same drive, under the guards of its disk node.
    let name = &node["/dev/".len()..];
    let generic = machine.tell(&format!("ls /sys/block/{name}/device/scsi_generic")).trim().to_owned();
    let inspected = machine.ask(&format!("expunge inspect /dev/{generic}"));
    for words in [&honest[0].serial, "520", "blocks reached", "unusual format"] {
        assert!(inspected.stdout.contains(words), "{words:?} is missing: {}", inspected.stdout);
    }
    let busy = machine.ask(&format!(
        "(exec 7<>/dev/{generic}; expunge plan {node} --method purge {KNOWN} 2>&1; code=$?; exit $code)"
    ));
    assert_eq!(busy.code, 3, "{}", busy.stdout);
    assert!(busy.stdout.contains("pass-through node"), "{}", busy.stdout);

    // One of them is written over besides, so that another program can read what is on it.
    let flags = |drive: &Drive| match drive.serial == honest[1].serial {
        true => format!("{KNOWN} --overwrite-after"),
        false => KNOWN.to_owned(),
    };
    let jobs: Vec<_> = all.iter().map(|drive| purge(drive, &flags(drive))).collect();
    let fates = bench.sanitize(&jobs);
    let works = [&[Work::CryptoErase, Work::BlockErase][..], &[Work::Overwrite]];
    for ((drive, fate), works) in honest.iter().zip(&fates).zip(works) {
        fate.expect(0, "done", &[]);
        drive.expect_no_residue();
        assert_eq!((drive.works().as_slice(), drive.disturbed()), (works, 0), "{}", drive.serial);
        let (code, text) = bench.check(fate.record());
        assert_eq!(code, 0, "{text}");
        assert!(text.contains("canaries planted") && text.contains("READ(16)"), "{text}");
    }
    expect_keystream(&mut bench, &honest[1], fates[1].record());
    assert_eq!((fates[2].exit, fates[2].outcome()), (4, "failed"), "{}", fates[2].said);
    fates[2].expect_words("the drive lies");
    fates[3].expect(4, "unsanitizable", &["purge-unavailable"]);
    fates[3].expect_words("FORMAT UNIT");
    assert!(liar.has_residue() && without.has_residue());
}

/// What sg_dd reads from the middle of the drive through its pass-through node is what openssl makes of the key in the record.
#[track_caller]
fn expect_keystream(bench: &mut Bench, drive: &Drive, record: &str) {
    const BLOCK: usize = 4160;
    const FIRST: usize = 1_001;
    let node = bench.node(&drive.serial);
    let machine = bench.machine();
    let shown = machine.tell(&format!("expunge certificate show {record} --json --keyring /state/keyring"));
    let shown: Value = serde_json::from_str(shown.trim()).unwrap();
    let pattern = &shown["predicate"]["passes"][0]["pattern"];
    let key = pattern["key"].as_str().unwrap_or_else(|| panic!("{shown}"));
    let name = &node["/dev/".len()..];
    machine.tell(&format!(
        "sg_dd if=/dev/$(ls /sys/block/{name}/device/scsi_generic) of=/tmp/read bs={BLOCK} skip={FIRST} count=4 2>&1"
    ));
    let read = machine.pull("/tmp/read").unwrap();
    let head = format!(
        "head -c {} /dev/zero | openssl enc -aes-256-ctr -nosalt -K {key} -iv 00000000000000000000000000000000 2>/dev/null",
        (FIRST + 4) * BLOCK
    );
    let made = Command::new("sh").args(["-c", &head]).output().expect("this test needs openssl").stdout;
    assert_eq!(read.len(), 4 * BLOCK);
    assert!(read == made[FIRST * BLOCK..], "blocks are not where they belong");
}
