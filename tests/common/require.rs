//! What a test needs, said loudly when it is not there: a test that is passed over would look like a success.
use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Stdio};

/// Root and the loop driver.
///
/// # Panics
/// When either is missing.
#[track_caller]
pub fn loop_devices() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test needs root, to attach loop devices: run scripts/test as root"
    );
    openable("/dev/loop-control", "the loop driver (CONFIG_BLK_DEV_LOOP, modprobe loop)");
    tool("losetup", "util-linux");
}

/// Root, the loop driver and FUSE.
///
/// # Panics
/// When any of them is missing.
#[track_caller]
pub fn loop_devices_and_fuse() {
    loop_devices();
    openable("/dev/fuse", "FUSE (CONFIG_FUSE_FS, modprobe fuse)");
}

/// A program of the system.
///
/// # Panics
/// When it cannot be started.
#[track_caller]
pub fn tool(name: &str, package: &str) {
    let mut command = Command::new(name);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let result = command.status();
    assert!(result.is_ok(), "this test needs the program {name}: apt-get install {package} ({result:?})");
}

#[track_caller]
fn openable(node: &str, what: &str) {
    if let Err(error) = OpenOptions::new().read(true).write(true).open(Path::new(node)) {
        panic!("this test needs {what}: {node}: {error}");
    }
}
