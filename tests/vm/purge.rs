//! Purge by the drives' own commands, with our program in the machine: done where the drive can, with nothing left in
//! any cell and a record that says how; "destroy" where it cannot.
use expunge::sim::controller::{AtaTraits, NvmeSpec, ScsiSpec, Work};

use crate::bench::{Bench, Fate, purge};
use crate::drives::{Drive, format_only, security_only, shape, spinning};
use crate::support::Ask as _;

/// Done, nothing left in any cell, and a record that passes under a trusted key and says how.
#[track_caller]
fn expect_purged(bench: &mut Bench, drive: &Drive, fate: &Fate, claimed: &str, standard: &str) {
    fate.expect(0, "done", &[]);
    drive.expect_no_residue();
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
    eprintln!(
        "{:?}",
        bench.machine().ask("ls -l /bin/expunge; time expunge --version; time expunge --version; time true")
    );
    let jobs: Vec<_> = table.iter().map(|row| purge(&row.0, row.1)).collect();
    let fates = bench.sanitize(&jobs);
    for ((drive, flags, claimed, works), fate) in table.iter().zip(&fates) {
        expect_purged(&mut bench, drive, fate, claimed, "nist-800-88r2");
        assert_eq!(drive.works(), *works, "{} {flags}", drive.serial);
        assert!(fate.plan.contains("method     purge by"), "{}", fate.plan);
    }
}
