//! The rules of the fault bed: what a line means, and what the rules do to one request.
//!
//! A rule is one line: `OPERATION OFFSET LENGTH ACTION [COUNT]`, with offset and length in bytes. Every rule
//! that touches a request acts on it: times add up, ranges to drop or flip are collected, and the first error,
//! and the first rule that moves a byte, wins. A rule with a count ends after that many requests.
//!
//! | action | on | what happens |
//! |---|---|---|
//! | `err:ERRNO` | all | nothing is moved, the answer is this errno |
//! | `lat:MILLISECONDS` | all | the answer comes later; other requests go on |
//! | `hang` | all | the answer comes when `release` is written, or never |
//! | `seek:MICROSECONDS` | read, write | the time of a seek over the whole drive; one request after another |
//! | `rate:BYTES` | read, write | so many bytes in a second; one request after another |
//! | `torn:BYTES` | write | only the first bytes of the request are stored, EIO |
//! | `drop` | write, discard | success, and nothing is stored or discarded |
//! | `flip` | read, write | success, the lowest bit of the first byte in the range is wrong |
//! | `stale` | read | success, with what the medium held when the rule was written |
//! | `wrap:BYTES` | read, write | success, addresses count modulo this many bytes |
//! | `misdirect:OFFSET` | read, write | success, the bytes of the range lie at this offset instead |
//!
//! Two lines are no rules: `clear` ends all rules before it, and `release` lets go of all requests that are held.
use std::fmt;
use std::io;
use std::num::ParseIntError;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use crate::effects::{Destination, Effects, Moved, Remembered, Stale};
use crate::mechanics::share;

/// The largest errno that FUSE passes on to the caller; the kernel rejects a reply with a larger one.
const LARGEST_ERRNO: i32 = 511;

/// The longest range that a stale rule may remember, in bytes.
const LONGEST_MEMORY: u64 = 64 << 20;

/// What the kernel asks of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Write,
    Fsync,
    Discard,
}

/// What a rule does to a request that it touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing is moved, and the answer is this errno.
    Error(i32),
    /// The answer comes this much later; other requests go on.
    Latency(Duration),
    /// The answer waits for a `release`.
    Hang,
    /// The request waits for the arm, which needs this long from one end of the drive to the other.
    Seek(Duration),
    /// The request waits for those before it, and its bytes in the rule's range take their time.
    Rate(u64),
    /// Only the first bytes of the request are stored, and the answer is EIO.
    Torn(usize),
    /// The answer is success, and the bytes in the rule's range are not stored.
    Drop,
    /// The answer is success, and the lowest bit of the first byte in the rule's range is wrong.
    Flip,
    /// The answer is what the medium held when the rule was written.
    Stale(Remembered),
    /// Addresses in the rule's range count modulo this many bytes.
    Wrap(u64),
    /// The bytes of the rule's range lie at this offset.
    Misdirect(u64),
}

/// What a rule asks of the medium when it is written.
pub(crate) trait Medium {
    fn size(&self) -> u64;

    /// What it holds there.
    fn bytes(&self, range: &Range<u64>) -> io::Result<Vec<u8>>;
}

/// How often a rule still acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Always,
    Times(u64),
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    operation: Operation,
    range: Range<u64>,
    action: Action,
    left: Left,
}

/// Why a line is no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RuleError {
    FieldCount(usize),
    UnknownOperation(String),
    UnknownAction(String),
    BadNumber { field: &'static str, error: ParseIntError },
    EmptyRange,
    RangeOverflow,
    ErrnoOutOfRange(i32),
    Zero(&'static str),
    PastTheEnd { end: u64, size: u64 },
    TooMuchToRemember(u64),
    Unreadable(String),
    DoesNotFit { operation: Operation, action: Action },
}

/// The rules in force, in the order in which they were written.
#[derive(Debug, Default)]
pub(crate) struct RuleBook {
    rules: Vec<Rule>,
    hits: u64,
    releases: u64,
}

impl FromStr for Operation {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "fsync" => Ok(Self::Fsync),
            "discard" => Ok(Self::Discard),
            other => Err(RuleError::UnknownOperation(other.to_owned())),
        }
    }
}

impl FromStr for Action {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text.split_once(':') {
            None if text == "drop" => Ok(Self::Drop),
            None if text == "flip" => Ok(Self::Flip),
            None if text == "hang" => Ok(Self::Hang),
            // What the medium holds is added when the rule is taken.
            None if text == "stale" => Ok(Self::Stale(Remembered::default())),
            Some(("err", errno)) => match number("errno", errno)? {
                errno @ 1..=LARGEST_ERRNO => Ok(Self::Error(errno)),
                errno => Err(RuleError::ErrnoOutOfRange(errno)),
            },
            Some(("lat", milliseconds)) => {
                Ok(Self::Latency(Duration::from_millis(number("milliseconds", milliseconds)?)))
            }
            Some(("seek", microseconds)) => {
                Ok(Self::Seek(Duration::from_micros(number("microseconds", microseconds)?)))
            }
            Some(("rate", bytes)) => positive("bytes in a second", bytes).map(Self::Rate),
            Some(("wrap", bytes)) => positive("bytes", bytes).map(Self::Wrap),
            Some(("misdirect", offset)) => Ok(Self::Misdirect(number("target", offset)?)),
            Some(("torn", bytes)) => Ok(Self::Torn(number("bytes", bytes)?)),
            None | Some(_) => Err(RuleError::UnknownAction(text.to_owned())),
        }
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(line: &str) -> Result<Self, RuleError> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (operation, offset, length, action, count) = match fields[..] {
            [operation, offset, length, action] => (operation, offset, length, action, None),
            [operation, offset, length, action, count] => (operation, offset, length, action, Some(count)),
            _ => return Err(RuleError::FieldCount(fields.len())),
        };
        let operation = operation.parse()?;
        let start: u64 = number("offset", offset)?;
        let length: u64 = number("length", length)?;
        let action = action.parse()?;
        let left = match count {
            None => Left::Always,
            Some(count) => Left::Times(number("count", count)?),
        };
        if !fits(operation, &action) {
            return Err(RuleError::DoesNotFit { operation, action });
        }
        if length == 0 && operation != Operation::Fsync {
            return Err(RuleError::EmptyRange);
        }
        let end = start.checked_add(length).ok_or(RuleError::RangeOverflow)?;
        Ok(Self { operation, range: start..end, action, left })
    }
}

fn number<N: FromStr<Err = ParseIntError>>(field: &'static str, text: &str) -> Result<N, RuleError> {
    text.parse().map_err(|error| RuleError::BadNumber { field, error })
}

fn positive(field: &'static str, text: &str) -> Result<u64, RuleError> {
    match number(field, text)? {
        0 => Err(RuleError::Zero(field)),
        number => Ok(number),
    }
}

/// Only what a drive could do: a read cannot be torn, and a flush stores no bytes that could be dropped.
const fn fits(operation: Operation, action: &Action) -> bool {
    let moves_bytes = matches!(operation, Operation::Read | Operation::Write);
    match action {
        Action::Error(_) | Action::Latency(_) | Action::Hang => true,
        Action::Seek(_) | Action::Rate(_) | Action::Flip | Action::Wrap(_) | Action::Misdirect(_) => {
            moves_bytes
        }
        Action::Torn(_) => matches!(operation, Operation::Write),
        Action::Drop => matches!(operation, Operation::Write | Operation::Discard),
        Action::Stale(_) => matches!(operation, Operation::Read),
    }
}

impl Rule {
    fn touches(&self, operation: Operation, request: &Range<u64>) -> bool {
        let overlaps = request.start < self.range.end && self.range.start < request.end;
        self.left != Left::Times(0)
            && self.operation == operation
            && (overlaps || operation == Operation::Fsync)
    }

    /// Holds the rule against the medium, and remembers what a later answer will need of it.
    fn prepare(&mut self, medium: &dyn Medium) -> Result<(), RuleError> {
        let length = self.range.end - self.range.start;
        let end = match &mut self.action {
            Action::Misdirect(offset) => offset.saturating_add(length),
            Action::Stale(remembered) => {
                if length > LONGEST_MEMORY {
                    return Err(RuleError::TooMuchToRemember(length));
                }
                if self.range.end <= medium.size() {
                    let bytes = medium.bytes(&self.range);
                    let bytes = bytes.map_err(|error| RuleError::Unreadable(error.to_string()))?;
                    *remembered = Remembered(bytes.into());
                }
                self.range.end
            }
            Action::Error(_) | Action::Latency(_) | Action::Hang | Action::Seek(_) | Action::Rate(_) => 0,
            Action::Torn(_) | Action::Drop | Action::Flip | Action::Wrap(_) => 0,
        };
        let size = medium.size();
        if end > size { Err(RuleError::PastTheEnd { end, size }) } else { Ok(()) }
    }

    /// Whether the rule makes answers late.
    const fn delays(&self) -> bool {
        match self.action {
            Action::Latency(_) | Action::Hang | Action::Seek(_) | Action::Rate(_) => true,
            Action::Error(_) | Action::Torn(_) | Action::Drop | Action::Flip => false,
            Action::Stale(_) | Action::Wrap(_) | Action::Misdirect(_) => false,
        }
    }

    fn act(&mut self, request: &Range<u64>, effects: &mut Effects) {
        if let Left::Times(times) = &mut self.left {
            *times = times.saturating_sub(1);
        }
        let touched = self.range.start.max(request.start)..self.range.end.min(request.end);
        let start = touched.start;
        match &self.action {
            Action::Error(errno) => effects.error = effects.error.or(Some(*errno)),
            Action::Latency(delay) => effects.delay = effects.delay.saturating_add(*delay),
            Action::Hang => effects.held = true,
            Action::Seek(stroke) => add(&mut effects.stroke, *stroke),
            Action::Rate(bytes) => {
                let time = share(Duration::from_secs(1), touched.end - touched.start, *bytes);
                add(&mut effects.transfer, time);
            }
            Action::Torn(bytes) => effects.torn = effects.torn.or(Some(*bytes)),
            Action::Drop => effects.dropped.push(touched),
            Action::Flip => effects.flipped.push(start),
            Action::Stale(Remembered(bytes)) => {
                let [from, to] = [touched.start, touched.end].map(|at| position(at, self.range.start));
                let bytes =
                    bytes.get(from..to).map_or_else(Remembered::default, |part| Remembered(part.into()));
                effects.stale.push(Stale { start, bytes });
            }
            Action::Wrap(bytes) => {
                effects.moved.push(Moved { range: touched, to: Destination::Modulo(*bytes) });
            }
            Action::Misdirect(offset) => {
                let first = offset.saturating_add(start - self.range.start);
                effects.moved.push(Moved { range: touched, to: Destination::From(first) });
            }
        }
    }
}

fn add(sum: &mut Option<Duration>, time: Duration) {
    *sum = Some(sum.unwrap_or_default().saturating_add(time));
}

fn position(at: u64, start: u64) -> usize {
    usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX)
}

impl RuleBook {
    /// Takes the lines of one write to the control file: all of them, or none when one is wrong. Empty lines
    /// and lines that begin with `#` are passed over.
    pub(crate) fn command(&mut self, text: &str, medium: &dyn Medium) -> Result<(), RuleError> {
        let mut rules = self.rules.clone();
        let mut releases = self.releases;
        for line in text.lines().map(str::trim) {
            match line {
                "clear" => rules.clear(),
                "release" => releases += 1,
                line if line.is_empty() || line.starts_with('#') => {}
                line => {
                    let mut rule: Rule = line.parse()?;
                    rule.prepare(medium)?;
                    rules.push(rule);
                }
            }
        }
        (self.rules, self.releases) = (rules, releases);
        Ok(())
    }

    /// What the rules do to this request. Counts it against the rules that it touches.
    pub(crate) fn apply(&mut self, operation: Operation, request: &Range<u64>) -> Effects {
        let mut effects = Effects::default();
        for rule in self.rules.iter_mut().filter(|rule| rule.touches(operation, request)) {
            rule.act(request, &mut effects);
            self.hits += 1;
        }
        effects
    }

    /// How often any rule has acted.
    pub(crate) const fn hits(&self) -> u64 {
        self.hits
    }

    /// How often `release` was written.
    pub(crate) const fn releases(&self) -> u64 {
        self.releases
    }

    /// How many rules make answers late.
    pub(crate) fn delaying(&self) -> usize {
        self.rules.iter().filter(|rule| rule.delays()).count()
    }
}

impl fmt::Display for RuleBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.iter().try_for_each(|rule| writeln!(f, "rule {rule:?}"))
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FieldCount(count) => {
                write!(f, "a rule is OPERATION OFFSET LENGTH ACTION [COUNT], not {count} words")
            }
            Self::UnknownOperation(word) => write!(f, "no operation is called {word:?}"),
            Self::UnknownAction(word) => write!(f, "no action is called {word:?}"),
            Self::BadNumber { field, error } => write!(f, "{field}: {error}"),
            Self::EmptyRange => f.write_str("the range is empty"),
            Self::RangeOverflow => f.write_str("the range ends after 2^64"),
            Self::ErrnoOutOfRange(errno) => write!(f, "errno {errno} is not within 1 to {LARGEST_ERRNO}"),
            Self::Zero(field) => write!(f, "{field}: not zero"),
            Self::PastTheEnd { end, size } => write!(f, "{end} is past the end of the drive at {size}"),
            Self::TooMuchToRemember(length) => {
                write!(f, "{length} bytes are too many to remember; at most {LONGEST_MEMORY}")
            }
            Self::Unreadable(error) => write!(f, "the medium cannot be read: {error}"),
            Self::DoesNotFit { operation, action } => write!(f, "{operation:?} cannot have {action:?}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges, some with only one")]
mod tests {
    use super::*;

    const SIZE: u64 = 1000;

    /// A medium on which the byte at each address is the address.
    struct Addresses;

    impl Medium for Addresses {
        fn size(&self) -> u64 {
            SIZE
        }

        fn bytes(&self, range: &Range<u64>) -> io::Result<Vec<u8>> {
            Ok(range.clone().map(|at| at.to_le_bytes()[0]).collect())
        }
    }

    fn book(text: &str) -> RuleBook {
        let mut book = RuleBook::default();
        book.command(text, &Addresses).unwrap();
        book
    }

    #[test]
    fn malformed_lines_are_named_and_change_nothing() {
        let bad = [
            ("read 0", "not 2 words"),
            ("read 0 1 flip 1 2", "not 6 words"),
            ("erase 0 1 flip", "no operation is called \"erase\""),
            ("read x 1 flip", "offset: invalid digit"),
            ("read 0 -1 flip", "length: invalid digit"),
            ("read 0 1 burn", "no action is called \"burn\""),
            ("read 0 1 err", "no action is called \"err\""),
            ("read 0 1 err:", "errno: cannot parse integer from empty string"),
            ("read 0 1 err:0", "errno 0 is not within 1 to 511"),
            ("read 0 1 err:512", "errno 512 is not within 1 to 511"),
            ("read 0 1 lat:99999999999999999999", "milliseconds: number too large"),
            ("read 0 1 torn:5", "Read cannot have Torn(5)"),
            ("fsync 0 0 drop", "Fsync cannot have Drop"),
            ("read 0 1 hang:5", "no action is called \"hang:5\""),
            ("read 0 1 seek", "no action is called \"seek\""),
            ("read 0 1 seek:1.5", "microseconds: invalid digit"),
            ("fsync 0 0 seek:5", "Fsync cannot have Seek(5µs)"),
            ("write 0 1 rate:0", "bytes in a second: not zero"),
            ("write 0 1 rate:1M", "bytes in a second: invalid digit"),
            ("discard 0 1 rate:5", "Discard cannot have Rate(5)"),
            ("read 0 1 wrap:0", "bytes: not zero"),
            ("read 0 1 wrap", "no action is called \"wrap\""),
            ("discard 0 1 wrap:5", "Discard cannot have Wrap(5)"),
            ("write 0 1 misdirect:", "target: cannot parse integer from empty string"),
            ("write 0 8 misdirect:993", "1001 is past the end of the drive at 1000"),
            ("write 0 8 misdirect:18446744073709551615", "is past the end of the drive at 1000"),
            ("fsync 0 0 misdirect:0", "Fsync cannot have Misdirect(0)"),
            ("read 0 1 stale:5", "no action is called \"stale:5\""),
            ("read 999 2 stale", "1001 is past the end of the drive at 1000"),
            ("read 0 67108865 stale", "67108865 bytes are too many to remember"),
            ("write 0 1 stale", "Write cannot have Stale(0 bytes)"),
            ("release now", "not 2 words"),
            ("read 0 0 flip", "the range is empty"),
            ("read 18446744073709551615 1 flip", "the range ends after 2^64"),
            ("read 0 1 flip many", "count: invalid digit"),
        ];
        for (line, expected) in bad {
            let mut rules = book("write 0 8 drop");
            let error =
                rules.command(&format!("clear\nrelease\n{line}\n"), &Addresses).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
            assert_eq!(rules.apply(Operation::Write, &(0..8)).dropped, [0..8], "{line} must change nothing");
            assert_eq!(rules.releases(), 0, "{line} must let go of nothing");
        }
    }

    #[test]
    fn a_rule_touches_only_requests_of_its_operation_that_overlap_it() {
        let mut rules = book("# the third page\nread 8192 4096 err:5\n\n");
        for (request, expected) in
            [(0..8192, None), (8192..8193, Some(5)), (4096..12288, Some(5)), (12288..16384, None)]
        {
            assert_eq!(rules.apply(Operation::Read, &request).error, expected, "{request:?}");
        }
        assert_eq!(rules.apply(Operation::Write, &(8192..8193)).error, None);
        assert_eq!(rules.hits(), 2);
    }

    #[test]
    fn a_count_runs_out_and_clear_ends_rules() {
        let mut rules = book("fsync 0 0 err:5 2");
        let mut flush = || rules.apply(Operation::Fsync, &(0..0)).error;
        assert_eq!([flush(), flush(), flush()], [Some(5), Some(5), None]);
        let mut rules = book("read 0 1 err:5\nclear");
        assert_eq!(rules.apply(Operation::Read, &(0..1)), Effects::default());
    }

    #[test]
    fn rules_act_together() {
        let mut rules = book("write 10 10 drop\nwrite 25 1 flip\nwrite 0 99 lat:3\nwrite 0 99 lat:4");
        let effects = rules.apply(Operation::Write, &(5..30));
        assert_eq!(effects.delay, Duration::from_millis(7));
        assert_eq!(effects.flipped, [25]);
        assert_eq!(effects.stored(5, 25), [5..10, 20..30]);
    }

    #[test]
    fn torn_and_dropped_parts_are_not_stored() {
        let cases = [
            ("write 0 100 torn:30", vec![0..30]),
            ("write 0 100 torn:0", vec![]),
            ("write 0 100 torn:300", vec![0..100]),
            ("write 0 100 drop", vec![]),
            ("write 90 100 drop", vec![0..90]),
            ("write 10 10 drop\nwrite 15 10 drop", vec![0..10, 25..100]),
            ("write 10 10 drop\nwrite 0 1 torn:15", vec![0..10]),
        ];
        for (text, expected) in cases {
            assert_eq!(book(text).apply(Operation::Write, &(0..100)).stored(0, 100), expected, "{text}");
        }
    }

    #[test]
    fn every_slow_rule_makes_requests_late_in_its_own_way() {
        let mut rules = book(
            "write 0 99 hang 1\nread 100 50 rate:200\nread 0 999 rate:1000\nread 0 1 seek:7\nread 0 1 seek:8",
        );
        assert_eq!(rules.delaying(), 5);
        assert!(rules.apply(Operation::Write, &(0..10)).held);
        assert_eq!(rules.apply(Operation::Write, &(0..10)), Effects::default());
        // 20 bytes at 200 in a second, and 40 at 1000; no arm is moved.
        let effects = rules.apply(Operation::Read, &(80..120));
        assert_eq!((effects.transfer, effects.stroke), (Some(Duration::from_millis(140)), None));
        assert_eq!(rules.apply(Operation::Read, &(0..1)).stroke, Some(Duration::from_micros(15)));
        assert_eq!(book("read 0 1 err:5\nread 0 1 flip\nread 0 1 stale\nread 0 1 wrap:1").delaying(), 0);
    }

    #[test]
    fn release_is_counted_and_ends_no_rule() {
        let mut rules = book("read 0 1 hang");
        assert_eq!(rules.releases(), 0);
        rules.command("release", &Addresses).unwrap();
        assert_eq!(rules.releases(), 1);
        assert!(rules.apply(Operation::Read, &(0..1)).held);
    }

    #[test]
    fn only_the_part_of_a_request_in_the_range_is_moved_or_old() {
        let mut rules = book("write 100 50 misdirect:500\nread 0 1000 wrap:64\nread 100 50 stale");
        let moved = |range, to| [Moved { range, to }];
        let effects = rules.apply(Operation::Write, &(90..110));
        assert_eq!(effects.moved, moved(100..110, Destination::From(500)));
        let effects = rules.apply(Operation::Write, &(120..300));
        assert_eq!(effects.moved, moved(120..150, Destination::From(520)));
        let effects = rules.apply(Operation::Read, &(140..160));
        assert_eq!(effects.moved, moved(140..160, Destination::Modulo(64)));
        let bytes = Remembered((140..150).collect::<Vec<u8>>().into());
        assert_eq!(effects.stale, [Stale { start: 140, bytes }]);
    }
}
