//! Purge by the drives' own commands, with our program in the machine: done where the drive can, with nothing left in
//! any cell and a record that says how; "destroy" where it cannot.
use expunge::sim::controller::{AtaTraits, Erase, NvmeSpec, ScsiSpec, ScsiTraits, Shape, Work};
use expunge::sim::controller::Personality;

use crate::support::Ask as _;
use crate::bench::{BLOCK_BYTES, BLOCKS, Bench, Drive, Fate, purge};

/// Times that are long enough to be seen in progress by whoever looks once a second.
fn shape(drive: u64) -> Shape {
    Shape {
        drive,
        seed: drive,
        erase_ms: 2_500,
        crypto_ms: 2_500,
        pass_ms: 2_500,
        ..Shape::small(BLOCK_BYTES, BLOCKS).used()
    }
}

fn rotating(drive: u64) -> Drive {
    let traits = ScsiTraits { rotation: 7_200, ..ScsiTraits::default() };
    Drive::scsi(ScsiSpec { shape: shape(drive), personality: Personality::Scsi(traits) })
}

/// Done, nothing left in any cell, a record that passes under a key that is trusted and names these.
#[track_caller]
fn expect_purged(bench: &mut Bench, drive: &Drive, fate: &Fate, words: &[&str]) {
    fate.expect(0, "done", &[]);
    drive.expect_no_residue();
    let (code, text) = bench.check(fate.record());
    assert_eq!(code, 0, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is missing: {text}");
    }
}

#[test]
fn p3_every_purge_that_a_drive_offers_leaves_nothing_in_any_cell() {
    let nvme: Vec<Drive> = (1..=3).map(|number| Drive::nvme(NvmeSpec::new(shape(number)))).collect();
    let solid: Vec<Drive> =
        (11..=12).map(|number| Drive::scsi(ScsiSpec::ata(shape(number), AtaTraits::solid()))).collect();
    let magnetic = Drive::scsi(ScsiSpec::ata(shape(21), AtaTraits::magnetic()));
    let sas: Vec<Drive> = (31..=32).map(|number| Drive::scsi(ScsiSpec::scsi(shape(number)))).collect();
    let (spinning, crypto) = (rotating(33), rotating(34));
    let drives: Vec<&Drive> =
        nvme.iter().chain(&solid).chain([&magnetic]).chain(&sas).chain([&spinning, &crypto]).collect();
    let mut bench = Bench::new(&[], &drives);
    let declared = "--technique crypto-erase --declare-crypto 'encrypted since it was new, keys nowhere else'";
    let flags = [
        "--technique block-erase",
        "--technique crypto-erase",
        "--technique sanitize-overwrite",
        "",
        "--technique crypto-erase",
        "",
        "",
        "--technique crypto-erase",
        "",
        declared,
    ];
    let jobs: Vec<_> = drives.iter().zip(flags).map(|(drive, flags)| purge(drive, flags)).collect();
    eprintln!("{}", bench.machine().tell("time expunge selftest 2>&1; time expunge list 2>&1"));
    eprintln!("{}", bench.machine().ask("time expunge plan serial:SIM000000000011 --method purge --scope drive 2>&1; time expunge inspect serial:SIM000000000001 2>&1; dmesg | tail -20").stdout);
    let fates = bench.sanitize(&jobs);
    for (drive, fate) in drives.iter().zip(&fates) {
        eprintln!("{} {} {} {:?} {:?}", drive.serial, fate.exit, fate.outcome(), fate.codes(), drive.works());
        if fate.exit != 0 { eprintln!("{}", fate.said); }
    }
    for (drive, fate) in drives.iter().zip(&fates) {
        expect_purged(&mut bench, drive, fate, &["purge", "builtin"]);
    }
    let (_, text) = bench.check(fates[1].record());
    eprintln!("{text}");
}
