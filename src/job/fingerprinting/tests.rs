use super::*;
use crate::plan::firmware::CanaryKind;
use crate::unit::fingerprint::is_blank;
use crate::verify::canaries::Demand;

/// What reading `drawn` gives on a drive on which every `one_in`-th block, and no other, holds something.
fn prints(drawn: &[Lba], one_in: u64, unreadable: &[u64]) -> Prints {
    let key = FingerprintKey([3; 32]);
    let mut taken = Prints::default();
    for lba in drawn {
        if unreadable.contains(&lba.0) {
            taken.unreadable.extend(&set_of(&[*lba]));
            continue;
        }
        let mut block = [0; 64];
        if lba.0.is_multiple_of(one_in) {
            block[60] = 9;
        }
        if is_blank(&block) {
            taken.blank.extend(&set_of(&[*lba]));
        }
        taken.prints.push(Print { lba: *lba, mac: key.fingerprint(*lba, &block) });
    }
    taken
}

fn looked_at(capacity: u64, wanted: u64, one_in: u64, unreadable: &[u64]) -> (Survey, usize) {
    let mut draws = Draws::new(BlockCount(capacity), &[7; 32]);
    let mut survey = Survey::new(BlockCount(capacity), wanted.min(capacity));
    let (mut next, mut rounds) = (wanted, 0);
    while let Some(drawn) = draws.next(next.min(survey.looks_left())) {
        assert!(survey.add(&drawn, &prints(&drawn, one_in, unreadable)));
        (next, rounds) = (next * 2, rounds + 1);
        if survey.is_over() {
            break;
        }
    }
    (survey, rounds)
}

#[test]
fn draws_begin_at_both_ends_and_never_repeat() {
    let mut draws = Draws::new(BlockCount(100), &[1; 32]);
    let mut all = draws.next(64).unwrap();
    assert_eq!((all[0], all[1]), (Lba(0), Lba(99)));
    all.extend(draws.next(1000).unwrap());
    assert_eq!(set_of(&all).count(), BlockCount(100));
    assert_eq!(all.len(), 100);
    assert!(draws.next(1).is_none());
    assert!(Draws::new(BlockCount(0), &[1; 32]).next(5).is_none());
    assert_eq!(Draws::new(BlockCount(1), &[1; 32]).next(5).unwrap(), [Lba(0)]);
}

#[test]
fn a_full_drive_needs_one_round_and_a_sparse_one_more() {
    let (full, rounds) = looked_at(1 << 40, 64, 1, &[]);
    assert_eq!((full.telling.len(), full.taken.looked.0, full.taken.blank.0, rounds), (64, 64, 0, 1));
    let (sparse, rounds) = looked_at(1 << 40, 64, 8, &[]);
    assert_eq!(sparse.telling.len(), 64);
    assert_eq!(sparse.taken.looked.0, 64 + sparse.taken.blank.0);
    assert!(rounds > 2 && (256..1024).contains(&sparse.taken.looked.0), "{:?}", sparse.taken);
    // Not the lowest addresses of the last round: those that were drawn first.
    assert!(sparse.telling.iter().filter(|print| print.lba.0 > 1 << 39).count() > 16);
    let last = set_of(&[Lba((1 << 40) - 1)]);
    assert_eq!(sparse.taken.blank_ends, last, "the first block is one of the eighths, the last is none");
}

#[test]
fn a_drive_that_holds_almost_nothing_is_given_up_after_so_many_looks() {
    let (empty, _) = looked_at(1 << 40, 64, 1 << 20, &[]);
    assert!(empty.telling.len() < 4);
    assert_eq!(empty.taken.looked.0, 64 * 32);
    assert_eq!(empty.looks_left(), 0);
    let (small, _) = looked_at(50, 64, 1 << 20, &[]);
    assert_eq!((small.taken.looked.0, small.telling.len()), (50, 1), "all of a small drive");
}

#[test]
fn what_cannot_be_read_is_counted_and_ends_the_looking() {
    let all: Vec<u64> = (0..1000).collect();
    let (dead, rounds) = looked_at(1000, 64, 1, &all);
    assert_eq!((dead.taken.unreadable.0, dead.taken.looked.0, rounds), (64, 64, 1));
    let (end, _) = looked_at(1000, 64, 1, &[999]);
    assert_eq!((end.taken.unreadable.0, end.telling.len()), (1, 64));
    assert!(end.taken.blank_ends.is_empty());
}

/// A head is dead: of what reads, as many tell as ever are asked for.
#[test]
fn the_half_of_a_drive_that_reads_does_not_stand_for_the_other() {
    let capacity = 1 << 16;
    let enough = |bad_of_20: u64| {
        let unreadable: Vec<u64> = (1..capacity - 1).filter(|lba| lba % 20 < bad_of_20).collect();
        let (survey, _) = looked_at(capacity, 64, 1, &unreadable);
        let demand = Demand { canaries: 64, kind: CanaryKind::Fingerprints, capacity: BlockCount(capacity) };
        assert!(survey.telling.len() >= 48, "{:?}", survey.taken);
        demand.is_met_by(&set_of(&lbas(&survey.telling)), Some(&survey.taken))
    };
    assert!(enough(2));
    assert!(!enough(11));
}

#[test]
fn an_answer_without_some_of_the_blocks_is_no_answer() {
    let mut survey = Survey::new(BlockCount(100), 10);
    let drawn = [Lba(0), Lba(99), Lba(5)];
    assert!(!survey.add(&drawn, &prints(&drawn[..2], 1, &[])));
    assert_eq!(survey.taken.looked, BlockCount(2));
}
