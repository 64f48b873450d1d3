//! The same engine over simulated units, which read the bytes by their own code and misbehave by a menu.
use super::*;
use crate::command::{AfterFailure, DriveOverwrite, Invert};
use crate::engine::firmware::News;
use crate::sim::controller::quirk::{FailureMode, Return, Stale, draw_menu};
use crate::sim::controller::{Ending, Quirk, ScsiSim, ScsiSpec, Shape};
use crate::sim::dice::Dice;

/// Time is the unit's own.
struct Virtual {
    unit: ScsiSim,
    news: Vec<News>,
}

impl Watch for Virtual {
    fn now(&mut self) -> Duration {
        Duration::from_millis(self.unit.clock().elapsed_ms())
    }

    fn rest(&mut self, time: Duration) {
        self.unit.pass_time(time);
    }

    fn should_stop(&mut self) -> bool {
        false
    }

    fn tell(&mut self, news: &News) {
        self.news.push(news.clone());
    }
}

const BLOCK_ERASE: Sanitize = Sanitize {
    action: SanitizeAction::BlockErase,
    after_failure: AfterFailure::Restricted,
    answer: AnswerWhen::Accepted,
};

fn unit(quirks: &[Quirk]) -> ScsiSim {
    let shape = quirks.iter().fold(Shape::small(512, 64).used(), |shape, quirk| shape.with(*quirk));
    ScsiSim::new(ScsiSpec::scsi(shape))
}

fn carry_out(unit: &ScsiSim, command: &Sanitize, start: Start) -> CommandReport {
    let mut watch = Virtual { unit: unit.clone(), news: Vec::new() };
    let mut port = unit.port();
    let earlier = match start {
        Start::Send => before(&mut port, command, &mut watch),
        Start::Follow | Start::FollowAccepted => Ok(Before { exchanges: Vec::new() }),
    };
    match earlier {
        Ok(earlier) => run(&mut port, command, start, &earlier, &mut watch),
        Err(reason) => report(Conclusion::NotStarted { reason }, Vec::new(), Vec::new(), Vec::new()),
    }
}

#[track_caller]
fn ends(quirks: &[Quirk], expected: &str) -> (ScsiSim, CommandReport) {
    let unit = unit(quirks);
    let told = carry_out(&unit, &BLOCK_ERASE, Start::Send);
    assert_eq!(word(&told.conclusion), expected, "{quirks:?}: {told:?}");
    (unit, told)
}

fn word(conclusion: &Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Confirmed => "confirmed",
        Conclusion::Claimed => "claimed",
        Conclusion::NotStarted { .. } => "not started",
        Conclusion::Failed { .. } => "failed",
        Conclusion::Unknown { .. } => "unknown",
    }
}

#[test]
fn an_honest_unit_is_sanitized_to_the_last_cell() {
    let overwrite = DriveOverwrite { pattern: [1, 2, 3, 4], passes: 2, invert: Invert::BetweenPasses };
    for action in
        [SanitizeAction::BlockErase, SanitizeAction::CryptoErase, SanitizeAction::Overwrite(overwrite)]
    {
        for (answer, proof) in [
            (AnswerWhen::Accepted, Proof::InProgressSeen),
            (AnswerWhen::Finished, Proof::AnsweredWhenFinished),
        ] {
            for quirks in [vec![], vec![Quirk::FixedSense]] {
                let unit = unit(&quirks);
                let told = carry_out(&unit, &Sanitize { action, answer, ..BLOCK_ERASE }, Start::Send);
                assert_eq!(
                    (&told.conclusion, &told.proof),
                    (&Conclusion::Confirmed, &vec![proof]),
                    "{told:?}"
                );
                let residue = unit.oracle().residue();
                assert!(residue.addressable.is_empty() && residue.unaddressable_cells == 0, "{residue:?}");
            }
        }
    }
}

#[test]
fn a_unit_with_a_quirk_ends_as_it_must() {
    let attention = Quirk::UnitAttention { first: 0, every: 3 };
    for quirk in [Quirk::ProgressFullWhileRunning, Quirk::ProgressFreezes { at: 9_000 }, attention] {
        ends(&[quirk], "confirmed");
    }
    let (_, told) = ends(&[Quirk::ProgressStepsBack { at: 40_000 }], "confirmed");
    assert!(told.notes.iter().any(|note| note.contains("went back")), "{:?}", told.notes);
    ends(&[Quirk::NeverShown], "claimed");
    ends(&[Quirk::Fails { at: 30_000, times: 1 }], "failed");
    ends(&[Quirk::NeverEnds { at: 655 }], "unknown");
    let (unit, _) = ends(&[Quirk::SlowAdmin { millis: 90_000 }], "unknown");
    assert_eq!(unit.oracle().deeds().len(), 1, "it was started all the same, and is not claimed");
    for quirk in [
        Quirk::ForeignRunning,
        Quirk::WriteProtected,
        Quirk::LockedUnknown,
        Quirk::FirmwarePending,
        Quirk::ReservedByOther,
    ] {
        let (_, told) = ends(&[quirk], "not started");
        let Conclusion::NotStarted { reason } = told.conclusion else { panic!() };
        assert!(!reason.remedy.is_empty());
    }
}

/// A lie that only the canaries can find out.
#[test]
fn a_unit_that_erases_nothing_is_believed_here_and_nowhere_else() {
    let (unit, _) = ends(&[Quirk::ErasesNothing], "confirmed");
    assert!(unit.oracle().deeds().iter().any(crate::sim::controller::Deed::is_lie));
}

#[test]
fn a_failed_unit_is_freed_by_a_sanitize_that_succeeds() {
    let failed = Quirk::StaleEnd { end: Stale::Failure(FailureMode::Restricted) };
    let (_, told) = ends(&[failed], "confirmed");
    assert!(told.notes.iter().any(|note| note.contains("earlier")), "{:?}", told.notes);

    let unit = unit(&[Quirk::StaleEnd { end: Stale::Failure(FailureMode::Unrestricted) }]);
    let mut watch = Virtual { unit: unit.clone(), news: Vec::new() };
    assert!(exit_failure_mode(&mut unit.port(), &mut watch).is_ok());
}

#[test]
fn a_node_that_drops_and_a_power_cut_are_followed_by_the_new_node() {
    let (unit, _) = ends(&[Quirk::NodeDrops { at: 30_000, back_ms: 20_000 }], "unknown");
    let told = carry_out(&unit, &BLOCK_ERASE, Start::FollowAccepted);
    assert!(matches!(told.conclusion, Conclusion::Confirmed | Conclusion::Claimed), "{told:?}");

    let cut = Quirk::PowerFails { at: 30_000, back_ms: 1_000, returns: Return::Same };
    for (quirks, expected) in [(vec![cut], "confirmed or claimed"), (vec![cut, Quirk::NoResume], "failed")] {
        let (unit, _) = ends(&quirks, "unknown");
        unit.pass_time(Duration::from_secs(5));
        let told = carry_out(&unit, &BLOCK_ERASE, Start::FollowAccepted);
        assert!(expected.contains(word(&told.conclusion)), "{expected}: {told:?}");
        let sent = unit.oracle().asked().iter().filter(|asked| asked.command[0] == SANITIZE).count();
        assert_eq!(sent, 1, "following sends nothing");
    }
}

/// Whatever a drawn unit does, what is concluded is no more than what happened.
#[test]
fn nothing_is_concluded_that_did_not_happen() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..400 {
        let quirks = draw_menu(&mut Dice::new(seed));
        let unit = unit(&quirks);
        let told = carry_out(&unit, &BLOCK_ERASE, Start::Send);
        let ours = |sent: &&crate::sim::controller::Asked| sent.command[0] == SANITIZE;
        let sent = unit.oracle().asked().iter().filter(ours).count();
        let foreign = quirks.contains(&Quirk::ForeignRunning);
        unit.pass_time(Duration::from_secs(100_000));
        let deeds = unit.oracle().deeds();
        let what = format!("seed {seed} {quirks:?} {deeds:?} {told:?}");
        match &told.conclusion {
            Conclusion::Confirmed | Conclusion::Claimed => {
                assert!(sent > 0 && !foreign, "{what}");
                assert!(deeds.last().is_some_and(|deed| deed.ending == Ending::Succeeded), "{what}");
            }
            Conclusion::NotStarted { .. } => assert!(deeds.len() <= usize::from(foreign), "{what}"),
            Conclusion::Failed { .. } => {
                assert!(deeds.last().is_some_and(|deed| deed.ending != Ending::Succeeded), "{what}");
            }
            Conclusion::Unknown { .. } => assert!(sent > 0, "{what}"),
        }
        seen.insert(word(&told.conclusion));
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}
