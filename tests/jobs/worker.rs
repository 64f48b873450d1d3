//! What a worker process holds: the drive, its end of the socket, and little memory.
use std::fs;
use std::process::Command;

use super::Slow;
use crate::common::running::{Running, runs};
use crate::common::{Expunge, LoopDevice, Media, Record};

/// Where the descriptors of a process lead.
fn descriptors(process: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.map(|link| link.to_string_lossy().into_owned()).collect()
}

#[test]
fn a_worker_inherits_the_drive_and_its_socket_and_nothing_of_the_caller() {
    let (expunge, slow) = (Expunge::new(), Slow::new());
    let inherited = expunge.home().join("of-the-caller");
    fs::write(&inherited, "x").unwrap();
    let job = expunge.overwrite_command(slow.bed.node(), slow.confirm(), &["--json"]);
    let mut shell = Command::new("sh");
    let script = "exec 9<\"$0\" 8>>\"$0\"; exec \"$@\"";
    shell.args(["-c", script]).arg(&inherited).arg(job.get_program()).args(job.get_args());
    let mut running = Running::start(&mut shell);
    let worker = running.workers(1)[0];
    slow.wait_until_written();
    let held = descriptors(worker);
    assert!(runs(worker));
    // The bed is not blind: the parent does hold what it was given.
    let name = inherited.to_str().unwrap();
    assert!(descriptors(running.id()).iter().any(|link| link == name));
    let node = slow.bed.node().to_str().unwrap();
    assert!(held.iter().any(|link| link == node), "{held:?}");
    let allowed = |link: &String| {
        link == node || link == "/dev/null" || link.starts_with("socket:[") || link.starts_with("anon_inode:")
    };
    let strange: Vec<_> = held.iter().filter(|link| !allowed(link)).collect();
    assert!(strange.is_empty(), "{strange:?} of {held:?}");
    let environment = fs::read(format!("/proc/{worker}/environ")).unwrap();
    assert!(environment.is_empty(), "{}", String::from_utf8_lossy(&environment));
    running.finish().expect_code(0);
    slow.expect_done(&Record::only_in(&expunge.out()));
}

/// The largest resident memory of a process so far, in KiB.
fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// 256 MiB written and read back with less than 32 MiB: nothing grows with the drive.
#[test]
fn a_worker_stays_below_32_mib() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().canonicalize().unwrap();
    let media = Media::make(&place, "disk", 256 << 20, 512);
    let device = LoopDevice::attach(media.path(), 512);
    for adapter in ["io-uring", "sync"] {
        let expunge = Expunge::new();
        let mut command =
            expunge.overwrite_command(device.node(), media.path(), &["--json", "--adapter", adapter]);
        let mut running = Running::start(&mut command);
        let worker = running.workers(1)[0];
        let mut largest = 0;
        let mut looks = 0;
        while runs(worker) {
            largest = largest.max(peak(worker).unwrap_or(0));
            looks += 1;
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        running.finish().expect_code(0);
        assert!(looks > 5 && largest > 1024, "{looks} looks, {largest} KiB: the worker was not seen");
        assert!(largest < 32 << 10, "{adapter}: {largest} KiB");
    }
}
