//! What the tests in the lab share.
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::host::machine::{Image, Machine, Ran};

/// What a machine of a test boots from, made once.
///
/// # Panics
/// When it cannot be made: packages, the network or root are missing.
#[track_caller]
pub(crate) fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let expunge = Path::new(env!("CARGO_BIN_EXE_expunge"));
        let image = Image::make(&[expunge, &guest_program()]);
        image.unwrap_or_else(|error| panic!("the lab's machine cannot be made: {error}"))
    })
}

/// cargo builds examples before it runs all tests, but not for `--test vm`.
#[track_caller]
fn guest_program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_expunge")).with_file_name("examples").join("vm-guest");
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let sources = ["tests/vm/guest", "tests/vm"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
    let guest = sources[0].read_dir().expect("the sources of the machine's program");
    let paths = guest.map(|entry| entry.expect("an entry of a directory").path());
    let newest = paths.filter(|path| path.extension().is_some()).chain([sources[1].join("wire.rs")]);
    let newest = newest.filter_map(|path| changed(&path)).max();
    assert!(
        changed(&program) >= newest && newest.is_some(),
        "this test needs {}, built from today's source: cargo build --example vm-guest",
        program.display()
    );
    program
}

/// What the tests ask of a machine.
pub(crate) trait Ask {
    /// Runs a line of shell, however it ends.
    fn ask(&mut self, line: &str) -> Ran;

    /// Runs a line of shell that must succeed; what it printed.
    fn tell(&mut self, line: &str) -> String;

    /// Runs a line of shell again and again until it succeeds.
    fn until(&mut self, line: &str) -> String;
}

/// Something in the machine comes about in seconds, or not at all.
const PATIENCE: Duration = Duration::from_secs(90);

impl Ask for Machine {
    #[track_caller]
    fn ask(&mut self, line: &str) -> Ran {
        self.run(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[track_caller]
    fn tell(&mut self, line: &str) -> String {
        let ran = self.ask(line);
        assert_eq!(ran.code, 0, "{line}\nstdout:\n{}\nstderr:\n{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    #[track_caller]
    fn until(&mut self, line: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let ran = self.ask(line);
            if ran.code == 0 {
                return ran.stdout;
            }
            assert!(Instant::now() < end, "never: {line}\nstdout:\n{}\nstderr:\n{}", ran.stdout, ran.stderr);
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The node of a SCSI disk by a part of its `sg_inq`-style name in sysfs (`model`).
#[track_caller]
pub(crate) fn scsi_node(machine: &mut Machine, model: &str) -> String {
    let found = machine.until(&format!(
        "for disk in /sys/block/sd*; do grep -q '{model}' $disk/device/model && basename $disk && exit 0; done; exit 1"
    ));
    format!("/dev/{}", found.trim())
}
