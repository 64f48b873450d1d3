//! A simulated NVMe drive behind the kernel's driver: nvme-cli and our program read the same from it, and what a
//! sanitize did is asked of the oracle.
use expunge::sim::controller::{NvmeSim, NvmeSpec, Shape, Work};
use serde_json::Value;

use crate::host::machine::{Console, Machine};
use crate::host::nvme_tcp::NvmeServer;
use crate::support::{Ask as _, image};

/// Real time that a block erase takes: long enough to be seen in progress.
const ERASE_MS: u64 = 4_000;

fn drive(blocks: u64) -> NvmeSim {
    let shape =
        Shape { erase_ms: ERASE_MS, crypto_ms: 1_500, pass_ms: 1_500, ..Shape::small(512, blocks).used() };
    NvmeSim::new(NvmeSpec::new(shape))
}

/// nvme-cli's answer as JSON.
#[track_caller]
fn json(machine: &mut Machine, line: &str) -> Value {
    let text = machine.tell(&format!("nvme {line} -o json"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}: {text}"))
}

/// Status of the last sanitize (SSTAT bits 2:0) and its progress, as nvme-cli reads them.
#[track_caller]
fn sanitize_log(machine: &mut Machine, node: &str) -> (u64, u64) {
    let text = machine.tell(&format!("nvme sanitize-log {node}"));
    let number = |name: &str| {
        let line = text.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        let digits = line.split(':').nth(1).unwrap().split_whitespace().next().unwrap();
        let hex = digits.strip_prefix("0x");
        hex.map_or_else(|| digits.parse(), |hex| u64::from_str_radix(hex, 16)).unwrap()
    };
    (number("(SSTAT)") & 7, number("(SPROG)"))
}

#[test]
fn nvme_cli_and_the_kernel_take_a_simulated_drive_for_a_drive() {
    let sim = drive(8_192);
    let server = NvmeServer::start("nvme", sim.clone()).unwrap();
    let mut machine = Machine::boot(image(), &[], Console::Kept).unwrap();
    machine.tell(&server.attach_command());
    machine.until("[ -b /dev/nvme0n1 ]");

    // Identify: SANICAP of the specification, and the transport's part.
    let controller = json(&mut machine, "id-ctrl /dev/nvme0");
    assert_eq!(controller["sanicap"], 0x4000_0007);
    assert_eq!(controller["fna"], 4);
    assert_eq!(controller["cntlid"], 1);
    let serial = controller["sn"].as_str().unwrap().trim().to_owned();
    let namespace = json(&mut machine, "id-ns /dev/nvme0n1");
    assert_eq!(namespace["nsze"], 8_192);

    // Our program sees the same drive.
    let listed: Value =
        serde_json::from_str(machine.tell("expunge list --json").lines().next().unwrap()).unwrap();
    let text = listed.to_string();
    assert!(text.contains(&format!("\"{serial}\"")) && text.contains("\"flash\""), "{text}");

    // Blocks go there and come back, in transfers of all sizes.
    let bytes: Vec<u8> = (0..253_u8).cycle().take(1_000_000).collect();
    machine.push("/tmp/data", &bytes[..999_424]).unwrap();
    machine.tell("dd if=/tmp/data of=/dev/nvme0n1 bs=999424 conv=fsync");
    machine.tell("echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/nvme0n1 of=/tmp/back bs=999424 count=1");
    assert!(machine.pull("/tmp/back").unwrap() == bytes[..999_424]);
    assert!(sim.oracle().cells_with(&bytes[..512]) > 0, "the cells hold what was written");

    // A block erase: seen in progress, blocks refused meanwhile, then done, and nothing is left in any cell.
    machine.tell("nvme sanitize /dev/nvme0 -a 2");
    let (status, progress) = sanitize_log(&mut machine, "/dev/nvme0");
    assert_eq!(status, 2, "in progress at {progress}");
    assert_ne!(machine.ask("dd if=/dev/nvme0n1 of=/dev/null bs=4k count=1 iflag=direct").code, 0);
    machine.until("nvme sanitize-log /dev/nvme0 | grep -q 'SPROG.*65535'");
    assert_eq!(sanitize_log(&mut machine, "/dev/nvme0"), (1, 65_535));
    let residue = sim.oracle().residue();
    assert!(residue.addressable.is_empty() && residue.unaddressable_cells == 0, "{residue:?}");
    assert_eq!(sim.oracle().cells_with(&bytes[..512]), 0);

    // Overwrite with a pattern reads back as the pattern, in blocks that are and stay allocated (-d).
    machine.tell("dd if=/tmp/data of=/dev/nvme0n1 bs=4k count=1 conv=fsync");
    machine.tell("nvme sanitize /dev/nvme0 -a 3 -n 1 -p 0xdeadbeef -d");
    machine.until("nvme sanitize-log /dev/nvme0 | grep -q 'SPROG.*65535'");
    let read = "dd if=/dev/nvme0n1 of=/tmp/after bs=4k count=1 iflag=direct";
    machine.tell(read);
    let pattern = [0xEF, 0xBE, 0xAD, 0xDE].repeat(1024);
    assert!(machine.pull("/tmp/after").unwrap() == pattern, "the pattern is little-endian");

    // Format NVM with a cryptographic erase changes what is read.
    machine.tell("nvme format /dev/nvme0n1 -s 2 --force");
    machine.until(read);
    assert!(machine.pull("/tmp/after").unwrap() != pattern);
    let works: Vec<Work> = sim.oracle().deeds().iter().map(|deed| deed.work).collect();
    assert_eq!(works, [Work::BlockErase, Work::Overwrite, Work::Format]);
}

#[test]
fn a_drive_goes_on_sanitizing_after_a_power_cut_of_the_machine() {
    let sim = drive(2_048);
    let server = NvmeServer::start("nvme", sim.clone()).unwrap();
    let mut machine = Machine::boot(image(), &[], Console::Kept).unwrap();
    machine.tell(&server.attach_command());
    machine.tell("nvme sanitize /dev/nvme0 -a 2");
    assert_eq!(sanitize_log(&mut machine, "/dev/nvme0").0, 2);
    machine.power_cut().unwrap();
    sim.power_cut();
    assert!(!sim.is_here());
    assert!(!sim.oracle().residue().addressable.is_empty(), "it was cut off in the middle");
    sim.power_on();
    let mut machine = Machine::boot(image(), &[], Console::Kept).unwrap();
    machine.tell(&server.attach_command());
    machine.until("nvme sanitize-log /dev/nvme0 | grep -q 'SPROG.*65535'");
    assert_eq!(sanitize_log(&mut machine, "/dev/nvme0"), (1, 65_535));
    assert!(sim.oracle().residue().addressable.is_empty());
}
