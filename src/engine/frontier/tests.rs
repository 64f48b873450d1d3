//! The frontier against drives that are nothing but a list of bad blocks and a temper.
use proptest::prelude::*;

use super::*;
use crate::unit::Lba;
use crate::unit::term::DriveKind;

const MEDIUM: Fault = Fault::from_errno(5);
const TRANSPORT: Fault = Fault::from_errno(110);

fn range(first: u64, count: u64) -> LbaRange {
    LbaRange::new(Lba(first), BlockCount(count)).unwrap()
}

fn rules(settings: &[&str]) -> Rules {
    let mut rules = Rules::of_kind(DriveKind::Rotating);
    settings.iter().for_each(|setting| rules.set(setting).unwrap());
    rules
}

/// A run of a frontier over a drive of so many blocks.
struct Bench {
    blocks: u64,
    transfer: u64,
    smallest: u64,
    depth: usize,
    rules: Rules,
    /// How long a failure takes.
    failure: Duration,
}

/// What a run came to.
struct Outcome {
    succeeded: RangeSet,
    failed: RangeSet,
    end: Settled,
    time: Duration,
    requests: u64,
    rests: Vec<Duration>,
}

impl Bench {
    fn of(blocks: u64) -> Self {
        let failure = Duration::from_millis(10);
        Self { blocks, transfer: 8, smallest: 1, depth: 4, rules: rules(&[]), failure }
    }

    /// Runs it; `answer` gets the range and the number of the request.
    fn run(&self, mut answer: impl FnMut(LbaRange, u64) -> Result<(), Fault>) -> Outcome {
        let sweep = pieces(range(0, self.blocks), BlockCount(self.transfer));
        let grain = Grain { smallest: BlockCount(self.smallest), transfer: BlockCount(self.transfer) };
        let mut frontier =
            Frontier::new(sweep, grain, BlockCount(self.blocks / 4), &self.rules, RangeSet::new());
        let (mut time, mut requests, mut rests) = (Duration::ZERO, 0, Vec::new());
        let mut flying: Vec<LbaRange> = Vec::new();
        loop {
            let step = if flying.len() < self.depth { frontier.advance(time) } else { Step::Reap };
            match step {
                Step::Transfer(next) => {
                    let side_by_side = frontier.is_sweeping() && frontier.alone.is_none();
                    assert!(flying.is_empty() || side_by_side, "{next} does not go alone");
                    flying.push(next);
                }
                Step::Reap => {
                    let next = flying.swap_remove(usize::try_from(requests).unwrap() % flying.len());
                    requests += 1;
                    let result = answer(next, requests);
                    time += if result.is_ok() { Duration::from_millis(1) } else { self.failure };
                    frontier.apply(next, result);
                }
                Step::Rest(rest) => {
                    assert!(flying.is_empty(), "nothing is in flight while resting");
                    rests.push(rest);
                    time += rest;
                }
                Step::Ready(zone) | Step::Look(zone) | Step::Finish(zone) => panic!("no zones here: {zone}"),
                Step::End => break,
            }
            assert!(requests < 2_000_000, "it does not come to an end");
        }
        assert_eq!(frontier.done(), frontier.succeeded().count());
        Outcome {
            succeeded: frontier.succeeded(),
            failed: frontier.failed(),
            end: frontier.end().unwrap(),
            time,
            requests,
            rests,
        }
    }

    fn with_bad(&self, bad: &[u64]) -> Outcome {
        self.run(|range, _| {
            let hit = bad.partition_point(|lba| *lba < range.first().0);
            if bad.get(hit).is_some_and(|lba| range.contains(Lba(*lba))) { Err(MEDIUM) } else { Ok(()) }
        })
    }
}

#[test]
fn exactly_the_bad_blocks_fail_at_every_depth() {
    let bad = [0, 17, 18, 63, 99];
    let expected: RangeSet = bad.iter().map(|lba| range(*lba, 1)).collect();
    for depth in [1, 3, 16] {
        let run = Bench { depth, ..Bench::of(100) }.with_bad(&bad);
        assert_eq!((&run.failed, run.end), (&expected, Settled::Complete));
        assert_eq!(run.succeeded, expected.complement(range(0, 100)));
    }
}

#[test]
fn division_ends_at_the_physical_block() {
    let run = Bench { smallest: 4, ..Bench::of(64) }.with_bad(&[17]);
    assert_eq!(run.failed.ranges(), [range(16, 4)]);
}

/// What the issue asks for, counted in requests: 37 single blocks and a region of 8 MiB in a drive of 1 GiB.
#[test]
fn scattered_blocks_and_a_bad_region_are_found_exactly_and_cheaply() {
    let mut bad: Vec<u64> = (0..37).map(|number| 1000 + number * 53_777).collect();
    bad.extend(1_200_000..1_216_384);
    bad.sort_unstable();
    let expected: RangeSet = bad.iter().map(|lba| range(*lba, 1)).collect();
    for depth in [1, 8, 32] {
        let bench = Bench { transfer: 2048, depth, rules: rules(&["retries=0"]), ..Bench::of(2_097_152) };
        let run = bench.with_bad(&bad);
        assert_eq!((run.end, &run.failed), (Settled::Complete, &expected), "depth {depth}");
        // Each bad block once alone, a sweep of 1024 transfers, and about a dozen for each single block.
        assert!(run.requests < 16_384 + 1024 + 38 * 30, "{} requests", run.requests);
    }
}

/// Time is spent where something is to be had: all that is healthy is taken long before the bad region is probed.
#[test]
fn everything_healthy_comes_first() {
    let bad: Vec<u64> = (20_000..60_000).collect();
    let mut healthy_at = None;
    let bench = Bench { transfer: 64, rules: rules(&["retries=0"]), ..Bench::of(100_000) };
    let mut good = 0;
    let run = bench.run(|range, number| {
        if range.end().0 > 20_000 && range.first().0 < 60_000 {
            return Err(MEDIUM);
        }
        good += range.count().0;
        if good >= 60_000 - 2 * 64 {
            healthy_at.get_or_insert(number);
        }
        Ok(())
    });
    assert_eq!(run.failed.count().0, bad.len() as u64);
    let at = healthy_at.unwrap();
    assert!(at < 1_200 && run.requests > 40_000, "all healthy after {at} of {} requests", run.requests);
}

#[test]
fn the_time_for_bad_regions_is_limited_and_the_rest_is_called_failed() {
    let bad: Vec<u64> = (0..4096).collect();
    let settings = rules(&["trim=10s", "scrape=60s", "retry=10s"]);
    let failure = Duration::from_secs(5);
    let bench = Bench { rules: settings, failure, transfer: 64, ..Bench::of(65_536) };
    let run = bench.with_bad(&bad);
    assert_eq!(run.end, Settled::Complete);
    assert!(run.time < Duration::from_secs(3600), "{:?}", run.time);
    // Nothing is called written that was not; what was not told apart fails as a whole.
    assert!(run.succeeded.intersection(&[range(0, 4096)].into_iter().collect()).is_empty());
    assert_eq!(run.succeeded.count().0, 65_536 - 4096);
}

/// A drive that answers nothing keeps its size: it is found by asking for what worked before.
#[test]
fn a_drive_that_falls_silent_is_given_up_soon() {
    let run = Bench { transfer: 2048, depth: 32, ..Bench::of(39_000_000_000) }
        .run(|_, number| if number > 200 { Err(MEDIUM) } else { Ok(()) });
    assert_eq!(run.end, Settled::GivenUp(RuleName::Silent));
    assert!(run.requests < 600, "{}", run.requests);
    // The block that was asked for again is not counted as written any more.
    assert_eq!(run.failed.intersection(&run.succeeded), RangeSet::new());
}

#[test]
fn a_bad_region_longer_than_any_run_of_failures_is_not_taken_for_silence() {
    let bad: Vec<u64> = (10_000..14_000).collect();
    let run = Bench::of(50_000).with_bad(&bad);
    assert_eq!((run.end, run.failed.count().0), (Settled::Complete, 4000));
}

/// Gone on with after an interruption, when all that is left is a bad region: what an earlier sitting wrote shows that
/// the drive answers.
#[test]
fn a_bad_region_that_is_all_that_is_left_is_not_taken_for_silence() {
    let durable: RangeSet = [range(0, 10_000)].into_iter().collect();
    let grain = Grain { smallest: BlockCount(1), transfer: BlockCount(8) };
    let sweep = pieces(range(10_000, 2000), BlockCount(8));
    let mut frontier = Frontier::new(sweep, grain, BlockCount(100), &rules(&[]), durable);
    while let Step::Transfer(next) = frontier.advance(Duration::ZERO) {
        frontier.apply(next, if next.first().0 < 10_000 { Ok(()) } else { Err(MEDIUM) });
    }
    assert_eq!(frontier.end(), Some(Settled::Complete));
    assert_eq!((frontier.failed().count().0, frontier.succeeded().count().0), (2000, 10_000));
}

/// What a record must list has a limit, however few transfers it comes from.
#[test]
fn more_bad_ranges_than_a_record_can_hold_end_it() {
    let bench = Bench { transfer: 2048, ..Bench::of(2048 * 100) };
    let bad: Vec<u64> = (0..2048 * 100).step_by(2).collect();
    let run = bench.with_bad(&bad);
    assert_eq!(run.end, Settled::GivenUp(RuleName::ErrorsMax));
}

/// A probe over a path that fails for a moment is no answer of the drive.
#[test]
fn a_probe_that_times_out_is_asked_again_after_a_rest() {
    let bad: Vec<u64> = (4000..6000).collect();
    let (mut probes, mut failures) = (0, 0);
    let run = Bench { depth: 1, ..Bench::of(10_000) }.run(|range, _| {
        if bad.iter().any(|lba| range.contains(Lba(*lba))) {
            failures += 1;
            return Err(MEDIUM);
        }
        // A good block after so many failures in a row is the one that is asked for again.
        probes += u32::from(failures >= 256);
        if failures >= 256 && probes == 1 {
            return Err(TRANSPORT);
        }
        failures = 0;
        Ok(())
    });
    assert_eq!((run.end, run.failed.count().0), (Settled::Complete, 2000));
    assert!(probes > 1 && run.rests.len() == 1, "{probes} probes, {:?}", run.rests);
}

#[test]
fn a_drive_that_never_answered_is_given_up() {
    let run = Bench::of(1_000_000).run(|_, _| Err(MEDIUM));
    assert_eq!(run.end, Settled::GivenUp(RuleName::Silent));
    assert!(run.succeeded.is_empty() && run.requests < 400, "{}", run.requests);
}

#[test]
fn a_drive_that_fails_here_and_there_all_over_is_given_up() {
    // Every second transfer of eight blocks fails.
    let run =
        Bench::of(70_000 * 16).run(|range, _| if range.first().0 % 16 == 0 { Err(MEDIUM) } else { Ok(()) });
    assert_eq!(run.end, Settled::GivenUp(RuleName::ErrorsMax));
    assert!((1 << 15..(1 << 15) + 8).contains(&run.failed.ranges().len()));
    let few = Bench { rules: rules(&["errors-max=10"]), ..Bench::of(70_000 * 16) }
        .run(|range, _| if range.first().0 % 16 == 0 { Err(MEDIUM) } else { Ok(()) });
    assert_eq!(few.end, Settled::GivenUp(RuleName::ErrorsMax));
}

#[test]
fn a_path_that_fails_for_a_while_is_waited_for_and_nothing_is_divided() {
    // Between the 50th and the 60th request the link is down.
    let run = Bench { depth: 8, ..Bench::of(1000) }
        .run(|_, number| if (50..60).contains(&number) { Err(TRANSPORT) } else { Ok(()) });
    assert_eq!((run.end, run.failed.count().0), (Settled::Complete, 0));
    assert_eq!(run.rests, [1, 2, 4].map(Duration::from_secs)[..run.rests.len()]);
    assert!(run.requests < 125 + 15, "whole transfers again, no halves: {}", run.requests);
}

#[test]
fn a_block_that_always_times_out_is_found_as_a_bad_one_after_the_last_rest() {
    let run = Bench::of(1000).run(|range, _| if range.contains(Lba(500)) { Err(TRANSPORT) } else { Ok(()) });
    assert_eq!((run.end, run.failed.ranges()), (Settled::Complete, &[range(500, 1)][..]));
    assert_eq!(run.rests.len(), 5, "{:?}", run.rests);
}

#[test]
fn rejected_commands_are_not_waited_for() {
    let rejected = Fault::from_errno(121);
    let run = Bench::of(1000).run(|range, _| if range.contains(Lba(500)) { Err(rejected) } else { Ok(()) });
    assert_eq!((run.failed.ranges(), run.rests.len()), (&[range(500, 1)][..], 0));
}

#[test]
fn a_reservation_and_a_vanished_drive_end_it_at_once() {
    for (errno, wanted) in [(52, "Refused"), (30, "Refused"), (19, "Gone"), (28, "Gone")] {
        let fault = Fault::from_errno(errno);
        let run = Bench::of(100_000).run(|_, number| if number == 20 { Err(fault) } else { Ok(()) });
        assert!(format!("{:?}", run.end).starts_with(wanted), "{errno}: {:?}", run.end);
        assert!(run.requests < 30);
    }
}

#[test]
fn an_error_that_goes_away_leaves_nothing_behind() {
    let mut tries = 0;
    let run = Bench::of(1000).run(|range, _| {
        if !range.contains(Lba(77)) {
            return Ok(());
        }
        tries += 1;
        if tries <= 3 { Err(MEDIUM) } else { Ok(()) }
    });
    assert_eq!((run.failed.count().0, run.succeeded.count().0), (0, 1000));
}

#[test]
fn a_failed_block_is_tried_once_more_at_the_end() {
    let tries = |retries: &str| {
        let mut tries = 0;
        let run = Bench { rules: rules(&[retries]), ..Bench::of(100) }.run(|range, _| {
            if range.contains(Lba(50)) {
                tries += u32::from(range.count().0 == 1);
                return Err(MEDIUM);
            }
            Ok(())
        });
        assert_eq!(run.failed.count().0, 1);
        tries
    };
    assert_eq!(tries("retries=2") - tries("retries=0"), 2);
}

/// After a failed flush everything since the last good one is done again, and nothing else.
#[test]
fn what_a_failed_flush_made_doubtful_is_done_again() {
    let bad = [100, 101, 700];
    let grain = Grain { smallest: BlockCount(1), transfer: BlockCount(8) };
    let sweep = pieces(range(0, 1000), BlockCount(8));
    let settings = rules(&[]);
    let mut frontier = Frontier::new(sweep, grain, BlockCount(100), &settings, RangeSet::new());
    let mut written: Vec<u32> = vec![0; 1000];
    let (mut count, mut flushes) = (0, 0);
    loop {
        match frontier.advance(Duration::ZERO) {
            Step::Transfer(next) => {
                count += 1;
                let hit = bad.iter().any(|lba| next.contains(Lba(*lba)));
                if !hit {
                    (next.first().0..next.end().0)
                        .for_each(|lba| written[usize::try_from(lba).unwrap()] += 1);
                }
                frontier.apply(next, if hit { Err(MEDIUM) } else { Ok(()) });
                if count == 40 {
                    assert_eq!(frontier.flushed().count(), frontier.done());
                }
            }
            Step::End if flushes == 0 => {
                flushes += 1;
                assert!(frontier.flush_failed().0 > 600);
                assert_eq!(frontier.done().0, 39 * 8, "what was flushed stays: all but one of 40 transfers");
            }
            Step::Ready(zone) | Step::Look(zone) | Step::Finish(zone) => panic!("no zones here: {zone}"),
            Step::End => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(frontier.end(), Some(Settled::Complete));
    assert_eq!(frontier.failed().count().0, 3);
    assert_eq!(frontier.succeeded().count().0, 997);
    assert_eq!((written[0], written[990]), (1, 2), "before the good flush once, after it twice");
}

#[test]
fn pieces_cover_the_range_with_an_odd_tail() {
    let all: Vec<_> = pieces(range(5, 21), BlockCount(8)).collect();
    assert_eq!(all, [range(5, 8), range(13, 8), range(21, 5)]);
}

proptest! {
    /// Whatever fails, at whatever depth: each block is told once, and only bad ones fail.
    #[test]
    fn only_bad_blocks_fail(
        blocks in 1u64..3000, transfer in 1u64..40, depth in 1usize..9,
        bad in prop::collection::btree_set(0u64..3000, 0..60), run in 0u64..400, at in 0u64..3000,
    ) {
        let mut bad: Vec<u64> = bad.into_iter().chain(at..at + run).filter(|lba| *lba < blocks).collect();
        bad.sort_unstable();
        bad.dedup();
        let bench = Bench { transfer, depth, ..Bench::of(blocks) };
        let outcome = bench.with_bad(&bad);
        let expected: RangeSet = bad.iter().map(|lba| range(*lba, 1)).collect();
        if outcome.end == Settled::Complete {
            prop_assert_eq!(&outcome.failed, &expected);
            prop_assert_eq!(outcome.succeeded, expected.complement(range(0, blocks)));
        } else {
            // Nothing but failures at the beginning of a drive cannot be told from a drive that answers nothing.
            prop_assert_eq!(outcome.end, Settled::GivenUp(RuleName::Silent));
            prop_assert!(outcome.succeeded.is_empty());
        }
    }
}

/// A flush fails while a piece of a region waits to be tried again: it is not done twice.
#[test]
fn what_waits_to_be_tried_again_is_forgotten_when_the_stages_begin_anew() {
    let grain = Grain { smallest: BlockCount(1), transfer: BlockCount(8) };
    let sweep = pieces(range(0, 16), BlockCount(8));
    let mut frontier = Frontier::new(sweep, grain, BlockCount(0), &rules(&[]), RangeSet::new());
    let bad = |range: LbaRange| range.contains(Lba(5));
    let (mut now, mut out, mut written) = (Duration::ZERO, false, Vec::new());
    loop {
        match frontier.advance(now) {
            Step::Transfer(next) if !out && !frontier.is_sweeping() => {
                out = true;
                frontier.flushed();
                frontier.apply(next, Err(TRANSPORT));
                frontier.flush_failed();
            }
            Step::Transfer(next) if bad(next) => frontier.apply(next, Err(MEDIUM)),
            Step::Transfer(next) => {
                written.push(next);
                frontier.apply(next, Ok(()));
            }
            Step::Rest(time) => now += time,
            Step::Reap => panic!("nothing is in flight"),
            Step::Ready(zone) | Step::Look(zone) | Step::Finish(zone) => panic!("no zones here: {zone}"),
            Step::End => break,
        }
    }
    let twice = written
        .iter()
        .enumerate()
        .any(|(at, one)| written[at + 1..].iter().any(|other| one.intersection(other).is_some()));
    assert!(out && !twice, "{written:?}");
    assert_eq!(frontier.failed().ranges(), [range(5, 1)]);
}

/// What lies between two failures of the way back and was never tried is tried however many flushes fail before.
#[test]
fn what_was_leapt_over_is_tried_after_a_second_failed_flush_too() {
    let grain = Grain { smallest: BlockCount(1), transfer: BlockCount(8) };
    let sweep = pieces(range(0, 2000), BlockCount(8));
    let mut frontier = Frontier::new(sweep, grain, BlockCount(400), &rules(&[]), RangeSet::new());
    // Long enough to be leapt over in part, with something healthy in the midst of it.
    let bad = |lba: u64| (200..270).contains(&lba) || (275..300).contains(&lba);
    let (mut now, mut failures) = (Duration::ZERO, 0);
    loop {
        match frontier.advance(now) {
            Step::Transfer(_) if !frontier.is_sweeping() && failures < 2 => {
                failures += 1;
                frontier.withdraw();
                assert!(frontier.enclosed.count().0 > 0, "something was leapt over");
                frontier.flush_failed();
            }
            Step::Transfer(next) => {
                let hit = (next.first().0..next.end().0).any(bad);
                frontier.apply(next, if hit { Err(MEDIUM) } else { Ok(()) });
            }
            Step::Rest(time) => now += time,
            Step::Reap => panic!("nothing is in flight"),
            Step::Ready(zone) | Step::Look(zone) | Step::Finish(zone) => panic!("no zones here: {zone}"),
            Step::End => break,
        }
    }
    assert_eq!((failures, frontier.end()), (2, Some(Settled::Complete)));
    let failed: RangeSet = [range(200, 70), range(275, 25)].into_iter().collect();
    assert_eq!(frontier.failed(), failed);
    assert_eq!(frontier.succeeded(), failed.complement(range(0, 2000)), "nothing was forgotten");
}
