//! Drives in states that forbid their own commands: refused with the reason, and untouched.
use expunge::sim::controller::{AtaTraits, NvmeSpec, Quirk, ScsiSpec};

use crate::bench::{Bench, purge};
use crate::drives::{Drive, security_only, shape, taking};

#[test]
fn what_forbids_a_purge_is_told_and_the_drive_is_untouched() {
    // What somebody else started does not end during the test.
    let hour = |number, quirk| taking(number, 3_600_000).with(quirk);
    let nvme = |number, quirk| Drive::nvme(NvmeSpec::new(hour(number, quirk)));
    let solid = |number, quirk| Drive::scsi(ScsiSpec::ata(hour(number, quirk), AtaTraits::solid()));
    let sas = |number, quirk| Drive::scsi(ScsiSpec::scsi(hour(number, quirk)));
    let r1 = "--standard nist-800-88r1";
    let protected = |number| {
        let mut spec = NvmeSpec::new(shape(number));
        spec.namespaces[0].write_protected = true;
        Drive::nvme(spec)
    };
    let table = [
        (nvme(1, Quirk::ForeignRunning), "", "firmware-busy"),
        (protected(2), "", "read-only"),
        (solid(11, Quirk::ForeignRunning), "", "firmware-busy"),
        (solid(12, Quirk::FrozenByFirmware), "", "frozen"),
        (solid(13, Quirk::LockedUnknown), "", "locked"),
        (Drive::scsi(security_only(hour(14, Quirk::FrozenByFirmware))), r1, "frozen"),
        // The kernel is not told how large this one is, which does not make it dead. (Reservations are answered by the
        // kernel's target, and never reach the model.)
        (sas(21, Quirk::ForeignRunning), "", "firmware-busy"),
    ];
    let drives: Vec<&Drive> = table.iter().map(|row| &row.0).collect();
    let mut bench = Bench::new(&[], &drives);
    let jobs: Vec<_> = table.iter().map(|row| purge(&row.0, row.1)).collect();
    let fates = bench.sanitize(&jobs);
    for ((drive, _, code), fate) in table.iter().zip(&fates) {
        assert_eq!((fate.exit, fate.outcome()), (3, "refused"), "{}", fate.said);
        assert!(fate.codes().contains(code), "{} {code}: {}", drive.serial, fate.said);
        assert_eq!(drive.works(), [], "{}", drive.serial);
        assert!(drive.has_residue());
    }
}
