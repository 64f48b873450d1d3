//! Four drives at once, of which one disappears: the others finish, all are recorded, and the gravest exit wins.
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Bed;
use crate::common::expected::differing;
use crate::common::running::{Running, wait_for};
use crate::common::{Expunge, LoopDevice, Media, Ran, Record};

const SIZE: u64 = (8 << 20) + 512;
const BLOCKS: u64 = SIZE / 512;

/// Drives that go on.
struct Good {
    device: LoopDevice,
    media: Media,
}

fn good(directory: &Path) -> Vec<Good> {
    let one = |name: &str| {
        let media = Media::make(directory, name, SIZE, 512);
        Good { device: LoopDevice::attach(media.path(), 512), media }
    };
    ["one", "two", "three"].map(one).into()
}

fn all(expunge: &Expunge, good: &[Good], bad: (&Path, &Path)) -> Command {
    let mut command = expunge.sanitize_command(["--json"]);
    for one in good {
        command.arg(one.device.node()).arg("--confirm").arg(one.media.path());
    }
    command.arg(bad.0).arg("--confirm").arg(bad.1);
    command
}

fn node(node: &Path) -> Value {
    node.to_str().unwrap().into()
}

/// Checks the three that went on, and gives what is said about the fourth and its record.
#[track_caller]
fn three_done(ran: &Ran, expunge: &Expunge, good: &[Good], bad: &Path) -> (Value, Record) {
    let drives = ran.result()["drives"].as_array().unwrap().clone();
    assert_eq!(drives.len(), 4);
    let of = |path: &Path| drives.iter().find(|drive| drive["node"] == node(path)).unwrap().clone();
    let record = |drive: &Value| Record::read(Path::new(drive["record"]["path"].as_str().unwrap()));
    assert_eq!(Record::all_in(&expunge.out()).len(), 4, "all are recorded");
    for one in good {
        let drive = of(one.device.node());
        assert_eq!((&drive["outcome"], &drive["exit_status"]), (&"done".into(), &0.into()), "{drive}");
        let record = record(&drive);
        record.expect_certificate();
        assert_eq!((one.media.leftovers().markers, one.media.leftovers().blocks), (0, 0));
        assert_eq!(differing(one.device.node(), SIZE, record.last_pattern(), 512), []);
        expunge.check(&record.path).expect_code(0);
    }
    let fourth = of(bad);
    let record = record(&fourth);
    assert_eq!(ran.result()["exit_status"], fourth["exit_status"], "the gravest exit wins");
    expunge.check(&record.path).expect_code(4);
    (fourth, record)
}

/// When a drive vanishes. The middle of the drive answers late then, so that the end comes there.
#[derive(Clone, Copy)]
enum During {
    Writing,
    Reading,
}

impl During {
    #[track_caller]
    fn wait(self, expunge: &Expunge, bed: &Bed) {
        let says = |words: &str| {
            wait_for(words, || journal_of(expunge, bed.bed.node()).is_some_and(|text| text.contains(words)));
        };
        says("\"entry\":\"armed\"");
        match self {
            Self::Writing => {}
            Self::Reading => {
                // Only now: before, content was looked for.
                bed.rule("read", BLOCKS / 2, 2048, "lat:20000");
                says("\"entry\":\"verifying\"");
            }
        }
    }

    const fn write_latency(self) -> &'static str {
        match self {
            Self::Writing => "lat:20000",
            Self::Reading => "lat:1000",
        }
    }
}

/// The journal of the drive with this node.
fn journal_of(expunge: &Expunge, node: &Path) -> Option<String> {
    let entries = std::fs::read_dir(expunge.state().join("jobs")).ok()?;
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let texts = paths.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    let named = format!("\"node\":\"{}\"", node.display());
    texts.into_iter().find(|text| text.contains(&named))
}

#[test]
fn a_drive_whose_server_is_killed_fails_alone() {
    for during in [During::Writing, During::Reading] {
        let directory = tempfile::tempdir().unwrap();
        let good = good(&directory.path().canonicalize().unwrap());
        let mut bed = Bed::new(SIZE, 512);
        bed.rule("write", BLOCKS / 2, 2048, during.write_latency());
        let expunge = Expunge::new();
        let running = Running::start(&mut all(&expunge, &good, (bed.bed.node(), bed.confirm())));
        during.wait(&expunge, &bed);
        bed.bed.kill_server();
        // A dead path answers as a bad block does. That nothing is answered any more, not even what worked before,
        // is what the job ends with, and not with a list of bad blocks.
        let ran = running.finish().expect_code(4);
        let (drive, record) = three_done(&ran, &expunge, &good, bed.bed.node());
        assert_eq!(drive["outcome"], "failed", "{drive}");
        record.expect_other("failed", "Record of failed sanitization: NOT sanitized", "NOT-SANITIZED");
        assert_eq!(record.codes("/reasons")[0], "not-answering");
        let text = "given up: nothing but failures, and nothing that worked before can be done again";
        assert_eq!(drive["reason"]["text"], text);
        match during {
            During::Writing => assert!(record.at("/verification").is_null()),
            During::Reading => assert_eq!(record.ranges("/exceptions/notWritten"), []),
        }
    }
}

/// The drive is there, and its capacity is not, or not all of it.
#[test]
fn a_drive_that_shrinks_fails_alone() {
    for left in [0, 4096] {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().canonicalize().unwrap();
        let good = good(&directory);
        let media = Media::make(&directory, "fourth", 512 << 20, 512);
        let device = LoopDevice::attach(media.path(), 512);
        let expunge = Expunge::new();
        let running = Running::start(&mut all(&expunge, &good, (device.node(), media.path())));
        wait_for("the drive is written", || {
            journal_of(&expunge, device.node()).is_some_and(|text| text.contains("\"entry\":\"armed\""))
        });
        OpenOptions::new().write(true).open(media.path()).unwrap().set_len(left).unwrap();
        device.refresh_size();
        let ran = running.finish();
        let (drive, record) = three_done(&ran, &expunge, &good, device.node());
        assert_eq!((ran.code, &drive["outcome"]), (Some(4), &"failed".into()), "{left}: {drive}");
        record.expect_other("failed", "Record of failed sanitization: NOT sanitized", "NOT-SANITIZED");
        assert_eq!(record.codes("/reasons"), ["drive-gone"]);
        assert!(record.at("/drive/identityAfter").is_null());
    }
}

/// A drive that answers nothing for twelve seconds: the others have their certificates while it is still silent,
/// its silence is told, and when it answers after all its own job is as good as theirs.
#[test]
fn p8_a_drive_that_does_not_answer_holds_up_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let good = good(&directory.path().canonicalize().unwrap());
    let bad = Bed::new(SIZE, 512);
    bad.rule("write", 0, 1, "lat:12000 1");
    let expunge = Expunge::new();
    let mut running = Running::start(&mut all(&expunge, &good, (bad.bed.node(), bad.confirm())));
    wait_for("the three have their records", || Record::all_in(&expunge.out()).len() == 3);
    let silent = running.workers(1);
    assert_eq!(silent.len(), 1, "the fourth is still waiting for its drive");
    let ran = running.finish().expect_code(0);
    let drives = ran.result()["drives"].as_array().unwrap().clone();
    assert_eq!(drives.len(), 4);
    assert!(drives.iter().all(|drive| drive["outcome"] == "done"), "{drives:?}");
    let record = Record::all_in(&expunge.out());
    assert_eq!(record.len(), 4);
    record.iter().for_each(Record::expect_certificate);
    let silence: Vec<Value> =
        ran.json_lines().into_iter().filter(|event| event["event"] == "silence").collect();
    assert!(silence.iter().any(|event| event["seconds"].as_u64() >= Some(5)), "{silence:?}");
    assert!(
        silence
            .iter()
            .all(|event| event["drive"].as_str().unwrap().contains(bad.bed.node().to_str().unwrap()))
    );
}
