//! A drive that follows a script: each command must be the next one, and gets the answer that stands beside it. And
//! a watch whose time passes only when somebody rests or a command takes long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::{News, Watch};
use crate::io::{Data, ScsiAnswer, ScsiPort};

/// Time that a port and a watch share.
#[derive(Clone, Default)]
pub(super) struct Time(Arc<AtomicU64>);

impl Time {
    fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// One command and its answer.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// FEATURE 7:0 and COMMAND of the ATA command that must come.
    command: (u8, u8),
    answer: ScsiAnswer,
    data: Option<[u8; 512]>,
    takes: Duration,
}

impl Step {
    pub(super) fn new(command: (u8, u8), answer: ScsiAnswer) -> Self {
        Self { command, answer, data: None, takes: Duration::from_millis(1) }
    }

    pub(super) fn taking(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }
}

/// A port that follows a script.
pub(super) struct Script {
    steps: VecDeque<Step>,
    time: Time,
    /// Every command block that came, with its data.
    pub(super) seen: Vec<(Vec<u8>, Vec<u8>, Duration)>,
}

impl Script {
    pub(super) fn new(steps: Vec<Step>) -> (Self, TestWatch) {
        let time = Time::default();
        let watch = TestWatch { time: time.clone(), news: Vec::new(), stop_at: None, stopped: false.into() };
        (Self { steps: steps.into(), time, seen: Vec::new() }, watch)
    }

    /// That nothing of the script is left.
    #[track_caller]
    pub(super) fn is_over(&self) {
        assert!(self.steps.is_empty(), "never asked for: {:02x?}", self.steps);
    }
}

impl ScsiPort for Script {
    fn execute(&mut self, block: &[u8], data: Data<'_>, timeout: Duration) -> ScsiAnswer {
        assert_eq!(block[0], 0x85, "ATA PASS-THROUGH (16)");
        let step = self.steps.pop_front();
        let step = step.unwrap_or_else(|| panic!("one command too many: {block:02x?}"));
        assert_eq!((block[4], block[14]), step.command, "the script says {:02x?}", step.command);
        let mut sent = Vec::new();
        match data {
            Data::ToDrive(bytes) => sent.extend_from_slice(bytes),
            Data::FromDrive(buffer) => {
                if let Some(page) = step.data {
                    buffer.copy_from_slice(&page);
                }
            }
            Data::None => {}
        }
        self.seen.push((block.to_vec(), sent, timeout));
        self.time.pass(step.takes);
        step.answer
    }
}

/// A watch without a clock.
pub(super) struct TestWatch {
    pub(super) time: Time,
    pub(super) news: Vec<News>,
    /// When somebody wants to stop.
    pub(super) stop_at: Option<Duration>,
    stopped: AtomicBool,
}

impl Watch for TestWatch {
    fn now(&mut self) -> Duration {
        self.time.now()
    }

    fn rest(&mut self, time: Duration) {
        self.time.pass(time);
    }

    fn should_stop(&mut self) -> bool {
        if self.stop_at.is_some_and(|at| self.time.now() >= at) {
            self.stopped.store(true, Ordering::Relaxed);
        }
        self.stopped.load(Ordering::Relaxed)
    }

    fn tell(&mut self, news: &News) {
        self.news.push(news.clone());
    }
}

/// GOOD.
pub(super) fn good() -> ScsiAnswer {
    ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved: 0 }
}

/// CHECK CONDITION with this sense.
pub(super) fn sense(sense: Vec<u8>) -> ScsiAnswer {
    ScsiAnswer::Answered { status: 2, sense, moved: 0 }
}

/// Result registers in descriptor format: COUNT and LBA of a success.
pub(super) fn registers(count: u16, lba: u64) -> ScsiAnswer {
    let ([high, low], lba) = (count.to_be_bytes(), lba.to_le_bytes());
    sense(vec![
        0x72, 1, 0, 0x1d, 0, 0, 0, 14, 0x09, 0x0c, 1, 0, high, low, lba[3], lba[0], lba[4], lba[1], lba[5],
        lba[2], 0x40, 0x50,
    ])
}

/// ABRT with this in LBA 7:0, in descriptor format.
pub(super) fn abort(reason: u8) -> ScsiAnswer {
    sense(vec![0x72, 0x0b, 0, 0, 0, 0, 0, 14, 0x09, 0x0c, 1, 0x04, 0, 0, 0, reason, 0, 0, 0, 0, 0x40, 0x51])
}

/// Fixed format of Linux: whether the upper part of COUNT is zero, and LBA 15:0.
pub(super) fn fixed(upper: u8, lba: u16) -> ScsiAnswer {
    let [high, low] = lba.to_be_bytes();
    let flags = 0x80 | upper;
    sense(vec![0xf0, 0, 1, 0, 0x50, 0x40, 0, 10, flags, low, high, 0, 0, 0x1d, 0, 0, 0, 0])
}

/// An IDENTIFY DEVICE page with a serial number and these words besides.
pub(super) fn page(serial: u8, words: &[(usize, u16)]) -> [u8; 512] {
    let mut page = [0; 512];
    page[0] = 0x40;
    page[20..40].fill(serial);
    for (index, word) in words {
        page[2 * index..2 * index + 2].copy_from_slice(&word.to_le_bytes());
    }
    page[510] = 0xa5;
    let sum = page.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    page[511] = sum.wrapping_neg();
    page
}

/// IDENTIFY DEVICE answered with a page.
pub(super) fn identify(page: [u8; 512]) -> Step {
    Step { data: Some(page), ..Step::new((0, 0xec), good()) }
}

/// A command that reads a page.
pub(super) fn reading(command: (u8, u8), page: [u8; 512]) -> Step {
    Step { data: Some(page), ..Step::new(command, good()) }
}
