//! The power goes in the middle of every command that `power.rs` leaves out; and drives that an erase left locked are
//! brought back on a host that knows nothing of the job.
use std::time::Duration;

use expunge::sim::controller::keys::Lock;
use expunge::sim::controller::opal::{SimTper, TperSpec};
use expunge::sim::controller::security::SecurityProtocol as _;
use expunge::sim::controller::{AtaTraits, NvmeSpec, Personality, ScsiSpec, ScsiTraits, Shape, Work};
use serde_json::Value;

use crate::bench::{Bench, Job, clear, purge};
use crate::drives::{Drive, dying, format_only, security_only, shape, taking};
use crate::gate::Stop;
use crate::support::Ask as _;

const HOUR: Duration = Duration::from_secs(3_600);

const DECLARED: &str = "--declare-crypto 'encrypted since it was new, no key is anywhere else'";

/// What stands on the drives, as people type it.
const PSID: &[u8] = b"psid0-psid1-psid2-psid3-psid4-psid5ab\n";

/// UID of the method Revert (TCG Opal SSC: `00 00 00 06 00 00 02 02`).
const REVERT: &[u8] = &[0, 0, 0, 6, 0, 0, 2, 2];

/// A drive whose block erase takes an hour, and the cryptographic erase that comes before it a moment.
fn slow_block_erase(number: u64) -> Shape {
    Shape { crypto_ms: 300, ..taking(number, 3_600_000) }
}

/// Numbers of the jobs by the serial numbers of their drives.
#[track_caller]
fn job_of(listed: &[Value], drive: &Drive) -> String {
    let job = listed.iter().find(|job| job["serial"] == drive.serial.as_str());
    let job = job.unwrap_or_else(|| panic!("no job of {}: {listed:?}", drive.serial));
    assert!(job["state"] == "interrupted" && job["resumable"] == true, "{job}");
    job["job"].as_str().unwrap().to_owned()
}

#[test]
fn a_power_cut_in_every_erase_and_cryptographic_erase_is_gone_on_from() {
    const FORMAT_NVM: u8 = 0x80;
    const SECURITY_ERASE_UNIT: u8 = 0xF4;
    let ata = |shape| Drive::scsi(ScsiSpec::ata(shape, AtaTraits::solid()));
    let crypto = format!("--technique crypto-erase {DECLARED}");
    let hour = |number| taking(number, 3_600_000);
    let long = [
        (Drive::nvme(NvmeSpec::new(slow_block_erase(1))), "--technique block-erase", Work::BlockErase),
        (Drive::nvme(NvmeSpec::new(hour(2))), &crypto, Work::CryptoErase),
        (ata(slow_block_erase(3)), "--technique block-erase", Work::BlockErase),
        (ata(hour(4)), &crypto, Work::CryptoErase),
        (Drive::scsi(ScsiSpec::scsi(slow_block_erase(5))), "--technique block-erase", Work::BlockErase),
        (Drive::scsi(ScsiSpec::scsi(hour(6))), &crypto, Work::CryptoErase),
    ];
    let normal = Drive::scsi_that_stops(security_only(dying(7)), Stop::After(SECURITY_ERASE_UNIT));
    let format = Drive::nvme_that_stops(format_only(dying(8)), Stop::After(FORMAT_NVM));
    let drives: Vec<&Drive> = long.iter().map(|row| &row.0).chain([&normal, &format]).collect();
    let mut bench = Bench::new(&[], &drives);
    let mut jobs: Vec<Job<'_>> = long.iter().map(|row| purge(&row.0, row.1)).collect();
    jobs.push(clear(&normal.serial, "--scope drive --technique security-erase"));
    jobs.push(purge(&format, &format!("--standard nist-800-88r1 --technique format-crypto {DECLARED}")));
    bench.begin(&jobs);
    bench.await_progress("[024].out", 1, 3);
    bench.await_progress("[135].out", 0, 3);
    [&normal, &format].iter().for_each(|drive| drive.gate.await_held());
    long.iter().for_each(|(drive, ..)| drive.pass_time(HOUR / 2));
    assert!(long.iter().all(|(drive, _, work)| !drive.works().contains(work)), "they are at it");
    assert!(normal.has_residue() && format.has_residue());
    bench.power_cut();
    for drive in &drives {
        drive.gate.remove();
        drive.power_cycle();
    }
    // These two come to their end while nobody looks, and a SCSI drive does not remember that it did.
    long[4..].iter().for_each(|(drive, ..)| drive.pass_time(HOUR));

    bench.boot(&drives);
    let listed = bench.jobs();
    let names: Vec<String> = drives.iter().map(|drive| job_of(&listed, drive)).collect();
    bench.begin_resume(&names.iter().map(String::as_str).collect::<Vec<_>>());
    bench.await_progress("0.out", 1, 2);
    bench.await_progress("0.out", 0, 2);
    long[..4].iter().for_each(|(drive, ..)| drive.pass_time(HOUR));
    let (_, fates) = bench.await_resumed(&drives);
    // Nothing that a SCSI drive keeps shows whose cryptographic erase it was, and noise looks like noise; a Format shows
    // nothing of how far it came.
    let unknown = [&long[5].0.serial, &format.serial];
    for (drive, fate) in drives.iter().zip(&fates) {
        if unknown.contains(&&drive.serial) {
            fate.expect(7, "unknown", &["firmware-unknown"]);
            continue;
        }
        fate.expect(0, "done", &[]);
        let (code, text) = bench.check(fate.record());
        assert_eq!(code, 0, "{text}");
        // A normal security erase is not meant to reach cells that no address leads to.
        if drive.serial == normal.serial {
            assert!(!drive.reads_old_data());
        } else {
            drive.expect_no_residue();
        }
    }
    // Sent once and followed; only the security erase, which does not go on by itself, was begun again.
    for (drive, _, work) in &long {
        assert_eq!(drive.works().iter().filter(|done| *done == work).count(), 1, "{}", drive.serial);
    }
    assert_eq!(normal.works(), [Work::SecurityErase; 2]);
    assert_eq!(format.works(), [Work::Format]);
}

#[test]
fn a_revert_that_was_cut_off_needs_its_psid_only_as_long_as_it_was_not_sent() {
    const WRITE_10: u8 = 0x2A;
    let none = ScsiTraits { sanitize: Vec::new(), ..ScsiTraits::default() };
    let spec = ScsiSpec { shape: shape(22), personality: Personality::Scsi(none) };
    let without_sanitize = NvmeSpec { sanicap: 0, oacs: 0b01, ..NvmeSpec::new(shape(21)) };
    let reverted = Drive::nvme_that_stops(without_sanitize, Stop::Sending(REVERT));
    let planting = Drive::scsi_that_stops(spec, Stop::Before(WRITE_10));
    let drives = [&reverted, &planting];
    let tpers = drives.map(|drive| {
        let tper = SimTper::new(TperSpec::default(), drive.keys());
        drive.set_security(Box::new(tper.clone()));
        drive.keys().set_lock(Lock::Open);
        tper
    });
    let mut bench = Bench::new(&[], &drives);
    bench.machine().push("/run/psid", PSID).unwrap();
    let flags = format!("--technique opal-revert {DECLARED}");
    let jobs = drives.map(|drive| purge(drive, &flags).with("--psid-file /run/psid"));
    bench.begin(&jobs);
    drives.iter().for_each(|drive| drive.gate.await_held());
    bench.power_cut();
    for (drive, tper) in drives.iter().zip(&tpers) {
        drive.gate.remove();
        drive.power_cycle();
        tper.clone().power_cycle();
        drive.keys().set_lock(Lock::Open);
    }
    let reverts = || tpers.each_ref().map(|tper| (tper.reverts(), tper.keys_destroyed()));
    assert_eq!(reverts(), [(1, 1), (0, 0)], "the one was sent its revert, the other was not");

    bench.boot(&drives);
    bench.machine().push("/run/psid", PSID).unwrap();
    let listed = bench.jobs();
    let names = drives.map(|drive| job_of(&listed, drive));
    bench.begin_resume(&[&names[0], &names[1]]);
    let (_, fates) = bench.await_resumed(&drives);
    // What was sent needs no PSID any more, is not sent again, and leaves nothing that shows whose it was.
    fates[0].expect(7, "unknown", &["firmware-unknown"]);
    fates[1].expect(3, "refused", &["bad-request"]);
    fates[1].expect_words("--psid-file");
    assert_eq!(reverts(), [(1, 1), (0, 0)]);
    bench.begin_resume(&[&names[1], "--psid-file /run/psid"]);
    let (exit, fates) = bench.await_resumed(&drives[1..]);
    fates[0].expect(0, "done", &[]);
    assert_eq!((exit, reverts()), (0, [(1, 1), (1, 1)]));
    planting.expect_no_residue();
    let (code, text) = bench.check(fates[0].record());
    assert_eq!(code, 0, "{text}");
}

/// The command was announced in the journal and never came to the drive; what runs afterwards is the same operation, told
/// by somebody else, down to its last bit.
#[test]
fn what_another_program_began_after_the_power_cut_is_never_ours() {
    const NVME_SANITIZE: u8 = 0x84;
    const SCSI_SANITIZE: u8 = 0x48;
    let nvme = Drive::nvme_that_stops(NvmeSpec::new(taking(41, 20_000)), Stop::Before(NVME_SANITIZE));
    let scsi = Drive::scsi_that_stops(ScsiSpec::scsi(taking(42, 20_000)), Stop::Before(SCSI_SANITIZE));
    let drives = [&nvme, &scsi];
    let mut bench = Bench::new(&[], &drives);
    let crypto = format!("--technique crypto-erase {DECLARED}");
    bench.begin(&drives.map(|drive| purge(drive, &crypto)));
    drives.iter().for_each(|drive| drive.gate.await_held());
    bench.power_cut();
    for drive in &drives {
        drive.gate.remove();
        drive.power_cycle();
        assert!(drive.works().is_empty());
    }
    bench.boot(&drives);
    let nodes = drives.map(|drive| bench.node(&drive.serial));
    bench.machine().tell(&format!(
        "nvme sanitize {} -a 4 -u && sg_sanitize --crypto --ause --quick --early {}",
        nodes[0].trim_end_matches("n1"),
        nodes[1]
    ));
    let listed = bench.jobs();
    let names = drives.map(|drive| job_of(&listed, drive));
    bench.begin_resume(&[&names[0], &names[1]]);
    let (_, fates) = bench.await_resumed(&drives);
    for (drive, fate) in drives.iter().zip(&fates) {
        fate.expect(7, "unknown", &["firmware-unknown"]);
        fate.expect_words("interrupted before");
        assert_eq!(drive.works(), [Work::CryptoErase], "the other program's: {}", drive.serial);
        let (code, text) = bench.check(fate.record());
        assert_eq!(code, 4, "authentic, and no certificate: {text}");
    }
}

#[test]
fn a_drive_that_was_left_locked_is_recovered_where_nobody_knows_the_job() {
    const SECURITY_ERASE_UNIT: u8 = 0xF4;
    let locked =
        |number| Drive::scsi_that_stops(security_only(dying(number)), Stop::After(SECURITY_ERASE_UNIT));
    let (erased, opened) = (locked(31), locked(32));
    let drives = [&erased, &opened];
    let mut bench = Bench::new(&[], &drives);
    bench.begin(&drives.map(|drive| purge(drive, "--standard nist-800-88r1")));
    drives.iter().for_each(|drive| drive.gate.await_held());
    bench.power_cut();
    for drive in &drives {
        drive.gate.remove();
        drive.power_cycle();
    }
    bench.boot(&drives);
    let nodes = drives.map(|drive| bench.node(&drive.serial));
    let security = |bench: &mut Bench| {
        let line = format!("hdparm -I {} {} | grep -cE '^.not.(enabled|locked)$'", nodes[0], nodes[1]);
        bench.machine().ask(&line).stdout.trim().to_owned()
    };
    assert_eq!(security(&mut bench), "0", "both are locked");
    let recover = |bench: &mut Bench, drive: &Drive, more: &str| {
        let line = format!("expunge recover serial:{0} --confirm {0} {more} 2>&1", drive.serial);
        let ran = bench.machine().ask(&line);
        (ran.code, ran.stdout)
    };

    // Where the job is known, it is the better way.
    let (code, said) = recover(&mut bench, &erased, "--state /state");
    assert_eq!(code, 3, "{said}");
    let job = job_of(&bench.jobs(), &erased);
    assert!(said.contains(&format!("expunge resume {job}")), "{said}");
    assert_eq!(erased.works(), [Work::SecurityErase]);

    let (code, said) = recover(&mut bench, &erased, "--state /run/other");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("erased, and its password is gone; no record was made"), "{said}");
    let (code, said) = recover(&mut bench, &opened, "--unlock-only --state /run/other");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("its password is gone, its data are as they were left"), "{said}");
    let (code, said) = recover(&mut bench, &opened, "--unlock-only --state /run/other");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("it has no password"), "{said}");
    assert_eq!(security(&mut bench), "4", "neither has a password");
    assert_eq!((erased.works().len(), opened.works().len()), (2, 1));
    assert!(!erased.reads_old_data() && opened.reads_old_data());
    let kept = bench.machine().tell("ls /run/other/recoveries | wc -l; ls /run/other/records | wc -l");
    assert_eq!(kept, "2\n0\n", "each is journalled, and no record claims anything");

    // The job did not see it, so nothing of it is its own.
    let names = drives.map(|drive| job_of(&bench.jobs(), drive));
    bench.begin_resume(&[&names[0], &names[1]]);
    let (exit, fates) = bench.await_resumed(&drives);
    assert_eq!(exit, 7);
    for fate in &fates {
        fate.expect(7, "unknown", &["firmware-unknown"]);
    }
}
