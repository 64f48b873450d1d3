//! Simulated SCSI and ATA drives behind the kernel's SCSI driver: sg3_utils, hdparm, libiscsi's tests and our program
//! read the same from them, and what was done is asked of the oracle.
use expunge::sim::controller::{AtaTraits, ScsiSim, ScsiSpec, Shape, Work};

use crate::host::machine::{Console, Machine};
use crate::host::scsi::ScsiServer;
use crate::support::{Ask as _, image};

const BLOCKS: u64 = 8_192;
const BYTES: u64 = BLOCKS * 512;

/// Real times of the operations: long enough to be seen in progress.
fn shape(drive: u64) -> Shape {
    Shape { drive, erase_ms: 3_000, crypto_ms: 1_500, pass_ms: 1_500, ..Shape::small(512, BLOCKS).used() }
}

struct Served {
    sim: ScsiSim,
    server: ScsiServer,
    serial: String,
}

fn serve(name: &str, drive: u64, spec: ScsiSpec) -> Served {
    let sim = ScsiSim::new(spec);
    let server = ScsiServer::start(name, BYTES, 512, sim.clone()).unwrap();
    Served { sim, server, serial: format!("SIM{drive:012}") }
}

impl Served {
    /// Makes the disk in the machine; its node, found by the serial number that sg3_utils reads from page 80h.
    #[track_caller]
    fn attach(&self, machine: &mut Machine) -> String {
        machine.tell(&self.server.attach_command());
        let serial = &self.serial;
        let found = machine.until(&format!(
            "for disk in /sys/block/sd*; do node=/dev/$(basename $disk)
             sg_inq -p 0x80 $node 2>/dev/null | grep -q {serial} && echo $node && exit 0; done; exit 1"
        ));
        found.trim().to_owned()
    }

    #[track_caller]
    fn expect_no_residue(&self, after: &str) {
        let residue = self.sim.oracle().residue();
        assert!(residue.addressable.is_empty() && residue.unaddressable_cells == 0, "{after}: {residue:?}");
    }

    fn works(&self) -> Vec<Work> {
        self.sim.oracle().deeds().iter().map(|deed| deed.work).collect()
    }
}

#[track_caller]
fn says(text: &str, wanted: &[&str]) {
    for part in wanted {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
}

/// Writes a pattern over the first 64 KiB.
#[track_caller]
fn fill(machine: &mut Machine, node: &str) {
    machine.tell(&format!("yes canary | dd of={node} bs=64k count=1 iflag=fullblock conv=fsync"));
}

/// Whether the first block is still what [`fill`] wrote.
#[track_caller]
fn is_filled(machine: &mut Machine, node: &str) -> bool {
    let read = format!("dd if={node} of=/tmp/first bs=512 count=1 iflag=direct");
    machine.until(&read);
    machine.pull("/tmp/first").unwrap().starts_with(b"canary\n")
}

#[test]
fn sg3_utils_and_libiscsi_take_a_simulated_drive_for_a_drive() {
    let drive = serve("sas", 21, ScsiSpec::scsi(shape(21)));
    let mut machine = Machine::boot(image(), &[], Console::Kept).unwrap();
    let node = drive.attach(&mut machine);

    says(&machine.tell("expunge list --json"), &[&format!("\"{}\"", drive.serial), "\"flash\""]);
    let codes = machine.tell(&format!("sg_opcodes {node}"));
    says(
        &codes,
        &["Sanitize, overwrite", "Sanitize, block erase", "Sanitize, cryptographic erase", "Format Unit"],
    );
    says(&machine.tell(&format!("sg_vpd -p bdc {node}")), &["WABEREQ=1", "WACEREQ=1", "Non-rotating medium"]);
    says(&machine.tell(&format!("sg_readcap -l {node}")), &[&format!("Last LBA={}", BLOCKS - 1)]);

    // Each kind of SANITIZE: accepted, seen in progress; nothing is left afterwards.
    for option in ["--block", "--crypto", "--overwrite --zero"] {
        fill(&mut machine, &node);
        machine.tell(&format!("sg_sanitize {option} --quick --early {node}"));
        says(&machine.tell(&format!("sg_requests -p {node}")), &["Progress indication"]);
        let ready = machine.ask(&format!("sg_turs -v {node} 2>&1"));
        assert_ne!(ready.code, 0);
        says(&ready.stdout, &["sanitize in progress"]);
        // The kernel tries a read again until the drive is ready (seen with 6.1): it succeeds, and only afterwards.
        machine.tell(&format!("dd if={node} of=/dev/null bs=4k count=1 iflag=direct && sg_turs {node}"));
        assert!(!is_filled(&mut machine, &node), "{option}");
        drive.expect_no_residue(option);
    }
    fill(&mut machine, &node);
    machine.tell(&format!("sg_format --format --quick --early {node}"));
    machine.until(&format!("sg_turs {node}"));
    assert!(!is_filled(&mut machine, &node), "FORMAT UNIT");
    let works = [Work::BlockErase, Work::CryptoErase, Work::Overwrite, Work::Format];
    assert_eq!(drive.works(), works);

    // libiscsi's tests know the standard by another reading than ours. (Those of overwriting with reservations die in
    // the program itself.)
    let generic = machine.tell(&format!("basename /sys/block/{}/device/scsi_generic/*", &node[5..]));
    let suites = [
        "Sanitize.BlockErase",
        "Sanitize.CryptoErase",
        "Sanitize.InvalidServiceAction",
        "ReadCapacity16",
        "Unmap",
    ];
    for suite in suites {
        let said =
            machine.ask(&format!("iscsi-test-cu -d -S -t ALL.{suite} /dev/{} 2>&1", generic.trim())).stdout;
        says(&said, &["passed", "Run Summary"]);
        assert!(!said.contains("FAILED"), "{suite}:\n{said}");
        machine.until(&format!("sg_turs {node}"));
    }
    let by_libiscsi = &drive.works()[works.len()..];
    assert!(
        by_libiscsi.contains(&Work::BlockErase) && by_libiscsi.contains(&Work::CryptoErase),
        "{by_libiscsi:?}"
    );
}

#[test]
fn hdparm_takes_simulated_drives_for_drives() {
    let solid = serve("ssd", 31, ScsiSpec::ata(shape(31), AtaTraits::solid()));
    let hidden = AtaTraits { presented: Some(BLOCKS * 3 / 4), ..AtaTraits::magnetic() };
    let magnetic = serve("hdd", 32, ScsiSpec::ata(shape(32), hidden));
    let mut machine = Machine::boot(image(), &[], Console::Kept).unwrap();
    let node = solid.attach(&mut machine);

    let identity = machine.tell(&format!("hdparm -I {node}"));
    says(
        &identity,
        &[&solid.serial, "CRYPTO_SCRAMBLE_EXT command", "BLOCK_ERASE_EXT command", "Checksum: correct"],
    );
    says(&identity, &["supported: enhanced erase", "not\tlocked", "not\tfrozen", "Solid State Device"]);
    says(&machine.tell("expunge list --json"), &[&format!("\"{}\"", solid.serial), "\"flash\""]);

    for option in ["block-erase", "crypto-scramble"] {
        fill(&mut machine, &node);
        machine.tell(&format!("hdparm --yes-i-know-what-i-am-doing --sanitize-{option} {node}"));
        let status = format!("hdparm --sanitize-status {node}");
        says(&machine.tell(&status), &["SD2 Sanitize operation In Process"]);
        machine.until(&format!("{status} | grep -q 'SD0 Sanitize Idle'"));
        says(&machine.tell(&status), &["Last Sanitize Operation Completed Without Error"]);
        assert!(!is_filled(&mut machine, &node), "{option}");
        solid.expect_no_residue(option);
    }
    fill(&mut machine, &node);
    machine.tell(&format!("hdparm --user-master u --security-set-pass p {node}"));
    says(&machine.tell(&format!("hdparm -I {node}")), &["Security level high"]);
    machine.tell(&format!("hdparm --user-master u --security-erase-enhanced p {node}"));
    assert!(!is_filled(&mut machine, &node), "enhanced security erase");
    assert_eq!(solid.works(), [Work::BlockErase, Work::CryptoErase, Work::SecurityErase]);

    // A host protected area: hdparm and the kernel's capacity agree with the model.
    let node = magnetic.attach(&mut machine);
    let (presented, native) = (BLOCKS * 3 / 4, BLOCKS);
    says(&machine.tell(&format!("hdparm -N {node}")), &[&format!("{presented}/{native}"), "HPA is enabled"]);
    assert_eq!(machine.tell(&format!("blockdev --getsz {node}")).trim(), presented.to_string());
    says(&machine.tell(&format!("hdparm --dco-identify {node}")), &[&format!("Real max sectors: {native}")]);
    machine.tell(&format!("hdparm --yes-i-know-what-i-am-doing --sanitize-overwrite hex:deadbeef {node}"));
    machine.until(&format!("hdparm --sanitize-status {node} | grep -q 'SD0 Sanitize Idle'"));
    magnetic.expect_no_residue("overwrite");
}

#[test]
fn a_locked_drive_stays_locked_over_a_power_cut() {
    let drive = serve("ssd", 41, ScsiSpec::ata(shape(41), AtaTraits::solid()));
    let mut machine = Machine::boot(image(), &[], Console::Kept).unwrap();
    let node = drive.attach(&mut machine);
    fill(&mut machine, &node);
    machine.tell(&format!("hdparm --user-master u --security-set-pass p {node}"));
    machine.power_cut().unwrap();
    drive.sim.power_cut();
    drive.sim.power_on();

    let mut machine = Machine::boot(image(), &[], Console::Kept).unwrap();
    let node = drive.attach(&mut machine);
    says(&machine.tell(&format!("hdparm -I {node}")), &["\tenabled\n", "\tlocked\n"]);
    assert_ne!(machine.ask(&format!("dd if={node} of=/dev/null bs=4k count=1 iflag=direct")).code, 0);
    machine.tell(&format!("hdparm --user-master u --security-unlock p {node}"));
    machine.tell(&format!("hdparm --user-master u --security-disable p {node}"));
    assert!(is_filled(&mut machine, &node), "what it held is there again");
}
