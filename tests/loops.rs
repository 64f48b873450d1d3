//! Loop devices by what the kernel says they stand on, since no path tells it for certain: a node may be deleted,
//! and a file have several names.
#![allow(clippy::unwrap_used, reason = "a failure of the test bed fails the test")]

#[allow(dead_code, reason = "shared with the tests of all guards")]
#[path = "guards/bed.rs"]
mod bed;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use bed::{Holder, Loop, Mount, Undo, run};
use expunge::device::claim::{Order, Refusal, claim_here};
use expunge::device::{Guard, GuardSet, Helper, StatePaths, SysRoot, claim, discover, resolve};
use expunge::unit::ReasonCode;

fn order(node: &Path) -> Order {
    let drive = resolve(node.to_str().unwrap(), &SysRoot::host()).unwrap();
    Order::new(drive, StatePaths::default())
}

fn refused(order: &Order) -> Refusal {
    let helper = Helper { program: env!("CARGO_BIN_EXE_expunge").into(), arguments: Vec::new() };
    *claim(&helper, order, Duration::from_secs(60)).expect_err("it is in use")
}

fn codes(refusal: &Refusal) -> BTreeSet<ReasonCode> {
    refusal.reasons.iter().map(|reason| reason.code).collect()
}

/// A loop device over `backing`, detached with the second value.
fn over(backing: &Path) -> (String, Undo) {
    let node = run("losetup", &["-f", "--show", backing.to_str().unwrap()]);
    let undo = Undo(vec!["losetup".into(), "-d".into(), node.clone()]);
    (node, undo)
}

#[test]
fn a_loop_device_over_a_block_device_is_no_test_object() {
    let drive = Loop::new(8).ext4();
    let _mount = Mount::new(&drive.node);
    let (node, _undo) = over(&drive.node);
    let reason = resolve(&node, &SysRoot::host()).expect_err("it stands on a block device");
    assert_eq!(reason.code, ReasonCode::NotADrive);
    assert!(reason.text.contains(drive.text()) && reason.remedy.contains(drive.text()), "{reason:?}");
    let found = discover(&SysRoot::host());
    assert!(found.drives.iter().all(|listed| listed.facts.node != Path::new(&node)));
    let name = node.trim_start_matches("/dev/");
    assert!(found.left_out.iter().any(|left| left.name == name && left.why.contains(drive.text())));
}

#[test]
fn a_loop_device_over_a_node_that_was_deleted_still_stands_on_the_drive() {
    let drive = Loop::new(8).ext4();
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other-name");
    let minor = drive.name().trim_start_matches("loop").to_owned();
    run("mknod", &[other.to_str().unwrap(), "b", "7", &minor]);
    let (node, _undo) = over(&other);
    std::fs::remove_file(&other).unwrap();
    let refusal = refused(&order(&drive.node));
    assert_eq!(codes(&refusal), [ReasonCode::LoopBacking].into(), "{:#?}", refusal.reasons);
    assert!(refusal.reasons[0].remedy.contains(&node));
    let reason = resolve(&node, &SysRoot::host()).expect_err("its path is gone, the device is not");
    assert_eq!(reason.code, ReasonCode::NotADrive);
}

#[test]
fn what_uses_the_backing_file_of_a_loop_device_uses_the_drive() {
    let drive = Loop::new(8).ext4();
    let (second, undo) = over(&drive.backing);
    let refusal = refused(&order(Path::new(&second)));
    assert_eq!(codes(&refusal), [ReasonCode::LoopBacking].into(), "{:#?}", refusal.reasons);
    assert!(refusal.reasons[0].text.contains(&drive.name()), "{:#?}", refusal.reasons);
    let mount = Mount::new(&drive.node);
    let refusal = refused(&order(Path::new(&second)));
    assert_eq!(codes(&refusal), [ReasonCode::LoopBacking, ReasonCode::Mounted].into());
    drop((mount, undo));
    let _holder = Holder::shell(&format!("exec 3<>{}", drive.backing.display()));
    let refusal = refused(&order(&drive.node));
    assert_eq!(codes(&refusal), [ReasonCode::OpenElsewhere].into(), "{:#?}", refusal.reasons);
}

/// `--state` through a link names the same folder.
#[test]
fn a_plain_file_among_our_own_state_is_refused_through_a_link_too() {
    let folder = tempfile::tempdir().unwrap();
    let (records, link) = (folder.path().join("records"), folder.path().join("link"));
    std::fs::create_dir(&records).unwrap();
    std::os::unix::fs::symlink(&records, &link).unwrap();
    let file = records.join("journal");
    std::fs::write(&file, vec![0xA5; 1 << 20]).unwrap();
    let refusal = refused(&Order { state: StatePaths(vec![link]), ..order(&file) });
    assert_eq!(codes(&refusal), [ReasonCode::StateDevice].into(), "{:#?}", refusal.reasons);
}

/// The process of the namespace that is looked at first has another root, and sees none of its mounts.
#[test]
fn a_mount_is_seen_behind_a_process_with_another_root() {
    let drive = Loop::new(8).ext4();
    let point = tempfile::tempdir().unwrap();
    let jail = tempfile::tempdir().unwrap();
    let (shown, jail) = (point.path().display(), jail.path().display());
    // Python changes the root without needing any program inside; its child, with a later number, keeps the old one, and
    // ends with it, however that ends: nothing more comes from its pipe then.
    let script = format!(
        "import os,subprocess,sys,time\n\
         subprocess.run(['mount', '{}', '{shown}'], check=True)\n\
         child = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)\n\
         os.chroot('{jail}')\n\
         print('ready', flush=True)\n\
         sys.stdin.readline()",
        drive.text()
    );
    let holder = Holder::new("unshare", &["-m", "python3", "-c", &script]);
    let alone = GuardSet::only(Guard::Mounts);
    let own = [std::process::id()];
    let refusal = claim_here(&SysRoot::host(), &order(&drive.node), &own, &alone).expect_err("it is mounted");
    assert_eq!(codes(&refusal), [ReasonCode::Mounted].into(), "{:#?}", refusal.reasons);
    drop(holder);
}

#[test]
fn a_plain_file_is_in_use_under_any_of_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    std::fs::write(&one, vec![0xA5; 1 << 20]).unwrap();
    std::fs::hard_link(&one, &two).unwrap();
    let (node, _undo) = over(&one);
    std::fs::remove_file(&one).unwrap();
    let refusal = refused(&order(&two));
    assert_eq!(codes(&refusal), [ReasonCode::LoopBacking].into(), "{:#?}", refusal.reasons);
    assert!(refusal.reasons[0].remedy.contains(&node));
    assert_eq!(std::fs::read(&two).unwrap(), vec![0xA5; 1 << 20]);
}
