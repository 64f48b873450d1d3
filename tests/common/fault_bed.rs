//! A loop device over a FUSE file with faults by rule (see `tests/bed/rules.rs` for the rules).
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::mount::{MntFlags, umount2};
use tempfile::TempDir;

use super::process::wait_within;
use super::{LoopDevice, require};

const START_LIMIT: Duration = Duration::from_secs(10);
const END_LIMIT: Duration = Duration::from_secs(10);

/// A running server, its mount, and the loop device over its file; all gone when dropped.
#[derive(Debug)]
pub struct FaultBed {
    // Dropped in this order: what stands on something goes before it.
    device: LoopDevice,
    server: Server,
    backing: PathBuf,
}

/// The server and its mount.
#[derive(Debug)]
struct Server {
    process: Child,
    /// The server ends when this closes, so it does not outlive a test that was killed.
    _stdin: Option<ChildStdin>,
    mount: TempDir,
}

impl FaultBed {
    /// A bed over an existing file of whole blocks.
    ///
    /// # Panics
    /// When root, loop devices, FUSE or the server program are missing, or the bed does not start.
    #[track_caller]
    pub fn over(backing: &Path, block_size: u32) -> Self {
        require::loop_devices_and_fuse();
        let server = Server::start(backing);
        let device = LoopDevice::attach(&server.disk(), block_size);
        Self { device, server, backing: backing.to_owned() }
    }

    pub const fn device(&self) -> &LoopDevice {
        &self.device
    }

    pub fn node(&self) -> &Path {
        self.device.node()
    }

    /// The file with faults itself, for what needs no block device.
    pub fn file(&self) -> PathBuf {
        self.server.disk()
    }

    /// The file that holds what the "drive" really stores.
    pub fn backing(&self) -> &Path {
        &self.backing
    }

    /// Adds rules, one a line.
    ///
    /// # Errors
    /// What the control file answered: `EINVAL` for a line that is no rule.
    pub fn try_rule(&self, text: &str) -> io::Result<()> {
        fs::write(self.server.ctl(), text)
    }

    /// Adds rules, one a line.
    ///
    /// # Panics
    /// When a line is no rule.
    #[track_caller]
    pub fn rule(&self, text: &str) {
        self.try_rule(text).unwrap_or_else(|error| panic!("rule {text:?}: {error}"));
    }

    /// Ends all rules. Requests that they made late stay late.
    #[track_caller]
    pub fn clear(&self) {
        self.rule("clear");
    }

    /// Answers the requests that hang now. Those that come later hang again, as long as there is a rule.
    #[track_caller]
    pub fn release(&self) {
        self.rule("release");
    }

    /// Waits until so many requests are late or hang.
    ///
    /// # Panics
    /// When they are not after some seconds.
    #[track_caller]
    pub fn until_waiting(&self, count: u64) {
        let end = Instant::now() + START_LIMIT;
        while self.seen("waiting") < count {
            assert!(Instant::now() < end, "{count} requests should wait:\n{}", self.status());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The control file's text: requests seen, and the rules in force.
    #[track_caller]
    pub fn status(&self) -> String {
        // In one piece: it is made anew for each request, and two halves of two texts are nonsense.
        let mut text = vec![0; 64 << 10];
        let length = fs::File::open(self.server.ctl()).and_then(|mut file| file.read(&mut text));
        text.truncate(length.expect("the control file can be read"));
        String::from_utf8(text).expect("the control file is text")
    }

    /// One number of the status: `reads`, `writes`, `fsyncs` or `discards` that came, the `read-bytes` and
    /// `write-bytes` that were asked for, `hits` of rules, rules that are `delaying`, and requests `waiting` for their
    /// answer.
    #[track_caller]
    pub fn seen(&self, name: &str) -> u64 {
        let status = self.status();
        number(&status, name).unwrap_or_else(|| panic!("no {name} in {status}"))
    }

    /// The drive disappears: `kill -9`. Everything in flight and everything later fails with EIO.
    #[track_caller]
    pub fn kill_server(&mut self) {
        self.server.process.kill().expect("the server can be killed");
        self.server.process.wait().expect("the server can be waited for");
    }

    /// Process id of the server, to kill it from another thread or process.
    pub fn server_pid(&self) -> u32 {
        self.server.process.id()
    }
}

impl Drop for FaultBed {
    /// A request that never ends would hold up the detaching of the loop device, so the server ends first when
    /// a request waits for its answer, or any rule would make one wait; otherwise the device goes first and nothing is lost.
    fn drop(&mut self) {
        let some = |status: &str, name| number(status, name).is_some_and(|count| count > 0);
        let late = fs::read_to_string(self.server.ctl())
            .is_ok_and(|status| some(&status, "delaying") || some(&status, "waiting"));
        if late && self.server.process.kill().is_ok() {
            let _ended = wait_within(&mut self.server.process, END_LIMIT);
        }
    }
}

/// One number of the control file's text.
fn number(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.parse().ok()
}

impl Server {
    #[track_caller]
    fn start(backing: &Path) -> Self {
        let mount = tempfile::tempdir().expect("a directory to mount on");
        let mut process = Command::new(program())
            .arg(mount.path())
            .arg(backing)
            .arg("--until-stdin-closes")
            .stdin(Stdio::piped())
            .spawn()
            .expect("the fault server starts");
        let stdin = process.stdin.take();
        let mut server = Self { process, _stdin: stdin, mount };
        let end = Instant::now() + START_LIMIT;
        while !server.disk().exists() {
            let ended = server.process.try_wait().expect("the server can be waited for");
            assert!(ended.is_none(), "the fault server ended: {ended:?}");
            assert!(Instant::now() < end, "the fault server does not mount within {START_LIMIT:?}");
            thread::sleep(Duration::from_millis(10));
        }
        server
    }

    fn disk(&self) -> PathBuf {
        self.mount.path().join("disk")
    }

    fn ctl(&self) -> PathBuf {
        self.mount.path().join("ctl")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let unmounted = umount2(self.mount.path(), MntFlags::MNT_DETACH);
        let ended = wait_within(&mut self.process, END_LIMIT);
        if ended.is_none() {
            let _killed = self.process.kill();
            let _status = self.process.wait();
        }
        if !thread::panicking() {
            unmounted.expect("the fault file system is unmounted");
            assert!(ended.is_some(), "the fault server did not end after its file system was unmounted");
        }
    }
}

/// The server program. Cargo builds examples for `cargo test`, but not for `cargo test --test NAME`, so it may
/// be missing or older than its source; using another than the one that stands in the source proves nothing.
#[track_caller]
fn program() -> PathBuf {
    let expunge = Path::new(env!("CARGO_BIN_EXE_expunge"));
    let program = expunge.with_file_name("examples").join("faultfs");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bed");
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let newest: Option<SystemTime> = fs::read_dir(sources)
        .expect("the sources of the fault server")
        .filter_map(|entry| changed(&entry.expect("an entry of a directory").path()))
        .max();
    assert!(
        changed(&program) >= newest && newest.is_some(),
        "this test needs {}, built from today's source: cargo build --example faultfs",
        program.display()
    );
    program
}
