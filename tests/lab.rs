//! `expunge lab up` and `lab down` on loop devices: what they make, and that nothing else is taken away.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use common::process::tool;
use common::{LoopDevice, require};
use expunge::cli::lab::{DownArgs, LabCommand, Size, UpArgs, run};
use expunge::unit::term::Exit;
use serde_json::{Value, json};
use tempfile::TempDir;

struct Lab {
    parent: TempDir,
}

impl Lab {
    fn new() -> Self {
        require::loop_devices();
        Self { parent: tempfile::tempdir().unwrap() }
    }

    fn dir(&self) -> PathBuf {
        self.parent.path().join("lab")
    }

    fn run(&self, command: &LabCommand) -> (Exit, String) {
        let mut out = Vec::new();
        let exit = run(command, &mut out);
        (exit, String::from_utf8(out).unwrap())
    }

    fn up(&self, drives: u32, size: u64, block_size: u32) -> (Exit, String) {
        let dir = Some(self.dir());
        self.run(&LabCommand::Up(UpArgs { drives, size: Size(size), block_size, dir }))
    }

    fn down(&self) -> (Exit, String) {
        self.run(&LabCommand::Down(DownArgs { dir: Some(self.dir()) }))
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.dir().join("lab.json")).unwrap()).unwrap()
    }

    fn set_manifest(&self, manifest: &Value) {
        fs::write(self.dir().join("lab.json"), manifest.to_string()).unwrap();
    }

    fn node(&self, drive: usize) -> PathBuf {
        PathBuf::from(format!("/dev/loop{}", self.manifest()["drives"][drive]["device"]["number"]))
    }

    fn file(&self, drive: usize) -> PathBuf {
        self.dir().join(self.manifest()["drives"][drive]["file"].as_str().unwrap())
    }
}

impl Drop for Lab {
    /// A test that fails half way leaves its devices; their files are ours, so they are found by them.
    fn drop(&mut self) {
        let parent = self.parent.path().to_str().unwrap().to_owned();
        let list = tool("losetup", &["--list", "--noheadings", "--output", "NAME,BACK-FILE"]);
        for line in list.lines().filter(|line| line.contains(&parent)) {
            tool("losetup", &["--detach", line.split_whitespace().next().unwrap()]);
        }
    }
}

/// The backing file that the kernel names for a node.
fn behind(node: &Path) -> Option<String> {
    let name = node.file_name().unwrap().to_str().unwrap();
    fs::read_to_string(format!("/sys/block/{name}/loop/backing_file")).ok().map(|text| text.trim().to_owned())
}

#[test]
fn up_makes_what_other_programs_see_and_down_takes_it_away() {
    let lab = Lab::new();
    let size = (3 << 20) + 12_288;
    let (exit, said) = lab.up(2, size, 4096);
    assert_eq!(exit, Exit::Success, "{said}");
    let nodes = [lab.node(0), lab.node(1)];
    for (drive, node) in nodes.iter().enumerate() {
        let node = node.to_str().unwrap();
        assert!(said.contains(node), "{said}");
        assert_eq!(tool("blockdev", &["--getss", node]).trim(), "4096");
        assert_eq!(tool("blockdev", &["--getsize64", node]).trim(), size.to_string());
        assert_eq!(behind(Path::new(node)).unwrap(), lab.file(drive).to_str().unwrap());
        let lines = tool("grep", &["-c", "-a", "-F", "EXPUNGE-LAB-PATIENT-RECORD", node]);
        assert_eq!(lines.trim(), "50", "49 stretches of 64 KiB, and the last block");
    }
    let (exit, said) = lab.up(1, 4096, 512);
    assert_eq!(exit, Exit::Usage, "a second lab in the same place: {said}");
    let (exit, said) = lab.down();
    assert_eq!(exit, Exit::Success, "{said}");
    assert!(!lab.dir().exists());
    assert!(said.contains(nodes[0].to_str().unwrap()), "{said}");
    let (exit, said) = lab.down();
    assert_eq!((exit, said.contains("No lab is up")), (Exit::Success, true));
}

#[test]
fn an_impossible_request_makes_nothing() {
    let lab = Lab::new();
    for (size, block_size) in [(0, 512), (1000, 512), (4096 + 512, 4096), (4096, 100), (1 << 20, 8192)] {
        let (exit, said) = lab.up(1, size, block_size);
        assert_eq!(exit, Exit::Usage, "{said}");
        assert!(!lab.dir().exists(), "{said}");
    }
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    let lab = Lab::new();
    fs::create_dir(lab.dir()).unwrap();
    fs::set_permissions(lab.dir(), fs::Permissions::from_mode(0o777)).unwrap();
    let (exit, said) = lab.up(1, 4096, 512);
    assert_eq!(exit, Exit::Usage, "{said}");
    assert_eq!(fs::read_dir(lab.dir()).unwrap().count(), 0);
}

#[test]
fn a_device_in_use_stays_and_goes_when_it_is_released() {
    let lab = Lab::new();
    assert_eq!(lab.up(1, 1 << 20, 512).0, Exit::Success);
    let node = lab.node(0);
    let claim = OpenOptions::new().read(true).custom_flags(libc::O_EXCL).open(&node).unwrap();
    let (exit, said) = lab.down();
    assert_eq!(exit, Exit::Refused, "{said}");
    assert!(said.contains("stays: it is mounted or claimed"), "{said}");
    assert!(behind(&node).is_some() && lab.file(0).exists());
    drop(claim);
    assert_eq!(lab.down().0, Exit::Success);
}

#[test]
fn a_file_that_was_put_in_place_of_ours_stays() {
    let lab = Lab::new();
    assert_eq!(lab.up(1, 1 << 20, 512).0, Exit::Success);
    let (node, file) = (lab.node(0), lab.file(0));
    fs::rename(&file, lab.parent.path().join("moved")).unwrap();
    fs::write(&file, "somebody's letter").unwrap();
    let (exit, said) = lab.down();
    assert_eq!(exit, Exit::Refused, "{said}");
    assert!(said.contains("it is not the file that this lab made"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's letter");
    assert_eq!(behind(&node).filter(|path| path.contains("moved")), None, "our device is gone");
}

#[test]
fn a_device_that_belongs_to_somebody_else_stays() {
    let lab = Lab::new();
    assert_eq!(lab.up(1, 1 << 20, 512).0, Exit::Success);
    let (ours, file) = (lab.node(0), lab.file(0));
    let foreign = lab.parent.path().join("foreign");
    File::create(&foreign).unwrap().set_len(1 << 20).unwrap();
    let device = LoopDevice::attach(&foreign, 512);
    let number: u32 = device.name().trim_start_matches("loop").parse().unwrap();
    let mut manifest = lab.manifest();
    manifest["drives"][0]["device"]["number"] = json!(number);
    lab.set_manifest(&manifest);
    let (exit, said) = lab.down();
    assert_eq!(exit, Exit::Success, "{said}");
    assert_eq!(device.attached().as_deref(), Some(foreign.as_path()), "the foreign device stays");
    assert!(behind(&ours).is_some() && !file.exists(), "only what the manifest names is looked at");
}

#[test]
fn our_file_attached_anew_by_somebody_stays() {
    let lab = Lab::new();
    assert_eq!(lab.up(1, 1 << 20, 512).0, Exit::Success);
    let manifest = lab.manifest();
    let mut changed = manifest.clone();
    changed["drives"][0]["device"]["diskseq"] = json!(1);
    lab.set_manifest(&changed);
    let (exit, said) = lab.down();
    assert_eq!(exit, Exit::Refused, "{said}");
    assert!(said.contains("attached anew"), "{said}");
    assert!(behind(&lab.node(0)).is_some() && lab.file(0).exists());
    lab.set_manifest(&manifest);
    assert_eq!(lab.down().0, Exit::Success);
}
