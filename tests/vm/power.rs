//! The machine and its drives lose their power in the middle of each command: after the next start the job is gone on
//! with, wherever the drive is then, and comes to the right end.
use std::time::Duration;

use expunge::sim::controller::{AtaTraits, NvmeSpec, ScsiSpec, Shape};

use crate::bench::{Bench, purge};
use crate::drives::{Drive, dying, format_only, security_only, shape, spinning, taking};
use crate::gate::Stop;
use crate::support::Ask as _;

const HOUR_MS: u64 = 3_600_000;
const HALF_AN_HOUR: Duration = Duration::from_millis(HOUR_MS / 2);

#[test]
fn a_power_cut_in_the_middle_of_each_command_is_gone_on_from() {
    const SECURITY_ERASE_PREPARE: u8 = 0xF3;
    const SECURITY_ERASE_UNIT: u8 = 0xF4;
    const FORMAT_NVM: u8 = 0x80;
    let (overwrite, r1) = ("--technique sanitize-overwrite", "--standard nist-800-88r1");
    let long = [
        (Drive::nvme(NvmeSpec::new(taking(1, HOUR_MS))), overwrite),
        (Drive::scsi(ScsiSpec::ata(taking(2, HOUR_MS), AtaTraits::magnetic())), ""),
        (Drive::scsi(spinning(taking(3, HOUR_MS))), ""),
    ];
    let stopping = [
        (Drive::nvme_that_stops(format_only(dying(4)), Stop::After(FORMAT_NVM)), r1),
        (Drive::scsi_that_stops(security_only(dying(5)), Stop::After(SECURITY_ERASE_UNIT)), r1),
        (Drive::scsi_that_stops(security_only(shape(6)), Stop::Before(SECURITY_ERASE_PREPARE)), r1),
    ];
    let table: Vec<_> = long.iter().chain(&stopping).collect();
    let mut drives: Vec<&Drive> = table.iter().map(|row| &row.0).collect();
    let mut bench = Bench::new(&[], &drives);
    let before: Vec<String> = drives.iter().map(|drive| bench.node(&drive.serial)).collect();
    let jobs: Vec<_> = table.iter().map(|row| purge(&row.0, row.1)).collect();
    bench.begin(&jobs);
    stopping.iter().for_each(|(drive, _)| drive.gate.await_held());
    bench.await_progress("[012].out", 0, 3);
    long.iter().for_each(|(drive, _)| drive.pass_time(HALF_AN_HOUR));
    assert!(drives.iter().all(|drive| drive.has_residue()));
    bench.power_cut();
    for drive in &drives {
        drive.gate.remove();
        drive.power_cycle();
    }

    // Attached in another order, they have other names.
    drives.reverse();
    bench.boot(&drives);
    drives.reverse();
    let after: Vec<String> = drives.iter().map(|drive| bench.node(&drive.serial)).collect();
    assert!(before.iter().zip(&after).any(|(before, after)| before != after), "{after:?}");
    let locked = bench.machine().tell(&format!("hdparm -I {} {}", after[4], after[5]));
    assert_eq!(locked.matches("\tlocked\n").count() - locked.matches("not\tlocked").count(), 2, "{locked}");
    let listed = bench.jobs();
    assert_eq!(listed.len(), drives.len());
    assert!(listed.iter().all(|job| job["state"] == "interrupted" && job["resumable"] == true), "{listed:?}");
    let names: Vec<&str> = listed.iter().filter_map(|job| job["job"].as_str()).collect();
    bench.begin_resume(&names);
    // A SCSI drive that sanitizes itself does not tell the kernel how large it is: it is followed all the same.
    let size = bench.machine().tell(&format!("blockdev --getsize64 {}", after[2]));
    assert_eq!(size.trim(), "0");
    bench.await_progress("0.out", 0, 3);
    long.iter().for_each(|(drive, _)| drive.pass_time(HALF_AN_HOUR * 2));
    let (exit, fates) = bench.await_resumed(&drives);
    assert_eq!(exit, 7, "the gravest: {}", fates[0].said);

    // An interrupted Format shows nothing of how far it came: nobody knows, and what it left is still there.
    fates[3].expect(7, "unknown", &["firmware-unknown"]);
    assert!(drives[3].has_residue());
    for (drive, fate) in [(0, &fates[0]), (1, &fates[1]), (2, &fates[2]), (4, &fates[4]), (5, &fates[5])] {
        fate.expect(0, "done", &[]);
        drives[drive].expect_no_residue();
        let (code, text) = bench.check(fate.record());
        assert_eq!(code, 0, "{text}");
    }
    // Sent once and followed; only the erase that was cut off was begun again, and the last one begun at all.
    assert_eq!(drives.iter().map(|drive| drive.works().len()).collect::<Vec<_>>(), [1, 1, 1, 1, 2, 1]);
    let recovered = bench.machine().tell(&format!("hdparm -I {} {}", after[4], after[5]));
    for state in ["not\tenabled", "not\tlocked"] {
        assert_eq!(recovered.matches(state).count(), 2, "{recovered}");
    }
}

/// Found by the kernel while they sanitize themselves, their nodes have no size. One is done before its job is gone on with;
/// one, of 520 bytes a block, is not, and never gets a size.
#[test]
fn scsi_drives_whose_nodes_came_without_size_are_gone_on_with_in_one_sitting() {
    let odd = Shape { block_bytes: 520, ..taking(8, HOUR_MS) };
    let drives = [Drive::scsi(spinning(taking(7, HOUR_MS))), Drive::scsi(spinning(odd))];
    let mut bench = Bench::new(&[], &[&drives[0], &drives[1]]);
    bench.begin(&[purge(&drives[0], ""), purge(&drives[1], "--known-content unreadable")]);
    bench.await_progress("[01].out", 0, 2);
    bench.power_cut();
    drives.iter().for_each(Drive::power_cycle);
    bench.boot(&[&drives[1], &drives[0]]);
    let node = bench.node(&drives[0].serial);
    let size =
        |bench: &mut Bench| bench.machine().tell(&format!("blockdev --getsize64 {node}")).trim().to_owned();
    assert_eq!(size(&mut bench), "0");
    drives[0].pass_time(HALF_AN_HOUR * 2);
    let listed = bench.jobs();
    let names: Vec<&str> = listed.iter().filter_map(|job| job["job"].as_str()).collect();
    bench.begin_resume(&names);
    bench.await_progress("0.out", 0, 1);
    drives[1].pass_time(HALF_AN_HOUR * 2);
    let (exit, fates) = bench.await_resumed(&[&drives[0], &drives[1]]);
    assert_eq!(exit, 0, "{}", fates[0].said);
    for (drive, fate) in drives.iter().zip(&fates) {
        fate.expect(0, "done", &[]);
        drive.expect_no_residue();
        assert_eq!(drive.works().len(), 1, "sent once and followed");
        let (code, text) = bench.check(fate.record());
        assert_eq!(code, 0, "{text}");
    }
    assert_ne!(size(&mut bench), "0", "the kernel was told to look again");
}
