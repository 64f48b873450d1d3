//! Shows where the jobs stand: lines that are drawn over on a terminal, plain lines at intervals elsewhere,
//! events as JSON lines for programs.
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::certificate::show::plain;
use crate::engine::firmware::News;
use crate::engine::{HeatTally, Pace, Phase, Progress};
use crate::job::listen::{Happening, Listener};
use crate::plan::estimate::{duration_text, size_text};
use crate::unit::BlockSize;

/// How often a terminal is drawn over.
const DRAW_EVERY: Duration = Duration::from_millis(250);

/// How often plain lines and JSON progress are printed.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Over how long a time "now" in a throughput reaches.
const WINDOW: Duration = Duration::from_secs(10);

/// Silence that is worth showing.
const SILENCE_SHOWN: Duration = Duration::from_secs(5);

/// Events that wait for a reader of the JSON lines. One that reads too slowly misses some; it never slows a drive
/// down (P8), and the result at the end is told whole.
const EVENTS_WAITING_MAX: usize = 4096;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Drawn over on stderr.
    Terminal,
    /// Lines on stderr.
    Plain,
    /// JSON lines on stdout.
    Json,
}

/// The board with one line for each drive.
pub struct Board {
    style: Style,
    drives: Mutex<Vec<DriveLine>>,
    events: Mutex<VecDeque<String>>,
    over: AtomicBool,
}

struct DriveLine {
    title: String,
    job: String,
    passes: usize,
    block_size: BlockSize,
    at: Option<Progress>,
    /// When the pass or the reading began here, and the bytes that were done then.
    phase_began: (Instant, u64),
    window: VecDeque<(Instant, u64)>,
    silent: Duration,
    /// What its worker was seen to be doing meanwhile.
    whereabouts: Option<String>,
    /// What a command of the drive is doing.
    command: Option<String>,
    /// What is to be known of its heat.
    heat: Option<String>,
    ended: Option<String>,
    line_printed: Option<Instant>,
    /// What was last told as JSON, and when.
    phase_told: Option<Phase>,
    heat_told: Option<(Instant, Pace)>,
}

impl Board {
    /// An empty board.
    pub fn new(style: Style) -> Self {
        let events = Mutex::new(VecDeque::new());
        Self { style, drives: Mutex::new(Vec::new()), events, over: AtomicBool::new(false) }
    }

    /// Adds a drive and gives its listener.
    pub fn add(&self, title: String, job: String, passes: usize, block_size: BlockSize) -> DriveListener<'_> {
        let mut drives = self.lock();
        drives.push(DriveLine {
            title,
            job,
            passes,
            block_size,
            at: None,
            phase_began: (Instant::now(), 0),
            window: VecDeque::new(),
            silent: Duration::ZERO,
            whereabouts: None,
            command: None,
            heat: None,
            ended: None,
            line_printed: None,
            phase_told: None,
            heat_told: None,
        });
        DriveListener { board: self, index: drives.len() - 1 }
    }

    /// Draws until [`Self::finish`]; to be run in a thread of its own.
    pub fn keep_drawing(&self) {
        let mut drawn = 0;
        while !self.over.load(Ordering::Relaxed) {
            std::thread::sleep(DRAW_EVERY);
            drawn = self.draw(drawn);
        }
        self.draw(drawn);
    }

    /// Ends the drawing.
    pub fn finish(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<DriveLine>> {
        // The lines are only shown: a panic elsewhere leaves them as good as they were.
        self.drives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, drawn_before: usize) -> usize {
        if self.style == Style::Json {
            let events = std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner));
            let text: String = events.into_iter().collect();
            // A reader that went away must not stop a job; its end is in the record.
            let _unread = std::io::stdout().write_all(text.as_bytes());
            return 0;
        }
        let mut drives = self.lock();
        let now = Instant::now();
        let mut text = String::new();
        match self.style {
            Style::Terminal => {
                if drawn_before > 0 {
                    let _infallible = write!(text, "\x1b[{drawn_before}A");
                }
                for line in drives.iter() {
                    let _infallible = writeln!(text, "\r\x1b[2K{}", line.text(now));
                }
            }
            Style::Plain => {
                for line in drives.iter_mut().filter(|line| line.is_due(now)) {
                    line.line_printed = Some(now);
                    let _infallible = writeln!(text, "{}", line.text(now));
                }
            }
            Style::Json => {}
        }
        let count = drives.len();
        drop(drives);
        // A lost terminal must not stop a job: what cannot be shown is not shown.
        let _unseen = std::io::stderr().write_all(text.as_bytes());
        count
    }
}

impl DriveLine {
    fn is_due(&self, now: Instant) -> bool {
        let printed = self.line_printed.is_some_and(|printed| now.duration_since(printed) < LINE_EVERY);
        (self.at.is_some() || self.command.is_some()) && self.ended.is_none() && !printed
    }

    fn bytes(&self, blocks: u64) -> u64 {
        blocks.saturating_mul(self.block_size.bytes_u64())
    }

    fn take(&mut self, progress: Progress, now: Instant) {
        self.command = None;
        if self.at.map(|at| stretch(at.at)) != Some(stretch(progress.at)) {
            // What an earlier sitting wrote was not written now.
            self.phase_began = (now, self.bytes(progress.done.0));
            self.window.clear();
            self.line_printed = None;
        }
        self.at = Some(progress);
        self.silent = Duration::ZERO;
        self.window.push_back((now, self.bytes(progress.done.0)));
        while self.window.len() > 2 && now.duration_since(self.window[0].0) > WINDOW {
            self.window.pop_front();
        }
    }

    fn rate_now(&self) -> u64 {
        match (self.window.front(), self.window.back()) {
            (Some((from, first)), Some((to, last))) => {
                rate(last.saturating_sub(*first), to.duration_since(*from))
            }
            _ => 0,
        }
    }

    fn text(&self, now: Instant) -> String {
        let title = &self.title;
        if let Some(ended) = &self.ended {
            return format!("{title}: {ended}");
        }
        if let Some(command) = &self.command {
            return format!("{title}: {command}");
        }
        let Some(at) = self.at else { return format!("{title}: starting") };
        let phase = self.phase(at.at);
        let percent = (at.done.0.saturating_mul(1000)).checked_div(at.total.0).unwrap_or(0);
        let done = self.bytes(at.done.0);
        let (began, before) = self.phase_began;
        let average = rate(done.saturating_sub(before), now.duration_since(began));
        let left = self.bytes(at.total.0).saturating_sub(done).checked_div(average);
        let left = left.map_or_else(|| "?".to_owned(), duration_text);
        let mut text = format!(
            "{title}: {phase} {}.{} %, {}/s now, {}/s average, {left} left, {} errors",
            percent / 10,
            percent % 10,
            size_text(self.rate_now()),
            size_text(average),
            at.errors
        );
        if let Some(heat) = &self.heat {
            let _infallible = write!(text, ", {heat}");
        }
        if self.silent >= SILENCE_SHOWN {
            let _infallible = write!(text, ", NO ANSWER for {} s", self.silent.as_secs());
            if let Some(whereabouts) = &self.whereabouts {
                let _infallible = write!(text, " from {whereabouts}");
            }
        }
        text
    }

    fn phase(&self, phase: Phase) -> String {
        match phase {
            Phase::Writing { pass } => format!("pass {}/{}", pass + 1, self.passes),
            Phase::Flushing { pass } => format!("pass {}/{} flushing", pass + 1, self.passes),
            Phase::Verifying => "verifying".to_owned(),
            Phase::Repairing => "writing again what differed".to_owned(),
        }
    }
}

/// What is measured as one: a pass is flushed again and again while it is written.
const fn stretch(phase: Phase) -> (u8, u32) {
    match phase {
        Phase::Writing { pass } | Phase::Flushing { pass } => (0, pass),
        Phase::Verifying => (1, 0),
        Phase::Repairing => (2, 0),
    }
}

fn rate(bytes: u64, time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    bytes.saturating_mul(1000).checked_div(millis).unwrap_or(0)
}

/// What is worth saying of a drive's heat while it works: nothing, as long as it is driven at full pace.
fn heat_text(pace: Pace, tally: &HeatTally) -> Option<String> {
    let last = tally.last_millidegrees.map_or_else(|| "?".to_owned(), |last| last.to_string());
    match pace {
        Pace::Full => None,
        Pace::Slowed => Some(format!("SLOWED at {last}")),
        Pace::Paused => Some(format!("PAUSED to cool down from {last}")),
        Pace::GiveUp => Some(format!("TOO HOT: {last}")),
    }
}

/// Where a command of the drive stands. It cannot be stopped, so what matters is that it moves.
fn command_text(step: u32, news: &News) -> String {
    let percent = news.progress.map_or_else(String::new, |parts| {
        let tenths = u64::from(parts).saturating_mul(1000) / 65536;
        format!(" {}.{} %", tenths / 10, tenths % 10)
    });
    format!("command {}{percent}: {}", step.saturating_add(1), plain(&news.text))
}

/// Writes one line of JSON to stdout, whole.
pub fn print_json(value: &serde_json::Value) {
    let mut line = value.to_string();
    line.push('\n');
    // A reader that went away must not stop a job; its end is in the record.
    let _unread = std::io::stdout().write_all(line.as_bytes());
}

/// Hears one job for the board.
pub struct DriveListener<'a> {
    board: &'a Board,
    index: usize,
}

impl DriveListener<'_> {
    /// Shows how the job ended.
    pub fn ended(&self, text: String) {
        if let Some(line) = self.board.lock().get_mut(self.index) {
            line.ended = Some(text);
        }
    }

    fn event(&self, line: &mut DriveLine, happening: &Happening<'_>, now: Instant) {
        let within = |at: Option<Instant>, seconds: u64| {
            at.is_some_and(|at| now.duration_since(at) < Duration::from_secs(seconds))
        };
        let is_due = match happening {
            Happening::Progress(progress) => {
                let is_new = line.phase_told.replace(progress.at) != Some(progress.at);
                is_new || !within(line.line_printed, 1)
            }
            Happening::Command { .. } => !within(line.line_printed, 1),
            // Not held back by progress, which is told far more often.
            Happening::Heat { pace, .. } => {
                let is_new = line.heat_told.is_none_or(|(_, told)| told != *pace);
                let is_due = is_new || !within(line.heat_told.map(|(at, _)| at), 30);
                line.heat_told = if is_due { Some((now, *pace)) } else { line.heat_told };
                is_due
            }
            Happening::Silence { silent, .. } => *silent >= SILENCE_SHOWN && !within(line.line_printed, 10),
            Happening::Restored { .. } | Happening::PassEnded { .. } | Happening::Verified { .. } => true,
        };
        if !is_due {
            return;
        }
        let body = match happening {
            Happening::Progress(progress) => json!({"event": "progress", "progress": progress}),
            Happening::Command { step, news } => {
                json!({"event": "command", "step": step, "news": news})
            }
            Happening::Restored { report, wanted } => {
                json!({"event": "restored", "wanted": wanted, "restored": report.restored})
            }
            Happening::PassEnded { tally } => json!({"event": "pass-ended", "tally": tally}),
            Happening::Verified { tally } => json!({"event": "verified", "tally": tally}),
            Happening::Heat { pace, tally } => json!({"event": "heat", "pace": pace, "tally": tally}),
            Happening::Silence { silent, whereabouts } => {
                json!({"event": "silence", "seconds": silent.as_secs(), "whereabouts": whereabouts})
            }
        };
        line.line_printed = Some(now);
        let mut value = json!({"schema": "urn:expunge:event:v1", "job": line.job, "drive": line.title});
        if let (Some(value), Some(body)) = (value.as_object_mut(), body.as_object()) {
            value.extend(body.clone());
        }
        let mut events = self.board.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() < EVENTS_WAITING_MAX {
            events.push_back(format!("{value}\n"));
        }
    }
}

impl Listener for DriveListener<'_> {
    fn hear(&mut self, happening: &Happening<'_>) {
        let now = Instant::now();
        let mut drives = self.board.lock();
        let Some(line) = drives.get_mut(self.index) else { return };
        match happening {
            Happening::Progress(progress) => line.take(*progress, now),
            Happening::Command { step, news } => {
                line.silent = Duration::ZERO;
                line.command = Some(command_text(*step, news));
            }
            Happening::Silence { silent, whereabouts } => {
                line.silent = *silent;
                line.whereabouts = whereabouts.map(plain);
            }
            Happening::Heat { pace, tally } => line.heat = heat_text(*pace, tally),
            Happening::Restored { .. } | Happening::PassEnded { .. } | Happening::Verified { .. } => {}
        }
        if self.board.style == Style::Json {
            self.event(line, happening, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::BlockCount;

    #[test]
    fn events_that_nobody_reads_are_dropped_and_hold_up_nothing() {
        let board = Board::new(Style::Json);
        let mut listener = board.add("/dev/x".into(), "j".into(), 1, BlockSize::new(512).unwrap());
        let tally = crate::engine::PassTally {
            index: 0,
            written: BlockCount(1),
            failed: crate::unit::RangeSet::new(),
            unreached: crate::unit::RangeSet::new(),
            flush: crate::engine::FlushState::Confirmed,
            absent: BlockCount::ZERO,
            flush_failures: 0,
        };
        // Nobody draws: a listener that wrote by itself would fill a pipe and wait.
        for _ in 0..EVENTS_WAITING_MAX + 10 {
            listener.hear(&Happening::PassEnded { tally: &tally });
        }
        assert_eq!(board.events.lock().unwrap().len(), EVENTS_WAITING_MAX);
    }

    #[test]
    fn a_line_tells_pass_percent_rates_time_and_errors() {
        let board = Board::new(Style::Plain);
        let _listener = board.add("/dev/x".into(), "j".into(), 3, BlockSize::new(512).unwrap());
        let mut drives = board.lock();
        let line = &mut drives[0];
        let start = Instant::now();
        let progress = |done| Progress {
            at: Phase::Writing { pass: 1 },
            done: BlockCount(done),
            total: BlockCount(2_000_000),
            errors: BlockCount(7),
        };
        line.take(progress(0), start);
        line.take(progress(500_000), start + Duration::from_secs(4));
        let text = line.text(start + Duration::from_secs(4));
        // 500,000 blocks of 512 bytes in 4 s are 64,000,000 B/s; 768,000,000 bytes are left: 12 s.
        assert!(text.starts_with("/dev/x: pass 2/3 25.0 %"), "{text}");
        assert!(text.contains("64") && text.contains("12 s left") && text.ends_with("7 errors"), "{text}");
    }

    /// Flushes at checkpoints begin nothing anew, and what was written before an interruption is not counted as work
    /// of now.
    #[test]
    fn rates_go_on_over_flushes_and_begin_after_an_interruption() {
        let board = Board::new(Style::Plain);
        let _listener = board.add("/dev/x".into(), "j".into(), 1, BlockSize::new(512).unwrap());
        let mut drives = board.lock();
        let line = &mut drives[0];
        let start = Instant::now();
        let second = |count| start + Duration::from_secs(count);
        let at = |at, done| Progress {
            at,
            done: BlockCount(done),
            total: BlockCount(2_000_000),
            errors: BlockCount::ZERO,
        };
        let (writing, flushing) = (Phase::Writing { pass: 0 }, Phase::Flushing { pass: 0 });
        line.take(at(writing, 1_000_000), start);
        line.take(at(writing, 1_250_000), second(2));
        line.take(at(flushing, 1_250_000), second(3));
        line.take(at(writing, 1_500_000), second(4));
        let text = line.text(second(4));
        // 500,000 blocks of 512 bytes in 4 s, and as many are left.
        assert!(text.contains(" 64.0 MB/s now, 64.0 MB/s average, 4 s left"), "{text}");
    }

    /// Progress is told every second, and holds no word about the heat back.
    #[test]
    fn every_change_of_pace_is_told_however_much_progress_there_is() {
        let board = Board::new(Style::Json);
        let mut listener = board.add("/dev/x".into(), "j".into(), 1, BlockSize::new(512).unwrap());
        let progress = Progress {
            at: Phase::Writing { pass: 0 },
            done: BlockCount(1),
            total: BlockCount(2),
            errors: BlockCount::ZERO,
        };
        for pace in [Pace::Full, Pace::Full, Pace::Slowed, Pace::Paused, Pace::Paused, Pace::Slowed] {
            listener.hear(&Happening::Progress(progress));
            listener.hear(&Happening::Heat { pace, tally: &HeatTally::default() });
        }
        let told: Vec<serde_json::Value> =
            board.events.lock().unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let paces: Vec<&str> = told.iter().filter_map(|event| event["pace"].as_str()).collect();
        assert_eq!(paces, ["full", "slowed", "paused", "slowed"]);
        assert_eq!(told.iter().filter(|event| event["event"] == "progress").count(), 1);
    }
}
