//! Two namespaces on one NVMe controller, each with a node of the kernel: the Sanitize command reaches both, so the one
//! that was not named is guarded and looked at like the other.
use std::fs::File;
use std::process::Command;

use expunge::sim::controller::nvme::Namespace;
use expunge::sim::controller::{NvmeSpec, Shape, Work};

use serde_json::Value;

use crate::bench::Bench;
use crate::drives::{Drive, shape};
use crate::support::Ask as _;

/// A file system, made on the host: the machine has no mkfs.
fn file_system(bytes: u64) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fs");
    File::create(&path).unwrap().set_len(bytes).unwrap();
    let made = Command::new("mkfs.ext4").args(["-q", "-F", "-L", "OTHER"]).arg(&path).status();
    assert!(made.expect("mkfs.ext4, of the package e2fsprogs").success());
    std::fs::read(path).unwrap()
}

#[track_caller]
fn says(text: &str, wanted: &[&str]) {
    // Lines are wrapped for people.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in wanted {
        assert!(text.contains(words), "{words:?} is missing: {text}");
    }
}

#[test]
fn the_other_namespace_is_guarded_and_looked_at_like_the_one_that_was_named() {
    let one = |nsid, blocks| Namespace { nsid, blocks, attached: true, write_protected: false };
    let cells = Shape { blocks: 16_384, ..shape(41) };
    let drive = Drive::nvme(NvmeSpec::new(cells).namespaces(&[one(1, 6_144), one(2, 8_192)]));
    let mut bench = Bench::new(&[], &[&drive]);
    let (named, other) = ("/dev/nvme1n1", "/dev/nvme1n2");
    bench.machine().until(&format!("[ -b {named} ] && [ -b {other} ]"));
    bench.machine().push("/tmp/fs", &file_system(4 << 20)).unwrap();
    bench.machine().tell(&format!(
        "dd if=/tmp/fs of={other} bs=64k conv=fsync && mkdir -p /mnt && mount -t ext4 {other} /mnt &&
         echo kept >/mnt/file && sync"
    ));
    let flags = "--method purge --technique block-erase";
    // The serial number alone is that of both.
    let confirmed = format!("--confirm {}/nsid=1 --state /state", drive.serial);

    // The scope has to be accepted first, and then the other one must be free.
    let refused = bench.machine().ask(&format!("expunge sanitize {named} {flags} {confirmed} 2>&1"));
    assert_eq!(refused.code, 3, "{refused:?}");
    says(&refused.stdout, &["[scope-not-accepted]", "namespace 2", "--scope drive"]);
    let refused =
        bench.machine().ask(&format!("expunge sanitize {named} {flags} {confirmed} --scope drive 2>&1"));
    assert_eq!(refused.code, 3, "{refused:?}");
    says(
        &refused.stdout,
        &["nvme1n2, another unit that the command for", "is mounted on /mnt", "umount /mnt"],
    );
    assert_eq!(bench.machine().tell("cat /mnt/file"), "kept\n");
    let is_destructive = |command: &[u8]| matches!(command, [0x84 | 0x80, ..]);
    assert!(!drive.oracle().asked().iter().any(|asked| is_destructive(&asked.command)), "nothing was sent");

    // Each is confirmed by its own text, and the line that the plan prints does it.
    let plan =
        bench.machine().tell(&format!("umount /mnt; expunge plan {named} {flags} --scope drive --json"));
    let plan = serde_json::from_str::<Value>(plan.trim()).unwrap()["plans"][0].take();
    let (command, digest) = (plan["command"].as_str().unwrap(), plan["digest"].as_str().unwrap());
    let refused = format!("expunge sanitize {named} {flags} {confirmed} --scope drive --plan {digest} 2>&1");
    let refused = bench.machine().ask(&refused);
    assert_eq!(refused.code, 3, "{refused:?}");
    let missing = format!("--confirm {}/nsid=2", drive.serial);
    says(&refused.stdout, &["[confirmation-missing]", &missing]);
    assert!(!drive.oracle().asked().iter().any(|asked| is_destructive(&asked.command)), "nothing was sent");
    let ran = bench.machine().ask(&format!("{command} --state /state 2>&1"));
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert_eq!(drive.works(), [Work::CryptoErase, Work::BlockErase]);
    drive.expect_no_residue();
    let record = bench.machine().tell("ls /state/records/*.json");
    let (code, text) = bench.check(record.trim());
    assert_eq!(code, 0, "{text}");
    // Canaries of both, before each of the two commands.
    let gone = "afterwards 64 changed, 0 survived, 0 unreadable";
    assert_eq!(
        (text.matches("in namespace 2 64 canaries planted").count(), text.matches(gone).count()),
        (2, 4)
    );
    says(&text, &["also reached other units: nvme1n2", "in: namespace 1, namespace 2"]);
}
