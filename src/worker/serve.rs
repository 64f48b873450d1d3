//! Carries orders out, one after the other. It knows ports and nothing of processes, so that a simulated drive is
//! worked on by the same code.
use std::io;

use super::message::{
    Begin, Command, Event, Look, Opened, Order, Repair, Restore, TakePrints, Terms, Verify,
};
use crate::device::survey::survey;
use crate::engine::firmware::areas::{self, RestoreReport};
use crate::engine::firmware::security::{RecoverReport, Recovered, Then, recover};
use crate::engine::firmware::{self, Watch};
use crate::engine::{Observer, Pass, Settled, write_pass};
use crate::io::{Adapter, BlockRead, BlockWrite, Channel, Route};
use crate::unit::{BlockCount, RangeSet, Reason, ReasonCode};
use crate::verify::{fingerprint, read_back, repair};

/// Opens ports to the one drive.
pub trait Drive {
    /// A port that can write.
    ///
    /// # Errors
    /// When it cannot be made.
    fn writer(&mut self, terms: &Terms) -> io::Result<(Box<dyn BlockWrite>, Adapter)>;

    /// A port that can only read, and over which descriptor it does.
    ///
    /// # Errors
    /// When it cannot be made.
    fn reader(&mut self, terms: &Terms) -> io::Result<(Box<dyn BlockRead>, Adapter, Opened)>;

    /// A way to give it commands of its own.
    fn route(&mut self) -> Way;

    /// Has the kernel look again at how large the drive is, and waits until it sees as many blocks as the terms say; the
    /// number that it sees in the end. Where no kernel is in between, a new port tells.
    ///
    /// # Errors
    /// When the drive cannot be asked.
    fn look_again(&mut self, terms: &Terms) -> io::Result<BlockCount> {
        let bytes = self.reader(terms)?.0.current_bytes()?;
        Ok(terms.geometry.blocks_in(bytes))
    }
}

/// A way to give the drive commands of its own, or why there is none.
pub type Way = Result<Route, Reason>;

/// Tells the parent, and is told by it.
pub trait Teller {
    /// Tells one event.
    ///
    /// # Errors
    /// When nobody listens any more.
    fn tell(&mut self, event: &Event) -> io::Result<()>;

    /// The observer of work under these terms.
    fn observer(&mut self, terms: &Terms) -> &mut dyn Observer;

    /// Time and patience for a command of the drive under these terms.
    fn watch(&mut self, terms: &Terms) -> &mut dyn Watch;
}

/// Carries orders out until there are no more.
///
/// # Errors
/// When the drive's port cannot go on, or nobody listens; the parent was told why where that was possible.
pub fn serve(
    drive: &mut dyn Drive,
    orders: impl Iterator<Item = Order>,
    teller: &mut dyn Teller,
) -> io::Result<()> {
    for order in orders {
        let result = match order {
            Order::Begin(begin) => write_passes(drive, &begin, teller),
            Order::Verify(verify) => verify_drive(drive, &verify, teller),
            Order::Repair(order) => repair_drive(drive, &order, teller),
            Order::Fingerprint(order) => take_prints(drive, &order, teller),
            Order::Restore(restore) => restore_capacity(drive, &restore, teller),
            Order::Look(look) => look_before(drive, &look, teller),
            Order::Command(command) => command_drive(drive, &command, teller),
            Order::Survey => survey_drive(drive, teller),
            Order::Unlock { terms, then } => unlock_drive(drive, &terms, then, teller),
            Order::Pace { .. } | Order::Stop => Ok(()),
        };
        if let Err(error) = result {
            teller.tell(&Event::Broken { text: error.to_string() })?;
            return Err(error);
        }
    }
    Ok(())
}

/// A port that can write.
fn to_write(drive: &mut dyn Drive, terms: &Terms) -> io::Result<(Box<dyn BlockWrite>, Adapter)> {
    let (mut port, adapter) = drive.writer(terms)?;
    if !lacks_size(port.as_mut(), adapter, terms) {
        return Ok((port, adapter));
    }
    // What comes of it shows at the first transfer.
    drop(drive.look_again(terms));
    drive.writer(terms)
}

/// A port that can only read.
fn to_read(drive: &mut dyn Drive, terms: &Terms) -> io::Result<(Box<dyn BlockRead>, Adapter, Opened)> {
    let (mut port, adapter, opened) = drive.reader(terms)?;
    if !lacks_size(port.as_mut(), adapter, terms) {
        return Ok((port, adapter, opened));
    }
    drop(drive.look_again(terms));
    drive.reader(terms)
}

/// Whether the kernel has no size of the drive although it has blocks: it found the drive while that sanitized itself
/// and told none, and does not ask again by itself. A unit that is reached by commands alone never has one.
fn lacks_size(port: &mut (impl BlockRead + ?Sized), adapter: Adapter, terms: &Terms) -> bool {
    let by_kernel = match adapter {
        Adapter::IoUring | Adapter::Sync => true,
        Adapter::ScsiCommands => false,
    };
    by_kernel && terms.geometry.bytes() > 0 && matches!(port.current_bytes(), Ok(0))
}

fn write_passes(drive: &mut dyn Drive, begin: &Begin, teller: &mut dyn Teller) -> io::Result<()> {
    let Begin { terms, passes, first, written } = begin;
    let (mut port, adapter) = to_write(drive, terms)?;
    teller.tell(&Event::Ready { adapter, opened: Opened::Before })?;
    let mut buffers = port.take_buffers();
    let nothing = RangeSet::new();
    for (index, pattern) in (0u32..).zip(passes).filter(|(index, _)| index >= first) {
        let written = if index == *first { written } else { &nothing };
        let pass = Pass { index, pattern, written, zones: terms.zones.as_ref(), rules: &terms.rules };
        let end = write_pass(port.as_mut(), &mut buffers, &pass, teller.observer(terms))?;
        teller.tell(&Event::Pass { tally: end.tally, settled: end.settled.into() })?;
        if end.settled != Settled::Complete {
            break;
        }
    }
    Ok(())
}

fn verify_drive(drive: &mut dyn Drive, verify: &Verify, teller: &mut dyn Teller) -> io::Result<()> {
    let Verify { terms, pattern, wanted } = verify;
    let (mut port, adapter, opened) = to_read(drive, terms)?;
    teller.tell(&Event::Ready { adapter, opened })?;
    let mut buffers = port.take_buffers();
    let observer = teller.observer(terms);
    let end = read_back(port.as_mut(), &mut buffers, pattern, wanted, &terms.rules, observer)?;
    teller.tell(&Event::Verified { tally: end.tally, settled: end.settled.into() })
}

fn repair_drive(drive: &mut dyn Drive, order: &Repair, teller: &mut dyn Teller) -> io::Result<()> {
    let Repair { terms, pattern, wrong } = order;
    let (mut port, adapter) = to_write(drive, terms)?;
    teller.tell(&Event::Ready { adapter, opened: Opened::Before })?;
    let mut buffers = port.take_buffers();
    let observer = teller.observer(terms);
    // In a zone that must be written in sequence no block can be written once more without all others.
    let (single, fixed) = match &terms.zones {
        None => (wrong.clone(), RangeSet::new()),
        Some(zones) => {
            let single = wrong.intersection(&zones.writable(false));
            let mut fixed = wrong.clone();
            fixed.subtract(&single);
            (single, fixed)
        }
    };
    let mut tally = repair(port.as_mut(), &mut buffers, pattern, &single, &terms.rules, observer)?;
    tally.not_tried.extend(&fixed);
    teller.tell(&Event::Repaired { tally })
}

fn take_prints(drive: &mut dyn Drive, order: &TakePrints, teller: &mut dyn Teller) -> io::Result<()> {
    let TakePrints { terms, key, wanted } = order;
    let (mut port, adapter, opened) = drive.reader(terms)?;
    teller.tell(&Event::Ready { adapter, opened })?;
    let mut buffers = port.take_buffers();
    let observer = teller.observer(terms);
    let (prints, settled) = fingerprint(port.as_mut(), &mut buffers, key, wanted, &terms.rules, observer)?;
    teller.tell(&Event::Fingerprinted { prints, settled: settled.into() })
}

fn restore_capacity(drive: &mut dyn Drive, order: &Restore, teller: &mut dyn Teller) -> io::Result<()> {
    let report = match drive.route() {
        Ok(Route { channel: Channel::Scsi(mut port), .. }) => {
            areas::restore(port.as_mut(), teller.watch(&order.terms))
        }
        Ok(Route { channel: Channel::Nvme(_), .. }) => RestoreReport::no_way(Reason::new(
            ReasonCode::HiddenArea,
            "the drive takes NVMe commands, and none of them restores hidden capacity",
            "look at the drive again: expunge inspect",
        )),
        Err(reason) => RestoreReport::no_way(reason),
    };
    let whole = report.is_whole(order.terms.geometry.capacity.0);
    let seen = if whole { drive.look_again(&order.terms).ok() } else { None };
    teller.tell(&Event::Restored { report: Box::new(report), seen })
}

fn look_before(drive: &mut dyn Drive, look: &Look, teller: &mut dyn Teller) -> io::Result<()> {
    let looked = drive
        .route()
        .and_then(|mut route| firmware::before(&mut route.channel, &look.command, teller.watch(&look.terms)));
    teller.tell(&match looked {
        Ok(before) => Event::Looked { before },
        Err(reason) => Event::NotReady { reason },
    })
}

fn command_drive(drive: &mut dyn Drive, command: &Command, teller: &mut dyn Teller) -> io::Result<()> {
    let watch = teller.watch(&command.terms);
    let report = match drive.route() {
        Ok(mut route) => firmware::run(
            &mut route.channel,
            &command.command,
            command.secret.as_ref(),
            command.start,
            &command.before,
            watch,
        ),
        Err(reason) => firmware::no_way(command.start, reason),
    };
    teller.tell(&Event::Commanded { report: Box::new(report) })
}

fn survey_drive(drive: &mut dyn Drive, teller: &mut dyn Teller) -> io::Result<()> {
    let capability = drive.route().ok().and_then(|mut route| survey(&mut route).ok());
    teller.tell(&Event::Surveyed { capability: capability.map(Box::new) })
}

fn unlock_drive(drive: &mut dyn Drive, terms: &Terms, then: Then, teller: &mut dyn Teller) -> io::Result<()> {
    let watch = teller.watch(terms);
    let not = |reason| RecoverReport { recovered: Recovered::Not { reason }, exchanges: Vec::new() };
    let report = match drive.route() {
        Ok(Route { channel: Channel::Scsi(mut port), .. }) => recover(port.as_mut(), then, watch),
        Ok(Route { channel: Channel::Nvme(_), .. }) => not(Reason::new(
            ReasonCode::FirmwareRefused,
            "NVMe drives have no ATA password",
            "look at the drive with expunge inspect",
        )),
        Err(reason) => not(reason),
    };
    teller.tell(&Event::Unlocked { report })
}
