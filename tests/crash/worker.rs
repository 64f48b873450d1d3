//! A worker in a thread of this process: the real [`serve`] over the ports of a simulated drive.
//!
//! Only one of worker and parent ever runs. The worker hands its events over and waits until the parent wants the
//! next one; how far it works ahead of what the parent has read is drawn, as it is with real processes. So a seed
//! repeats itself, and the world stops with the drive anywhere in its work.
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use expunge::engine::firmware::{News, Watch};
use expunge::engine::{Admission, Observer, Progress};
use expunge::io::{Adapter, BlockRead, BlockWrite, Completion, Fault, Transfer};
use expunge::sim::{Dice, SimDrive, SimNode};
use expunge::sys::Buffer;
use expunge::unit::{Geometry, Pattern, RangeSet, Reason, ReasonCode};
use expunge::worker::message::{Event, Opened, Order, Terms};
use expunge::worker::parent::{Link, Report};
use expunge::worker::serve::{Drive, Teller, Way, serve};

use crate::world::Defect;

/// Who looks on while the worker works, and remembers what must not have been.
#[derive(Default)]
pub(crate) struct Witness(Mutex<Vec<String>>);

impl Witness {
    pub(crate) fn saw(&self, what: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Called in the worker's thread.
pub(crate) trait Onlooker: Send + Sync {
    /// The drive is about to be opened for writing.
    fn before_writing(&self);

    /// These blocks were just called durable.
    fn checkpoint(&self, pattern: &Pattern, written: &RangeSet);
}

/// How the worker's world ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The machine loses its power: the worker does nothing more.
    Power,
    /// The parent is gone or gives up: the worker sees its socket close and stops by itself.
    Parent,
}

/// Power was cut. Carried by an unwinding that prints nothing.
struct PowerCut;

/// What the worker waits for when it hands over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    ToGoOn,
    ForOrders,
}

type HandedOver = (Vec<Event>, Waits);

/// The parent's end.
pub(crate) struct SimLink {
    turns: Option<SyncSender<Vec<Order>>>,
    handed_over: Option<Receiver<HandedOver>>,
    outbox: Vec<Order>,
    events: VecDeque<Event>,
    waits: Waits,
    power_is_cut: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SimLink {
    /// Starts a worker. `ahead` is the number of steps that it may work ahead of the parent.
    pub(crate) fn start(
        node: &Arc<SimNode>,
        onlooker: Arc<dyn Onlooker>,
        dice: Dice,
        ahead: u64,
        defect: Defect,
    ) -> Self {
        let (turns, worker_turns) = sync_channel(0);
        let (worker_hands, handed_over) = sync_channel(0);
        let power_is_cut = Arc::new(AtomicBool::new(false));
        let (node, cut) = (Arc::clone(node), Arc::clone(&power_is_cut));
        let thread = std::thread::spawn(move || {
            let baton = Baton {
                turns: worker_turns,
                hands: worker_hands,
                power_is_cut: cut,
                orders: VecDeque::new(),
                events: Vec::new(),
                dice,
                ahead,
                steps: 0,
                stopped: false,
            };
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                work(&node, onlooker, baton, defect)
            }));
            if let Err(reason) = result
                && !reason.is::<PowerCut>()
            {
                std::panic::resume_unwind(reason);
            }
        });
        Self {
            turns: Some(turns),
            handed_over: Some(handed_over),
            outbox: Vec::new(),
            events: VecDeque::new(),
            waits: Waits::ForOrders,
            power_is_cut,
            thread: Some(thread),
        }
    }

    /// Ends the worker's world and waits until it has left.
    pub(crate) fn end(mut self, end: End) {
        self.power_is_cut.store(end == End::Power, Ordering::SeqCst);
        self.turns = None;
        self.handed_over = None;
        if let Some(Err(reason)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(reason);
        }
    }
}

impl Link for SimLink {
    fn order(&mut self, order: &Order) -> io::Result<()> {
        self.outbox.push(order.clone());
        Ok(())
    }

    fn next(&mut self, _wait: Duration) -> Report {
        while self.events.is_empty() {
            if self.waits == Waits::ForOrders && self.outbox.is_empty() {
                return Report::End("the worker has nothing to say and was given nothing to do".into());
            }
            let (Some(turns), Some(handed_over)) = (&self.turns, &self.handed_over) else {
                return Report::End("the link was ended".into());
            };
            // The first turn finds it waiting for orders.
            if turns.send(std::mem::take(&mut self.outbox)).is_err() {
                return Report::End("the worker has left".into());
            }
            match handed_over.recv() {
                Ok((events, waits)) => {
                    self.events.extend(events);
                    self.waits = waits;
                }
                Err(_) => return Report::End("the worker has left".into()),
            }
        }
        self.events.pop_front().map_or(Report::Silence, Report::Event)
    }

    fn whereabouts(&self) -> String {
        "the worker's thread".into()
    }
}

/// The worker's end.
struct Baton {
    turns: Receiver<Vec<Order>>,
    hands: SyncSender<HandedOver>,
    power_is_cut: Arc<AtomicBool>,
    orders: VecDeque<Order>,
    events: Vec<Event>,
    dice: Dice,
    ahead: u64,
    /// Steps that are left before the events are handed over.
    steps: u64,
    stopped: bool,
}

impl Baton {
    /// Waits for the parent's turn to end.
    fn take_turn(&mut self) {
        match self.turns.recv() {
            Ok(orders) => {
                self.stopped |= orders.contains(&Order::Stop);
                self.orders.extend(orders);
            }
            Err(_) => self.world_ended(),
        }
    }

    /// Hands the turn over, and waits for the next one.
    fn hand_over(&mut self, waits: Waits) {
        if self.hands.send((std::mem::take(&mut self.events), waits)).is_err() {
            self.world_ended();
            return;
        }
        self.take_turn();
    }

    fn world_ended(&mut self) {
        if self.power_is_cut.load(Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new(PowerCut));
        }
        self.stopped = true;
    }

    fn tell(&mut self, event: Event) {
        if self.events.is_empty() {
            self.steps = self.dice.below(self.ahead + 1);
        }
        self.events.push(event);
    }

    fn step(&mut self) {
        if self.events.is_empty() {
            return;
        }
        match self.steps.checked_sub(1) {
            Some(left) => self.steps = left,
            None => self.hand_over(Waits::ToGoOn),
        }
    }

    fn next_order(&mut self) -> Option<Order> {
        loop {
            if let Some(order) = self.orders.pop_front() {
                return Some(order);
            }
            if self.stopped {
                // Nobody may be there to take it.
                let _taken = self.hands.send((std::mem::take(&mut self.events), Waits::ForOrders));
                return None;
            }
            self.hand_over(Waits::ForOrders);
        }
    }
}

fn work(node: &Arc<SimNode>, onlooker: Arc<dyn Onlooker>, mut baton: Baton, defect: Defect) {
    baton.take_turn();
    let baton = Rc::new(RefCell::new(baton));
    let mut bay = Bay { node: Arc::clone(node), onlooker: Arc::clone(&onlooker), defect };
    let passes = Rc::new(RefCell::new(Vec::new()));
    let mut speaker = Speaker {
        node: Arc::clone(node),
        baton: Rc::clone(&baton),
        onlooker,
        passes: Rc::clone(&passes),
        began: Duration::ZERO,
    };
    let orders = std::iter::from_fn(move || {
        let order = baton.borrow_mut().next_order()?;
        if let Order::Begin(begin) = &order {
            *passes.borrow_mut() = begin.passes.clone();
        }
        Some(order)
    });
    // What cannot go on was told as an event.
    let _told = serve(&mut bay, orders, &mut speaker);
}

/// The ports of the drive at a node.
struct Bay {
    node: Arc<SimNode>,
    onlooker: Arc<dyn Onlooker>,
    defect: Defect,
}

/// A port that passes everything on but flushes.
struct NeverFlushed(SimDrive);

impl BlockRead for NeverFlushed {
    fn geometry(&self) -> Geometry {
        self.0.geometry()
    }
    fn submit_read(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.0.submit_read(transfer)
    }
    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        self.0.reap(done)
    }
    fn take_buffers(&mut self) -> Vec<Buffer> {
        self.0.take_buffers()
    }
    fn transfer_bytes(&self) -> u64 {
        self.0.transfer_bytes()
    }
    fn current_bytes(&mut self) -> io::Result<u64> {
        self.0.current_bytes()
    }
}

impl BlockWrite for NeverFlushed {
    fn submit_write(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.0.submit_write(transfer)
    }
    fn flush(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

impl Drive for Bay {
    fn writer(&mut self, _terms: &Terms) -> io::Result<(Box<dyn BlockWrite>, Adapter)> {
        self.onlooker.before_writing();
        let port = self.node.open();
        if self.defect == Defect::FlushLeftOut {
            return Ok((Box::new(NeverFlushed(port)), Adapter::IoUring));
        }
        Ok((Box::new(port), Adapter::IoUring))
    }

    fn reader(&mut self, _terms: &Terms) -> io::Result<(Box<dyn BlockRead>, Adapter, Opened)> {
        Ok((Box::new(self.node.open()), Adapter::IoUring, Opened::Anew))
    }

    fn route(&mut self) -> Way {
        let text = "these drives take no commands of their own";
        Err(Reason::new(ReasonCode::FirmwareRefused, text, "use the campaign of commands"))
    }
}

/// Tells the parent; its clock is the drive's.
struct Speaker {
    node: Arc<SimNode>,
    baton: Rc<RefCell<Baton>>,
    onlooker: Arc<dyn Onlooker>,
    passes: Rc<RefCell<Vec<Pattern>>>,
    began: Duration,
}

impl Teller for Speaker {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        let mut baton = self.baton.borrow_mut();
        if baton.stopped && baton.power_is_cut.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        baton.tell(event.clone());
        Ok(())
    }

    fn observer(&mut self, terms: &Terms) -> &mut dyn Observer {
        let spent = Duration::from_millis(terms.spent_millis);
        self.began = self.time().saturating_sub(spent);
        self
    }

    fn watch(&mut self, terms: &Terms) -> &mut dyn Watch {
        self.began = self.time().saturating_sub(Duration::from_millis(terms.spent_millis));
        self
    }
}

impl Watch for Speaker {
    fn now(&mut self) -> Duration {
        self.time().saturating_sub(self.began)
    }

    fn rest(&mut self, time: Duration) {
        self.node.pass_time(time);
    }

    fn should_stop(&mut self) -> bool {
        self.baton.borrow().stopped
    }

    fn tell(&mut self, news: &News) {
        self.baton.borrow_mut().tell(Event::News(news.clone()));
    }
}

impl Speaker {
    fn time(&self) -> Duration {
        Duration::from_millis(self.node.oracle().elapsed_ms())
    }
}

impl Observer for Speaker {
    fn progress(&mut self, progress: Progress) {
        let mut baton = self.baton.borrow_mut();
        if baton.dice.chance(1, 16) {
            baton.tell(Event::Progress(progress));
        }
        baton.step();
    }

    fn should_stop(&mut self) -> bool {
        self.baton.borrow().stopped
    }

    fn now(&mut self) -> Duration {
        self.time().saturating_sub(self.began)
    }

    fn rest(&mut self, time: Duration) {
        self.node.pass_time(time);
    }

    fn admit(&mut self, _bytes: u64) -> Admission {
        Admission::Go
    }

    fn checkpoint(&mut self, pass: u32, written: RangeSet) {
        if let Some(pattern) =
            usize::try_from(pass).ok().and_then(|pass| self.passes.borrow().get(pass).cloned())
        {
            self.onlooker.checkpoint(&pattern, &written);
        }
        self.baton.borrow_mut().tell(Event::Checkpoint { pass, written });
    }
}
