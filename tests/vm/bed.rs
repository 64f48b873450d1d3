//! What the machine itself promises: orders come back whole, a killed machine leaves what was written, commands and
//! data go through the kernel to a drive on the host and back unchanged.
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use crate::host::machine::{Console, Disk, Emulated, Machine};
use crate::host::scsi::ScsiServer;
use crate::plain::{BLOCK_BYTES, PlainDisk};
use crate::support::{Ask as _, image, scsi_node};

const BYTES: usize = 8 << 20;

#[test]
fn orders_come_back_whole_and_a_power_cut_leaves_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let kinds = [(Emulated::Nvme, "N-1"), (Emulated::Ata, "A-1"), (Emulated::Scsi, "S-1")];
    let disks = kinds.map(|(kind, serial)| {
        let file = directory.path().join(serial);
        File::create(&file).unwrap().set_len(16 << 20).unwrap();
        Disk::new(kind, &file, serial)
    });
    let mut machine = Machine::boot(image(), &disks, Console::Kept).unwrap();

    let ran = machine.ask("echo out; echo err >&2; exit 7");
    assert_eq!((ran.code, &ran.stdout[..], &ran.stderr[..]), (7, "out\n", "err\n"));
    assert_eq!(machine.ask("kill -9 $$").code, 137);
    // A program that goes on and holds the output does not hold up the order.
    assert_eq!(machine.tell("sleep 1000 & echo started"), "started\n");
    let bytes: Vec<u8> = (0_u8..=255).chain(3..=200).cycle().take(3_000_000).collect();
    machine.push("/tmp/pushed", &bytes).unwrap();
    assert!(machine.pull("/tmp/pushed").unwrap() == bytes, "pushed and pulled");
    assert!(machine.pull("/tmp/nothing").is_err());

    // All three disks of qemu, by the serial numbers that our own program reads.
    let listed = machine.until("expunge list --json && [ -b /dev/nvme0n1 -a -b /dev/sdb ]");
    for (_, serial) in kinds {
        assert!(listed.contains(&format!("\"{serial}\"")), "{serial}: {listed}");
    }

    // What is written and synced before the power cut is on the disk after it, for the host and the next machine.
    machine.tell(
        "head -c 65536 /tmp/pushed >/tmp/part && dd if=/tmp/part of=/dev/nvme0n1 bs=64k seek=5 conv=fsync",
    );
    machine.power_cut().unwrap();
    let mut found = vec![0; 65_536];
    File::open(directory.path().join("N-1")).unwrap().read_exact_at(&mut found, 5 * 65_536).unwrap();
    assert!(found == bytes[..65_536], "what was synced is in the file");
    let mut machine = Machine::boot(image(), &disks, Console::Kept).unwrap();
    machine.until("[ -b /dev/nvme0n1 ]");
    machine.tell("dd if=/dev/nvme0n1 of=/tmp/back bs=64k skip=5 count=1");
    assert!(machine.pull("/tmp/back").unwrap() == bytes[..65_536], "and in the next machine");
}

#[test]
fn commands_and_data_reach_a_drive_on_the_host_and_come_back_unchanged() {
    let disk = PlainDisk::new(BYTES);
    let server = ScsiServer::start("plain", BYTES as u64, BLOCK_BYTES, disk.clone()).unwrap();
    let mut machine = Machine::boot(image(), &[], Console::Kept).unwrap();
    machine.tell(&server.attach_command());
    let node = scsi_node(&mut machine, "PLAIN DISK");

    let bytes: Vec<u8> = (0..251_u8).cycle().take(BYTES).collect();
    machine.push("/tmp/all", &bytes).unwrap();
    machine.tell(&format!("dd if=/tmp/all of={node} bs=1M conv=fsync"));
    assert!(disk.cells() == bytes, "all that was written is in the cells");
    machine.tell(&format!("echo 3 >/proc/sys/vm/drop_caches; dd if={node} of=/tmp/back bs=1M"));
    assert!(machine.pull("/tmp/back").unwrap() == bytes, "and comes back");

    // Other programs send what our program will: command block, parameters, sense in both formats, short data.
    let inquiry = machine.tell(&format!("sg_raw -r 96 {node} 12 00 00 00 60 00 2>&1"));
    assert!(inquiry.contains("Received 36 bytes"), "{inquiry}");
    machine.push("/tmp/parameters", &[0x05, 0x26, 0x98, 0, 0, 0]).unwrap();
    let sanitize =
        machine.ask(&format!("sg_raw -s 6 -i /tmp/parameters {node} 48 81 00 00 00 00 00 00 06 00 2>&1"));
    assert!(sanitize.stdout.contains("Descriptor format"), "{sanitize:?}");
    assert!(sanitize.stdout.contains("ASC=26, vendor specific qualification ASCQ=98"), "{sanitize:?}");
    assert!(disk.got(&[0x48, 0x81, 0, 0, 0, 0, 0, 0, 6, 0]));
    let refused = machine.ask(&format!("sg_raw {node} 04 00 00 00 00 00 2>&1"));
    assert!(refused.stdout.contains("Fixed format"), "{refused:?}");

    // The drive outlives the machine.
    machine.power_cut().unwrap();
    assert!(disk.cells() == bytes);
}
