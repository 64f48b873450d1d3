//! The lab's machine: qemu with a Debian kernel, and an agent in it that carries out orders. `scripts/vm` makes what it
//! boots from. The machine ends with this value, and killing it is a power cut.
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::wire;

/// Booting takes seconds; on a machine that is busy with builds, many.
const BOOT_LIMIT: Duration = Duration::from_secs(180);

/// No command in the machine may take longer.
const COMMAND_LIMIT: Duration = Duration::from_secs(180);

/// What a machine boots from: kernel, first file system, and our programs packed for it.
#[derive(Debug)]
pub(crate) struct Image {
    kernel: PathBuf,
    archives: PathBuf,
    _directory: TempDir,
}

impl Image {
    /// Makes it by `scripts/vm`, with these programs in it.
    ///
    /// # Errors
    /// What the script said.
    pub(crate) fn make(programs: &[&Path]) -> io::Result<Self> {
        let prepared = PathBuf::from(script(&["prepare".into()])?.trim());
        let directory = tempfile::tempdir()?;
        let packed = directory.path().join("programs.cpio");
        let mut arguments: Vec<OsString> = vec!["pack".into(), packed.clone().into()];
        arguments.extend(programs.iter().map(|program| (*program).into()));
        script(&arguments)?;
        // The kernel unpacks one archive after the other.
        let archives = directory.path().join("all.cpio");
        let mut all = File::create(&archives)?;
        for part in [prepared.join("first.cpio"), packed] {
            io::copy(&mut File::open(part)?, &mut all)?;
        }
        Ok(Self { kernel: prepared.join("vmlinux"), archives, _directory: directory })
    }
}

fn script(arguments: &[OsString]) -> io::Result<String> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/vm");
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(io::Error::other)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("scripts/vm {arguments:?}: {}: {said}", output.status)))
    }
}

/// A disk that qemu emulates, over a file on the host.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    kind: Emulated,
    file: PathBuf,
    serial: String,
}

/// What qemu makes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emulated {
    /// An NVMe drive in a slot.
    Nvme,
    /// An NVMe drive with one namespace of zones: of 4 MiB, 3 MiB of them with cells, two of them open at a time.
    Zoned,
    /// A SATA drive behind AHCI.
    Ata,
    /// A SCSI drive behind virtio-scsi.
    Scsi,
}

impl Disk {
    /// A disk over an existing file. It says this serial number of itself.
    pub(crate) fn new(kind: Emulated, file: &Path, serial: &str) -> Self {
        Self { kind, file: file.to_owned(), serial: serial.to_owned() }
    }

    fn arguments(&self, number: usize) -> Vec<OsString> {
        let serial = &self.serial;
        let devices = match self.kind {
            Emulated::Nvme => vec![format!("nvme,drive=d{number},serial={serial}")],
            Emulated::Zoned => vec![
                format!("nvme,id=c{number},serial={serial}"),
                format!(
                    "nvme-ns,bus=c{number},drive=d{number},logical_block_size=4096,physical_block_size=4096,zoned=on,\
                     zoned.zone_size=4M,zoned.zone_capacity=3M,zoned.max_open=2,zoned.max_active=2"
                ),
            ],
            Emulated::Ata => vec![format!("ide-hd,bus=ide.{number},drive=d{number},serial={serial}")],
            Emulated::Scsi => vec![format!("scsi-hd,bus=scsi.0,drive=d{number},serial={serial}")],
        };
        let mut drive = OsString::from(format!("if=none,format=raw,id=d{number},file="));
        drive.push(&self.file);
        let devices = devices.into_iter().flat_map(|device| ["-device".into(), device.into()]);
        ["-drive".into(), drive].into_iter().chain(devices).collect()
    }
}

/// How the machine's console is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Console {
    /// Kept, to be shown when something goes wrong.
    Kept,
    /// A person's terminal; when the agent is let go there is a shell on it.
    Terminal,
}

/// A machine that runs.
#[derive(Debug)]
pub(crate) struct Machine {
    qemu: Child,
    agent: Option<TcpStream>,
    log: PathBuf,
    _directory: TempDir,
}

/// How a command in the machine ended, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Machine {
    /// Boots and waits for the agent.
    ///
    /// # Errors
    /// When qemu cannot be started or its machine does not come up; with what the console showed.
    pub(crate) fn boot(image: &Image, disks: &[Disk], console: Console) -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let log = directory.path().join("console");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let mut command = Command::new("qemu-system-x86_64");
        // qemu keeps what it translated by virtual address: with programs at other addresses each time, each start of a
        // program is translated anew, and takes five times as long (seen with 7.2).
        // Without `iomem=relaxed` Debian's kernel keeps the registers of a controller from everybody but its driver.
        let mut line = format!(
            "console=ttyS0 iomem=relaxed panic=-1 quiet mitigations=off nokaslr norandmaps tsc=reliable no_timer_check lab.port={}",
            listener.local_addr()?.port()
        );
        match console {
            Console::Kept => {
                command.args(["-serial", "stdio"]).stdin(Stdio::null()).stdout(File::create(&log)?);
                command.stderr(File::create(directory.path().join("qemu"))?);
            }
            Console::Terminal => {
                command.args(["-serial", "mon:stdio"]);
                line.push_str(" lab.shell");
            }
        }
        // Memory in a file would fill a small /dev/shm; -nodefaults leaves nothing that is not named here.
        command
            .args(["-accel", "tcg,thread=multi", "-cpu", "max", "-M", "q35", "-smp", "2", "-m", "1024"])
            .args(["-nodefaults", "-display", "none", "-no-reboot"])
            .args(["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net"])
            .args(["-device", "virtio-scsi-pci,id=scsi"])
            .arg("-kernel")
            .arg(&image.kernel)
            .arg("-initrd")
            .arg(&image.archives)
            .args(["-append", &line]);
        for (number, disk) in disks.iter().enumerate() {
            command.args(disk.arguments(number));
        }
        let qemu = command.spawn()?;
        let mut machine = Self { qemu, agent: None, log, _directory: directory };
        machine.agent = Some(machine.await_agent(&listener)?);
        Ok(machine)
    }

    fn await_agent(&mut self, listener: &TcpListener) -> io::Result<TcpStream> {
        let end = Instant::now() + BOOT_LIMIT;
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(COMMAND_LIMIT))?;
                    return Ok(stream);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if let Some(status) = self.qemu.try_wait()? {
                return Err(self.failure(&format!("qemu ended: {status}")));
            }
            if Instant::now() > end {
                return Err(self.failure("the machine did not come up"));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What went wrong, with what the console and qemu said.
    fn failure(&self, what: &str) -> io::Error {
        let said = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        io::Error::other(format!("{what}\n{}{}", said(&self.log), said(&self.log.with_file_name("qemu"))))
    }

    /// Runs a line of shell in the machine.
    ///
    /// # Errors
    /// When the machine is gone or takes too long; not when the command fails.
    pub(crate) fn run(&mut self, line: &str) -> io::Result<Ran> {
        let (code, out, err) = self.order("run", line, &[])?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Ran { code, stdout: text(out), stderr: text(err) })
    }

    /// Writes a file in the machine.
    ///
    /// # Errors
    /// When that is not possible.
    pub(crate) fn push(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.order("push", path, bytes).map(|_done| ())
    }

    /// Reads a file of the machine.
    ///
    /// # Errors
    /// When that is not possible.
    pub(crate) fn pull(&mut self, path: &str) -> io::Result<Vec<u8>> {
        self.order("pull", path, &[]).map(|(_, bytes, _)| bytes)
    }

    fn order(&mut self, kind: &str, name: &str, bytes: &[u8]) -> io::Result<(i32, Vec<u8>, Vec<u8>)> {
        let agent = self.agent.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let answer = wire::send(agent, &[kind.as_bytes(), name.as_bytes(), bytes])
            .and_then(|()| wire::receive::<4>(agent));
        let [said, code, out, err] = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(self.failure(&format!("{kind} {name}: {error}"))),
        };
        match &said[..] {
            b"done" => {
                let code = code.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
                Ok((i32::from_le_bytes(code), out, err))
            }
            _ => Err(io::Error::other(format!("{kind} {name}: {}", String::from_utf8_lossy(&err)))),
        }
    }

    /// A power cut: nothing in the machine is told.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub(crate) fn power_cut(mut self) -> io::Result<()> {
        self.qemu.kill()?;
        self.qemu.wait().map(|_status| ())
    }

    /// Lets the agent go, and waits until a person has switched the machine off.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub(crate) fn leave_to_person(mut self) -> io::Result<()> {
        self.agent = None;
        self.qemu.wait().map(|_status| ())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.qemu.kill();
        let _ended = self.qemu.wait();
    }
}
