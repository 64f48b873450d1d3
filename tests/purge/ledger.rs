//! Keeps watch over the way to a drive: which destructive commands went over it, what was said to each, and whether the
//! journal knew of it before. It reads the bytes by tables of its own.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use expunge::command::DriveCommand;
use expunge::engine::firmware::Conclusion;
use expunge::io::channel::NVME_ENTRY_BYTES;
use expunge::io::{Channel, Data, NvmeAnswer, NvmePort, Route, ScsiAnswer, ScsiPort};
use expunge::job::entry::Entry;
use expunge::journal::recover;
use expunge::sim::SimStore;

use crate::link::Defect;

/// What a command that destroys data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Destructive {
    Sanitize,
    Format,
    SecurityErase,
    Revert,
}

/// What was said to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The drive took it.
    Taken,
    /// The drive turned it down.
    Refused,
    /// Nothing came back.
    Nothing,
}

/// One destructive command that went over the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) what: Destructive,
    pub(crate) bytes: Vec<u8>,
    pub(crate) said: Said,
    /// Number of the sitting, from 0.
    pub(crate) sitting: usize,
}

#[derive(Default)]
struct Inner {
    sent: Vec<Sent>,
    unannounced: Vec<String>,
    sitting: usize,
    store: Option<SimStore>,
}

/// See the module. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Inner>>);

/// Method identifier of Revert (TCG core, second-hand from sedutil): the end of the payload that asks for it.
const REVERT: [u8; 8] = [0, 0, 0, 6, 0, 0, 2, 2];

fn holds_revert(sent: &[u8]) -> bool {
    sent.windows(8).any(|window| window == REVERT)
}

/// What a submission queue entry is: opcodes, SANACT (dword 10, bits 2:0) and SES (bits 11:9) by firmware-purge 3.3.
pub(crate) fn of_entry(entry: &[u8], sent: &[u8]) -> Option<Destructive> {
    let dword = u32::from_le_bytes([entry[40], entry[41], entry[42], entry[43]]);
    match entry[0] {
        0x84 if matches!(dword & 7, 2..=4) => Some(Destructive::Sanitize),
        0x80 => Some(Destructive::Format),
        0x81 if holds_revert(sent) => Some(Destructive::Revert),
        _ => None,
    }
}

/// What a command block is: SANITIZE (48h), and ATA PASS-THROUGH (85h) with SANITIZE DEVICE (B4h), SECURITY ERASE UNIT
/// (F4h) or TRUSTED SEND (5Eh, 5Fh), by firmware-purge 3.1 and 3.2.
pub(crate) fn of_block(block: &[u8], sent: &[u8]) -> Option<Destructive> {
    match block[0] {
        0x48 if matches!(block[1] & 0x1F, 1..=3) => Some(Destructive::Sanitize),
        0xB5 if holds_revert(sent) => Some(Destructive::Revert),
        0x85 => match block[14] {
            0xB4 if matches!(u16::from_be_bytes([block[3], block[4]]), 0x11 | 0x12 | 0x14) => {
                Some(Destructive::Sanitize)
            }
            0xF4 => Some(Destructive::SecurityErase),
            0x5E | 0x5F if holds_revert(sent) => Some(Destructive::Revert),
            _ => None,
        },
        _ => None,
    }
}

impl Ledger {
    fn with<T>(&self, look: impl FnOnce(&mut Inner) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A sitting begins, with its journal on this store.
    pub(crate) fn sits(&self, store: &SimStore, sitting: usize) {
        self.with(|inner| {
            inner.store = Some(store.clone());
            inner.sitting = sitting;
        });
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.with(|inner| inner.sent.clone())
    }

    /// What was sent without being in the journal.
    pub(crate) fn unannounced(&self) -> Vec<String> {
        self.with(|inner| inner.unannounced.clone())
    }

    /// A destructive command is on its way.
    fn goes(&self, what: Destructive, bytes: &[u8]) {
        self.with(|inner| {
            let durable = inner.store.as_ref().map(SimStore::durable).unwrap_or_default();
            if !is_announced(&durable, what, bytes) {
                inner.unannounced.push(format!("{what:?} in sitting {}", inner.sitting));
            }
        });
    }

    fn came(&self, what: Destructive, bytes: &[u8], said: Said) {
        self.with(|inner| {
            let sitting = inner.sitting;
            inner.sent.push(Sent { what, bytes: bytes.to_vec(), said, sitting });
        });
    }

    /// The same way, watched.
    pub(crate) fn watch(&self, route: Route, defect: Defect) -> Route {
        let ledger = self.clone();
        let channel = match route.channel {
            Channel::Nvme(port) => Channel::Nvme(Box::new(WatchedNvme { port, ledger, defect })),
            Channel::Scsi(port) => Channel::Scsi(Box::new(WatchedScsi { port, ledger })),
        };
        Route { channel, nsid: route.nsid }
    }
}

/// Whether a journal says that this command is being sent, and not that it is over.
fn is_announced(durable: &[u8], what: Destructive, bytes: &[u8]) -> bool {
    let told = recover(durable).expect("a journal of ours");
    let entries = told.entries.iter().map(|line| serde_json::from_slice(line).expect("an entry"));
    let mut announced = false;
    for entry in entries {
        match entry {
            Entry::Commanding { command, bytes: written, .. } => {
                announced = match command {
                    DriveCommand::TcgRevert(_) => what == Destructive::Revert,
                    _ => written.contains(&hex(bytes)),
                };
            }
            Entry::Commanded { report, .. } => {
                announced &= matches!(report.conclusion, Conclusion::Unknown { .. });
            }
            _ => {}
        }
    }
    announced
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct WatchedNvme {
    port: Box<dyn NvmePort>,
    ledger: Ledger,
    defect: Defect,
}

impl NvmePort for WatchedNvme {
    fn admin(&mut self, entry: &[u8; NVME_ENTRY_BYTES], data: Data<'_>, timeout: Duration) -> NvmeAnswer {
        let sent = if let Data::ToDrive(sent) = &data { sent.to_vec() } else { Vec::new() };
        let what = of_entry(entry, &sent);
        if let Some(what) = what {
            self.ledger.goes(what, entry);
        }
        let answer = match data {
            Data::FromDrive(out) => {
                let answer = self.port.admin(entry, Data::FromDrive(&mut *out), timeout);
                if self.defect == Defect::FullTakenForSuccess {
                    take_full_for_success(entry, out);
                }
                answer
            }
            data @ (Data::None | Data::ToDrive(_)) => self.port.admin(entry, data, timeout),
        };
        if let Some(what) = what {
            let said = match answer {
                NvmeAnswer::Completed { .. } => Said::Taken,
                NvmeAnswer::Status { .. } => Said::Refused,
                NvmeAnswer::NotCompleted { .. } => Said::Nothing,
            };
            self.ledger.came(what, entry, said);
        }
        answer
    }
}

/// Sanitize Status (log 81h): SPROG in bytes 0 and 1 is FFFFh both when nothing runs and, on some drives, while
/// something does; the state stands in byte 2, bits 2:0, where 1 is success and 2 in progress.
fn take_full_for_success(entry: &[u8], log: &mut [u8]) {
    if entry[0] == 0x02 && entry[40] == 0x81 && log.len() > 4 && log[..2] == [0xFF, 0xFF] && log[2] & 7 == 2 {
        log[2] = log[2] & !7 | 1;
    }
}

struct WatchedScsi {
    port: Box<dyn ScsiPort>,
    ledger: Ledger,
}

impl ScsiPort for WatchedScsi {
    fn execute(&mut self, block: &[u8], data: Data<'_>, timeout: Duration) -> ScsiAnswer {
        let sent = if let Data::ToDrive(sent) = &data { sent.to_vec() } else { Vec::new() };
        let what = of_block(block, &sent);
        if let Some(what) = what {
            self.ledger.goes(what, block);
        }
        let answer = self.port.execute(block, data, timeout);
        if let Some(what) = what {
            self.ledger.came(what, block, said_by(&answer));
        }
        answer
    }
}

/// GOOD, or a sense key that is no error (0, or 1 with which result registers come).
fn said_by(answer: &ScsiAnswer) -> Said {
    match answer {
        ScsiAnswer::Answered { status: 0, .. } => Said::Taken,
        ScsiAnswer::Answered { status: 2, sense, .. } => {
            let key = match sense.first().map(|code| code & 0x7F) {
                Some(0x70 | 0x71) => sense.get(2),
                _ => sense.get(1),
            };
            if key.is_some_and(|key| matches!(key & 0x0F, 0 | 1)) { Said::Taken } else { Said::Refused }
        }
        ScsiAnswer::Answered { .. } => Said::Refused,
        ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => Said::Nothing,
    }
}
