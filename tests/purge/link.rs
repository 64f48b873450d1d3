//! A worker in this very thread: each order is carried out by the real [`serve`] before the parent hears of it. Its
//! clock is the drive's.
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use expunge::engine::firmware::{Conclusion, News, Proof, Stage, Start, Watch};
use expunge::engine::{Admission, Observer, Progress};
use expunge::io::{Adapter, BlockRead, BlockWrite, Route};
use expunge::sim::controller::SimBlockPort;
use expunge::unit::{Digest, Pattern, RangeSet, Reason, ReasonCode};
use expunge::verify::VerificationTally;
use expunge::worker::message::{Command, Event, Opened, Order, Terms};
use expunge::worker::parent::{Link, Report};
use expunge::worker::serve::{self, Teller, Way, serve};

use crate::drive::Drive;
use crate::ledger::Ledger;

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// Nothing.
    None,
    /// The canaries are called changed without being read.
    CanariesNotRead,
    /// Canaries that survived are counted as changed.
    SurvivorsIgnored,
    /// Fingerprints are taken of something else than what the drive holds.
    PrintsInvented,
    /// What the drive says of its defects is not judged.
    GrowthOverlooked,
    /// A progress of FFFFh is taken for a success.
    FullTakenForSuccess,
    /// A success that was there before is taken for one of the command.
    StaleSuccessAccepted,
    /// What is about to be sent is written to the journal when it has been.
    JournalAfterSend,
    /// A command whose end is not known is sent again.
    SentAgain,
}

/// What comes between while a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// Nothing.
    Nothing,
    /// At the rest of this number somebody wants the job to stop.
    Stop(u64),
    /// The same, and nobody goes on with it.
    StopForGood(u64),
    /// At the rest of this number the host dies.
    HostDies(u64),
    /// At the rest of this number the power of host and drive fails.
    PowerFails(u64),
    /// The host dies with the drive, when that loses its power or its node.
    HostDiesWithDrive,
    /// Another program starts a sanitize operation before the drive is looked at.
    ForeignBeforeLook,
    /// Another program does so between the look and the command.
    ForeignBeforeCommand,
    /// Another program starts the cryptographic erase that the job was about to, down to its last bit, after the host
    /// has died.
    ForeignWhileDead,
}

/// What link, keeper and world share.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    /// Somebody wants the job to stop.
    pub(crate) stop: AtomicBool,
    /// Nothing becomes durable any more.
    pub(crate) dead: AtomicBool,
    /// Rests so far, over all sittings.
    rests: AtomicU64,
    /// How often the drive was opened for writing, over all sittings.
    pub(crate) writers: AtomicU64,
}

/// The parent's end of a worker that works when it is told to.
pub(crate) struct SimLink {
    bay: Bay,
    speaker: Speaker,
    between: Between,
    defect: Defect,
    broken: bool,
    foreign_done: bool,
}

impl SimLink {
    pub(crate) fn start(
        drive: &Drive,
        ledger: &Ledger,
        hooks: &Arc<Hooks>,
        between: Between,
        defect: Defect,
    ) -> Self {
        Self {
            bay: Bay {
                drive: drive.clone(),
                node: drive.open(),
                ledger: ledger.clone(),
                hooks: Arc::clone(hooks),
                defect,
            },
            speaker: Speaker {
                drive: drive.clone(),
                hooks: Arc::clone(hooks),
                between,
                events: Rc::default(),
                began: Duration::ZERO,
            },
            between,
            defect,
            broken: false,
            foreign_done: false,
        }
    }

    /// Whether the node that was opened still leads to the drive.
    pub(crate) fn is_attached(&mut self) -> bool {
        self.bay.is_attached()
    }

    fn carry_out(&mut self, order: Order) {
        let result = serve(&mut self.bay, std::iter::once(order), &mut self.speaker);
        self.broken |= result.is_err();
        if self.between == Between::HostDiesWithDrive && !self.bay.is_attached() {
            self.speaker.hooks.dead.store(true, Ordering::SeqCst);
        }
    }

    /// Another program comes between, once.
    fn foreign(&mut self, order: &Order) {
        let due = match order {
            Order::Look(_) => self.between == Between::ForeignBeforeLook,
            Order::Command(command) => {
                self.between == Between::ForeignBeforeCommand && command.start == Start::Send
            }
            _ => false,
        };
        if due && !self.foreign_done {
            self.foreign_done = true;
            crate::foreign::sanitize(&mut self.bay.drive.route().channel);
        }
    }

    /// The order as the broken worker takes it.
    fn broken_order(&self, order: Order) -> Order {
        match (self.defect, order) {
            (Defect::SentAgain, Order::Command(command)) => {
                Order::Command(Box::new(Command { start: Start::Send, ..*command }))
            }
            (_, order) => order,
        }
    }

    /// What the broken worker makes of what it was told last.
    fn broken_events(&self, order: &Order) {
        let mut events = self.speaker.events.borrow_mut();
        match order {
            Order::Command(command)
                if self.defect == Defect::StaleSuccessAccepted && command.start != Start::Send =>
            {
                for event in events.iter_mut() {
                    if let Event::Commanded { report } = event
                        && matches!(report.conclusion, Conclusion::Claimed | Conclusion::Unknown { .. })
                    {
                        report.conclusion = Conclusion::Confirmed;
                        report.proof = vec![Proof::CompletedSetAnew];
                    }
                }
            }
            Order::Verify(verify) if self.defect == Defect::SurvivorsIgnored && is_keyed(&verify.pattern) => {
                for event in events.iter_mut() {
                    if let Event::Verified { tally, .. } = event {
                        tally.mismatched = verify.wanted.clone();
                        tally.mismatched.subtract(&tally.unreadable);
                        tally.matched = expunge::unit::BlockCount::ZERO;
                    }
                }
            }
            Order::Fingerprint(order) if self.defect == Defect::PrintsInvented => {
                for event in events.iter_mut() {
                    if let Event::Fingerprinted { prints, .. } = event {
                        // Twice the same before a command, and something else after it.
                        let sent = self.bay.ledger.sent().len().to_be_bytes();
                        for print in &mut prints.prints {
                            print.mac = order.key.fingerprint(print.lba, &sent);
                        }
                        prints.blank = RangeSet::new();
                    }
                }
            }
            _ => {}
        }
    }

    /// Canaries that are called changed without a look.
    fn invented(&self, order: &Order) -> Option<Event> {
        let Order::Verify(verify) = order else { return None };
        if self.defect != Defect::CanariesNotRead || !is_keyed(&verify.pattern) {
            return None;
        }
        let wanted = verify.wanted.count();
        let capacity = verify.terms.geometry.capacity;
        let tally = VerificationTally {
            wanted,
            wanted_digest: Digest::of_json(&verify.wanted),
            mismatched: verify.wanted.clone(),
            not_read: expunge::unit::BlockCount(capacity.0 - wanted.0),
            ..empty_tally()
        };
        Some(Event::Verified { tally, settled: expunge::worker::message::Ended::Complete })
    }
}

fn empty_tally() -> VerificationTally {
    VerificationTally {
        wanted: expunge::unit::BlockCount::ZERO,
        wanted_digest: Digest::of_json(&RangeSet::new()),
        matched: expunge::unit::BlockCount::ZERO,
        mismatched: RangeSet::new(),
        unreadable: RangeSet::new(),
        not_read: expunge::unit::BlockCount::ZERO,
    }
}

/// What the other process reads of it.
fn over_the_wire<T: serde::Serialize + serde::de::DeserializeOwned>(message: &T) -> T {
    let line = serde_json::to_vec(message).expect("JSON");
    serde_json::from_slice(&line).expect("what was said")
}

const fn is_keyed(pattern: &Pattern) -> bool {
    matches!(pattern, Pattern::Keyed { .. })
}

impl Link for SimLink {
    fn order(&mut self, order: &Order) -> io::Result<()> {
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if matches!(order, Order::Stop) {
            return Ok(());
        }
        self.foreign(order);
        if let Some(event) = self.invented(order) {
            self.speaker.events.borrow_mut().push_back(event);
            return Ok(());
        }
        let order = self.broken_order(over_the_wire(order));
        self.carry_out(order.clone());
        self.broken_events(&order);
        Ok(())
    }

    fn next(&mut self, _wait: Duration) -> Report {
        let event = self.speaker.events.borrow_mut().pop_front();
        event.map_or_else(
            || Report::End("the worker has left".into()),
            |event| Report::Event(over_the_wire(&event)),
        )
    }

    fn whereabouts(&self) -> String {
        "this thread".into()
    }
}

/// The drive as the worker has it: by the node that it was given, which leads nowhere when the drive has left.
struct Bay {
    drive: Drive,
    node: Option<SimBlockPort>,
    ledger: Ledger,
    hooks: Arc<Hooks>,
    defect: Defect,
}

impl Bay {
    fn is_attached(&mut self) -> bool {
        self.node.as_mut().is_some_and(|node| node.current_bytes().is_ok())
    }

    fn opened(&mut self) -> io::Result<Box<dyn BlockWrite>> {
        let gone = || io::Error::from_raw_os_error(libc::ENODEV);
        if !self.is_attached() {
            return Err(gone());
        }
        self.drive.open_to_move().ok_or_else(gone)
    }

    fn way(&mut self) -> Option<Route> {
        self.is_attached().then(|| self.ledger.watch(self.drive.route(), self.defect))
    }
}

impl serve::Drive for Bay {
    fn writer(&mut self, _terms: &Terms) -> io::Result<(Box<dyn BlockWrite>, Adapter)> {
        self.hooks.writers.fetch_add(1, Ordering::SeqCst);
        Ok((self.opened()?, Adapter::Sync))
    }

    fn reader(&mut self, _terms: &Terms) -> io::Result<(Box<dyn BlockRead>, Adapter, Opened)> {
        Ok((self.opened()?, Adapter::Sync, Opened::Anew))
    }

    fn route(&mut self) -> Way {
        self.way()
            .ok_or_else(|| Reason::new(ReasonCode::DriveGone, "the node leads nowhere", "attach the drive"))
    }
}

/// Tells the parent; rests by letting the drive's time pass.
struct Speaker {
    drive: Drive,
    hooks: Arc<Hooks>,
    between: Between,
    events: Rc<RefCell<VecDeque<Event>>>,
    began: Duration,
}

impl Speaker {
    fn rests(&mut self, time: Duration) {
        let number = self.hooks.rests.fetch_add(1, Ordering::SeqCst);
        match self.between {
            Between::Stop(at) | Between::StopForGood(at) if at == number => {
                self.hooks.stop.store(true, Ordering::SeqCst)
            }
            Between::HostDies(at) if at == number => self.hooks.dead.store(true, Ordering::SeqCst),
            Between::PowerFails(at) if at == number => {
                self.hooks.dead.store(true, Ordering::SeqCst);
                self.drive.power_cut();
            }
            Between::Nothing
            | Between::Stop(_)
            | Between::StopForGood(_)
            | Between::HostDies(_)
            | Between::PowerFails(_)
            | Between::HostDiesWithDrive
            | Between::ForeignBeforeLook
            | Between::ForeignBeforeCommand
            | Between::ForeignWhileDead => {}
        }
        self.drive.pass_time(time);
    }

    fn stops(&self) -> bool {
        self.hooks.stop.load(Ordering::SeqCst) || self.hooks.dead.load(Ordering::SeqCst)
    }

    fn since(&self) -> Duration {
        self.drive.time().saturating_sub(self.began)
    }

    fn begins(&mut self, terms: &Terms) {
        self.began = self.drive.time().saturating_sub(Duration::from_millis(terms.spent_millis));
    }
}

impl Teller for Speaker {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        self.events.borrow_mut().push_back(event.clone());
        Ok(())
    }

    fn observer(&mut self, terms: &Terms) -> &mut dyn Observer {
        self.begins(terms);
        self
    }

    fn watch(&mut self, terms: &Terms) -> &mut dyn Watch {
        self.begins(terms);
        self
    }
}

impl Watch for Speaker {
    fn now(&mut self) -> Duration {
        self.since()
    }

    fn rest(&mut self, time: Duration) {
        self.rests(time);
    }

    fn should_stop(&mut self) -> bool {
        self.stops()
    }

    fn tell(&mut self, news: &News) {
        if news.stage == Stage::Accepted {
            self.events.borrow_mut().push_back(Event::News(news.clone()));
        }
    }
}

impl Observer for Speaker {
    fn progress(&mut self, _progress: Progress) {}

    fn should_stop(&mut self) -> bool {
        self.stops()
    }

    fn now(&mut self) -> Duration {
        self.since()
    }

    fn rest(&mut self, time: Duration) {
        self.rests(time);
    }

    fn admit(&mut self, _bytes: u64) -> Admission {
        Admission::Go
    }

    fn checkpoint(&mut self, pass: u32, written: RangeSet) {
        self.events.borrow_mut().push_back(Event::Checkpoint { pass, written });
    }
}
