//! Boots the lab's machine by hand, with simulated drives: `vm-lab shell` or `vm-lab run COMMAND` (see `scripts/vm`).
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program of the tests speaks to the person who runs it"
)]

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "host/mod.rs"]
mod host;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use expunge::sim::controller::{AtaTraits, NvmeSim, NvmeSpec, ScsiSim, ScsiSpec, Shape};
use host::machine::{Console, Disk, Emulated, Image, Machine};
use host::nvme_tcp::NvmeServer;
use host::scsi::ScsiServer;

const USAGE: &str = "usage: vm-lab shell | vm-lab run COMMAND";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["shell"] => lab(None),
        ["run", line] => lab(Some(line)),
        _ => Err(io::Error::other(USAGE)),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("vm-lab: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One disk of each kind that qemu emulates, and one simulated drive of each kind.
fn lab(line: Option<&str>) -> io::Result<u8> {
    let image = Image::make(&[&beside("vm-guest")?, &beside("../expunge")?])?;
    let directory = tempfile::tempdir()?;
    let kinds = [
        (Emulated::Nvme, "EMULATED-NVME"),
        (Emulated::Ata, "EMULATED-ATA"),
        (Emulated::Scsi, "EMULATED-SCSI"),
    ];
    let mut disks = Vec::new();
    for (kind, serial) in kinds {
        let file = directory.path().join(serial);
        std::fs::File::create(&file)?.set_len(32 << 20)?;
        disks.push(Disk::new(kind, &file, serial));
    }
    let [nvme, scsi, solid, magnetic] = [1, 2, 3, 4].map(shape);
    let nvme = NvmeServer::start("nvme", NvmeSim::new(NvmeSpec::new(nvme)))?;
    let served = |name: &str, spec| ScsiServer::start(name, BLOCKS * 512, 512, ScsiSim::new(spec));
    let scsi = served("scsi", ScsiSpec::scsi(scsi))?;
    let solid = served("ata-ssd", ScsiSpec::ata(solid, AtaTraits::solid()))?;
    let magnetic = served("ata-hdd", ScsiSpec::ata(magnetic, AtaTraits::magnetic()))?;
    let console = if line.is_some() { Console::Kept } else { Console::Terminal };
    let mut machine = Machine::boot(&image, &disks, console)?;
    let drives = [&scsi, &solid, &magnetic].map(ScsiServer::attach_command);
    for command in [nvme.attach_command()].into_iter().chain(drives) {
        let ran = machine.run(&command)?;
        if ran.code != 0 {
            return Err(io::Error::other(format!("{command}: {}", ran.stderr)));
        }
    }
    // The kernel looks at new disks in its own time.
    machine.run(
        "for wait in $(seq 100); do [ $(ls -d /sys/block/sd* | wc -l) = 5 ] && break; sleep 0.1; done",
    )?;
    let Some(line) = line else {
        machine.leave_to_person()?;
        return Ok(0);
    };
    let ran = machine.run(line)?;
    print!("{}", ran.stdout);
    eprint!("{}", ran.stderr);
    Ok(u8::try_from(ran.code).unwrap_or(1))
}

/// Blocks of a simulated drive: 8 MiB.
const BLOCKS: u64 = 16_384;

/// A used drive of a number, with times that a person waits for.
fn shape(drive: u64) -> Shape {
    Shape { drive, erase_ms: 10_000, crypto_ms: 2_000, pass_ms: 15_000, ..Shape::small(512, BLOCKS).used() }
}

/// A program that cargo built beside this one.
fn beside(name: &str) -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.parent().unwrap_or(Path::new(".")).join(name);
    if path.exists() { Ok(path) } else { Err(io::Error::other(format!("{} is missing", path.display()))) }
}
