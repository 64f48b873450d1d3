//! The rules of the fault bed: what a line means, and what the rules do to one request.
//!
//! A rule is one line: `OPERATION OFFSET LENGTH ACTION [COUNT]`, with offset and length in bytes. Every rule
//! that touches a request acts on it: latencies add up, ranges to drop or flip are collected, and the first
//! error wins. A rule with a count ends after that many requests.
use std::fmt;
use std::num::ParseIntError;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

/// The largest errno that FUSE passes on to the caller; the kernel rejects a reply with a larger one.
const LARGEST_ERRNO: i32 = 511;

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
    /// Only the first bytes of the request are stored, and the answer is EIO.
    Torn(usize),
    /// The answer is success, and the bytes in the rule's range are not stored.
    Drop,
    /// The answer is success, and the bytes in the rule's range are stored from this byte of the file on instead.
    To(u64),
    /// The answer is success, and the lowest bit of the first byte in the rule's range is wrong.
    Flip,
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
    DoesNotFit { operation: Operation, action: Action },
}

/// What all rules together do to one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    pub(crate) delay: Duration,
    pub(crate) error: Option<i32>,
    pub(crate) torn: Option<usize>,
    pub(crate) dropped: Vec<Range<u64>>,
    /// Parts that are stored elsewhere, each with the place of its first byte.
    pub(crate) misdirected: Vec<(Range<u64>, u64)>,
    pub(crate) flipped: Vec<u64>,
}

/// The rules in force, in the order in which they were written.
#[derive(Debug, Default)]
pub(crate) struct RuleBook {
    rules: Vec<Rule>,
    hits: u64,
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
            Some(("err", errno)) => match number("errno", errno)? {
                errno @ 1..=LARGEST_ERRNO => Ok(Self::Error(errno)),
                errno => Err(RuleError::ErrnoOutOfRange(errno)),
            },
            Some(("lat", milliseconds)) => {
                Ok(Self::Latency(Duration::from_millis(number("milliseconds", milliseconds)?)))
            }
            Some(("torn", bytes)) => Ok(Self::Torn(number("bytes", bytes)?)),
            Some(("to", offset)) => Ok(Self::To(number("place", offset)?)),
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

/// Only what a drive could do: a read cannot be torn, and a flush stores no bytes that could be dropped.
const fn fits(operation: Operation, action: &Action) -> bool {
    match (operation, action) {
        (_, Action::Error(_) | Action::Latency(_)) => true,
        (Operation::Write, Action::Torn(_) | Action::Drop | Action::To(_) | Action::Flip) => true,
        (Operation::Read, Action::Flip) | (Operation::Discard, Action::Drop) => true,
        (Operation::Read, Action::Torn(_) | Action::Drop | Action::To(_)) => false,
        (Operation::Discard, Action::Torn(_) | Action::To(_) | Action::Flip) => false,
        (Operation::Fsync, Action::Torn(_) | Action::Drop | Action::To(_) | Action::Flip) => false,
    }
}

impl Rule {
    fn touches(&self, operation: Operation, request: &Range<u64>) -> bool {
        let overlaps = request.start < self.range.end && self.range.start < request.end;
        self.left != Left::Times(0)
            && self.operation == operation
            && (overlaps || operation == Operation::Fsync)
    }

    fn act(&mut self, request: &Range<u64>, effects: &mut Effects) {
        if let Left::Times(times) = &mut self.left {
            *times = times.saturating_sub(1);
        }
        let start = self.range.start.max(request.start);
        let end = self.range.end.min(request.end);
        match self.action {
            Action::Error(errno) => effects.error = effects.error.or(Some(errno)),
            Action::Latency(delay) => effects.delay = effects.delay.saturating_add(delay),
            Action::Torn(bytes) => effects.torn = effects.torn.or(Some(bytes)),
            Action::Drop => effects.dropped.push(start..end),
            Action::To(place) => {
                let place = place.saturating_add(start.saturating_sub(self.range.start));
                effects.misdirected.push((start..end, place));
            }
            Action::Flip => effects.flipped.push(start),
        }
    }
}

impl RuleBook {
    /// Takes the lines of one write to the control file: all of them, or none when one is wrong. `clear` ends
    /// all earlier rules; empty lines and lines that begin with `#` are passed over.
    pub(crate) fn command(&mut self, text: &str) -> Result<(), RuleError> {
        let mut rules = self.rules.clone();
        for line in text.lines().map(str::trim) {
            match line {
                "clear" => rules.clear(),
                line if line.is_empty() || line.starts_with('#') => {}
                line => rules.push(line.parse()?),
            }
        }
        self.rules = rules;
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
}

impl Effects {
    /// The parts of a write that are stored where they belong, of a request of `length` bytes at `offset`.
    pub(crate) fn stored(&self, offset: u64, length: usize) -> Vec<Range<u64>> {
        let kept = self.torn.map_or(length, |bytes| bytes.min(length));
        let end = offset.saturating_add(u64::try_from(kept).unwrap_or(u64::MAX));
        let mut parts: Vec<Range<u64>> = std::iter::once(offset..end).collect();
        for hole in self.dropped.iter().chain(self.misdirected.iter().map(|(part, _)| part)) {
            parts = parts.into_iter().flat_map(|part| without(&part, hole)).collect();
        }
        parts.retain(|part| !part.is_empty());
        parts
    }
}

fn without(part: &Range<u64>, hole: &Range<u64>) -> [Range<u64>; 2] {
    let before = part.start..part.end.min(hole.start.max(part.start));
    let after = part.start.max(hole.end.min(part.end))..part.end;
    [before, after]
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
            Self::DoesNotFit { operation, action } => write!(f, "{operation:?} cannot have {action:?}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges, some with only one")]
mod tests {
    use super::*;

    fn book(text: &str) -> RuleBook {
        let mut book = RuleBook::default();
        book.command(text).unwrap();
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
            ("read 0 1 to:8", "Read cannot have To(8)"),
            ("write 0 1 to:x", "place: invalid digit"),
            ("read 0 0 flip", "the range is empty"),
            ("read 18446744073709551615 1 flip", "the range ends after 2^64"),
            ("read 0 1 flip many", "count: invalid digit"),
        ];
        for (line, expected) in bad {
            let mut rules = book("write 0 8 drop");
            let error = rules.command(&format!("clear\n{line}\n")).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
            assert_eq!(rules.apply(Operation::Write, &(0..8)).dropped, [0..8], "{line} must change nothing");
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
    fn a_misdirected_part_goes_elsewhere_from_its_own_beginning_on() {
        let mut rules = book("write 10 10 to:1000");
        let effects = rules.apply(Operation::Write, &(15..30));
        assert_eq!(effects.misdirected, [(15..20, 1005)]);
        assert_eq!(effects.stored(15, 15), [20..30]);
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
}
