//! Drives that say done and are not: failed, exit 4, in plain words.
use std::fs::File;

use expunge::sim::controller::{AtaTraits, NvmeSpec, Quirk, ScsiSpec};

use crate::bench::{Bench, purge};
use crate::drives::{Drive, format_only, security_only, shape};
use crate::host::machine::{Disk, Emulated};
use crate::support::Ask as _;

#[test]
fn a_drive_that_says_done_and_lies_has_failed() {
    let nothing = |number| shape(number).with(Quirk::ErasesNothing);
    let fast = |number| nothing(number).with(Quirk::NeverShown);
    let last = |number| shape(number).with(Quirk::SkipsLastBlock);
    let overwrite = "--technique sanitize-overwrite";
    let r1 = "--standard nist-800-88r1";
    let table = [
        (Drive::nvme(NvmeSpec::new(nothing(1))), ""),
        (Drive::nvme(NvmeSpec::new(fast(2))), overwrite),
        (Drive::nvme(format_only(shape(4).with(Quirk::FormatDoesNothing))), r1),
        (Drive::scsi(ScsiSpec::ata(nothing(11), AtaTraits::solid())), ""),
        (Drive::scsi(security_only(nothing(13))), r1),
        (Drive::scsi(ScsiSpec::scsi(fast(22))), ""),
        // Only a canary is left on this one.
        (Drive::scsi(ScsiSpec::scsi(last(21))), ""),
    ];
    let drives: Vec<&Drive> = table.iter().map(|row| &row.0).collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("disk");
    File::create(&file).unwrap().set_len(32 << 20).unwrap();
    let mut bench = Bench::new(&[Disk::new(Emulated::Scsi, &file, "QEMU-SCSI")], &drives);
    let jobs: Vec<_> = table.iter().map(|row| purge(&row.0, row.1)).collect();
    let fates = bench.sanitize(&jobs);
    let last_spared = drives[drives.len() - 1].serial.as_str();
    for ((drive, _), fate) in table.iter().zip(&fates) {
        fate.expect(4, "failed", &["firmware-lied"]);
        fate.expect_words("the drive lies");
        assert!(drive.has_residue() || drive.serial == last_spared, "{} did nothing wrong", drive.serial);
        let (code, text) = bench.check(fate.record());
        assert_eq!(code, 4, "authentic, and no certificate: {text}");
        assert!(text.contains("the drive lies"), "{text}");
    }

    // QEMU's disk has no SANITIZE, its FORMAT UNIT erases nothing, and it is a volume of somebody else's: not here.
    let said = bench.machine().ask("expunge sanitize serial:QEMU-SCSI --confirm QEMU-SCSI --method purge --scope drive --state /state 2>&1");
    assert_eq!(said.code, 3, "{said:?}");
    assert!(
        said.stdout.contains("REFUSED, nothing was written")
            && said.stdout.contains("purge the member drives themselves"),
        "{said:?}"
    );
}
