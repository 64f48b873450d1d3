//! Exchanges with a controller, each of them kept.
use std::fmt;
use std::time::Duration;

use super::super::{Exchange, News, Stage, Watch};
use super::received;
use crate::command::nvme::log::LOG_BYTES;
use crate::command::nvme::{SanitizeStatus, StatusField, sanitize_status_log};
use crate::io::channel::{Data, NVME_ENTRY_BYTES, NvmeAnswer, NvmePort};
use crate::unit::digest::to_hex;

/// How long reading one page may take.
const PAGE_PATIENCE: Duration = Duration::from_secs(60);

/// Name of a read of the sanitize status log.
const STATUS_LOG: &str = "nvme sanitize status log";

/// Why a page was not read. It says nothing about the operation that the page reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotRead {
    /// The controller refused.
    Status(StatusField),
    /// The kernel did not complete it.
    Errno(i32),
    /// The page does not add up.
    Incomplete,
}

impl NotRead {
    /// Whether the node leads nowhere any more (ENXIO, ENODEV): this port will never answer again.
    pub(super) const fn is_gone(self) -> bool {
        match self {
            Self::Errno(errno) => errno == 6 || errno == 19,
            Self::Status(_) | Self::Incomplete => false,
        }
    }
}

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(field) => field.fmt(f),
            Self::Errno(errno) => write!(f, "the kernel did not complete it (errno {errno})"),
            Self::Incomplete => f.write_str("the page does not add up"),
        }
    }
}

/// A conversation with a controller.
pub(super) struct Talk<'a> {
    port: &'a mut dyn NvmePort,
    pub(super) watch: &'a mut dyn Watch,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) notes: Vec<String>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(port: &'a mut dyn NvmePort, watch: &'a mut dyn Watch) -> Self {
        Self { port, watch, exchanges: Vec::new(), notes: Vec::new() }
    }

    /// Sends a command without data.
    pub(super) fn send(
        &mut self,
        name: &str,
        entry: &[u8; NVME_ENTRY_BYTES],
        patience: Duration,
    ) -> NvmeAnswer {
        let at = self.watch.now();
        let answer = self.port.admin(entry, Data::None, patience);
        self.keep(exchange(name, entry, in_words(answer), None, at));
        answer
    }

    /// Reads a page and keeps the exchange.
    pub(super) fn read(
        &mut self,
        name: &str,
        entry: &[u8; NVME_ENTRY_BYTES],
        bytes: usize,
    ) -> Result<Vec<u8>, NotRead> {
        let at = self.watch.now();
        let (answer, page) = self.fetch(entry, bytes);
        self.keep(exchange(name, entry, in_words(answer), page.as_deref().ok(), at));
        page
    }

    /// Reads a page that is not kept: a piece of something whose gist is kept.
    pub(super) fn read_piece(
        &mut self,
        entry: &[u8; NVME_ENTRY_BYTES],
        bytes: usize,
    ) -> Result<Vec<u8>, NotRead> {
        self.fetch(entry, bytes).1
    }

    fn fetch(
        &mut self,
        entry: &[u8; NVME_ENTRY_BYTES],
        bytes: usize,
    ) -> (NvmeAnswer, Result<Vec<u8>, NotRead>) {
        let mut page = vec![0; bytes];
        let answer = self.port.admin(entry, Data::FromDrive(&mut page), PAGE_PATIENCE);
        let page = match answer {
            NvmeAnswer::Completed { .. } => Ok(page),
            NvmeAnswer::Status { field } => Err(NotRead::Status(StatusField(field))),
            NvmeAnswer::NotCompleted { errno } => Err(NotRead::Errno(errno)),
        };
        (answer, page)
    }

    /// Reads the sanitize status log.
    pub(super) fn status(&mut self) -> Result<SanitizeStatus, NotRead> {
        let page = self.read(STATUS_LOG, &sanitize_status_log(), LOG_BYTES)?;
        SanitizeStatus::decode(&page).ok_or(NotRead::Incomplete)
    }

    /// Keeps what was picked from pieces that were read.
    pub(super) fn keep_gist(
        &mut self,
        name: &str,
        entry: &[u8; NVME_ENTRY_BYTES],
        answer: &str,
        gist: &[u8],
    ) {
        let at = self.watch.now();
        self.keep(exchange(name, entry, answer.to_owned(), Some(gist), at));
    }

    /// Keeps an exchange. Of a run of equal ones the first is kept and counted; of reads of the status log that differ
    /// in nothing but a small step of progress, the first and the last.
    fn keep(&mut self, new: Exchange) {
        let run = self.exchanges.iter().rev().take_while(|kept| is_alike(kept, &new)).count();
        match self.exchanges.last_mut() {
            Some(last) if run > 0 && last.received == new.received => {
                last.times = last.times.saturating_add(1)
            }
            Some(last) if run > 1 => {
                last.times = last.times.saturating_add(1);
                last.received = new.received;
                last.at_millis = new.at_millis;
            }
            Some(_) | None => self.exchanges.push(new),
        }
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    pub(super) fn tell(&mut self, progress: Option<u32>, text: impl Into<String>) {
        let text = text.into();
        self.watch.tell(&News { progress, text, quiet_seconds: None, stage: Stage::Asking });
    }

    pub(super) fn tell_quiet(&mut self, text: &str, quiet: Duration) {
        let quiet_seconds = Some(quiet.as_secs());
        let text = text.to_owned();
        self.watch.tell(&News { progress: None, text, quiet_seconds, stage: Stage::Asking });
    }

    pub(super) fn tell_accepted(&mut self, text: &str) {
        self.watch.tell(&News::accepted(text));
    }
}

/// The status that a kept exchange reports.
pub(super) fn sanitize_status(exchange: &Exchange) -> Option<SanitizeStatus> {
    (exchange.name == STATUS_LOG).then(|| received(exchange))?.and_then(|page| SanitizeStatus::decode(&page))
}

fn is_alike(kept: &Exchange, new: &Exchange) -> bool {
    let same = kept.name == new.name && kept.command == new.command && kept.answer == new.answer;
    same && (kept.received == new.received || (new.name == STATUS_LOG && essence(kept) == essence(new)))
}

/// A status log without all of the progress but its upper four bits.
fn essence(exchange: &Exchange) -> Option<(&str, &str)> {
    let page = exchange.received.as_deref()?;
    Some((page.get(2..3)?, page.get(4..)?))
}

fn exchange(
    name: &str,
    entry: &[u8; NVME_ENTRY_BYTES],
    answer: String,
    page: Option<&[u8]>,
    at: Duration,
) -> Exchange {
    Exchange {
        name: name.to_owned(),
        command: to_hex(entry),
        sent: None,
        answer,
        received: page.map(to_hex),
        at_millis: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
        times: 1,
    }
}

fn in_words(answer: NvmeAnswer) -> String {
    match answer {
        NvmeAnswer::Completed { result } => format!("completed result {result:08x}"),
        NvmeAnswer::Status { field } => format!("status {field:04x} {}", StatusField(field)),
        NvmeAnswer::NotCompleted { errno } => format!("not completed errno {errno}"),
    }
}
