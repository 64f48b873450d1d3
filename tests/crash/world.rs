//! A world in which a job runs, stops at any moment and is gone on with: bays with simulated drives, one disk of
//! state, and a process that lives until it does not. The order of steps is that of `execute` and `resume` in `job`,
//! which need real nodes; journal, replay, conversation, worker, verdict and record are the real ones.
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use expunge::certificate::provenance::{Given, SelfTest};
use expunge::certificate::record::DriveRecord;
use expunge::certificate::statement::Statement;
use expunge::certificate::store::StoredRecord;
use expunge::device::{DriveFacts, is_same_drive};
use expunge::io::Tuning;
use expunge::job::arm::draw_patterns;
use expunge::job::carry_out::{Means, carry_out};
use expunge::job::clock::Clock;
use expunge::job::conclude::{Circumstances, KeyPlace, RecordFault};
use expunge::job::course::{Course, Run, Trust};
use expunge::job::entry::{Entry, Keeper as _};
use expunge::job::execute::{Work, conclude};
use expunge::job::listen::Deaf;
use expunge::job::replay::{Story, replay};
use expunge::job::{Directories, Signer};
use expunge::journal::{Journal, Store, recover};
use expunge::sim::store::SimStore;
use expunge::sim::{Dice, Oracle, SimNode, View};
use expunge::unit::term::Outcome;
use expunge::unit::{Digest, Pattern, RangeSet, Reason, ReasonCode};
use expunge::verify::{Ending, Verdict, judge};

use crate::shape::{Shape, facts};
use crate::worker::{End, Onlooker, SimLink, Witness};

/// What happens at an append to the journal.
#[derive(Default)]
pub(crate) struct Hooks {
    /// Somebody wants the job to stop at the append of this number, counted from 0.
    pub(crate) stop_at_append: Option<u64>,
    /// Write commands that the drive had taken when an append failed for the first time.
    pub(crate) writes_at_failure: Mutex<Option<usize>>,
    pub(crate) stop: AtomicBool,
}

/// The simulated disk of state behind the journal's own port.
pub(crate) struct Disk {
    store: SimStore,
    watched: Option<(Arc<Hooks>, Oracle)>,
}

impl Disk {
    pub(crate) const fn of(store: SimStore) -> Self {
        Self { store, watched: None }
    }
}

impl Store for Disk {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let number = self.store.appends();
        let result = self.store.append(bytes);
        if let Some((hooks, oracle)) = &self.watched {
            if hooks.stop_at_append == Some(number) {
                hooks.stop.store(true, Ordering::SeqCst);
            }
            if result.is_err() {
                let mut writes = hooks.writes_at_failure.lock().unwrap_or_else(PoisonError::into_inner);
                writes.get_or_insert_with(|| oracle.log().writes());
            }
        }
        result
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.store.sync()
    }
}

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// Nothing.
    None,
    /// What the journal says is built on without a look at the drive.
    JournalTrusted,
    /// A read-back from before an interruption counts after it.
    ReadBackKept,
    /// The worker says that it has flushed, and has not.
    FlushLeftOut,
    /// The keys are not written down before they are used.
    KeysNotKept,
}

/// How a sitting came to its end.
pub(crate) enum Sat {
    /// The world stopped.
    Stopped,
    /// It is over.
    Over(Box<Over>),
}

/// A sitting that came to its own end.
pub(crate) struct Over {
    pub(crate) verdict: Verdict,
    pub(crate) record: Option<StoredRecord>,
    pub(crate) trouble: Option<String>,
    pub(crate) run: Run,
}

/// What is left to be done with a journal.
pub(crate) enum Found {
    /// It holds nothing.
    Nothing,
    /// No job of ours writes such a journal.
    Nonsense(String),
    /// It is not gone on with.
    NotResumable(Box<Story>, Reason),
    /// It can be gone on with.
    Resumable(Box<Story>),
}

pub(crate) struct World {
    pub(crate) shape: Shape,
    pub(crate) bays: Vec<(PathBuf, Arc<SimNode>)>,
    pub(crate) store: SimStore,
    pub(crate) witness: Arc<Witness>,
    /// Outcomes of records that may be on the disk.
    pub(crate) records: Arc<Mutex<Vec<Outcome>>>,
    pub(crate) dice: Dice,
    /// How the world ends when the store stops.
    pub(crate) end: End,
    pub(crate) defect: Defect,
    pub(crate) hooks: Arc<Hooks>,
    /// The last sitting had to look at what was written before it.
    pub(crate) must_look: bool,
}

/// An armed job, at its beginning or after an interruption.
struct Sitting {
    facts: DriveFacts,
    node: Arc<SimNode>,
    patterns: Vec<Pattern>,
    started: expunge::certificate::time::UtcTime,
    clock: Clock,
    course: Course,
    interruptions: Vec<expunge::certificate::record::Interruption>,
}

/// What every job of this host has.
fn host() -> &'static (Signer, SelfTest, tempfile::TempDir) {
    static HOST: OnceLock<(Signer, SelfTest, tempfile::TempDir)> = OnceLock::new();
    HOST.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let directories = Directories::choose(Some(directory.path()), None, None).expect("directories");
        let signer = Signer::load_or_make(&directories, KeyPlace::Default).expect("a key");
        (signer, expunge::job::selftest::run(), directory)
    })
}

/// How often a drive is asked for its size before it is missed.
const ASKS: u32 = 8;

const JOB: &str = "0199d4a8-1b7e-7b3a-9c55-1f0c7d2f6a01";

impl World {
    pub(crate) fn new(shape: &Shape, seed: u64, end: End) -> Self {
        let node = Arc::new(SimNode::new(shape.spec.clone()));
        Self {
            shape: shape.clone(),
            bays: vec![(shape.facts.node.clone(), node)],
            store: SimStore::new(),
            witness: Arc::new(Witness::default()),
            records: Arc::default(),
            dice: Dice::new(seed),
            end,
            defect: Defect::None,
            hooks: Arc::default(),
            must_look: false,
        }
    }

    /// Who sees the drive of the job, wherever it is.
    pub(crate) fn oracle(&self) -> Oracle {
        let mut nodes = self.bays.iter().map(|(_, node)| node);
        nodes
            .find(|node| node.spec().drive == self.shape.spec.drive)
            .expect("the drive is somewhere")
            .oracle()
    }

    fn disk(&self) -> Disk {
        Disk { store: self.store.clone(), watched: Some((Arc::clone(&self.hooks), self.oracle())) }
    }

    /// Begins the job.
    pub(crate) fn begin(&mut self) -> Sat {
        let clock = Clock::start();
        let mut journal = Journal::over(self.disk());
        let (facts, plan) = (self.shape.facts.clone(), self.shape.plan.clone());
        let intent = Entry::Intent {
            at: clock.now(),
            job: JOB.to_owned(),
            number: 1,
            facts: Box::new(facts.clone()),
            notes: Vec::new(),
            plan_digest: Some(plan.digest()),
            plan: Some(Box::new(plan)),
            given: Box::new(Given::default()),
            self_test: Some(host().1.clone()),
            boot: None,
            records: None,
            key: None,
        };
        let node = Arc::clone(&self.bays[0].1);
        if journal.keep(&intent).is_err() {
            return self.ends();
        }
        let Some(patterns) = self.arm(&clock, &mut journal) else { return self.ends() };
        let (course, started) = (Course::default(), intent.at());
        let interruptions = Vec::new();
        self.sit(Sitting { facts, node, patterns, started, clock, course, interruptions }, journal)
    }

    /// The store does not take any more before anything is written: nothing is.
    fn ends(&self) -> Sat {
        if self.end == End::Power {
            self.cut_power();
        }
        Sat::Stopped
    }

    fn cut_power(&self) {
        let seed = self.dice.clone().bits();
        self.bays.iter().for_each(|(_, node)| node.oracle().cut_power(seed));
    }

    fn arm(&self, clock: &Clock, journal: &mut Journal<Disk>) -> Option<Vec<Pattern>> {
        let patterns = draw_patterns(&self.shape.plan).expect("random numbers");
        if self.defect == Defect::KeysNotKept {
            return Some(patterns);
        }
        let armed = Entry::Armed { at: clock.now(), passes: patterns.clone() };
        journal.keep(&armed).ok().map(|()| patterns)
    }

    /// What a journal found after a crash tells.
    pub(crate) fn read(bytes: &[u8]) -> Found {
        let recovered = recover(bytes).expect("a crash is a torn end, never damage");
        if recovered.entries.is_empty() {
            return Found::Nothing;
        }
        let story = match replay(&recovered.entries) {
            Ok(story) => story,
            Err(nonsense) => return Found::Nonsense(nonsense.to_string()),
        };
        match story.resumable() {
            Ok(()) => Found::Resumable(Box::new(story)),
            Err(reason) => Found::NotResumable(Box::new(story), reason),
        }
    }

    /// Where the drive of the job is now, by its identity, and whether it is the one that it was.
    fn find_again(&self, before: &DriveFacts) -> Result<(PathBuf, Arc<SimNode>), Reason> {
        // Whoever goes on has attached the drive again, if it can be.
        self.bays.iter().for_each(|(_, node)| (0..ASKS).for_each(|_| drop(node.current_bytes())));
        let found = self.bays.iter().find(|(_, node)| {
            let now = facts(&node.identify(), &node.spec().geometry);
            now.identity.stable() == before.identity.stable()
                && node.current_bytes().is_ok_and(|bytes| bytes > 0)
        });
        let (path, node) = found.ok_or_else(|| Reason::new(ReasonCode::Missing, "it is not attached", ""))?;
        is_same_drive(before, &facts(&node.identify(), &node.spec().geometry))?;
        Ok((path.clone(), Arc::clone(node)))
    }

    /// Goes on with the job of a story over what is left of its journal.
    pub(crate) fn go_on(&mut self, story: Story, bytes: &[u8]) -> Result<Sat, Reason> {
        let recovered = recover(bytes).expect("it was recovered before");
        let (path, node) =
            self.find_again(story.facts.as_ref().expect("a job that is resumable has a drive"))?;
        let mut journal = Journal::after(self.disk(), &recovered);
        let clock = Clock::resume(story.last);
        let resumed =
            Entry::Resumed { at: clock.now(), node: path, diskseq: Some(self.dice.bits() >> 16), boot: None };
        if journal.keep(&resumed).is_err() {
            return Ok(self.ends());
        }
        let patterns = if story.patterns.is_empty() {
            match self.arm(&clock, &mut journal) {
                Some(patterns) => patterns,
                None => return Ok(self.ends()),
            }
        } else {
            story.patterns.clone()
        };
        let before = story.course.verification.clone();
        let mut story = story.after(vec![resumed]).unwrap_or_else(|error| panic!("{error}"));
        let unfinished = story.course.passes.len() < patterns.len() && story.course.given_up.is_none();
        self.must_look = unfinished && !(story.course.passes.is_empty() && story.course.written.is_empty());
        match self.defect {
            Defect::None | Defect::FlushLeftOut | Defect::KeysNotKept => {}
            Defect::JournalTrusted => story.course.trust = Trust::Held,
            Defect::ReadBackKept => story.course.verification = before,
        }
        let Story { facts, started, course, interruptions, .. } = story;
        let facts = facts.expect("it has a drive");
        Ok(self.sit(Sitting { facts, node, patterns, started, clock, course, interruptions }, journal))
    }

    fn sit(&mut self, sitting: Sitting, mut journal: Journal<Disk>) -> Sat {
        let Sitting { facts, node, patterns, started, clock, course, mut interruptions } = sitting;
        let onlooker = Arc::new(Looker {
            store: self.store.clone(),
            oracle: Mutex::new(node.oracle()),
            patterns: patterns.clone(),
            witness: Arc::clone(&self.witness),
            truthful: self.shape.is_truthful(),
        });
        let dice = Dice::new(self.dice.bits());
        let mut link = SimLink::start(&node, onlooker, dice, self.shape.ahead, self.defect);
        let means = Means {
            link: &mut link,
            tuning: Tuning { depth: 1, transfer_bytes: 4096, adapter: None },
            thermometer: None,
            seat: None,
            secret: None,
            stop: &self.hooks.stop,
            clock: &clock,
            listener: &mut Deaf,
            keeper: &mut journal,
        };
        let mut run = carry_out(&self.shape.plan, &patterns, course, means);
        link.end(if self.store.is_stopped() { self.end } else { End::Parent });
        if self.store.is_stopped() {
            return self.ends();
        }
        if let (Some((probe, went_on)), Some(gap)) = (&run.probe, interruptions.last_mut()) {
            gap.probe = Some(probe.clone());
            gap.went_on = *went_on;
        }
        let after = self.identity_after(&facts, &node, &mut run);
        let tallies: Vec<_> = run.passes.iter().map(|pass| pass.tally.clone()).collect();
        let read = run.verification.as_ref();
        let repair = read.and_then(|read| read.repair.as_ref());
        let verdict =
            judge(&self.shape.plan, &[], &tallies, read.map(|read| &read.tally), repair, &run.ending);
        let work = Work {
            drive: DriveRecord::new(&facts, after),
            plan: Some(&self.shape.plan),
            capability: None,
            run: Some(&run),
            interruptions,
            limits: Vec::new(),
        };
        let circumstances = |journal: Option<Digest>| Circumstances {
            job: JOB,
            clock: &clock,
            started,
            signer: &host().0,
            given: &GIVEN,
            self_test: Some(&host().1),
            journal,
        };
        let judged = verdict.outcome();
        let file = |statement: &Statement| self.file(statement);
        let (verdict, record, trouble) = conclude(&mut journal, &work, verdict, &circumstances, &file);
        if self.store.is_stopped() {
            return self.ends();
        }
        if verdict.outcome() != judged && trouble.is_none() {
            self.witness.saw(format!("the evidence contradicts {judged:?}: {:?}", verdict.reasons()));
        }
        Sat::Over(Box::new(Over { verdict, record, trouble, run }))
    }

    /// Stores a record: one more thing that takes a sync.
    fn file(&self, statement: &Statement) -> Result<StoredRecord, RecordFault> {
        let outcome = statement.record().expect("a record of a job").outcome;
        let told = recover(&self.store.durable()).expect("a journal of ours");
        let last = told.entries.last().map(|line| String::from_utf8_lossy(line).into_owned());
        if !last.is_some_and(|line| line.contains("\"entry\":\"verdict\"")) {
            self.witness.saw("P6: a record leaves before its verdict is durable".into());
        }
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
        self.store.sync().map_err(RecordFault::Io)?;
        Ok(StoredRecord { path: Path::new("/records/one").into(), sha256: Digest::of(&statement.payload()) })
    }

    fn identity_after(
        &self,
        before: &DriveFacts,
        node: &SimNode,
        run: &mut Run,
    ) -> Option<(expunge::device::Identity, expunge::unit::Geometry)> {
        let now = facts(&node.identify(), &node.spec().geometry);
        let bytes = node.current_bytes().unwrap_or(0);
        let geometry = *before.geometry()?;
        if is_same_drive(before, &now).is_ok() && bytes == geometry.bytes() {
            return Some((now.identity, geometry));
        }
        if matches!(run.ending, Ending::Completed | Ending::Stopped | Ending::GivenUp(_)) {
            run.ending = Ending::DriveGone(Reason::new(ReasonCode::DriveGone, "it does not answer", ""));
        }
        None
    }
}

static GIVEN: std::sync::LazyLock<Given> = std::sync::LazyLock::new(Given::default);

/// Holds the journal and the drive against what the worker does.
struct Looker {
    store: SimStore,
    oracle: Mutex<Oracle>,
    patterns: Vec<Pattern>,
    witness: Arc<Witness>,
    truthful: bool,
}

impl Onlooker for Looker {
    fn before_writing(&self) {
        let told = recover(&self.store.durable()).expect("a journal of ours");
        let entries: Vec<Entry> =
            told.entries.iter().map(|line| serde_json::from_slice(line).expect("an entry")).collect();
        let armed = |entry: &Entry| matches!(entry, Entry::Armed { passes, .. } if *passes == self.patterns);
        if !matches!(entries.first(), Some(Entry::Intent { .. })) || !entries.iter().any(armed) {
            self.witness.saw("P6: the drive is opened for writing before intent and keys are durable".into());
        }
    }

    fn checkpoint(&self, pattern: &Pattern, written: &RangeSet) {
        if !self.truthful {
            return;
        }
        let oracle = self.oracle.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong =
            oracle.wrong(View::Durable, &|offset, out| pattern.fill(offset, out)).intersection(written);
        if !wrong.is_empty() {
            self.witness.saw(format!("P6: a checkpoint names blocks that are not durable: {wrong:?}"));
        }
    }
}
