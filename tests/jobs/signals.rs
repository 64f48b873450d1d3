//! What stops a job and what does not, and what is on record afterwards.
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{Slow, journals};
use crate::common::process::wait_within;
use crate::common::running::{Running, runs, send, wait_for};
use crate::common::{Expunge, Record};

/// Starts a job on a slow drive, and gives it with its worker once blocks are written.
#[track_caller]
fn started(expunge: &Expunge, slow: &Slow) -> (Running, u32) {
    let mut command = expunge.overwrite_command(slow.bed.node(), slow.confirm(), &["--json"]);
    let mut running = Running::start(&mut command);
    let worker = running.workers(1)[0];
    slow.wait_until_written();
    (running, worker)
}

#[test]
fn interrupt_and_termination_end_with_a_record_of_an_aborted_job() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (expunge, slow) = (Expunge::new(), Slow::new());
        let (running, worker) = started(&expunge, &slow);
        running.signal(signal);
        let ran = running.finish().expect_code(6);
        let drive = &ran.result()["drives"][0];
        assert_eq!((&drive["outcome"], &drive["resumable"]), (&"aborted".into(), &true.into()));
        assert_eq!(drive["reason"]["code"], "stopped");
        let record = Record::only_in(&expunge.out());
        record.expect_other("aborted", "Record of aborted job", "NOT-SANITIZED");
        expunge.check(&record.path).expect_code(4);
        // What was written is counted, and what was not is named: the end of the drive was never reached.
        let unreached = record.ranges("/passes/0/tally/unreached");
        assert!(record.number("/passes/0/tally/written") > 0 && !unreached.is_empty(), "{unreached:?}");
        assert_eq!(record.ranges("/exceptions/notWritten"), unreached);
        assert!(slow.media.leftovers().blocks > 0, "the job was stopped before its end");
        wait_for("the worker is gone", || !runs(worker));
        let journal = journals(&expunge).join("");
        assert!(journal.contains("\"outcome\":\"aborted\""), "{journal}");
        goes_on(&expunge, &slow);
    }
}

/// What was stopped goes on where it stopped, and ends with a certificate that tells of it.
#[track_caller]
fn goes_on(expunge: &Expunge, slow: &Slow) {
    slow.bed.clear();
    let mut command = expunge.command(["resume", "--json"]);
    command.arg("--out").arg(expunge.out()).arg("--key").arg(expunge.key());
    let ran = expunge.finish(&mut command).expect_code(0);
    assert_eq!(ran.result()["drives"][0]["outcome"], "done");
    let records = Record::all_in(&expunge.out());
    let certificate = records.iter().find(|record| record.text("/outcome") == "done").unwrap();
    certificate.expect_certificate();
    assert_eq!((records.len(), certificate.text("/interruptions/0/cause")), (2, "stopped"));
    assert!(
        certificate.number("/interruptions/0/durable") > 0,
        "what was written was made durable when it stopped"
    );
    assert_eq!(certificate.text("/interruptions/0/wentOn"), "there");
    assert_eq!(slow.media.leftovers().blocks, 0);
    expunge.check(&certificate.path).expect_code(0);
}

/// A lost terminal: the hang-up, and nobody at the other end of standard output and standard error.
#[test]
fn a_lost_terminal_does_not_stop_a_job() {
    let (expunge, slow) = (Expunge::new(), Slow::new());
    let mut command = expunge.overwrite_command(slow.bed.node(), slow.confirm(), &["--json"]);
    let (out, stdout) = std::io::pipe().unwrap();
    let (errors, stderr) = std::io::pipe().unwrap();
    let mut child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
    drop(command);
    slow.wait_until_written();
    drop((out, errors));
    send(child.id(), Signal::SIGHUP);
    send(child.id(), Signal::SIGPIPE);
    let status = wait_within(&mut child, Duration::from_secs(100)).expect("the job ends");
    assert_eq!(status.code(), Some(0), "{status}");
    slow.expect_done(&Record::only_in(&expunge.out()));
}

#[test]
fn a_worker_whose_parent_is_killed_stops_and_no_record_claims_anything() {
    let (expunge, slow) = (Expunge::new(), Slow::new());
    let (running, worker) = started(&expunge, &slow);
    running.signal(Signal::SIGKILL);
    assert_eq!(running.finish().code, None);
    wait_for("the worker stops", || !runs(worker));
    assert!(slow.media.leftovers().blocks > 0, "the worker went on to the end");
    assert!(Record::all_in(&expunge.out()).is_empty());
    let journal = journals(&expunge).join("");
    assert!(journal.contains("\"entry\":\"armed\"") && !journal.contains("\"verdict\""), "{journal}");
    // The drive is free, and the same command does the job from the start.
    slow.bed.clear();
    expunge.overwrite(slow.bed.node(), slow.confirm(), &[]).expect_code(0);
    slow.expect_done(&Record::only_in(&expunge.out()));
}

#[test]
fn a_worker_that_is_killed_leaves_an_unknown_outcome() {
    let (expunge, slow) = (Expunge::new(), Slow::new());
    let (running, worker) = started(&expunge, &slow);
    send(worker, Signal::SIGKILL);
    let ran = running.finish().expect_code(7);
    let drive = &ran.result()["drives"][0];
    assert_eq!((&drive["outcome"], &drive["disposition"]), (&"unknown".into(), &"quarantined".into()));
    let record = Record::only_in(&expunge.out());
    record.expect_other("unknown", "Record: outcome unknown, treat as NOT sanitized", "NOT-SANITIZED");
    assert_eq!(record.codes("/reasons"), ["worker-died"]);
    assert!(record.texts("/reasons").contains(&worker.to_string()), "{}", record.texts("/reasons"));
    expunge.check(&record.path).expect_code(4);
}

/// Signals to the worker itself are not for it: the parent decides. (Ctrl-C reaches a whole process group.)
#[test]
fn a_worker_heeds_its_parent_only() {
    let (expunge, slow) = (Expunge::new(), Slow::new());
    let (running, worker) = started(&expunge, &slow);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPIPE] {
        send(worker, signal);
    }
    running.finish().expect_code(0);
    slow.expect_done(&Record::only_in(&expunge.out()));
}

/// Two drives: one worker dies, the other finishes; the gravest exit wins.
#[test]
fn the_death_of_one_worker_is_no_matter_to_another() {
    let expunge = Expunge::new();
    let (first, second) = (Slow::new(), Slow::new());
    let mut command = expunge.sanitize_command(["--json"]);
    for slow in [&first, &second] {
        command.arg(slow.bed.node()).arg("--confirm").arg(slow.confirm());
    }
    let mut running = Running::start(&mut command);
    let workers = running.workers(2);
    first.wait_until_written();
    second.wait_until_written();
    send(workers[0], Signal::SIGKILL);
    let result = running.finish().expect_code(7).result();
    let mut outcomes: Vec<&str> =
        result["drives"].as_array().unwrap().iter().map(|drive| drive["outcome"].as_str().unwrap()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["done", "unknown"]);
    assert_eq!(Record::all_in(&expunge.out()).len(), 2);
}
