use super::*;
use crate::unit::{BlockSize, LbaRange};

fn set(blocks: &[u64]) -> RangeSet {
    blocks.iter().filter_map(|lba| LbaRange::single(Lba(*lba))).collect()
}

fn geometry() -> Geometry {
    let size = BlockSize::new(512).unwrap();
    Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(100) }
}

const DEMAND: Demand = Demand { canaries: 4, kind: CanaryKind::Fingerprints, capacity: BlockCount(100) };

/// Blocks 0, 7 and 50 tell, the last is blank, and one could not be read.
fn taken() -> Fingerprints {
    Fingerprints {
        looked: BlockCount(6),
        blank: BlockCount(2),
        blank_ends: set(&[99]),
        unreadable: BlockCount(1),
        unsteady: BlockCount(0),
        left_by_job: false,
    }
}

fn read(canaries: Canaries, matched: u64, mismatched: &[u64]) -> Canaries {
    let after = VerificationTally {
        wanted: canaries.planted.count(),
        matched: BlockCount(matched),
        mismatched: set(mismatched),
        unreadable: RangeSet::new(),
        not_read: BlockCount(100 - matched - mismatched.len() as u64),
        wanted_digest: Digest::of_json(&canaries.planted),
    };
    Canaries { after: Some(after), ..canaries }
}

fn three() -> Canaries {
    Canaries::fingerprinted(set(&[0, 7, 50]), taken())
}

#[test]
fn fingerprints_speak_like_planted_blocks() {
    assert_eq!(three().word(&DEMAND), CanaryWord::Silent, "not read");
    assert_eq!(read(three(), 0, &[0, 7, 50]).word(&DEMAND), CanaryWord::AllChanged);
    let one_left = read(three(), 1, &[0, 7]);
    assert_eq!(one_left.word(&DEMAND), CanaryWord::Survived);
    let text = one_left.lies().text;
    assert!(
        text.contains("the drive lies") && text.contains("1 blocks that were read right before"),
        "{text}"
    );
    // A survivor is one even where there are too few to prove anything.
    let alone =
        Canaries::fingerprinted(set(&[7]), Fingerprints { looked: BlockCount(1), ..Default::default() });
    assert_eq!(read(alone.clone(), 1, &[]).word(&DEMAND), CanaryWord::Survived);
    assert_eq!(read(alone, 0, &[7]).word(&DEMAND), CanaryWord::Silent);
}

#[test]
fn an_end_needs_no_canary_where_it_was_read_and_is_blank() {
    let enough = |taken: Fingerprints, planted: &[u64]| DEMAND.is_met_by(&set(planted), Some(&taken));
    assert!(enough(taken(), &[0, 7, 50]));
    assert!(!enough(taken(), &[7, 8, 50]), "the first block tells nothing and is not blank");
    assert!(!enough(Fingerprints { blank_ends: set(&[]), ..taken() }, &[0, 7, 50]), "the last was not seen");
    assert!(!enough(taken(), &[0, 7]), "two of four");
    assert!(enough(Fingerprints { blank_ends: set(&[]), ..taken() }, &[0, 7, 99]));
}

#[test]
fn fingerprints_of_the_readable_part_of_a_dying_drive_are_not_enough() {
    let telling: Vec<u64> = (0..99).step_by(2).chain([99]).collect();
    let demand = Demand { canaries: 64, ..DEMAND };
    assert_eq!(telling.len(), 51);
    // Of 68 blocks that are not blank, 51 are three quarters.
    for (unreadable, unsteady, enough) in
        [(0, 0, true), (17, 0, true), (18, 0, false), (9, 8, true), (9, 9, false), (0, 18, false)]
    {
        let [unreadable, unsteady] = [unreadable, unsteady].map(BlockCount);
        let taken = Fingerprints { unreadable, unsteady, blank: BlockCount(9), ..Default::default() };
        let met = demand.is_met_by(&set(&telling), Some(&taken));
        assert_eq!(met, enough, "{unreadable} unreadable, {unsteady} unsteady");
    }
}

#[test]
fn one_kind_never_stands_for_the_other() {
    let planted = Demand { kind: CanaryKind::Planted, ..DEMAND };
    let both_ends = set(&[0, 7, 99]);
    assert!(planted.is_met_by(&both_ends, None));
    assert!(!planted.is_met_by(&both_ends, Some(&taken())));
    assert!(!DEMAND.is_met_by(&both_ends, None));
    assert!(!planted.is_met_by(&set(&[0, 7, 50]), None), "a planted canary is at both ends");
    assert!(three().are_of_kind(CanaryKind::Fingerprints) && !three().are_of_kind(CanaryKind::Planted));
    let neither = Canaries { fingerprints: None, ..three() };
    assert!(!neither.are_of_kind(CanaryKind::Fingerprints) && !neither.are_of_kind(CanaryKind::Planted));
    assert!(!neither.accounts_for(&geometry()));
}

#[test]
fn what_was_looked_at_adds_up() {
    let fits =
        |taken: Fingerprints| Canaries::fingerprinted(set(&[0, 7, 50]), taken).accounts_for(&geometry());
    assert!(fits(taken()));
    for (why, taken) in [
        ("one more looked at", Fingerprints { looked: BlockCount(7), ..taken() }),
        ("one fewer blank", Fingerprints { blank: BlockCount(1), ..taken() }),
        ("a blank end in the middle", Fingerprints { blank_ends: set(&[98]), ..taken() }),
        ("a range of ends", Fingerprints { blank_ends: set(&[98, 99]), ..taken() }),
        ("an end that is blank and tells", Fingerprints { blank_ends: set(&[0]), ..taken() }),
        (
            "more than the drive has",
            Fingerprints { looked: BlockCount(101), blank: BlockCount(97), ..taken() },
        ),
    ] {
        assert!(!fits(taken), "{why}");
    }
    let no_blank = Fingerprints { looked: BlockCount(4), blank: BlockCount(0), ..taken() };
    assert!(!fits(no_blank), "a blank end that is not counted");
}
