//! A job on a simulated ATA drive that hides a part of itself: survey, plan, journal, conversation, worker, verdict and record
//! are the real ones. The order of steps is that of `execute` and `resume` in `job`, which need real nodes.
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use expunge::certificate::dsse::{PAYLOAD_TYPE, Signature, pae};
use expunge::certificate::keyring::KeyEntry;
use expunge::certificate::provenance::{Given, SelfTest};
use expunge::certificate::record::DriveRecord;
use expunge::certificate::statement::Statement;
use expunge::certificate::store::StoredRecord;
use expunge::certificate::{CheckReport, Envelope, Keyring, SigningKey, check};
use expunge::device::capability::Interface;
use expunge::device::survey::survey;
use expunge::device::{Content, DriveFacts, Identity, QueueLimits, Reach, Zoned, is_same_drive_of};
use expunge::engine::firmware::{News, Watch};
use expunge::engine::{Admission, Observer, Progress};
use expunge::io::{Adapter, BlockRead, BlockWrite, Channel, Route, Tuning};
use expunge::job::arm::draw_patterns;
use expunge::job::carry_out::{Means, carry_out};
use expunge::job::clock::Clock;
use expunge::job::conclude::{Circumstances, KeyPlace, RecordFault};
use expunge::job::course::{Course, Told};
use expunge::job::entry::{Entry, Keeper};
use expunge::job::execute::{Work, conclude};
use expunge::job::listen::Deaf;
use expunge::job::replay::{Story, replay};
use expunge::job::{Directories, Signer};
use expunge::journal::{Journal, Store, recover};
use expunge::plan::{Decision, Plan, Policy, Request, decide};
use expunge::sim::controller::{ScsiSim, ScsiSpec};
use expunge::sim::{SimIdentity, SimStore};
use expunge::unit::term::DriveKind;
use expunge::unit::{BlockCount, Digest, Geometry, Pattern, RangeSet, Reason};
use expunge::verify::{Verdict, judge};
use expunge::worker::message::{Event, Opened, Order, Terms};
use expunge::worker::parent::{Link, Report};
use expunge::worker::serve::{self, Teller, Way, serve};
use serde_json::Value;

/// The simulated disk of state behind the journal's own port.
struct Disk(SimStore);

impl Store for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

/// Whether what stands between worker and drive sees that the drive has grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    Follows,
    KeepsTheOldSize,
}

pub(crate) struct World {
    pub(crate) sim: ScsiSim,
    pub(crate) facts: DriveFacts,
    pub(crate) plan: Plan,
    pub(crate) kernel: Kernel,
    /// The host dies when this entry is to be kept.
    pub(crate) dies_before: Option<&'static str>,
    store: SimStore,
}

/// How a sitting ended.
pub(crate) struct Sat {
    pub(crate) verdict: Verdict,
    pub(crate) statement: Option<Statement>,
    pub(crate) trouble: Option<String>,
}

struct Host {
    signer: Signer,
    key: SigningKey,
    keyring: Keyring,
    self_test: SelfTest,
    given: Given,
    _directory: tempfile::TempDir,
}

fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let directories = Directories::choose(Some(directory.path()), None, None).expect("directories");
        let signer = Signer::load_or_make(&directories, KeyPlace::Default).expect("a key");
        let key = SigningKey::load(&directories.key).expect("the key that was made");
        let entry = KeyEntry::active(key.public(), "this test");
        let keyring = Keyring::from_entries(vec![entry]).expect("one key");
        let (self_test, given) = (expunge::job::selftest::run(), Given::default());
        Host { signer, key, keyring, self_test, given, _directory: directory }
    })
}

const JOB: &str = "0199d4a8-1b7e-7b3a-9c55-1f0c7d2f6a03";

/// What a claim would find.
fn facts(sim: &ScsiSim) -> DriveFacts {
    let geometry = sim.block_port().expect("it is switched on").geometry();
    let name = SimIdentity::numbered(1, BlockCount(1));
    let mut route = Route { channel: Channel::Scsi(Box::new(sim.port())), nsid: None };
    let capability = survey(&mut route).expect("it answers");
    let Interface::Ata(ata) = &capability.interface else { panic!("no ATA drive: {capability:?}") };
    let kind = if ata.rotation == Some(1) { DriveKind::Flash } else { DriveKind::Rotating };
    DriveFacts {
        node: PathBuf::from("/dev/sim0"),
        kernel_name: "sim0".to_owned(),
        device: None,
        diskseq: Some(1),
        identity: Identity {
            model: Some(name.model),
            serial: Some(name.serial),
            wwn: Some(name.wwn),
            ..Identity::default()
        },
        kind,
        transport: None,
        bay: None,
        reach: Reach::Addressable(geometry),
        queue: QueueLimits::default(),
        zoned: Zoned::None,
        zones: None,
        read_only: false,
        removable: false,
        other_units: Vec::new(),
        other_paths: Vec::new(),
        content: Vec::new(),
        capability: Some(Box::new(capability)),
    }
}

impl World {
    pub(crate) fn new(spec: ScsiSpec, request: &Request) -> Self {
        Self::with_content(spec, request, Vec::new())
    }

    /// A job on a drive on which this was found.
    pub(crate) fn with_content(spec: ScsiSpec, request: &Request, content: Vec<Content>) -> Self {
        let sim = ScsiSim::new(spec);
        let facts = DriveFacts { content, ..facts(&sim) };
        let plan = match decide(request, &facts, &Policy::builtin()) {
            Decision::Planned(plan) => *plan,
            other => panic!("{other:?}"),
        };
        Self { sim, facts, plan, kernel: Kernel::Follows, dies_before: None, store: SimStore::new() }
    }

    /// Blocks that the drive presents now.
    pub(crate) fn presented(&self) -> u64 {
        self.sim.block_port().expect("it is switched on").geometry().capacity.0
    }

    pub(crate) fn power_cycle(&self) {
        self.sim.power_cut();
        self.sim.power_on();
    }

    /// The words of the journal's entries, in order.
    pub(crate) fn entries(&self) -> Vec<String> {
        let lines = recover(&self.store.durable()).expect("a journal of ours").entries;
        let word = |line: &Vec<u8>| {
            let value: Value = serde_json::from_slice(line).expect("an entry");
            value["entry"].as_str().expect("a word").to_owned()
        };
        lines.iter().map(word).collect()
    }

    pub(crate) fn story(&self) -> Story {
        let lines = recover(&self.store.durable()).expect("a journal of ours").entries;
        replay(&lines).unwrap_or_else(|nonsense| panic!("{nonsense}"))
    }

    pub(crate) fn begin(&mut self) -> Sat {
        let clock = Clock::start();
        let mut journal = Journal::over(Disk(self.store.clone()));
        let intent = Entry::Intent {
            at: clock.now(),
            job: JOB.to_owned(),
            number: 1,
            facts: Box::new(self.facts.clone()),
            notes: Vec::new(),
            plan_digest: Some(self.plan.digest()),
            plan: Some(Box::new(self.plan.clone())),
            given: Box::new(host().given.clone()),
            self_test: Some(host().self_test.clone()),
            boot: None,
            records: None,
            key: None,
        };
        journal.keep(&intent).expect("it takes everything");
        let patterns = draw_patterns(&self.plan).expect("random numbers");
        let armed = Entry::Armed { at: clock.now(), passes: patterns.clone() };
        journal.keep(&armed).expect("it takes everything");
        self.sit(journal, &clock, &patterns, Course::default(), Vec::new())
    }

    /// Takes the job up again over what is left of its journal.
    ///
    /// # Errors
    /// Why the drive is not the job's.
    pub(crate) fn resume(&mut self) -> Result<Sat, Reason> {
        let recovered = recover(&self.store.durable()).expect("a journal of ours");
        let story = replay(&recovered.entries).unwrap_or_else(|nonsense| panic!("{nonsense}"));
        story.resumable()?;
        is_same_drive_of(&self.facts, &facts(&self.sim), &story.sizes())?;
        self.store = SimStore::with(self.store.durable()[..recovered.length].to_vec());
        let mut journal = Journal::after(Disk(self.store.clone()), &recovered);
        let clock = Clock::resume(story.last);
        let node = self.facts.node.clone();
        let resumed = Entry::Resumed { at: clock.now(), node, diskseq: Some(2), boot: None };
        journal.keep(&resumed).expect("it takes everything");
        let story = story.after(vec![resumed]).unwrap_or_else(|nonsense| panic!("{nonsense}"));
        let Story { patterns, course, interruptions, .. } = story;
        Ok(self.sit(journal, &clock, &patterns, course, interruptions))
    }

    fn sit(
        &mut self,
        journal: Journal<Disk>,
        clock: &Clock,
        patterns: &[Pattern],
        course: Course,
        mut interruptions: Vec<expunge::certificate::record::Interruption>,
    ) -> Sat {
        let started = self.story().started;
        let mut keeping = Keeping { journal, dies_before: self.dies_before };
        let mut link = SimLink::new(&self.sim, self.kernel, self.facts.geometry().expect("a shape"));
        let means = Means {
            link: &mut link,
            tuning: Tuning { depth: 1, transfer_bytes: 16 * 1024, adapter: None },
            thermometer: None,
            seat: None,
            secret: None,
            stop: &AtomicBool::new(false),
            clock,
            listener: &mut Deaf,
            keeper: &mut keeping,
        };
        // As it was asked before the job, it is asked after it.
        let course = Course { told: Told::OfItself, ..course };
        let run = carry_out(&self.plan, patterns, course, means);
        if let (Some((probe, went_on)), Some(gap)) = (&run.probe, interruptions.last_mut()) {
            gap.probe = Some(probe.clone());
            gap.went_on = *went_on;
        }
        let steps: Vec<_> = run.steps.iter().map(|step| step.tally.clone()).collect();
        let passes: Vec<_> = run.passes.iter().map(|pass| pass.tally.clone()).collect();
        let read = run.verification.as_ref();
        let verdict = judge(&self.plan, &steps, &passes, read.map(|read| &read.tally), None, &run.ending);
        let mut geometry = *self.facts.geometry().expect("a shape");
        geometry.capacity = BlockCount(self.presented());
        let work = Work {
            drive: DriveRecord::new(&self.facts, Some((self.facts.identity.clone(), geometry))),
            plan: Some(&self.plan),
            capability: self.facts.capability.clone(),
            run: Some(&run),
            interruptions,
            limits: Vec::new(),
        };
        let circumstances = |journal: Option<Digest>| Circumstances {
            job: JOB,
            clock,
            started,
            signer: &host().signer,
            given: &host().given,
            self_test: Some(&host().self_test),
            journal,
        };
        let filed = RefCell::new(None);
        let file = |statement: &Statement| -> Result<StoredRecord, RecordFault> {
            *filed.borrow_mut() = Some(statement.clone());
            let sha256 = Digest::of(&statement.payload());
            Ok(StoredRecord { path: Path::new("/records/one").into(), sha256 })
        };
        if self.dies_before.is_some() {
            return Sat { verdict, statement: None, trouble: None };
        }
        let (verdict, _, trouble) = conclude(&mut keeping.journal, &work, verdict, &circumstances, &file);
        Sat { verdict, statement: filed.into_inner(), trouble }
    }
}

/// What anybody makes of a record, signed by the genuine key whatever was changed in it.
pub(crate) fn checked(statement: &Statement, change: impl FnOnce(&mut Value)) -> CheckReport {
    let mut value: Value = serde_json::from_slice(&statement.payload()).expect("a record");
    change(&mut value);
    let payload = serde_json::to_vec(&value).expect("a record");
    let key = &host().key;
    let signature = Signature { keyid: key.public().id(), bytes: key.sign(&pae(PAYLOAD_TYPE, &payload)) };
    check(&Envelope::new(payload, vec![signature]).to_bytes(), &host().keyring)
}

/// Keeps entries until the host dies.
struct Keeping {
    journal: Journal<Disk>,
    dies_before: Option<&'static str>,
}

impl Keeper for Keeping {
    fn keep(&mut self, entry: &Entry) -> io::Result<()> {
        let value = serde_json::to_value(entry).expect("an entry");
        if self.dies_before.is_some_and(|word| value["entry"] == word) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.journal.keep(entry)
    }
}

/// A worker in this very thread: each order is carried out before the parent hears of it.
struct SimLink {
    bay: Bay,
    speaker: Speaker,
}

struct Bay {
    sim: ScsiSim,
    kernel: Kernel,
    before: Geometry,
}

struct Speaker {
    sim: ScsiSim,
    events: Rc<RefCell<VecDeque<Event>>>,
}

impl SimLink {
    fn new(sim: &ScsiSim, kernel: Kernel, before: &Geometry) -> Self {
        let bay = Bay { sim: sim.clone(), kernel, before: *before };
        Self { bay, speaker: Speaker { sim: sim.clone(), events: Rc::default() } }
    }
}

impl Link for SimLink {
    fn order(&mut self, order: &Order) -> io::Result<()> {
        serve(&mut self.bay, std::iter::once(order.clone()), &mut self.speaker)
    }

    fn next(&mut self, _wait: Duration) -> Report {
        let event = self.speaker.events.borrow_mut().pop_front();
        event.map_or_else(|| Report::End("the worker has left".into()), Report::Event)
    }

    fn whereabouts(&self) -> String {
        "this thread".into()
    }
}

impl serve::Drive for Bay {
    fn writer(&mut self, _terms: &Terms) -> io::Result<(Box<dyn BlockWrite>, Adapter)> {
        Ok((Box::new(self.sim.block_port().ok_or(io::ErrorKind::NotFound)?), Adapter::Sync))
    }

    fn reader(&mut self, _terms: &Terms) -> io::Result<(Box<dyn BlockRead>, Adapter, Opened)> {
        let port = self.sim.block_port().ok_or(io::ErrorKind::NotFound)?;
        Ok((Box::new(port), Adapter::Sync, Opened::Anew))
    }

    fn route(&mut self) -> Way {
        Ok(Route { channel: Channel::Scsi(Box::new(self.sim.port())), nsid: None })
    }

    fn look_again(&mut self, terms: &Terms) -> io::Result<BlockCount> {
        match self.kernel {
            Kernel::KeepsTheOldSize => Ok(self.before.capacity),
            Kernel::Follows => {
                let bytes = self.reader(terms)?.0.current_bytes()?;
                Ok(terms.geometry.blocks_in(bytes))
            }
        }
    }
}

impl Teller for Speaker {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        self.events.borrow_mut().push_back(event.clone());
        Ok(())
    }

    fn observer(&mut self, _terms: &Terms) -> &mut dyn Observer {
        self
    }

    fn watch(&mut self, _terms: &Terms) -> &mut dyn Watch {
        self
    }
}

impl Watch for Speaker {
    fn now(&mut self) -> Duration {
        Duration::from_millis(self.sim.clock().elapsed_ms())
    }

    fn rest(&mut self, time: Duration) {
        self.sim.pass_time(time);
    }

    fn should_stop(&mut self) -> bool {
        false
    }

    fn tell(&mut self, _news: &News) {}
}

impl Observer for Speaker {
    fn progress(&mut self, _progress: Progress) {}

    fn should_stop(&mut self) -> bool {
        false
    }

    fn now(&mut self) -> Duration {
        Watch::now(self)
    }

    fn rest(&mut self, time: Duration) {
        Watch::rest(self, time);
    }

    fn admit(&mut self, _bytes: u64) -> Admission {
        Admission::Go
    }

    fn checkpoint(&mut self, pass: u32, written: RangeSet) {
        self.events.borrow_mut().push_back(Event::Checkpoint { pass, written });
    }
}
