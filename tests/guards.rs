//! Every way in which a drive can be in use that this kernel can make, on loop devices, as root: the refusal
//! has its code and names what releases it, the medium is unchanged, and each guard refuses alone.
#![allow(clippy::unwrap_used, reason = "a failure of the test bed fails the test")]

#[path = "guards/bed.rs"]
mod bed;

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bed::{Holder, Loop, Mount, Undo, run};
use expunge::cli::inspect::{self, InspectArgs};
use expunge::cli::list;
use expunge::device::claim::{Order, Refusal, claim_here};
use expunge::device::guard::guard_self_test;
use expunge::device::{
    Claimed, ContentType, Discovery, Guard, GuardSet, Helper, StatePaths, SysRoot, claim, discover,
    duplicate_identities, resolve,
};
use expunge::sys::open::{Access, open_node};
use expunge::unit::ReasonCode;

fn helper() -> Helper {
    Helper { program: env!("CARGO_BIN_EXE_expunge").into(), arguments: Vec::new() }
}

fn order(node: &Path) -> Order {
    let drive = resolve(node.to_str().unwrap(), &SysRoot::host()).unwrap();
    Order::new(drive, StatePaths::default())
}

fn try_claim(order: &Order) -> Result<Claimed, Box<Refusal>> {
    claim(&helper(), order, Duration::from_secs(60))
}

fn codes(refusal: &Refusal) -> BTreeSet<ReasonCode> {
    refusal.reasons.iter().map(|reason| reason.code).collect()
}

/// One row of the table: the whole program refuses with exactly these codes, some reason names all of
/// `names` in its text and `remedy` in its remedy; each guard of `alone` refuses when it is the only one; the
/// medium stays as it was.
struct Row<'a> {
    codes: &'a [ReasonCode],
    names: &'a [&'a str],
    remedy: &'a str,
    alone: &'a [(Guard, ReasonCode)],
}

fn refuses(drive: &Loop, row: &Row<'_>) {
    refuses_order(drive, &order(&drive.node), row);
}

fn refuses_order(drive: &Loop, order: &Order, row: &Row<'_>) {
    let before = drive.medium();
    let refusal = *try_claim(order).expect_err("it is in use");
    assert_eq!(codes(&refusal), row.codes.iter().copied().collect(), "{:#?}", refusal.reasons);
    let named = refusal.reasons.iter().any(|reason| {
        row.names.iter().all(|name| reason.text.contains(name)) && reason.remedy.contains(row.remedy)
    });
    assert!(named, "no reason names {:?} and {:?}: {:#?}", row.names, row.remedy, refusal.reasons);
    for (guard, code) in row.alone {
        let alone = GuardSet::only(*guard);
        let refusal = claim_here(&SysRoot::host(), order, &[std::process::id()], &alone).expect_err("alone");
        assert_eq!(codes(&refusal), [*code].into(), "{guard:?} alone: {:#?}", refusal.reasons);
    }
    unchanged(&before, &drive.medium());
}

/// Compares the whole medium; a difference is told by its place, not by millions of bytes.
fn unchanged(before: &[u8], after: &[u8]) {
    assert_eq!(before.len(), after.len());
    let differing: Vec<usize> = (0..before.len() / 512)
        .filter(|block| before[block * 512..][..512] != after[block * 512..][..512])
        .collect();
    assert!(differing.is_empty(), "{} blocks changed, the first is {}", differing.len(), differing[0]);
}

#[test]
fn an_idle_drive_is_claimed_and_the_claim_excludes_others() {
    let drive = Loop::new(16);
    let claimed = try_claim(&order(&drive.node)).unwrap();
    assert_eq!(claimed.facts().content, []);
    assert_eq!(claimed.facts().geometry().unwrap().bytes(), 16 << 20);
    assert_eq!(claimed.recheck(&SysRoot::host()), Ok(()));
    // The claim is in the descriptor that came over, not in the helper, which has ended. 16 is EBUSY.
    let second = open_node(&drive.node, Access::Claim).unwrap_err();
    assert_eq!(second.raw_os_error(), Some(16), "the claim excludes exclusive openers such as mount");
    let again = *try_claim(&order(&drive.node)).expect_err("it is held");
    assert_eq!(codes(&again), [ReasonCode::ClaimedElsewhere].into(), "{:#?}", again.reasons);
    drop(claimed);
    try_claim(&order(&drive.node)).unwrap();
}

#[test]
fn a_file_system_that_is_not_mounted_is_content_and_no_obstacle() {
    let drive = Loop::new(16).ext4();
    let before = drive.medium();
    let claimed = try_claim(&order(&drive.node)).unwrap();
    let content = &claimed.facts().content;
    assert_eq!((content.len(), content[0].content_type), (1, ContentType::Ext));
    assert_eq!(content[0].label.as_deref(), Some("guarded"));
    drop(claimed);
    unchanged(&before, &drive.medium());
}

#[test]
fn a_mounted_file_system() {
    let drive = Loop::new(16).ext4();
    let mount = Mount::new(&drive.node);
    let point = mount.point.path().to_str().unwrap();
    refuses(
        &drive,
        &Row {
            codes: &[ReasonCode::Mounted],
            names: &[&drive.name(), point],
            remedy: &format!("umount {point}"),
            alone: &[(Guard::Mounts, ReasonCode::Mounted), (Guard::Exclusive, ReasonCode::ClaimedElsewhere)],
        },
    );
}

#[test]
fn a_lazily_unmounted_file_system_that_is_still_in_use() {
    let drive = Loop::new(16).ext4();
    let mount = Mount::new(&drive.node);
    let point = mount.point.path().to_str().unwrap();
    let holder = Holder::shell(&format!("cd {point}"));
    run("umount", &["-l", point]);
    let pid = holder.child.id().to_string();
    refuses(
        &drive,
        &Row {
            codes: &[ReasonCode::OpenElsewhere],
            names: &[&format!("process {pid}"), &drive.name()],
            remedy: &format!("kill {pid}"),
            alone: &[
                (Guard::Exclusive, ReasonCode::ClaimedElsewhere),
                (Guard::OpenFiles, ReasonCode::OpenElsewhere),
            ],
        },
    );
}

#[test]
fn a_mount_in_another_mount_namespace() {
    let drive = Loop::new(16).ext4();
    let point = tempfile::tempdir().unwrap();
    let point = point.path().to_str().unwrap();
    let script = format!("mount {} {point} && sync -f {point} && echo ready && read line", drive.text());
    let holder = Holder::new("unshare", &["--mount", "sh", "-c", &script]);
    let pid = holder.child.id().to_string();
    refuses(
        &drive,
        &Row {
            codes: &[ReasonCode::Mounted],
            names: &[&drive.name(), point, "mount namespace of pid", &pid],
            remedy: &format!("nsenter --target {pid} --mount umount {point}"),
            alone: &[(Guard::Mounts, ReasonCode::Mounted), (Guard::Exclusive, ReasonCode::ClaimedElsewhere)],
        },
    );
}

#[test]
fn swap_space_in_use() {
    let mut drive = Loop::new(16);
    // As small as it may be, for the kernel really uses it when another test fills the memory.
    run("mkswap", &[drive.text(), "40"]);
    drive.kernel_writes = 4096..40 << 10;
    run("swapon", &[drive.text()]);
    let _off = Undo(vec!["swapoff".into(), drive.text().into()]);
    refuses(
        &drive,
        &Row {
            codes: &[ReasonCode::Swap],
            names: &[&drive.name(), "swap"],
            remedy: &format!("swapoff {}", drive.text()),
            alone: &[(Guard::Swaps, ReasonCode::Swap), (Guard::Exclusive, ReasonCode::ClaimedElsewhere)],
        },
    );
}

#[test]
fn the_second_device_of_a_btrfs_mounted_and_not() {
    let (first, second) = (Loop::new(128), Loop::new(128));
    run("mkfs.btrfs", &["-q", "-d", "raid1", "-m", "raid1", first.text(), second.text()]);
    let claimed = try_claim(&order(&second.node)).unwrap();
    let types: Vec<ContentType> = claimed.facts().content.iter().map(|found| found.content_type).collect();
    assert_eq!(types, [ContentType::BtrfsMember], "the plan asks for it to be repeated");
    drop(claimed);
    run("btrfs", &["device", "scan", first.text(), second.text()]);
    let mount = Mount::new(&first.node);
    let point = mount.point.path().to_str().unwrap();
    refuses(
        &second,
        &Row {
            codes: &[ReasonCode::Mounted],
            names: &[&second.name(), point],
            remedy: &format!("umount {point}"),
            alone: &[(Guard::Mounts, ReasonCode::Mounted), (Guard::Exclusive, ReasonCode::ClaimedElsewhere)],
        },
    );
    drop(mount);
    run("btrfs", &["device", "scan", "--forget", first.text()]);
}

/// A DOS table with one Linux partition from block 2048 to the end, and the kernel told of it.
fn partitioned(mebibytes: u32) -> (Loop, Undo) {
    use std::os::unix::fs::FileExt;
    let drive = Loop::new(mebibytes.into());
    let mut entry = vec![0, 0, 2, 0, 0x83, 0xFF, 0xFF, 0xFF];
    entry.extend(2048_u32.to_le_bytes());
    entry.extend((mebibytes * 2048 - 2048).to_le_bytes());
    let node = std::fs::OpenOptions::new().write(true).open(&drive.node).unwrap();
    node.write_all_at(&entry, 446).unwrap();
    node.write_all_at(&[0x55, 0xAA], 510).unwrap();
    node.sync_all().unwrap();
    run("partx", &["-a", drive.text()]);
    let undo = Undo(vec!["partx".into(), "-d".into(), drive.text().into()]);
    (drive, undo)
}

#[test]
fn a_mounted_partition_asked_about_the_whole_drive() {
    let (drive, _partition) = partitioned(32);
    let partition = format!("{}p1", drive.text());
    run("mkfs.ext4", &["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", &partition]);
    let mount = Mount::new(Path::new(&partition));
    let point = mount.point.path().to_str().unwrap();
    refuses(
        &drive,
        &Row {
            codes: &[ReasonCode::Mounted],
            names: &[&format!("{}p1", drive.name()), point],
            remedy: &format!("umount {point}"),
            alone: &[(Guard::Mounts, ReasonCode::Mounted), (Guard::Exclusive, ReasonCode::ClaimedElsewhere)],
        },
    );
    drop(mount);
    // A link to the partition, as a person might have in a script, is not followed to the drive.
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("my-disk");
    symlink(&partition, &link).unwrap();
    for path in [link.as_path(), Path::new(&partition)] {
        let reason = resolve(path.to_str().unwrap(), &SysRoot::host()).unwrap_err();
        assert_eq!(reason.code, ReasonCode::NotADrive);
        assert!(reason.text.contains(&partition) && reason.text.contains("partition"), "{reason:?}");
        assert!(reason.remedy.ends_with(drive.text()), "{reason:?}");
    }
    // Free again: the partition's file system is content with its number.
    let claimed = try_claim(&order(&drive.node)).unwrap();
    let found: Vec<_> =
        claimed.facts().content.iter().map(|found| (found.content_type, found.partition)).collect();
    assert_eq!(found, [(ContentType::Dos, None), (ContentType::Ext, Some(1))]);
}

#[test]
fn a_process_that_has_it_open() {
    let drive = Loop::new(16);
    let holder = Holder::shell(&format!("exec 3<>{}", drive.text()));
    let pid = holder.child.id().to_string();
    let begin = Instant::now();
    refuses(
        &drive,
        &Row {
            codes: &[ReasonCode::OpenElsewhere],
            names: &[&format!("process {pid}"), "(sh)", &drive.name()],
            remedy: &format!("kill {pid}"),
            alone: &[(Guard::OpenFiles, ReasonCode::OpenElsewhere)],
        },
    );
    assert!(begin.elapsed() < Duration::from_secs(30), "it waits at most five seconds, twice");
    // A passing opener is waited for.
    let closing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        drop(holder);
    });
    try_claim(&order(&drive.node)).unwrap();
    closing.join().unwrap();
}

#[test]
fn a_process_that_has_a_partition_open() {
    let (drive, _partition) = partitioned(16);
    let holder = Holder::shell(&format!("exec 3<>{}p1", drive.text()));
    refuses(
        &drive,
        &Row {
            codes: &[ReasonCode::OpenElsewhere],
            names: &[&holder.child.id().to_string(), &format!("{}p1", drive.name())],
            remedy: "kill",
            alone: &[(Guard::OpenFiles, ReasonCode::OpenElsewhere)],
        },
    );
}

#[test]
fn another_loop_device_over_it_and_over_a_file_on_it() {
    let drive = Loop::new(32).ext4();
    let nested = run("losetup", &["-f", "--show", drive.text()]);
    let undo = Undo(vec!["losetup".into(), "-d".into(), nested.clone()]);
    let name = nested.trim_start_matches("/dev/").to_owned();
    refuses(
        &drive,
        &Row {
            codes: &[ReasonCode::LoopBacking],
            names: &[&name, &drive.name()],
            remedy: &format!("losetup -d {nested}"),
            alone: &[(Guard::LoopBacking, ReasonCode::LoopBacking)],
        },
    );
    drop(undo);
    let mount = Mount::new(&drive.node);
    let image = mount.point.path().join("image");
    std::fs::File::create(&image).unwrap().set_len(1 << 20).unwrap();
    let nested = run("losetup", &["-f", "--show", image.to_str().unwrap()]);
    let _undo = Undo(vec!["losetup".into(), "-d".into(), nested.clone()]);
    run("sync", &["-f", mount.point.path().to_str().unwrap()]);
    refuses(
        &drive,
        &Row {
            codes: &[ReasonCode::Mounted, ReasonCode::LoopBacking],
            names: &[nested.trim_start_matches("/dev/"), &drive.name(), image.to_str().unwrap()],
            remedy: &format!("losetup -d {nested}"),
            alone: &[
                (Guard::LoopBacking, ReasonCode::LoopBacking),
                (Guard::Mounts, ReasonCode::Mounted),
                (Guard::Exclusive, ReasonCode::ClaimedElsewhere),
            ],
        },
    );
}

#[test]
fn a_drive_that_carries_our_own_state() {
    let drive = Loop::new(16).ext4();
    let mount = Mount::new(&drive.node);
    // Not made yet: the folder that will hold it counts.
    let state = mount.point.path().join("expunge/records");
    let order = Order { state: StatePaths(vec![state.clone()]), ..order(&drive.node) };
    refuses_order(
        &drive,
        &order,
        &Row {
            codes: &[ReasonCode::Mounted, ReasonCode::StateDevice],
            names: &[&drive.name(), state.to_str().unwrap()],
            remedy: "--state",
            alone: &[(Guard::StateDevice, ReasonCode::StateDevice)],
        },
    );
}

#[test]
fn state_on_a_loop_device_whose_file_lies_on_the_drive() {
    let drive = Loop::new(64).ext4();
    let outer = Mount::new(&drive.node);
    let image = outer.point.path().join("image");
    std::fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
    run("mkfs.ext4", &["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image.to_str().unwrap()]);
    let nested = run("losetup", &["-f", "--show", image.to_str().unwrap()]);
    let _undo = Undo(vec!["losetup".into(), "-d".into(), nested.clone()]);
    let inner = Mount::new(Path::new(&nested));
    run("sync", &["-f", outer.point.path().to_str().unwrap()]);
    let state = StatePaths(vec![inner.point.path().to_owned()]);
    refuses_order(
        &drive,
        &Order { state, ..order(&drive.node) },
        &Row {
            codes: &[ReasonCode::Mounted, ReasonCode::LoopBacking, ReasonCode::StateDevice],
            names: &[&drive.name(), inner.point.path().to_str().unwrap()],
            remedy: "--state",
            alone: &[(Guard::StateDevice, ReasonCode::StateDevice)],
        },
    );
}

#[test]
fn a_read_only_drive() {
    let drive = Loop::new(16);
    // The flag stays with the node after the loop device is detached, so it is taken back.
    let _writable = Undo(vec!["blockdev".into(), "--setrw".into(), drive.text().into()]);
    run("blockdev", &["--setro", drive.text()]);
    refuses(
        &drive,
        &Row {
            codes: &[ReasonCode::ReadOnly],
            names: &[drive.text(), "read-only"],
            remedy: &format!("blockdev --setrw {}", drive.text()),
            alone: &[],
        },
    );
}

#[test]
fn a_drive_opened_exclusively_elsewhere() {
    let drive = Loop::new(16);
    // Another Expunge that holds it: its helper claims, and a process that is not our parent keeps the claim.
    let script = "import os,sys\nfd=os.open(sys.argv[1],os.O_RDWR|os.O_EXCL)\nprint('ready',flush=True)\nsys.stdin.read()";
    let holder = Holder::new("python3", &["-c", script, drive.text()]);
    refuses(
        &drive,
        &Row {
            codes: &[ReasonCode::OpenElsewhere],
            names: &[&holder.child.id().to_string(), &drive.name()],
            remedy: "kill",
            alone: &[(Guard::Exclusive, ReasonCode::ClaimedElsewhere)],
        },
    );
}

#[test]
fn what_is_no_drive_is_refused_with_words_for_it() {
    let root = SysRoot::host();
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("odd.img");
    std::fs::write(&odd, [0; 1000]).unwrap();
    let link = folder.path().join("link");
    symlink("/dev/null", &link).unwrap();
    let table = [
        (folder.path().to_path_buf(), ReasonCode::NotADrive, "is a directory"),
        (PathBuf::from("/dev/null"), ReasonCode::NotADrive, "character device"),
        (link, ReasonCode::NotADrive, "leads to /dev/null"),
        (odd, ReasonCode::NotADrive, "1000 bytes"),
        (folder.path().join("missing"), ReasonCode::Missing, "is not there"),
        (PathBuf::from("serial:NO-SUCH-SERIAL"), ReasonCode::Missing, "NO-SUCH-SERIAL"),
    ];
    for (path, code, words) in table {
        let reason = resolve(path.to_str().unwrap(), &root).unwrap_err();
        assert_eq!(reason.code, code, "{reason:?}");
        assert!(reason.text.contains(words) && !reason.remedy.is_empty(), "{reason:?}");
    }
}

#[test]
fn a_node_that_became_another_drive_is_noticed_before_and_after_the_claim() {
    let (planned, other) = (Loop::new(16), Loop::new(16));
    let before = (planned.medium(), other.medium());
    // The same path leads to another device.
    let folder = tempfile::tempdir().unwrap();
    let node = folder.path().join("node");
    let make = |drive: &Loop| {
        let numbers = run("cat", &[format!("/sys/block/{}/dev", drive.name())]);
        let (major, minor) = numbers.split_once(':').unwrap();
        run("mknod", &[node.to_str().unwrap(), "b", major, minor]);
    };
    make(&planned);
    let planned_order = order(&node);
    std::fs::remove_file(&node).unwrap();
    make(&other);
    let refusal = *try_claim(&planned_order).expect_err("it is another drive");
    assert_eq!(codes(&refusal), [ReasonCode::IdentityChanged].into(), "{:#?}", refusal.reasons);
    // The same device number, but another attachment.
    let planned_order = order(&planned.node);
    run("losetup", &["-d", planned.text()]);
    run("losetup", &[planned.text(), planned.backing.to_str().unwrap()]);
    let refusal = *try_claim(&planned_order).expect_err("it was attached again");
    assert_eq!(codes(&refusal), [ReasonCode::IdentityChanged].into(), "{:#?}", refusal.reasons);
    unchanged(&before.0, &planned.medium());
    unchanged(&before.1, &other.medium());
    // It changes while it is held.
    let claimed = try_claim(&order(&planned.node)).unwrap();
    std::fs::File::options().write(true).open(&planned.backing).unwrap().set_len(8 << 20).unwrap();
    run("losetup", &["-c", planned.text()]);
    let reasons = claimed.recheck(&SysRoot::host()).unwrap_err();
    assert_eq!(reasons[0].code, ReasonCode::IdentityChanged, "{reasons:?}");
    assert!(reasons[0].text.contains("size"), "{reasons:?}");
}

#[test]
fn two_names_of_one_drive_are_one_drive() {
    let drive = Loop::new(16);
    let facts = try_claim(&order(&drive.node)).unwrap().into_parts().1;
    let named = resolve(drive.backing.to_str().unwrap(), &SysRoot::host()).unwrap();
    let file = try_claim(&Order::new(named, StatePaths::default()));
    // The file is the backing of the loop device, so it cannot even be claimed beside it.
    let refusal = *file.expect_err("a loop device stands on it");
    assert_eq!(codes(&refusal), [ReasonCode::LoopBacking].into(), "{:#?}", refusal.reasons);
    let file_facts = refusal.seen.unwrap().facts;
    let reasons = duplicate_identities(&[facts.clone(), file_facts, facts]);
    assert_eq!(reasons.len(), 3);
    assert!(reasons.iter().all(|reason| reason.code == ReasonCode::DuplicateIdentity));
}

#[test]
fn plain_files_have_guards_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("disk.img");
    std::fs::write(&file, vec![0xA5; 1 << 20]).unwrap();
    let claimed = try_claim(&order(&file)).unwrap();
    assert_eq!(claimed.facts().confirm_text().unwrap(), file.to_str().unwrap());
    assert_eq!(claimed.recheck(&SysRoot::host()), Ok(()));
    let again = *try_claim(&order(&file)).expect_err("it is locked");
    assert_eq!(codes(&again), [ReasonCode::ClaimedElsewhere].into(), "{:#?}", again.reasons);
    drop(claimed);
    let inside = Order { state: StatePaths(vec![folder.path().to_owned()]), ..order(&file) };
    let refusal = *try_claim(&inside).expect_err("it lies among the records");
    assert_eq!(codes(&refusal), [ReasonCode::StateDevice].into(), "{:#?}", refusal.reasons);
    let holder = Holder::shell(&format!("exec 3<>{}", file.display()));
    let refusal = *try_claim(&order(&file)).expect_err("it is open");
    assert_eq!(codes(&refusal), [ReasonCode::OpenElsewhere].into(), "{:#?}", refusal.reasons);
    drop(holder);
    assert_eq!(std::fs::read(&file).unwrap(), vec![0xA5; 1 << 20]);
}

#[test]
fn a_helper_that_does_not_answer_is_left_behind() {
    let drive = Loop::new(16);
    let deaf = Helper { program: "/bin/sh".into(), arguments: vec!["-c".into(), "sleep 20".into()] };
    let begin = Instant::now();
    let refusal = *claim(&deaf, &order(&drive.node), Duration::from_secs(1)).expect_err("it never answers");
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(codes(&refusal), [ReasonCode::NotAnswering].into());
    assert!(refusal.reasons[0].text.contains("is not answering since 20"), "{refusal:?}");
    let dead = Helper { program: "/bin/false".into(), arguments: Vec::new() };
    let refusal = *claim(&dead, &order(&drive.node), Duration::from_secs(5)).expect_err("it dies");
    assert_eq!(codes(&refusal), [ReasonCode::WorkerDied].into());
}

#[test]
fn inspect_shows_facts_with_their_sources_and_what_is_in_the_way() {
    let drive = Loop::new(16).ext4();
    let mount = Mount::new(&drive.node);
    let device = Some(drive.text().to_owned());
    let args = InspectArgs { device, json: false, capture: None, from: None };
    let seen = inspect::look(&args, &SysRoot::host(), &helper(), StatePaths::default()).unwrap();
    let mut out = Vec::new();
    inspect::write_text(&seen, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let point = mount.point.path().to_str().unwrap();
    let confirm = format!("Confirm with: {}", drive.backing.display());
    let busy = format!("In the way: {} is mounted on {point}", drive.name());
    for words in ["16777216", "BLKGETSIZE64", "BLKSSZGET", "BLKGETDISKSEQ", "guarded", &confirm, &busy] {
        assert!(text.contains(words), "{words:?} is missing in\n{text}");
    }
    let json = inspect::to_json(&seen);
    assert_eq!(json["schema"], "urn:expunge:inspect:v1");
    assert_eq!(json["confirm"], drive.backing.to_str().unwrap());
    // The size is that of another program.
    assert_eq!(run("blockdev", &["--getsize64", drive.text()]), "16777216");
}

#[test]
fn list_asks_idle_drives_and_a_silent_one_delays_no_other() {
    let (blank, written) = (Loop::new(16), Loop::new(16).ext4());
    let ours = || {
        let mut found = discover(&SysRoot::host());
        found.drives.retain(|listed| [&blank.node, &written.node].contains(&&listed.facts.node));
        assert_eq!(found.drives.len(), 2);
        found
    };
    let mut found = ours();
    list::ask_idle(&mut found, &helper(), Duration::from_secs(20));
    let content = |node: &Path, found: &Discovery| {
        let listed = found.drives.iter().find(|listed| listed.facts.node == node).unwrap();
        listed.facts.content.iter().map(|content| content.content_type).collect::<Vec<_>>()
    };
    assert_eq!(content(&blank.node, &found), []);
    assert_eq!(content(&written.node, &found), [ContentType::Ext]);
    let mut found = ours();
    let deaf = Helper { program: "/bin/sh".into(), arguments: vec!["-c".into(), "sleep 20".into()] };
    let begin = Instant::now();
    list::ask_idle(&mut found, &deaf, Duration::from_secs(2));
    assert!(begin.elapsed() < Duration::from_millis(3800), "they are asked side by side");
    let mut out = Vec::new();
    list::write_text(&found, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.matches("is not answering since 20").count(), 2, "{text}");
}

#[test]
fn the_guard_on_open_files_is_not_blind_here() {
    guard_self_test(&SysRoot::host(), &helper()).unwrap();
    // A child that holds nothing must not pass the test.
    let empty = Helper {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), "exec 0</dev/null; echo; sleep 2".into()],
    };
    let reason = guard_self_test(&SysRoot::host(), &empty).unwrap_err();
    assert_eq!(reason.code, ReasonCode::GuardBlind);
}

/// What no kernel here can make; sysfs fixtures stand for some of it in `tests/discovery.rs`.
#[test]
fn rows_that_this_kernel_cannot_make_are_listed() {
    let rows = [
        ("md", "holders and member signature: fixture and generated superblocks"),
        ("dm, dm-crypt, active LVM", "holders: fixture"),
        ("bcache", "holders: fixture"),
        ("multipath", "two paths to one drive: fixture"),
        ("ZFS", "labels: generated"),
        (
            "LIO, NVMe target, SPDK, VFIO",
            "not covered: their exclusive claim is the kernel's, SPDK removes the node",
        ),
        ("QEMU with the raw drive", "as a process that has it open"),
    ];
    for (row, stand_in) in rows {
        println!("not run: {row} ({stand_in})");
    }
    let missing = ["/sys/block/md0", "/sys/class/misc/device-mapper", "/sys/fs/bcache"];
    let present: Vec<_> = missing.iter().filter(|path| Path::new(path).exists()).collect();
    assert!(present.is_empty(), "this kernel can make more than is tested: {present:?}");
}
