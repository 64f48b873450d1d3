//! One job that is killed, gone on with, perhaps killed again, and looked at after each step.
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use tempfile::TempDir;

use super::journal::{State, entries, stands_at, state};
use crate::common::expected::differing;
use crate::common::running::{Running, runs, send, wait_for};
use crate::common::{Expunge, LoopDevice, Media, Record};

const BLOCKS: u64 = 16 * 1024 + 3;
const BLOCK: u32 = 512;

/// A job of two passes in many small transfers, one at a time, so that there is something to hit.
const ARGUMENTS: [&str; 13] = [
    "--json",
    "--pass",
    "zero",
    "--pass",
    "random",
    "--depth",
    "1",
    "--transfer-kib",
    "64",
    "--rule",
    "checkpoint=3ms",
    "--rule",
    "retries=0",
];

/// The device that all jobs of a campaign work on; each gets it with old data on it.
pub(crate) struct Bed {
    device: LoopDevice,
    media: Media,
    _directory: TempDir,
}

/// When to kill.
#[derive(Clone, Copy)]
pub(crate) enum When {
    /// At any moment of a job that takes so long.
    AtRandom(Duration),
    /// As soon as the journal ends with this.
    After(State),
}

/// What the journal said at each kill.
pub(crate) struct Killed {
    pub(crate) states: Vec<State>,
}

struct Dice(ChaCha20Rng);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }
}

impl Bed {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let media = Media::make(
            &directory.path().canonicalize().unwrap(),
            "medium",
            BLOCKS * u64::from(BLOCK),
            BLOCK,
        );
        let device = LoopDevice::attach(media.path(), BLOCK);
        Self { device, media, _directory: directory }
    }

    fn renew(&self) {
        std::fs::copy(self.media.original(), self.media.path()).unwrap();
    }

    fn begin(&self, expunge: &Expunge) -> Command {
        expunge.overwrite_command(self.device.node(), self.device.backing(), &ARGUMENTS)
    }

    fn go_on(expunge: &Expunge) -> Command {
        let mut command = expunge.command(["resume", "--json", "--depth", "1", "--transfer-kib", "64"]);
        command.arg("--out").arg(expunge.out()).arg("--key").arg(expunge.key());
        command
    }

    /// How long the job takes when nobody kills it.
    pub(crate) fn time_of_a_job(&self) -> Duration {
        self.renew();
        let expunge = Expunge::new();
        let begin = Instant::now();
        expunge.finish(&mut self.begin(&expunge)).expect_code(0);
        let full = begin.elapsed();
        self.expect_truth(&expunge);
        full
    }

    /// A job that is killed, and gone on with until it is done.
    pub(crate) fn kill_and_resume(&self, seed: u64, when: When) -> Killed {
        self.renew();
        let (expunge, mut dice) = (Expunge::new(), Dice::new(seed));
        let mut states = vec![self.kill(&expunge, &mut self.begin(&expunge), when, &mut dice)];
        // Some are killed once more, or twice, while they go on.
        let again = match when {
            When::After(state) if state.follows_an_interruption() => 1,
            When::After(_) => 0,
            When::AtRandom(_) => dice.below(3),
        };
        for _ in 0..again {
            if self.is_over(&expunge, states.last().copied()) {
                break;
            }
            states.push(self.kill(&expunge, &mut Self::go_on(&expunge), when, &mut dice));
        }
        self.finish(&expunge, states.last().copied());
        Killed { states }
    }

    /// Whether there is nothing to go on with: the job was done, or had not begun.
    fn is_over(&self, expunge: &Expunge, last: Option<State>) -> bool {
        match last {
            Some(State::Nothing) => {
                assert_eq!(self.media.first_change(), None, "without a journal nothing is written");
                true
            }
            Some(State::Recorded) => {
                self.expect_done(expunge);
                true
            }
            _ => false,
        }
    }

    fn finish(&self, expunge: &Expunge, last: Option<State>) {
        if self.is_over(expunge, last) {
            return;
        }
        let listed = expunge.run(["job", "list", "--local", "--json"]).expect_code(0).json();
        assert_eq!(listed["jobs"][0]["resumable"], true, "no job is lost: {listed}");
        let ran = expunge.finish(&mut Self::go_on(expunge)).expect_code(0);
        assert_eq!(ran.result()["drives"][0]["outcome"], "done");
        self.expect_done(expunge);
        // What is done is not begun again.
        expunge.finish(&mut Self::go_on(expunge)).expect_code(2);
    }

    /// Starts a command and kills it: the parent, or the whole group with its worker, as a power cut would.
    fn kill(&self, expunge: &Expunge, command: &mut Command, when: When, dice: &mut Dice) -> State {
        let mut running = Running::start(command);
        match when {
            When::AtRandom(full) => {
                let micros = u64::try_from(full.as_micros()).unwrap();
                thread::sleep(Duration::from_micros(dice.below(micros + micros / 8)));
            }
            When::After(wanted) => {
                let wanted = if wanted.follows_an_interruption() && entries(&expunge.state()).is_empty() {
                    State::Checkpoint
                } else {
                    wanted
                };
                let end = Instant::now() + Duration::from_secs(30);
                // A few more microseconds, so that not always the same instruction is hit.
                let late = Duration::from_micros(dice.below(400));
                while running.is_running() && Instant::now() < end {
                    if stands_at(&expunge.state(), wanted) {
                        thread::sleep(late);
                        break;
                    }
                }
            }
        }
        let workers = running.workers_now();
        let and_worker = dice.below(2) == 0;
        running.signal(Signal::SIGKILL);
        if and_worker {
            workers.iter().filter(|worker| runs(**worker)).for_each(|worker| send(*worker, Signal::SIGKILL));
        }
        running.wait();
        // A worker whose parent is gone stops by itself; until then it holds the drive.
        wait_for("the worker is gone", || workers.iter().all(|worker| !runs(*worker)));
        self.expect_truth(expunge);
        state(&expunge.state())
    }

    /// Only the worker is killed: the command ends by itself and says what happened.
    pub(crate) fn kill_worker_and_resume(&self, seed: u64) {
        self.renew();
        let (expunge, mut dice) = (Expunge::new(), Dice::new(seed));
        let running = Running::start(&mut self.begin(&expunge));
        wait_for("something is durable", || stands_at(&expunge.state(), State::Checkpoint));
        thread::sleep(Duration::from_micros(dice.below(20_000)));
        let workers = running.workers_now();
        workers.iter().filter(|worker| runs(**worker)).for_each(|worker| send(*worker, Signal::SIGKILL));
        let ran = running.finish();
        if ran.code == Some(0) {
            // It was faster than the signal.
            self.expect_done(&expunge);
            return;
        }
        let ran = ran.expect_code(7);
        let drive = &ran.result()["drives"][0];
        assert_eq!((&drive["outcome"], &drive["resumable"]), (&"unknown".into(), &true.into()), "{drive}");
        assert_eq!(drive["reason"]["code"], "worker-died");
        self.expect_truth(&expunge);
        expunge.finish(&mut Self::go_on(&expunge)).expect_code(0);
        self.expect_done(&expunge);
        let record = certificate(&expunge.out()).expect("a certificate");
        assert_eq!(record.text("/interruptions/0/cause"), "lost");
    }

    /// A certificate that exists is true, whenever it is looked at.
    fn expect_truth(&self, expunge: &Expunge) {
        if let Some(record) = certificate(&expunge.out()) {
            let wrong = differing(self.media.path(), self.media.size(), record.last_pattern(), BLOCK);
            assert_eq!(wrong, [], "{}", record.path.display());
        }
    }

    fn expect_done(&self, expunge: &Expunge) {
        let record = certificate(&expunge.out()).expect("a certificate");
        record.expect_certificate();
        self.expect_truth(expunge);
        assert_eq!(self.media.leftovers().blocks, 0);
        expunge.check(&record.path).expect_code(0);
        let told = entries(&expunge.state()).iter().filter(|entry| entry["entry"] == "resumed").count();
        let interruptions = record.statement["predicate"]["interruptions"].as_array().map_or(0, Vec::len);
        assert_eq!(interruptions, told, "every interruption is on the record");
    }
}

/// The certificate of the job: there is at most one, whatever other records there are.
fn certificate(records: &Path) -> Option<Record> {
    let mut all = Record::all_in(records);
    all.retain(|record| record.text("/outcome") == "done");
    assert!(all.len() <= 1, "{all:?}");
    all.pop()
}
