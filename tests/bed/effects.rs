//! What all rules together do to one request, and where its bytes go then.
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// What the rules that touch one request do to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    pub(crate) delay: Duration,
    /// The answer waits for a `release`.
    pub(crate) held: bool,
    /// How long a seek over the whole drive takes; the request waits for its turn.
    pub(crate) stroke: Option<Duration>,
    /// How long the drive is busy with the bytes; the request waits for its turn.
    pub(crate) transfer: Option<Duration>,
    pub(crate) error: Option<i32>,
    pub(crate) torn: Option<usize>,
    pub(crate) dropped: Vec<Range<u64>>,
    pub(crate) flipped: Vec<u64>,
    pub(crate) moved: Vec<Moved>,
    pub(crate) stale: Vec<Stale>,
}

/// A part of the request that lies elsewhere than at its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) range: Range<u64>,
    pub(crate) to: Destination,
}

/// Where the bytes of a moved part lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The first byte lies here, the others behind it.
    From(u64),
    /// Each byte lies at its address modulo this many bytes.
    Modulo(u64),
}

/// A part of a read that is answered from memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stale {
    pub(crate) start: u64,
    pub(crate) bytes: Remembered,
}

/// Bytes of the medium as they once were.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Remembered(pub(crate) Arc<[u8]>);

/// A part of a request, and where its first byte lies on the medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) range: Range<u64>,
    pub(crate) at: u64,
}

impl fmt::Debug for Remembered {
    /// The control file shows rules, not megabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Effects {
    /// The parts of a write that are stored, of a request of `length` bytes at `offset`.
    pub(crate) fn stored(&self, offset: u64, length: usize) -> Vec<Range<u64>> {
        let kept = self.torn.map_or(length, |bytes| bytes.min(length));
        let end = offset.saturating_add(u64::try_from(kept).unwrap_or(u64::MAX));
        let mut parts: Vec<Range<u64>> = std::iter::once(offset..end).collect();
        for hole in &self.dropped {
            parts = parts.into_iter().flat_map(|part| without(&part, hole)).collect();
        }
        parts.retain(|part| !part.is_empty());
        parts
    }

    /// Where a part of the request lies, in the order of its addresses. The first rule that moves a byte wins.
    pub(crate) fn placed(&self, part: &Range<u64>) -> Vec<Placed> {
        let mut placed = Vec::new();
        let mut unmoved: Vec<Range<u64>> = std::iter::once(part.clone()).collect();
        for moved in &self.moved {
            let mut rest = Vec::new();
            for part in unmoved {
                moved.place(&part, &mut placed);
                rest.extend(without(&part, &moved.range));
            }
            unmoved = rest;
        }
        placed.extend(unmoved.into_iter().map(|range| Placed { at: range.start, range }));
        placed.retain(|piece| !piece.range.is_empty());
        placed.sort_by_key(|piece| piece.range.start);
        placed
    }
}

impl Moved {
    /// Adds what this rule moves of a part, cut where the addresses wrap.
    fn place(&self, part: &Range<u64>, placed: &mut Vec<Placed>) {
        let mut start = part.start.max(self.range.start);
        let end = part.end.min(self.range.end);
        while start < end {
            let (at, next) = match self.to {
                Destination::From(first) => (first + (start - self.range.start), end),
                Destination::Modulo(bytes) => {
                    let at = start % bytes;
                    (at, end.min(start.saturating_add(bytes - at)))
                }
            };
            placed.push(Placed { range: start..next, at });
            start = next;
        }
    }
}

fn without(part: &Range<u64>, hole: &Range<u64>) -> [Range<u64>; 2] {
    let before = part.start..part.end.min(hole.start.max(part.start));
    let after = part.start.max(hole.end.min(part.end))..part.end;
    [before, after]
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges, some with only one")]
mod tests {
    use super::*;

    fn placed(moved: &[(Range<u64>, Destination)], part: Range<u64>) -> Vec<(Range<u64>, u64)> {
        let moved = moved.iter().map(|(range, to)| Moved { range: range.clone(), to: *to }).collect();
        let effects = Effects { moved, ..Effects::default() };
        effects.placed(&part).into_iter().map(|piece| (piece.range, piece.at)).collect()
    }

    #[test]
    fn bytes_lie_at_their_address_unless_they_are_moved() {
        assert_eq!(placed(&[], 5..9), [(5..9, 5)]);
        assert_eq!(placed(&[(20..30, Destination::From(0))], 5..9), [(5..9, 5)]);
        let moved = [(20..30, Destination::From(100))];
        assert_eq!(placed(&moved, 10..40), [(10..20, 10), (20..30, 100), (30..40, 30)]);
        // A part that lost its beginning to another rule keeps its distance from the beginning of the rule.
        assert_eq!(placed(&moved, 25..28), [(25..28, 105)]);
    }

    #[test]
    fn a_request_is_cut_at_every_wrap() {
        let wrap = [(0..1000, Destination::Modulo(100))];
        assert_eq!(placed(&wrap, 0..100), [(0..100, 0)]);
        assert_eq!(placed(&wrap, 250..260), [(250..260, 50)]);
        assert_eq!(placed(&wrap, 190..210), [(190..200, 90), (200..210, 0)]);
        assert_eq!(placed(&wrap, 150..420), [(150..200, 50), (200..300, 0), (300..400, 0), (400..420, 0)]);
        assert_eq!(placed(&wrap, 990..1010), [(990..1000, 90), (1000..1010, 1000)]);
    }

    #[test]
    fn the_first_rule_that_moves_a_byte_wins() {
        let both = [(10..20, Destination::From(50)), (0..30, Destination::Modulo(15))];
        assert_eq!(placed(&both, 5..25), [(5..10, 5), (10..20, 50), (20..25, 5)]);
    }
}
