//! Where a drive stops answering, so that a power cut comes at a place that is known: right before a command reaches it,
//! or after it, before its answer is sent.
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use expunge::io::{Data, NvmeAnswer, NvmePort, ScsiAnswer, ScsiPort};
use expunge::sim::controller::{NvmeSim, ScsiSim};

use crate::host::nvme_tcp::NvmeDrive;
use crate::host::scsi::ScsiDrive;

/// At which command; a code is the opcode of NVMe or SCSI, or the command of ATA inside ATA PASS-THROUGH(16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nowhere.
    Never,
    /// It does not get this command.
    Before(u8),
    /// It gets it, and its answer goes nowhere.
    After(u8),
    /// It gets the command that carries these bytes to it, and its answer goes nowhere.
    Sending(&'static [u8]),
}

impl Stop {
    /// Whether a command with these data is the one before which a drive stops.
    fn is_before(self, code: u8) -> bool {
        self == Self::Before(code)
    }

    /// Whether it is the one after which it stops.
    fn is_after(self, code: u8, sent: &[u8]) -> bool {
        match self {
            Self::Never | Self::Before(_) => false,
            Self::After(stop) => stop == code,
            Self::Sending(bytes) => sent.windows(bytes.len()).any(|window| window == bytes),
        }
    }
}

/// What goes to the drive.
fn sent(data: &Data<'_>) -> Vec<u8> {
    if let Data::ToDrive(sent) = data { sent.to_vec() } else { Vec::new() }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Held,
    /// From now on everything passes.
    Gone,
}

/// The place where a drive stops, shared by everybody who talks to it.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<(Stop, Mutex<State>, Condvar)>);

impl Gate {
    pub(crate) fn new(stop: Stop) -> Self {
        Self(Arc::new((stop, Mutex::new(State::Open), Condvar::new())))
    }

    /// Waits until the drive has stopped there.
    #[track_caller]
    pub(crate) fn await_held(&self) {
        let (stop, state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let end = Instant::now() + Duration::from_secs(150);
        while *state == State::Open {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "never: {stop:?}");
            state = changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes the gate away; what stands before it was never answered.
    pub(crate) fn remove(&self) {
        let (_, state, changed) = &*self.0;
        *state.lock().unwrap_or_else(PoisonError::into_inner) = State::Gone;
        changed.notify_all();
    }

    /// Whether a command gets past, which is where the drive stops or not; waits until the gate is gone if it does not.
    fn passes(&self, is_here: impl Fn(Stop) -> bool) -> bool {
        let (stop, state, changed) = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_here(*stop) || *state == State::Gone {
            return true;
        }
        *state = State::Held;
        changed.notify_all();
        while *state != State::Gone {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        false
    }
}

/// A drive behind a gate.
#[derive(Clone, Debug)]
pub(crate) struct Gated<S> {
    pub(crate) sim: S,
    pub(crate) gate: Gate,
}

struct Port<P: ?Sized> {
    gate: Gate,
    inner: Box<P>,
}

impl ScsiPort for Port<dyn ScsiPort> {
    fn execute(&mut self, block: &[u8], data: Data<'_>, timeout: Duration) -> ScsiAnswer {
        let code = match block {
            [0x85, .., ata, _control] => *ata,
            [code, ..] => *code,
            [] => 0,
        };
        let unanswered = ScsiAnswer::NotCompleted { errno: libc::EIO };
        if !self.gate.passes(|stop| stop.is_before(code)) {
            return unanswered;
        }
        let sent = sent(&data);
        let answer = self.inner.execute(block, data, timeout);
        if self.gate.passes(|stop| stop.is_after(code, &sent)) { answer } else { unanswered }
    }
}

impl NvmePort for Port<dyn NvmePort> {
    fn admin(&mut self, entry: &[u8; 64], data: Data<'_>, timeout: Duration) -> NvmeAnswer {
        let unanswered = NvmeAnswer::NotCompleted { errno: libc::EIO };
        if !self.gate.passes(|stop| stop.is_before(entry[0])) {
            return unanswered;
        }
        let sent = sent(&data);
        let answer = self.inner.admin(entry, data, timeout);
        if self.gate.passes(|stop| stop.is_after(entry[0], &sent)) { answer } else { unanswered }
    }
}

impl ScsiDrive for Gated<ScsiSim> {
    fn port(&self) -> Box<dyn ScsiPort> {
        Box::new(Port { gate: self.gate.clone(), inner: ScsiDrive::port(&self.sim) })
    }

    fn pass_time(&self, time: Duration) {
        self.sim.pass_time(time);
    }
}

impl NvmeDrive for Gated<NvmeSim> {
    fn port(&self) -> Box<dyn NvmePort> {
        Box::new(Port { gate: self.gate.clone(), inner: NvmeDrive::port(&self.sim) })
    }

    fn pass_time(&self, time: Duration) {
        self.sim.pass_time(time);
    }

    fn read(&self, nsid: u32, lba: u64, out: &mut [u8]) -> u16 {
        self.sim.read_blocks(nsid, lba, out)
    }

    fn write(&self, nsid: u32, lba: u64, data: &[u8]) -> u16 {
        self.sim.write_blocks(nsid, lba, data)
    }

    fn deallocate(&self, nsid: u32, lba: u64, blocks: u64) -> u16 {
        self.sim.deallocate(nsid, lba, blocks)
    }
}
