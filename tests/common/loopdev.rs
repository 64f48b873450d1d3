//! Loop devices of a test, attached and detached by the system's losetup, always by name.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::process::{run_within, tool};
use super::require;

/// How long a detached device may take until it is gone: an open elsewhere (udev, blkid) delays it.
const DETACH_LIMIT: Duration = Duration::from_secs(10);

/// Attempts to attach: another test may take the free number that losetup has found.
const ATTEMPTS: u32 = 20;

/// A loop device over a file, detached when dropped.
#[derive(Debug)]
pub struct LoopDevice {
    node: PathBuf,
    backing: PathBuf,
}

impl LoopDevice {
    /// Attaches a file, with direct I/O to it.
    ///
    /// # Panics
    /// When there is no root, no loop driver, or the file cannot be attached.
    #[track_caller]
    pub fn attach(backing: &Path, block_size: u32) -> Self {
        require::loop_devices();
        let backing = backing.canonicalize().expect("the backing file exists");
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            let output = run_within(
                Command::new("losetup")
                    .args(["--find", "--show", "--direct-io=on", "--sector-size", &block_size.to_string()])
                    .arg(&backing),
                Duration::from_secs(20),
            );
            if output.status.success() {
                return Self { node: PathBuf::from(output.stdout.trim()), backing };
            }
            said = output.stderr;
            thread::sleep(Duration::from_millis(50));
        }
        panic!("losetup does not attach {}: {said}", backing.display());
    }

    /// Attaches a file at this node. Take a number that `losetup --find` does not come to, or another test takes it.
    ///
    /// # Panics
    /// When it is not free.
    #[track_caller]
    pub fn attach_at(node: &Path, backing: &Path, block_size: u32) -> Self {
        require::loop_devices();
        let backing = backing.canonicalize().expect("the backing file exists");
        let [node_text, path] = [node, &backing].map(|path| path.to_str().expect("paths of tests are plain"));
        tool("losetup", &["--direct-io=on", "--sector-size", &block_size.to_string(), node_text, path]);
        Self { node: node.to_owned(), backing }
    }

    pub fn node(&self) -> &Path {
        &self.node
    }

    pub fn backing(&self) -> &Path {
        &self.backing
    }

    /// Name in sysfs, such as `loop3`.
    pub fn name(&self) -> String {
        self.node.file_name().expect("a node has a name").to_string_lossy().into_owned()
    }

    /// The node as text, for command lines.
    pub fn arg(&self) -> &str {
        self.node.to_str().expect("loop nodes have plain names")
    }

    /// The path that the kernel gives as this node's backing file; `None` when nothing is attached.
    pub fn attached(&self) -> Option<PathBuf> {
        let attribute = format!("/sys/block/{}/loop/backing_file", self.name());
        fs::read_to_string(attribute).ok().map(|text| PathBuf::from(text.trim_end()))
    }

    /// Makes the device take over a changed length of its file (`losetup -c`).
    pub fn refresh_size(&self) {
        tool("losetup", &["--set-capacity", self.arg()]);
    }

    /// Whether our file is still behind the node; it may have been detached, and the number given to another.
    fn is_ours(&self) -> bool {
        let ours = self.backing.as_os_str().to_string_lossy();
        self.attached().is_some_and(|path| path.to_string_lossy().starts_with(&*ours))
    }

    /// Detaches and waits until it is gone.
    ///
    /// # Errors
    /// When it is still there after the time limit.
    pub fn detach(&self) -> Result<(), String> {
        let end = Instant::now() + DETACH_LIMIT;
        let mut said = String::from("it is held open");
        while self.is_ours() {
            let output =
                run_within(Command::new("losetup").arg("--detach").arg(&self.node), Duration::from_secs(20));
            if !output.status.success() {
                said = output.stderr;
            }
            if Instant::now() >= end {
                return Err(format!("{} is not detached: {said}", self.node.display()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let result = self.detach();
        // A panic on top of a panic would end the process before the other beds are taken down.
        if !thread::panicking() {
            result.expect("a loop device of a test is detached");
        }
    }
}
