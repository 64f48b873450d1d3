//! The parent's side of the conversation with a worker that lies: a shell script plays the worker, so no code is
//! shared with the real one. Each lie is a planted defect, and the test says what catches it.
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use expunge::io::Tuning;
use expunge::job::carry_out::{Means, carry_out};
use expunge::job::clock::Clock;
use expunge::job::course::{Course, Run};
use expunge::job::entry::{Entry, Keeper, NotKept};
use expunge::job::listen::Deaf;
use expunge::plan::step::PLAN_SCHEMA;
use expunge::plan::{Claim, PassPattern, PassSpec, Plan, PolicyRow, VerificationPlan};
use expunge::unit::term::{Basis, DriveKind, Method, Outcome, Standard, Technique};
use expunge::unit::{BlockCount, BlockSize, Digest, Geometry, Pattern, ReasonCode};
use expunge::verify::sample::Sample;
use expunge::verify::{Ending, Verdict, verdict::judge};
use expunge::worker::Worker;
use expunge::worker::parent::Program;

const CAPACITY: u64 = 2048;

fn geometry() -> Geometry {
    let size = BlockSize::new(512).expect("a supported size");
    Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(CAPACITY) }
}

fn plan(passes: usize) -> Plan {
    Plan {
        schema: PLAN_SCHEMA.into(),
        identity: expunge::device::Identity::default(),
        kind: DriveKind::TestObject,
        geometry: geometry(),
        zones: None,
        method: Method::Clear,
        technique: Technique::Overwrite,
        policy: PolicyRow {
            name: "builtin".into(),
            digest: Digest::of(b"policy"),
            standard: Standard::NistR2,
            basis: Basis::SecondHand,
            source: "test".into(),
        },
        scheme: None,
        firmware: None,
        passes: (0..passes)
            .map(|_| PassSpec { pattern: PassPattern::parse("zero").expect("a known pattern") })
            .collect(),
        verification: VerificationPlan::Full { instead_of_sample: None },
        rules: None,
        content: Vec::new(),
        known_content: Vec::new(),
        claim: Some(Claim {
            method: Method::Clear,
            technique: Technique::Overwrite,
            standard: Standard::NistR2,
            basis: Basis::SecondHand,
            scope: "all of it".into(),
        }),
        limits: Vec::new(),
    }
}

/// Plays a worker: `written` after the order to write, `read` after the order to read.
fn talk(plan: &Plan, written: &[String], read: &[String]) -> (Run, Verdict) {
    talk_and_keep(plan, written, read, &mut NotKept)
}

fn talk_and_keep(
    plan: &Plan,
    written: &[String],
    read: &[String],
    keeper: &mut dyn Keeper,
) -> (Run, Verdict) {
    let say = |events: &[String]| {
        events.iter().map(|event| format!("printf '%s\\n' '{event}' >&1; ")).collect::<String>()
    };
    // Descriptor 0 is the drive; orders come in, and events go out, on descriptor 1.
    // Without anything to read back it leaves instead of waiting for that order.
    let next = if read.is_empty() { "" } else { "read -r order <&1;" };
    let script = format!("read -r order <&1; {} {next} {}", say(written), say(read));
    let program = Program { path: PathBuf::from("/bin/sh"), arguments: vec!["-c".into(), script] };
    let drive = tempfile::tempfile().expect("a temporary file");
    let patterns = vec![Pattern::byte(0); plan.passes.len()];
    let mut worker = Worker::start(&program, drive.as_fd()).expect("a shell can be started");
    let means = Means {
        secret: None,
        link: &mut worker,
        tuning: Tuning { depth: 1, transfer_bytes: 4096, adapter: None },
        thermometer: None,
        seat: None,
        stop: &AtomicBool::new(false),
        clock: &Clock::start(),
        listener: &mut Deaf,
        keeper,
    };
    let run = carry_out(plan, &patterns, Course::default(), means);
    let tallies: Vec<_> = run.passes.iter().map(|pass| pass.tally.clone()).collect();
    let verdict =
        judge(plan, &[], &tallies, run.verification.as_ref().map(|read| &read.tally), None, &run.ending);
    (run, verdict)
}

fn pass(index: u32, written: u64, flush: &str) -> String {
    format!(
        r#"{{"event":"pass","tally":{{"index":{index},"written":{written},"failed":[],"unreached":[],"flush":"{flush}"}},"settled":{{"type":"complete"}}}}"#
    )
}

fn verified(wanted: u64, matched: u64, digest: &Digest) -> String {
    let not_read = CAPACITY - matched;
    format!(
        r#"{{"event":"verified","tally":{{"wanted":{wanted},"matched":{matched},"mismatched":[],"unreadable":[],"notRead":{not_read},"wantedDigest":"{digest}"}},"settled":{{"type":"complete"}}}}"#
    )
}

/// The list of a full reading, as the plan gives it.
fn everything() -> Digest {
    Sample::new(&plan(1).verification, &geometry(), [0; 32]).expect("a plan that fits").digest()
}

fn why(run: &Run) -> String {
    match &run.ending {
        Ending::Lost(reason)
        | Ending::DriveGone(reason)
        | Ending::GivenUp(reason)
        | Ending::Refused(reason)
        | Ending::PowerCycle(reason)
        | Ending::CommandNotStarted(reason)
        | Ending::CommandFailed(reason) => reason.text.clone(),
        Ending::Completed | Ending::Stopped => String::new(),
    }
}

/// The script is understood: without a lie it is done. Without this the other tests would show nothing.
#[test]
fn a_worker_that_tells_what_was_asked_is_believed_as_far_as_its_counts_go() {
    let written = [pass(0, CAPACITY, "confirmed"), pass(1, CAPACITY, "confirmed")];
    let (run, verdict) = talk(&plan(2), &written, &[verified(CAPACITY, CAPACITY, &everything())]);
    assert_eq!(verdict.outcome(), Outcome::Done, "{}", why(&run));
}

#[test]
fn a_pass_told_twice_is_not_two_passes() {
    let written = [pass(0, CAPACITY, "confirmed"), pass(0, CAPACITY, "confirmed")];
    let (run, verdict) = talk(&plan(2), &written, &[verified(CAPACITY, CAPACITY, &everything())]);
    assert_eq!(verdict.outcome(), Outcome::Unknown);
    assert!(why(&run).contains("out of order"), "{}", why(&run));
}

#[test]
fn one_pass_more_than_was_ordered_is_noticed() {
    let written = [pass(0, CAPACITY, "confirmed"), pass(1, CAPACITY, "confirmed")];
    let (run, verdict) = talk(&plan(1), &written, &[verified(CAPACITY, CAPACITY, &everything())]);
    assert_eq!(verdict.outcome(), Outcome::Unknown);
    assert!(why(&run).contains("something else than read"), "{}", why(&run));
}

#[test]
fn a_skipped_flush_a_short_pass_and_a_pass_over_another_drive_are_no_success() {
    let read = [verified(CAPACITY, CAPACITY, &everything())];
    for (told, outcome) in [
        (pass(0, CAPACITY, "not-asked"), Outcome::Failed),
        (pass(0, CAPACITY, "failed"), Outcome::Failed),
        (pass(0, CAPACITY - 1, "confirmed"), Outcome::Unknown),
        (pass(0, CAPACITY * 2, "confirmed"), Outcome::Unknown),
    ] {
        let (_, verdict) = talk(&plan(1), std::slice::from_ref(&told), &read);
        assert_eq!(verdict.outcome(), outcome, "{told}");
        assert!(verdict.evidence().is_none());
    }
}

/// The counts of this lie add up and are clean: only the comparison with the order finds it.
#[test]
fn a_read_back_of_fewer_or_other_blocks_than_ordered_is_noticed() {
    let written = [pass(0, CAPACITY, "confirmed")];
    for told in [
        verified(1, 1, &everything()),
        verified(0, 0, &everything()),
        verified(CAPACITY, CAPACITY, &Digest::of(b"other blocks")),
    ] {
        let (run, verdict) = talk(&plan(1), &written, std::slice::from_ref(&told));
        assert_eq!(verdict.outcome(), Outcome::Unknown, "{told}");
        assert!(why(&run).contains("other blocks"), "{}", why(&run));
    }
}

#[test]
fn nonsense_silence_and_an_early_end_are_unknown() {
    let written = [pass(0, CAPACITY, "confirmed")];
    for (written, read) in [
        (&["nonsense".to_owned()][..], &[][..]),
        (&[][..], &[][..]),
        (&written[..], &[][..]),
        (&[verified(CAPACITY, CAPACITY, &everything())][..], &[][..]),
    ] {
        let (_, verdict) = talk(&plan(1), written, read);
        assert_eq!(verdict.outcome(), Outcome::Unknown);
    }
}

/// A journal that fails at the nth entry.
struct FailsAt(usize);

impl Keeper for FailsAt {
    fn keep(&mut self, _entry: &Entry) -> std::io::Result<()> {
        let fails = self.0 == 0;
        self.0 = self.0.saturating_sub(1);
        if fails { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// What cannot be kept durably ends the job, at whichever of its three entries the journal fails: the end of
/// the pass, the seed, the verification. The same conversation is done when the journal holds.
#[test]
fn p6_a_journal_that_fails_ends_the_job_as_unknown() {
    let plan = plan(1);
    let written = [pass(0, CAPACITY, "confirmed")];
    let read = [verified(CAPACITY, CAPACITY, &everything())];
    for entry in 0..3 {
        let (run, verdict) = talk_and_keep(&plan, &written, &read, &mut FailsAt(entry));
        assert_eq!(verdict.outcome(), Outcome::Unknown, "entry {entry}");
        assert_eq!(verdict.reasons()[0].code, ReasonCode::StateFailed);
        assert!(run.verification.is_none(), "nothing is read back that could not be kept");
    }
    let (_, verdict) = talk_and_keep(&plan, &written, &read, &mut FailsAt(3));
    assert_eq!(verdict.outcome(), Outcome::Done);
}
