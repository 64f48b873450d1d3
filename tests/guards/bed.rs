//! Loop devices, mounts and processes that a test makes and takes away again, whatever happens to it.
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Runs a program and gives its output; a failure of the bed fails the test.
pub(crate) fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> String {
    let out = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("the test bed needs {program}: {error}"));
    let shown: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{program} {shown:?} failed: {errors}");
    String::from_utf8(out.stdout).expect("programs of the bed print text").trim().to_owned()
}

/// A loop device over a file of its own.
pub(crate) struct Loop {
    pub(crate) node: PathBuf,
    pub(crate) backing: PathBuf,
    /// Bytes that the kernel writes by itself while the drive is in use: the pages of a swap area.
    pub(crate) kernel_writes: std::ops::Range<usize>,
    _folder: TempDir,
}

impl Loop {
    pub(crate) fn new(mebibytes: u64) -> Self {
        assert!(nix_is_root(), "these tests need root and loop devices; they do not pass without");
        let folder = tempfile::tempdir().expect("a folder");
        let backing = folder.path().join("disk.img");
        let file = std::fs::File::create(&backing).expect("a backing file");
        file.set_len(mebibytes << 20).expect("room");
        let shown = run("losetup", &["-f", "--show", backing.to_str().expect("text")]);
        Self { node: PathBuf::from(shown), backing, kernel_writes: 0..0, _folder: folder }
    }

    pub(crate) fn name(&self) -> String {
        self.node.file_name().and_then(OsStr::to_str).expect("a name").to_owned()
    }

    /// Everything that is on the medium now, after what is on its way has arrived.
    pub(crate) fn medium(&self) -> Vec<u8> {
        run("blockdev", &["--flushbufs", self.text()]);
        let mut medium = std::fs::read(&self.backing).expect("the backing file is readable");
        medium[self.kernel_writes.clone()].fill(0);
        medium
    }

    pub(crate) fn text(&self) -> &str {
        self.node.to_str().expect("text")
    }

    pub(crate) fn ext4(self) -> Self {
        run(
            "mkfs.ext4",
            &["-q", "-L", "guarded", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.text()],
        );
        self
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // Best effort: another guard value may still have to let go, then the kernel detaches at last close.
        let _detached = Command::new("losetup").arg("-d").arg(&self.node).stderr(Stdio::null()).status();
    }
}

pub(crate) fn nix_is_root() -> bool {
    expunge::sys::stat::is_root()
}

/// A mount in this namespace.
pub(crate) struct Mount {
    pub(crate) point: TempDir,
}

impl Mount {
    pub(crate) fn new(node: &Path) -> Self {
        let point = tempfile::tempdir().expect("a mount point");
        run("mount", &[node, point.path()]);
        run("sync", &["-f", point.path().to_str().expect("text")]);
        Self { point }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg(self.point.path()).stderr(Stdio::null()).status();
    }
}

/// A process that holds something until it is dropped.
pub(crate) struct Holder {
    pub(crate) child: Child,
}

impl Holder {
    /// Runs a shell script that prints `ready` when it holds what it should, and then waits for us.
    pub(crate) fn new(program: &str, arguments: &[&str]) -> Self {
        use std::io::{BufRead, BufReader};
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("the test bed needs {program}: {error}"));
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("the holder speaks");
        assert_eq!(line.trim(), "ready", "the holder could not take hold");
        Self { child }
    }

    pub(crate) fn shell(script: &str) -> Self {
        Self::new("sh", &["-c", &format!("{script} && echo ready && read line")])
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Its standard input closes, so that `read` ends; killing is for a holder that does not listen.
        drop(self.child.stdin.take());
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Runs a command when dropped.
pub(crate) struct Undo(pub(crate) Vec<String>);

impl Drop for Undo {
    fn drop(&mut self) {
        let _undone = Command::new(&self.0[0]).args(&self.0[1..]).stderr(Stdio::null()).status();
    }
}
