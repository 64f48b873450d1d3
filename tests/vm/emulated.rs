//! Disks that qemu emulates: what stands on them in ways that need a kernel with md, device mapper and multipath, and
//! what they say of commands that erase.
use std::fs::File;

use serde_json::Value;

use crate::host::machine::{Console, Disk, Emulated, Machine};
use crate::support::{Ask as _, image};

/// Codes of the reasons for which our program would not write to a node.
#[track_caller]
fn refusals(machine: &mut Machine, node: &str) -> Vec<String> {
    let ran = machine.ask(&format!("expunge plan {node} --json"));
    assert_eq!(ran.code, 3, "{node} is refused: {ran:?}");
    let report: Value = serde_json::from_str(ran.stdout.trim()).unwrap();
    let reasons = report["plans"][0]["reasons"].as_array().unwrap();
    reasons.iter().map(|reason| reason["code"].as_str().unwrap().to_owned()).collect()
}

/// The node of a disk by the vendor in its INQUIRY: the order of the names changes.
#[track_caller]
fn by_vendor(machine: &mut Machine, vendor: &str) -> String {
    let found = machine.until(&format!("grep -l '^{vendor}' /sys/block/sd*/device/vendor"));
    format!("/dev/{}", found.split('/').nth(3).unwrap())
}

/// What stands in registers, which no admin command reads: nvme-cli is the other reader of the same memory.
#[track_caller]
fn registers_are_those_of_nvme_cli(machine: &mut Machine) {
    // Its exit code is 1 when it has shown them all (seen with 2.3), so what it printed is what counts.
    let shown = machine.ask("nvme show-regs /dev/nvme0 -o json");
    let registers: Value = serde_json::from_str(shown.stdout.trim()).unwrap();
    let (capabilities, control) = (registers["cap"].as_u64().unwrap(), registers["pmrctl"].as_u64().unwrap());
    let word = |bit: bool| if bit { "yes" } else { "no" };
    let (boot, memory) = (capabilities & 1 << 45 != 0, capabilities & 1 << 56 != 0 && control & 1 == 1);
    let shown = machine.tell("expunge inspect /dev/nvme0n1 --json");
    let report: Value = serde_json::from_str(shown.trim()).unwrap();
    let facts = &report["facts"]["capability"]["interface"]["facts"];
    let told = ["bootPartitions", "persistentMemory", "firmwareWaits"].map(|name| facts[name].clone());
    assert_eq!(told, [word(boot), word(memory), "no"], "{registers} {facts}");
}

#[test]
fn what_stands_on_a_drive_and_what_a_disk_says_it_did() {
    let directory = tempfile::tempdir().unwrap();
    let disks =
        [(Emulated::Nvme, "N-1"), (Emulated::Ata, "A-1"), (Emulated::Scsi, "S-1")].map(|(kind, serial)| {
            let file = directory.path().join(serial);
            File::create(&file).unwrap().set_len(32 << 20).unwrap();
            Disk::new(kind, &file, serial)
        });
    let mut machine = Machine::boot(image(), &disks, Console::Kept).unwrap();
    let (ata, scsi) = (by_vendor(&mut machine, "ATA"), by_vendor(&mut machine, "QEMU"));

    registers_are_those_of_nvme_cli(&mut machine);

    // FORMAT UNIT says GOOD and erases nothing.
    machine.tell(&format!("yes canary | dd of={scsi} bs=64k count=1 iflag=fullblock conv=fsync"));
    machine.tell(&format!("sg_format --format --quick --early {scsi}"));
    machine.tell(&format!("dd if={scsi} of=/tmp/first bs=64k count=1 iflag=direct"));
    assert!(machine.pull("/tmp/first").unwrap().starts_with(b"canary\n"), "it says that it formatted");

    // hdparm ends well although the drive has no such command.
    let erase = machine.ask(&format!("hdparm --user-master u --security-erase p {ata} 2>&1"));
    assert_eq!(erase.code, 0, "{erase:?}");

    // A mirror of md, and what is left when it is stopped.
    machine.tell(&format!("echo y | mdadm --create /dev/md0 --level=1 --raid-devices=2 {ata} missing --run"));
    assert_eq!(refusals(&mut machine, &ata), ["holder", "member-content"]);
    machine.tell("mdadm --stop /dev/md0");
    assert_eq!(refusals(&mut machine, &ata), ["member-content"]);

    // Device mapper: a plain map, an encrypted one, a multipath one.
    machine.tell("modprobe dm-crypt && modprobe dm-multipath && modprobe dm-round-robin");
    let key = "00".repeat(32);
    for table in [
        format!("0 32768 linear {scsi} 0"),
        format!("0 32768 crypt aes-xts-plain64 {key} 0 {scsi} 0"),
        format!("0 65536 multipath 0 0 1 1 round-robin 0 1 1 {scsi} 1000"),
    ] {
        machine.tell(&format!("dmsetup --noudevsync create map --table '{table}'"));
        assert_eq!(refusals(&mut machine, &scsi), ["holder"], "{table}");
        machine.tell("dmsetup --noudevsync remove map");
    }

    // An active volume of LVM.
    machine.tell(
        "export LVM_SUPPRESS_FD_WARNINGS=1; set -e
         none='activation{udev_sync=0 udev_rules=0}'
         lvm pvcreate --config \"$none\" -y /dev/nvme0n1
         lvm vgcreate -y vg /dev/nvme0n1
         lvm lvcreate --config \"$none\" -y -Wn -Zn -L 4M -n lv vg",
    );
    assert_eq!(refusals(&mut machine, "/dev/nvme0n1"), ["holder", "member-content"]);

    // With nothing on it the plan is made: the refusals were for what stood there.
    let ran = machine.ask(&format!("expunge plan {scsi}"));
    assert_eq!(ran.code, 0, "{ran:?}");
}
