//! Requests that never come back: the drive is reported within its limit, its worker is left behind, and nothing
//! waits for it, neither the other drives nor whoever reads what the program says.
use std::fs;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Blank;
use crate::common::process::wait_within;
use crate::common::running::{runs, wait_for, workers_of};
use crate::common::{Expunge, Record};

const SIZE: u64 = 64 << 20;

/// Seconds of silence after which a drive is left behind.
const SILENCE: u64 = 3;

/// The program with pipes to read from, as a shell or a service has it.
struct Piped {
    child: Child,
    out: JoinHandle<(String, Instant)>,
    err: JoinHandle<(String, Instant)>,
    began: Instant,
    /// The pipes, as the kernel names them.
    pipes: Vec<String>,
}

impl Piped {
    #[track_caller]
    fn start(expunge: &Expunge, beds: &[Blank], more: &[&str]) -> Self {
        let mut command = expunge.sanitize_command::<_, &str>([]);
        for bed in beds {
            command.arg(bed.bed.node()).arg("--confirm").arg(bed.confirm());
        }
        command.args(["--rule", &format!("silence={SILENCE}s")]).args(more);
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let pipes = [1, 2].map(|number| link(child.id(), &number.to_string()).unwrap()).into();
        let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let out = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            (text, Instant::now())
        });
        let err = std::thread::spawn(move || {
            let mut text = String::new();
            err.read_to_string(&mut text).unwrap();
            (text, Instant::now())
        });
        Self { child, out, err, began, pipes }
    }

    /// No process that it started holds what we read from.
    #[track_caller]
    fn expect_pipes_with_nobody_else(&self, workers: &[u32]) {
        assert!(self.pipes.iter().all(|pipe| pipe.starts_with("pipe:")), "{:?}", self.pipes);
        for worker in workers {
            let folder = format!("/proc/{worker}/fd");
            let held =
                fs::read_dir(folder).unwrap().filter_map(|one| one.ok()?.file_name().into_string().ok());
            let held: Vec<String> = held.filter_map(|number| link(*worker, &number)).collect();
            assert!(
                !held.is_empty() && held.iter().all(|one| !self.pipes.contains(one)),
                "{worker}: {held:?}"
            );
        }
    }

    /// Waits for its end and for the ends of its pipes; gives what it said, and how long it took.
    #[track_caller]
    fn finish(mut self, code: i32) -> (String, String, Duration) {
        let status = wait_within(&mut self.child, Duration::from_secs(60)).expect("it ends by itself");
        let ended = self.began.elapsed();
        let ((out, out_closed), (err, err_closed)) = (self.out.join().unwrap(), self.err.join().unwrap());
        assert_eq!(status.code(), Some(code), "{out}\n{err}");
        for closed in [out_closed, err_closed] {
            let after = closed.duration_since(self.began);
            assert!(after < ended + Duration::from_secs(1), "the reader waited: {after:?}, {ended:?}");
        }
        (out, err, ended)
    }
}

fn link(process: u32, number: &str) -> Option<String> {
    let target = fs::read_link(format!("/proc/{process}/fd/{number}")).ok()?;
    Some(target.to_string_lossy().into_owned())
}

/// One more drive than this hangs.
const HEALTHY: usize = 7;

#[track_caller]
fn eight() -> Vec<Blank> {
    (0..=HEALTHY).map(|_| Blank::new(SIZE)).collect()
}

/// Checks the drives but the last, and gives the last one's record.
#[track_caller]
fn expect_others_done(beds: &[Blank], expunge: &Expunge, limit: Duration) -> Record {
    let mut records = Record::all_in(&expunge.out());
    assert_eq!(records.len(), beds.len(), "all are recorded");
    let mut of = |bed: &Blank| {
        let node = bed.bed.node().to_str().unwrap();
        let at = records.iter().position(|record| record.text("/drive/node") == node).unwrap();
        records.swap_remove(at)
    };
    for bed in &beds[..HEALTHY] {
        let record = of(bed);
        record.expect_certificate();
        assert_eq!(bed.wrong(&record), []);
        let took = record.time("/ended").duration_since(record.time("/started")).unsigned_abs();
        assert!(took < limit, "it waited for the one that hangs: {took:?}");
        let silent = record.number("/conduct/longestSilenceMillis");
        println!("a drive that is well: {:.1} s, silent for at most {silent} ms", took.as_secs_f64());
    }
    of(&beds[HEALTHY])
}

#[track_caller]
fn expect_left_behind(record: &Record, words: &str, process: u32) {
    record.expect_other("unknown", "Record: outcome unknown, treat as NOT sanitized", "NOT-SANITIZED");
    assert_eq!(record.codes("/reasons"), ["not-answering"]);
    let text = record.texts("/reasons");
    assert!(text.starts_with("the drive has not answered since 20"), "{text}");
    for word in [&format!("the worker process {process} ("), words, "is given up"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(record.number("/conduct/longestSilenceMillis") >= SILENCE * 1000);
    // A process that waits for its ring can be killed; one that is stuck in the kernel stays.
    let left = record.at("/conduct/leftBehind");
    if words.contains("stuck") {
        assert!(left.as_str().is_some_and(|left| left.contains(&process.to_string())), "{left}");
    } else {
        assert!(left.is_null(), "{left}");
    }
}

/// What a shell sees of a drive whose request never comes back, among seven that are well.
#[track_caller]
fn expect_the_others_go_on(rule: &str, adapter: &str, words: &str) {
    let beds = eight();
    let expunge = Expunge::new();
    beds[HEALTHY].bed.rule(rule);
    let mut running = Piped::start(&expunge, &beds, &["--adapter", adapter]);
    let mut workers = Vec::new();
    wait_for("the workers run", || {
        assert!(running.child.try_wait().unwrap().is_none(), "it ended early");
        workers = workers_of(running.child.id());
        workers.len() > HEALTHY
    });
    running.expect_pipes_with_nobody_else(&workers);
    let (out, err, took) = running.finish(7);
    println!("{rule}, {adapter}: {:.1} s from start to end", took.as_secs_f64());
    assert!(took >= Duration::from_secs(SILENCE));
    let record = expect_others_done(&beds, &expunge, Duration::from_secs(20));
    // From the moment at which it began: the limit, what a worker is granted to leave, and the record.
    let job = record.time("/ended").duration_since(record.time("/started")).as_secs_f64();
    assert!(job < 15.0, "the one that hangs took {job} s");
    assert!(took < Duration::from_secs(30), "{took:?}");
    let node = beds[HEALTHY].bed.node().to_str().unwrap();
    let said = format!("{out}{err}");
    let stuck =
        said.lines().find(|line| line.contains("not answered since")).unwrap_or_else(|| panic!("{said}"));
    assert!(stuck.contains("rule silence"), "{stuck}");
    assert!(said.contains(node), "{said}");
    let id =
        *workers.iter().find(|worker| stuck.contains(&worker.to_string())).expect("the process is named");
    expect_left_behind(&record, words, id);
    // Nobody has to wait for it; when its drive lets it go, it leaves.
    beds[HEALTHY].bed.clear();
    beds[HEALTHY].bed.release();
    wait_for("the worker leaves", || !runs(id));
}

#[test]
fn a_write_that_never_comes_back_is_left_behind() {
    expect_the_others_go_on("write 33554432 4096 hang", "io-uring", "waiting for the drive");
}

/// A process that waits in the kernel and that no signal ends.
#[test]
fn a_process_that_cannot_be_killed_is_left_behind() {
    let words = "stuck in the kernel, which no signal can end";
    expect_the_others_go_on("write 33554432 4096 hang", "sync", words);
}

/// A flush that never comes back: everything is written, and nothing of it is known to be durable.
#[test]
fn a_flush_that_never_comes_back_is_left_behind() {
    let beds = [Blank::new(SIZE)];
    beds[0].bed.rule("fsync 0 0 hang");
    let expunge = Expunge::new();
    let running = Piped::start(&expunge, &beds, &["--json"]);
    beds[0].bed.until_waiting(1);
    expect_alone_and_resumable(&beds[0], &expunge, running, "stuck in the kernel");
}

/// The same in the read-back.
#[test]
fn a_read_that_never_comes_back_is_left_behind() {
    let beds = [Blank::new(SIZE)];
    beds[0].rule("write", "rate:64000000");
    let expunge = Expunge::new();
    let running = Piped::start(&expunge, &beds, &["--json"]);
    wait_for("it is written", || beds[0].bed.seen("writes") >= 32);
    beds[0].bed.rule("read 50331648 4096 hang");
    let record = expect_alone_and_resumable(&beds[0], &expunge, running, "waiting for the drive");
    assert_eq!(record.ranges("/exceptions/notWritten"), [], "every block was written");
    assert_eq!(record.text("/passes/0/tally/flush"), "confirmed");
}

/// Everything is written and read back, but the sensor does not answer: a process that nothing can end holds the drive,
/// whatever it reported.
#[test]
fn a_worker_that_stays_after_its_last_report_is_no_done() {
    let (bed, sensor) = (Blank::new(SIZE), Blank::new(1 << 20));
    sensor.bed.rule("read 0 65536 hang");
    let file = sensor.bed.file();
    let expunge = Expunge::new();
    let running =
        Piped::start(&expunge, std::slice::from_ref(&bed), &["--temperature-file", file.to_str().unwrap()]);
    let mut workers = Vec::new();
    wait_for("the worker runs", || {
        workers = workers_of(running.child.id());
        !workers.is_empty()
    });
    let (out, err, took) = running.finish(7);
    println!("a sensor that hangs: {:.1} s from start to end", took.as_secs_f64());
    let record = Record::only_in(&expunge.out());
    record.expect_other("unknown", "Record: outcome unknown, treat as NOT sanitized", "NOT-SANITIZED");
    assert_eq!(record.codes("/reasons"), ["not-answering"]);
    let words = format!("the worker process {} (stuck in the kernel", workers[0]);
    for text in [record.texts("/reasons"), record.text("/conduct/leftBehind").to_owned(), out + &err] {
        assert!(text.contains(&words), "{text}");
    }
    assert_eq!(record.number("/verification/tally/matched") * 512, SIZE, "it was right, and is not believed");
    sensor.bed.clear();
    sensor.bed.release();
    wait_for("the worker leaves", || !runs(workers[0]));
    let resumed = expunge.run_with_records(["resume", "--json"]).expect_code(0).result();
    assert_eq!(resumed["drives"][0]["outcome"], "done");
}

/// One drive, with events for programs: the result comes as the last line. When the drive answers again the worker
/// leaves, and the job goes on.
#[track_caller]
fn expect_alone_and_resumable(bed: &Blank, expunge: &Expunge, running: Piped, words: &str) -> Record {
    let workers = workers_of(running.child.id());
    running.expect_pipes_with_nobody_else(&workers);
    let (out, _, took) = running.finish(7);
    println!("{words}: {:.1} s from start to end", took.as_secs_f64());
    assert!(took < Duration::from_secs(30), "{took:?}");
    let result: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let drive = &result["drives"][0];
    assert_eq!((&drive["outcome"], &drive["disposition"]), (&"unknown".into(), &"quarantined".into()));
    assert_eq!((&drive["reason"]["code"], &drive["resumable"]), (&"not-answering".into(), &true.into()));
    let record = Record::only_in(&expunge.out());
    expect_left_behind(&record, words, workers[0]);
    bed.bed.clear();
    bed.bed.release();
    wait_for("the worker leaves", || !runs(workers[0]));
    let resumed = expunge.run_with_records(["resume", "--json"]).expect_code(0).result();
    assert_eq!(resumed["drives"][0]["outcome"], "done");
    let path = resumed["drives"][0]["record"]["path"].as_str().unwrap();
    let last = Record::read(path.as_ref());
    assert_eq!(last.at("/interruptions/0/cause"), "lost");
    assert_eq!(bed.wrong(&last), []);
    record
}
