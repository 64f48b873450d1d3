//! Whole passes by READ(16) and WRITE(16) over a unit with a write-back cache that loses it, or changes under the job's
//! hands. The unit is made here, of nothing that the program under test has.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use expunge::engine::{FlushState, Pass, PassEnd, Settled, Unobserved, write_pass};
use expunge::io::{BlockRead as _, CommandDisk, Data, Fault, ScsiAnswer, ScsiPort};
use expunge::plan::Rules;
use expunge::unit::term::DriveKind;
use expunge::unit::{BlockCount, BlockSize, Geometry, Pattern, RangeSet};

const BLOCK: usize = 520;
const BLOCKS: usize = 32;
const OLD: u8 = 0xee;

/// Fixed format sense (SPC): response code, key, additional sense code and its qualifier.
type Sense = [u8; 4];

/// What happens to the unit right after it has answered this write, counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// It loses its cache and says so with this sense.
    Loses(Sense),
    /// It has twice as many blocks, and says so.
    Grows,
}

struct Inside {
    cells: Vec<u8>,
    blocks: usize,
    cache: Vec<(usize, Vec<u8>)>,
    pending: VecDeque<Sense>,
    writes: usize,
    at: usize,
    event: Event,
}

#[derive(Clone)]
struct Unit(Arc<Mutex<Inside>>);

fn answered(status: u8, sense: Vec<u8>, moved: usize) -> ScsiAnswer {
    ScsiAnswer::Answered { status, sense, moved: u32::try_from(moved).expect("of this size") }
}

fn good(moved: usize) -> ScsiAnswer {
    answered(0, Vec::new(), moved)
}

fn check([response, key, code, qualifier]: Sense) -> ScsiAnswer {
    let mut sense = vec![0; 18];
    (sense[0], sense[2], sense[7], sense[12], sense[13]) = (response, key, 10, code, qualifier);
    answered(2, sense, 0)
}

fn address(block: &[u8]) -> usize {
    usize::try_from(u64::from_be_bytes(block[2..10].try_into().expect("of this size"))).expect("of this size")
}

impl Inside {
    fn store(&mut self) {
        for (first, bytes) in std::mem::take(&mut self.cache) {
            self.cells[first * BLOCK..first * BLOCK + bytes.len()].copy_from_slice(&bytes);
        }
    }

    fn happen(&mut self) {
        match self.event {
            Event::Loses(sense) => {
                self.cache.clear();
                self.pending.push_back(sense);
            }
            Event::Grows => {
                self.blocks *= 2;
                self.pending.push_back([0x70, 6, 0x2a, 9]);
            }
        }
    }

    fn write(&mut self, first: usize, bytes: &[u8]) -> ScsiAnswer {
        self.cache.push((first, bytes.to_vec()));
        self.writes += 1;
        if self.writes == self.at {
            self.happen();
        }
        good(bytes.len())
    }
}

impl ScsiPort for Unit {
    fn execute(&mut self, block: &[u8], data: Data<'_>, _timeout: Duration) -> ScsiAnswer {
        let mut unit = self.0.lock().expect("no test panicked with it");
        if let Some(sense) = unit.pending.pop_front() {
            return check(sense);
        }
        match (block[0], data) {
            (0x8a, Data::ToDrive(bytes)) => unit.write(address(block), bytes),
            (0x9e, Data::FromDrive(out)) => {
                out[..8].copy_from_slice(&(unit.blocks as u64 - 1).to_be_bytes());
                out[8..12].copy_from_slice(&u32::try_from(BLOCK).expect("of this size").to_be_bytes());
                good(32)
            }
            (0x35, Data::None) => {
                unit.store();
                good(0)
            }
            _ => panic!("{block:02x?}"),
        }
    }
}

/// Writes zeros over a unit of old data to which this happens; what the pass says, and how many blocks are old.
fn written(event: Event, at: usize) -> (PassEnd, usize) {
    let inside = Inside {
        cells: vec![OLD; BLOCK * BLOCKS],
        blocks: BLOCKS,
        cache: Vec::new(),
        pending: VecDeque::new(),
        writes: 0,
        at,
        event,
    };
    let unit = Unit(Arc::new(Mutex::new(inside)));
    let size = BlockSize::new(u32::try_from(BLOCK).expect("of this size")).expect("of this size");
    let geometry =
        Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(BLOCKS as u64) };
    let mut disk = CommandDisk::new(unit.clone(), geometry, u32::try_from(BLOCK).expect("of this size"));
    let rules = Rules::of_kind(DriveKind::Rotating);
    let pattern = Pattern::byte(0);
    let pass = Pass { index: 0, pattern: &pattern, written: &RangeSet::new(), zones: None, rules: &rules };
    let mut buffers = disk.take_buffers();
    let end = write_pass(&mut disk, &mut buffers, &pass, &mut Unobserved).expect("the port goes on");
    let unit = unit.0.lock().expect("no test panicked with it");
    let old = unit.cells.chunks(BLOCK).filter(|block| block.contains(&OLD)).count();
    (end, old)
}

#[test]
fn what_a_lost_cache_held_is_written_again() {
    // Reset by itself; power on, reset; deferred write error; deferred hardware error.
    for sense in [[0x70, 6, 0x29, 4], [0x70, 6, 0x29, 0], [0x71, 3, 0x0c, 2], [0x71, 4, 0x44, 0]] {
        // In the middle, and after the last write: the flush is told of it.
        for at in [20, BLOCKS] {
            let (PassEnd { tally, settled }, old) = written(Event::Loses(sense), at);
            let name = format!("{sense:02x?} at {at}");
            assert_eq!((settled, old), (Settled::Complete, 0), "{name}");
            assert_eq!((tally.flush, tally.flush_failures), (FlushState::Confirmed, 1), "{name}");
            assert_eq!(tally.written, BlockCount(BLOCKS as u64), "{name}");
        }
    }
}

#[test]
fn a_unit_that_grows_under_the_job_ends_it() {
    for at in [20, BLOCKS] {
        let (end, _) = written(Event::Grows, at);
        assert_eq!(end.settled, Settled::Gone(Fault::changed()), "at {at}");
        assert_ne!(end.tally.flush, FlushState::Confirmed, "at {at}");
    }
}
