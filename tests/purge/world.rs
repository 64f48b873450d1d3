//! A world in which a drive is told to sanitize itself: survey, plan, journal, conversation, verdict and record are the
//! real ones. The order of steps is that of `execute` and `resume` in `job`, which need real nodes.
use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use expunge::certificate::keyring::KeyEntry;
use expunge::certificate::provenance::{Given, SelfTest};
use expunge::certificate::record::{DriveRecord, Interruption};
use expunge::certificate::statement::Statement;
use expunge::certificate::store::StoredRecord;
use expunge::certificate::{CheckStatus, Keyring, Record, SigningKey, UtcTime, check, sign};
use expunge::device::{DriveFacts, Identity, is_same_drive};
use expunge::engine::firmware::Secret;
use expunge::io::Tuning;
use expunge::job::arm::draw_patterns;
use expunge::job::carry_out::{Means, carry_out};
use expunge::job::clock::Clock;
use expunge::job::conclude::{Circumstances, KeyPlace, RecordFault};
use expunge::job::course::{Course, Run, Told};
use expunge::job::entry::{Entry, Keeper};
use expunge::job::execute::{Work, conclude};
use expunge::job::listen::Deaf;
use expunge::job::replay::{Story, replay};
use expunge::job::{Directories, Signer};
use expunge::journal::{Journal, Store, recover};
use expunge::plan::{Decision, Limit, LimitCode, Plan, Policy, decide};
use expunge::sim::controller::quirk::Return;
use expunge::sim::{Residue, SimStore};
use expunge::unit::{Digest, Geometry, Pattern, Reason, ReasonCode};
use expunge::verify::{Counted, Ending, StepTally, Verdict, judge};

use crate::drive::Drive;
use crate::ledger::Ledger;
use crate::link::{Between, Defect, Hooks, SimLink};
use crate::shape::Shape;

/// The simulated disk of state, which may die at any append.
struct Disk {
    store: SimStore,
    hooks: Arc<Hooks>,
    /// The drive, if its power goes with the disk's.
    drive: Option<Drive>,
}

impl Disk {
    fn died(&self) {
        if !self.hooks.dead.swap(true, Ordering::SeqCst)
            && let Some(drive) = &self.drive
        {
            drive.power_cut();
        }
    }

    fn live(&self) -> io::Result<()> {
        if self.hooks.dead.load(Ordering::SeqCst) { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

impl Store for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.live()?;
        self.store.append(bytes).inspect_err(|_| self.died())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.live()?;
        self.store.sync().inspect_err(|_| self.died())
    }
}

/// Keeps entries, or in a broken program what is sent only after it was.
struct Keeping {
    journal: Journal<Disk>,
    late: Option<Entry>,
    defect: Defect,
    hooks: Arc<Hooks>,
}

impl Keeper for Keeping {
    fn keep(&mut self, entry: &Entry) -> io::Result<()> {
        if self.defect == Defect::JournalAfterSend && matches!(entry, Entry::Commanding { .. }) {
            self.late = Some(entry.clone());
            return Ok(());
        }
        if let Some(late) = self.late.take() {
            self.journal.keep(&late)?;
        }
        if let Entry::Accepted { .. } = entry {
            // A worker that rests is a process of its own: this was heard before the rest at which the host died.
            let dead = self.hooks.dead.swap(false, Ordering::SeqCst);
            let kept = self.journal.keep(entry);
            self.hooks.dead.fetch_or(dead, Ordering::SeqCst);
            return kept;
        }
        self.journal.keep(entry)
    }
}

/// How a sitting came to its end.
pub(crate) enum Sat {
    /// The host died.
    Stopped,
    /// It is over.
    Over(Box<Over>),
}

/// A sitting that came to its own end.
pub(crate) struct Over {
    pub(crate) verdict: Verdict,
    /// What the evidence was judged to be before the record was made of it.
    pub(crate) judged: Verdict,
    pub(crate) run: Run,
    pub(crate) trouble: Option<String>,
    pub(crate) filed: Option<Filed>,
}

/// A record, and what its check says.
#[derive(Clone)]
pub(crate) struct Filed {
    pub(crate) record: Record,
    pub(crate) status: CheckStatus,
    pub(crate) findings: String,
}

/// What is left to be done with a journal.
pub(crate) enum Found {
    /// It holds nothing.
    Nothing,
    /// No job of ours writes such a journal.
    Nonsense(String),
    /// It is not gone on with.
    NotResumable(Box<Story>),
    /// It can be gone on with.
    Resumable(Box<Story>),
}

pub(crate) struct World {
    pub(crate) shape: Shape,
    pub(crate) drive: Drive,
    pub(crate) before: Residue,
    pub(crate) facts: DriveFacts,
    pub(crate) decision: Decision,
    pub(crate) store: SimStore,
    pub(crate) ledger: Ledger,
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) defect: Defect,
    /// The drive loses its power with the host.
    pub(crate) power_goes: bool,
    /// How the drive is when its power is back.
    pub(crate) returns: Return,
    pub(crate) sittings: usize,
}

/// An armed job, at its beginning or after an interruption.
struct Sitting {
    patterns: Vec<Pattern>,
    started: UtcTime,
    clock: Clock,
    course: Course,
    interruptions: Vec<Interruption>,
}

struct Host {
    signer: Signer,
    key: SigningKey,
    keyring: Keyring,
    self_test: SelfTest,
    _directory: tempfile::TempDir,
}

/// What every job of this host has.
fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let directories = Directories::choose(Some(directory.path()), None, None).expect("directories");
        let signer = Signer::load_or_make(&directories, KeyPlace::Default).expect("a key");
        let key = SigningKey::load(&directories.key).expect("the key that was made");
        let entry = KeyEntry::active(key.public(), "the campaign");
        let keyring = Keyring::from_entries(vec![entry]).expect("one key");
        Host { signer, key, keyring, self_test: expunge::job::selftest::run(), _directory: directory }
    })
}

static POLICY: LazyLock<Policy> = LazyLock::new(Policy::builtin);
static GIVEN: LazyLock<Given> = LazyLock::new(Given::default);

const JOB: &str = "0199d4a8-1b7e-7b3a-9c55-1f0c7d2f6a02";

/// How long a drive that is away is waited for before a job is gone on with.
const AWAY: Duration = Duration::from_secs(200);

impl World {
    /// A drive that is switched on, looked at, and planned for.
    pub(crate) fn new(shape: &Shape) -> Self {
        let drive = Drive::new(&shape.drive);
        let before = drive.oracle().residue();
        let facts = drive.facts().expect("it was just switched on");
        let decision = decide(&shape.request, &facts, &POLICY);
        Self {
            shape: shape.clone(),
            drive,
            before,
            facts,
            decision,
            store: SimStore::new(),
            ledger: Ledger::default(),
            hooks: Arc::default(),
            defect: Defect::None,
            power_goes: false,
            returns: Return::Same,
            sittings: 0,
        }
    }

    pub(crate) fn plan(&self) -> Option<&Plan> {
        match &self.decision {
            Decision::Planned(plan) => Some(plan),
            Decision::Refused(_) | Decision::Unsanitizable(_) => None,
        }
    }

    fn disk(&self) -> Disk {
        let drive = self.power_goes.then(|| self.drive.clone());
        Disk { store: self.store.clone(), hooks: Arc::clone(&self.hooks), drive }
    }

    fn keeping(&self, journal: Journal<Disk>) -> Keeping {
        Keeping { journal, late: None, defect: self.defect, hooks: Arc::clone(&self.hooks) }
    }

    /// Begins the job of a plan.
    pub(crate) fn begin(&mut self) -> Sat {
        let plan = self.plan().expect("it was planned").clone();
        let clock = Clock::start();
        let mut journal = Journal::over(self.disk());
        let intent = Entry::Intent {
            at: clock.now(),
            job: JOB.to_owned(),
            number: 1,
            facts: Box::new(self.facts.clone()),
            notes: Vec::new(),
            plan_digest: Some(plan.digest()),
            plan: Some(Box::new(plan)),
            given: Box::new(Given::default()),
            self_test: Some(host().self_test.clone()),
            boot: None,
            records: None,
            key: None,
        };
        if journal.keep(&intent).is_err() {
            return Sat::Stopped;
        }
        let Some(patterns) = self.arm(&clock, &mut journal) else { return Sat::Stopped };
        let (course, started) = (Course::default(), intent.at());
        let sitting = Sitting { patterns, started, clock, course, interruptions: Vec::new() };
        self.sit(sitting, journal)
    }

    fn arm(&self, clock: &Clock, journal: &mut Journal<Disk>) -> Option<Vec<Pattern>> {
        let patterns = draw_patterns(self.plan()?).expect("random numbers");
        let armed = Entry::Armed { at: clock.now(), passes: patterns.clone() };
        journal.keep(&armed).ok().map(|()| patterns)
    }

    /// What a journal found after a crash tells.
    pub(crate) fn read(bytes: &[u8]) -> Found {
        let recovered = recover(bytes).expect("a crash is a torn end, never damage");
        if recovered.entries.is_empty() {
            return Found::Nothing;
        }
        match replay(&recovered.entries) {
            Err(nonsense) => Found::Nonsense(nonsense.to_string()),
            Ok(story) if story.resumable().is_ok() => Found::Resumable(Box::new(story)),
            Ok(story) => Found::NotResumable(Box::new(story)),
        }
    }

    /// Goes on with the job of a story over what is left of its journal.
    ///
    /// # Errors
    /// Why the drive is not taken up again.
    pub(crate) fn go_on(&mut self, story: Story, bytes: &[u8]) -> Result<Sat, Reason> {
        self.hooks.stop.store(false, Ordering::SeqCst);
        self.hooks.dead.store(false, Ordering::SeqCst);
        self.power_goes = false;
        let recovered = recover(bytes).expect("it was recovered before");
        self.store = SimStore::with(bytes[..recovered.length].to_vec());
        self.drive.power_on(self.returns);
        if !self.drive.is_here() {
            self.drive.pass_time(AWAY);
        }
        let now = self.drive.facts_again(&self.facts.reach)?;
        is_same_drive(&self.facts, &now)?;
        let mut journal = Journal::after(self.disk(), &recovered);
        let clock = Clock::resume(story.last);
        let resumed = Entry::Resumed { at: clock.now(), node: now.node, diskseq: now.diskseq, boot: None };
        if journal.keep(&resumed).is_err() {
            return Ok(Sat::Stopped);
        }
        let armed = !(story.state == expunge::job::replay::State::Intended);
        let patterns = match armed {
            true => story.patterns.clone(),
            false => match self.arm(&clock, &mut journal) {
                Some(patterns) => patterns,
                None => return Ok(Sat::Stopped),
            },
        };
        let story = story.after(vec![resumed]).unwrap_or_else(|error| panic!("{error}"));
        let Story { started, course, interruptions, .. } = story;
        Ok(self.sit(Sitting { patterns, started, clock, course, interruptions }, journal))
    }

    fn between(&self) -> Between {
        match self.shape.between {
            // Those come once, in the first sitting.
            Between::ForeignBeforeLook | Between::ForeignBeforeCommand | Between::HostDiesWithDrive
                if self.sittings > 0 =>
            {
                Between::Nothing
            }
            between => between,
        }
    }

    fn sit(&mut self, sitting: Sitting, journal: Journal<Disk>) -> Sat {
        let plan = self.plan().expect("it was planned").clone();
        let Sitting { patterns, started, clock, course, mut interruptions } = sitting;
        self.ledger.sits(&self.store, self.sittings);
        let mut link = SimLink::start(&self.drive, &self.ledger, &self.hooks, self.between(), self.defect);
        self.sittings += 1;
        let mut keeping = self.keeping(journal);
        let means = Means {
            link: &mut link,
            tuning: Tuning { depth: 1, transfer_bytes: 16 * 1024, adapter: None },
            thermometer: None,
            seat: None,
            secret: self.shape.psid().map(Secret),
            stop: &self.hooks.stop,
            clock: &clock,
            listener: &mut Deaf,
            keeper: &mut keeping,
        };
        let told = if self.facts.capability.is_some() { Told::OfItself } else { Told::Nothing };
        let grown = course.grown.clone();
        let mut run = carry_out(&plan, &patterns, Course { told, ..course }, means);
        if self.hooks.dead.load(Ordering::SeqCst) {
            return Sat::Stopped;
        }
        if let (Some((probe, went_on)), Some(gap)) = (&run.probe, interruptions.last_mut()) {
            gap.probe = Some(probe.clone());
            gap.went_on = *went_on;
        }
        let after = self.identity_after(&mut link, &mut run);
        let counted = self.counted(&run);
        let passes: Vec<_> = run.passes.iter().map(|pass| pass.tally.clone()).collect();
        let seen = if self.defect == Defect::GrowthOverlooked { Counted::Same } else { counted };
        let judged = verdict(&plan, &run).with_growth(&plan, &passes, seen).with_growth_of(
            &plan,
            &passes,
            grown.as_slice(),
        );
        let code = match counted {
            Counted::Grew(_) => Some(LimitCode::SectorsGivenUp),
            Counted::Nothing | Counted::NotTold(_) => Some(LimitCode::DefectsNotCounted),
            Counted::Same => None,
        };
        let work = Work {
            drive: DriveRecord::new(&self.facts, after),
            plan: Some(&plan),
            capability: self.facts.capability.clone(),
            run: Some(&run),
            interruptions,
            limits: code.map(|code| Limit { code, text: "of its defects".into() }).into_iter().collect(),
        };
        let circumstances = |journal: Option<Digest>| Circumstances {
            job: JOB,
            clock: &clock,
            started,
            signer: &host().signer,
            given: &GIVEN,
            self_test: Some(&host().self_test),
            journal,
        };
        let filed = RefCell::new(None);
        let file = |statement: &Statement| file(statement, &filed);
        let (verdict, _record, trouble) =
            conclude(&mut keeping.journal, &work, judged.clone(), &circumstances, &file);
        if self.hooks.dead.load(Ordering::SeqCst) {
            return Sat::Stopped;
        }
        Sat::Over(Box::new(Over { verdict, judged, run, trouble, filed: filed.into_inner() }))
    }

    fn counted(&self, run: &Run) -> Counted {
        let [before, after] = [&self.facts.capability, &run.capability]
            .map(|told| told.as_deref().map(|told| told.health.clone()));
        Counted::between(before.as_ref(), after.as_ref())
    }

    /// Who the drive is after the last step, if the node that was opened still leads to it.
    fn identity_after(&self, link: &mut SimLink, run: &mut Run) -> Option<(Identity, Geometry)> {
        if link.is_attached() {
            return self.facts.geometry().map(|geometry| (self.facts.identity.clone(), *geometry));
        }
        if matches!(run.ending, Ending::Completed | Ending::Stopped | Ending::GivenUp(_)) {
            run.ending = Ending::DriveGone(Reason::new(ReasonCode::DriveGone, "it does not answer", ""));
        }
        None
    }
}

fn verdict(plan: &Plan, run: &Run) -> Verdict {
    let steps: Vec<StepTally> = run.steps.iter().map(|step| step.tally.clone()).collect();
    let passes: Vec<_> = run.passes.iter().map(|pass| pass.tally.clone()).collect();
    let read = run.verification.as_ref();
    let repair = read.and_then(|read| read.repair.as_ref());
    judge(plan, &steps, &passes, read.map(|read| &read.tally), repair, &run.ending)
}

/// Signs a record, and has it checked as anybody would.
fn file(statement: &Statement, filed: &RefCell<Option<Filed>>) -> Result<StoredRecord, RecordFault> {
    let envelope = sign(statement, &[&host().key]).map_err(RecordFault::Sign)?;
    let report = check(&envelope.to_bytes(), &host().keyring);
    let findings = report.findings.iter().map(|one| one.text.clone()).collect::<Vec<_>>().join("; ");
    let record = statement.record().expect("a record of a job").clone();
    *filed.borrow_mut() = Some(Filed { record, status: report.status, findings });
    Ok(StoredRecord { path: Path::new("/records/one").into(), sha256: Digest::of(&statement.payload()) })
}
