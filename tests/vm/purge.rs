//! Purge by the drives' own commands, with our program in the machine: done where the drive can, with nothing left in
//! any cell and a record that says how; "destroy" where it cannot.
use expunge::sim::controller::keys::Lock;
use expunge::sim::controller::opal::{SimTper, TperSpec};
use expunge::sim::controller::{AtaTraits, Erase, NvmeSpec, Personality, ScsiSpec, ScsiTraits, Work};

use crate::bench::{Bench, Fate, purge};
use crate::drives::{Drive, format_only, security_only, shape, spinning};
use crate::support::Ask as _;

/// Done, nothing left in any cell, and a record that passes under a trusted key and says how.
#[track_caller]
fn expect_purged(bench: &mut Bench, drive: &Drive, fate: &Fate, claimed: &str, standard: &str) {
    fate.expect(0, "done", &[]);
    if claimed == "format" {
        // What Format NVM means for cells that no address reaches is not said; the record says that.
        assert!(drive.oracle().residue().addressable.is_empty());
    } else {
        drive.expect_no_residue();
    }
    let claim = &fate.drive["claim"];
    assert_eq!((&claim["method"], &claim["technique"]), (&"purge".into(), &claimed.into()), "{claim}");
    assert_eq!((&claim["standard"], &claim["policy"]), (&standard.into(), &"builtin".into()), "{claim}");
    let (code, text) = bench.check(fate.record());
    assert_eq!(code, 0, "{}: {text}", drive.serial);
    for word in [claimed, standard, "builtin", "second-hand", &drive.serial, "canaries planted"] {
        assert!(text.contains(word), "{}: {word:?} is missing: {text}", drive.serial);
    }
}

const DECLARED: &str =
    "--technique crypto-erase --declare-crypto 'encrypted since it was new, no key is anywhere else'";

#[test]
fn every_sanitize_action_of_every_kind_of_drive_leaves_nothing_in_any_cell() {
    use Work::{BlockErase, CryptoErase, Overwrite};
    let nvme = |number| Drive::nvme(NvmeSpec::new(shape(number)));
    let ata = |number, traits| Drive::scsi(ScsiSpec::ata(shape(number), traits));
    let sas = |number| Drive::scsi(ScsiSpec::scsi(shape(number)));
    let both = &[CryptoErase, BlockErase][..];
    let table = [
        // NVMe: all three actions.
        (nvme(1), "--technique block-erase", "block-erase", both),
        (nvme(2), DECLARED, "crypto-erase", &[CryptoErase][..]),
        (nvme(3), "--technique sanitize-overwrite", "sanitize-overwrite", &[Overwrite][..]),
        // SATA: flash by block erase, magnetic by overwrite.
        (ata(11, AtaTraits::solid()), "", "block-erase", both),
        (ata(12, AtaTraits::magnetic()), "", "sanitize-overwrite", &[Overwrite][..]),
        // SAS: all three.
        (sas(21), "", "block-erase", both),
        (sas(22), "--technique crypto-erase", "block-erase", both),
        (Drive::scsi(spinning(shape(23))), "", "sanitize-overwrite", &[Overwrite][..]),
    ];
    let drives: Vec<&Drive> = table.iter().map(|row| &row.0).collect();
    let mut bench = Bench::new(&[], &drives);
    let jobs: Vec<_> = table.iter().map(|row| purge(&row.0, row.1)).collect();
    let fates = bench.sanitize(&jobs);
    for ((drive, flags, claimed, works), fate) in table.iter().zip(&fates) {
        expect_purged(&mut bench, drive, fate, claimed, "nist-800-88r2");
        assert_eq!(drive.works(), *works, "{} {flags}", drive.serial);
        if fate.drive["node"].as_str().is_some_and(|node| node.starts_with("/dev/sd")) {
            assert_eq!(drive.disturbed(), 0, "{}", drive.serial);
        }
        assert!(fate.plan.contains("method     purge by"), "{}", fate.plan);
    }
}

#[test]
fn what_only_rev_1_calls_a_purge_and_what_a_revert_with_the_psid_is() {
    let by_rev_1 = [
        (Drive::nvme(format_only(shape(1))), "format", Work::Format),
        (Drive::scsi(security_only(shape(11))), "security-erase-enhanced", Work::SecurityErase),
    ];
    // Opal drives without any other command that would do, taken by an owner who is gone.
    let none = ScsiTraits { sanitize: Vec::new(), ..ScsiTraits::default() };
    let no_sanitize = AtaTraits { word_59: 0, security: Erase::None, ..AtaTraits::solid() };
    let opal = [
        Drive::nvme(NvmeSpec { sanicap: 0, oacs: 0b01, ..NvmeSpec::new(shape(2)) }),
        Drive::scsi(ScsiSpec::ata(shape(12), no_sanitize)),
        Drive::scsi(ScsiSpec { shape: shape(21), personality: Personality::Scsi(none) }),
    ];
    let tpers = opal.each_ref().map(|drive| {
        let tper = SimTper::new(TperSpec::default(), drive.keys());
        drive.set_security(Box::new(tper.clone()));
        tper
    });
    // Their owner's software has unlocked them: on a locked drive no canary can be planted.
    opal.iter().for_each(|drive| drive.keys().set_lock(Lock::Open));
    let drives: Vec<&Drive> = by_rev_1.iter().map(|row| &row.0).chain(&opal).collect();
    let mut bench = Bench::new(&[], &drives);

    // By default nothing of this is a purge, and a revert without the PSID is not begun.
    let revert =
        "--technique opal-revert --declare-crypto 'encrypted since it was new, no key is anywhere else'";
    let reverts = || opal.iter().map(|drive| purge(drive, revert));
    let mut jobs: Vec<_> = by_rev_1.iter().map(|row| purge(&row.0, "")).collect();
    jobs.extend(reverts());
    let fates = bench.sanitize(&jobs);
    for ((drive, _, _), fate) in by_rev_1.iter().zip(&fates) {
        fate.expect(4, "unsanitizable", &["purge-unavailable"]);
        fate.expect_words("purge unavailable");
        assert!(drive.works().is_empty() && drive.has_residue());
        let (code, text) = bench.check(fate.record());
        assert_eq!(code, 4, "{text}");
    }
    for (drive, fate) in opal.iter().zip(&fates[by_rev_1.len()..]) {
        fate.expect(3, "refused", &["bad-request"]);
        fate.expect_words("--psid-file");
        assert!(drive.has_residue());
    }

    bench.machine().push("/run/wrong", b"WRONG0000000000000000000000000AB").unwrap();
    bench.machine().push("/run/psid", b"psid0-psid1-psid2-psid3-psid4-psid5ab\n").unwrap();
    let wrong = bench.sanitize(&[purge(&opal[0], revert).with("--psid-file /run/wrong")]);
    let mut jobs: Vec<_> = by_rev_1.iter().map(|row| purge(&row.0, "--standard nist-800-88r1")).collect();
    jobs.extend(reverts().map(|job| job.with("--psid-file /run/psid")));
    let fates = bench.sanitize(&jobs);
    assert_eq!((wrong[0].exit, wrong[0].codes()), (4, vec!["wrong-credential"]), "{}", wrong[0].said);
    for ((drive, technique, work), fate) in by_rev_1.iter().zip(&fates) {
        expect_purged(&mut bench, drive, fate, technique, "nist-800-88r1");
        assert_eq!(drive.works(), [*work]);
        if *technique == "format" {
            assert!(bench.check(fate.record()).1.contains("indeterminate"), "{}", fate.said);
        }
    }
    for ((drive, tper), fate) in opal.iter().zip(&tpers).zip(&fates[by_rev_1.len()..]) {
        expect_purged(&mut bench, drive, fate, "opal-revert", "nist-800-88r2");
        assert_eq!((tper.reverts(), tper.keys_destroyed()), (1, 1));
        // What opens the drive stands nowhere but on its label.
        let found = bench.machine().ask("grep -ril psid0.\\?psid1 /state");
        assert_eq!(found.stdout, "", "the PSID was kept");
    }
}
