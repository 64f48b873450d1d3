//! The last look before the first write: what came to use a drive after it was claimed.
#![allow(clippy::unwrap_used, reason = "a failure of the test bed fails the test")]

#[allow(dead_code, reason = "shared with the tests of all guards")]
#[path = "guards/bed.rs"]
mod bed;

use std::time::Duration;

use bed::{Holder, Loop};
use expunge::device::claim::Order;
use expunge::device::{Claimed, Helper, StatePaths, SysRoot, claim, resolve};
use expunge::unit::ReasonCode;

fn claimed(drive: &Loop) -> Claimed {
    let helper = Helper { program: env!("CARGO_BIN_EXE_expunge").into(), arguments: Vec::new() };
    let order = Order::new(resolve(drive.text(), &SysRoot::host()).unwrap(), StatePaths::default());
    claim(&helper, &order, Duration::from_secs(60)).expect("nothing uses it")
}

/// While a person reads the plan, a database opens the raw drive: the exclusive claim does not keep it out, so
/// only the look at all descriptors finds it. Once it has gone the drive can be armed.
#[test]
fn p1_a_drive_that_was_opened_after_the_claim_is_not_written() {
    let drive = Loop::new(16);
    let claimed = claimed(&drive);
    let root = SysRoot::host();
    claimed.recheck_before_arming(&root).expect("nothing has come between");
    let holder = Holder::shell(&format!("exec 3<>{}", drive.text()));
    let reasons = claimed.recheck_before_arming(&root).expect_err("it is open elsewhere");
    assert!(reasons.iter().all(|reason| reason.code == ReasonCode::OpenElsewhere), "{reasons:#?}");
    assert!(reasons[0].text.contains(&holder.child.id().to_string()), "{reasons:#?}");
    claimed.recheck(&root).expect("before signing, who merely has it open is not asked");
    drop(holder);
    claimed.recheck_before_arming(&root).expect("it has gone");
}

/// Something that passes, such as udev reading a label, is waited for.
#[test]
fn a_passing_opener_is_waited_for() {
    let drive = Loop::new(16);
    let claimed = claimed(&drive);
    let holder = Holder::shell(&format!("exec 3<{}", drive.text()));
    let passing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        drop(holder);
    });
    claimed.recheck_before_arming(&SysRoot::host()).expect("it passed");
    passing.join().unwrap();
}
