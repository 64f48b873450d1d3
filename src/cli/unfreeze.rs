//! `expunge unfreeze`: cycles the power of the one bay that a frozen drive is in, where the enclosure can.
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use super::complain;
use super::confirm;
use super::find;
use super::plan::reasons_text;
use crate::certificate::show::{plain, plain_lines};
use crate::device::bay::{self, BY_HAND, Slot};
use crate::device::capability::Support;
use crate::device::claim::Order;
use crate::device::{Claimed, DriveFacts, Helper, StatePaths, SysRoot, claim, find_again, helper, resolve};
use crate::job::prepare::CLAIM_WAIT;
use crate::unit::term::{Exit, word};
use crate::unit::{Reason, ReasonCode};

/// How long a drive may take to be there again: it spins up, and the kernel looks at it.
const BACK: Duration = Duration::from_secs(90);

/// How long one look may take, and how often is looked.
const LOOK: Duration = Duration::from_secs(10);
const LOOK_STEP: Duration = Duration::from_secs(1);

/// `unfreeze`
#[derive(clap::Args, Debug)]
pub struct UnfreezeArgs {
    /// Node, /dev/disk/by-* link, serial:..., wwn:... or bay:...
    #[arg(value_name = "DEVICE")]
    pub device: String,
    /// Serial number of the drive, or what `inspect` shows under "Confirm with". On a terminal it is asked for
    #[arg(long, value_name = "TEXT")]
    pub confirm: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Directory of journals and state, which no drive that loses its power may carry
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// It says that it is not frozen; nothing was done.
    NotFrozen,
    /// It was, and is not any more.
    Unfrozen,
    /// Its power was cycled; it does not say whether it is frozen.
    Cycled,
    /// Nothing was done.
    Refused,
    /// Its power was cycled, and it is frozen again.
    StillFrozen,
    /// Its power was taken away, and it is not there again.
    NotBack,
}

impl Outcome {
    const fn exit(self) -> Exit {
        match self {
            Self::NotFrozen | Self::Unfrozen | Self::Cycled => Exit::Success,
            Self::Refused => Exit::Refused,
            Self::StillFrozen | Self::NotBack => Exit::Failed,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::NotFrozen => "it is not frozen; nothing was done",
            Self::Unfrozen => "its power was cycled, and it is not frozen any more",
            Self::Cycled => "its power was cycled; it does not tell whether it is frozen",
            Self::Refused => "REFUSED, its power was not touched",
            Self::StillFrozen => "its power was cycled, and it is FROZEN again",
            Self::NotBack => "its power was taken away, and it is NOT BACK",
        }
    }
}

struct Answer {
    outcome: Outcome,
    facts: Option<DriveFacts>,
    slot: Option<Slot>,
    reasons: Vec<Reason>,
}

/// Unfreezes one drive.
pub fn run(args: &UnfreezeArgs, out: &mut dyn Write) -> Exit {
    let answer = attempt(args, &SysRoot::host(), &Helper::own());
    let title = answer.facts.as_ref().map_or_else(|| args.device.clone(), DriveFacts::title);
    let told = if args.json {
        let object = json!({
            "schema": "urn:expunge:unfreeze:v1",
            "device": args.device,
            "node": answer.facts.as_ref().map(|facts| &facts.node),
            "confirm": answer.facts.as_ref().and_then(DriveFacts::confirm_text),
            "slot": answer.slot.as_ref().map(|slot| &slot.title),
            "outcome": word(answer.outcome),
            "reasons": answer.reasons,
        });
        writeln!(out, "{object}")
    } else {
        let text = format!("{}: {}\n{}", plain(&title), answer.outcome.text(), reasons_text(&answer.reasons));
        write!(out, "{}", plain_lines(&text))
    };
    match told {
        Ok(()) => answer.outcome.exit(),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => answer.outcome.exit(),
        Err(error) => {
            complain(&format!("the answer could not be written: {error}"));
            answer.outcome.exit().gravest(Exit::Internal)
        }
    }
}

fn attempt(args: &UnfreezeArgs, root: &SysRoot, helper: &Helper) -> Answer {
    let refused = |facts: Option<&DriveFacts>, slot, reasons| Answer {
        outcome: Outcome::Refused,
        facts: facts.cloned(),
        slot,
        reasons,
    };
    let state = match state_paths(args) {
        Ok(state) => state,
        Err(reason) => return refused(None, None, vec![reason]),
    };
    let drive = match resolve(&args.device, root) {
        Ok(drive) => drive,
        Err(reason) => return refused(None, None, vec![reason]),
    };
    // The claim keeps everybody away from the drive until its power is gone.
    let claimed = match claim(helper, &Order::new(drive, state.clone()), CLAIM_WAIT) {
        Ok(claimed) => claimed,
        Err(refusal) => {
            let facts = refusal.seen.map(|seen| seen.facts);
            return refused(facts.as_ref(), None, refusal.reasons);
        }
    };
    let facts = claimed.facts().clone();
    if bay::is_frozen(&facts) == Support::No {
        return Answer { outcome: Outcome::NotFrozen, facts: Some(facts), slot: None, reasons: Vec::new() };
    }
    let own = [std::process::id()];
    let slot = match bay::slot_to_cycle(root, &facts, &own, &state) {
        Ok(slot) => slot,
        Err(reasons) => return refused(Some(&facts), None, reasons),
    };
    if let Some(reason) = confirm::of_power(&facts, &slot.title, args.confirm.as_deref()) {
        return refused(Some(&facts), Some(slot), vec![reason]);
    }
    // Somebody may have swapped drives while the question stood there.
    let again =
        claimed.recheck_before_arming(root).and_then(|()| bay::slot_to_cycle(root, &facts, &own, &state));
    match again {
        Ok(now) if now == slot => {}
        Ok(_) => return refused(Some(&facts), None, vec![moved(&facts)]),
        Err(reasons) => return refused(Some(&facts), Some(slot), reasons),
    }
    cycle(root, helper, claimed, slot, state)
}

fn state_paths(args: &UnfreezeArgs) -> Result<StatePaths, Reason> {
    let places = super::args::StateArgs { state: args.state.clone(), ..super::args::StateArgs::default() };
    find::directories(&places).map(|directories| StatePaths(directories.all())).map_err(|error| {
        Reason::new(ReasonCode::StateFailed, error.to_string(), "say where journals are: --state DIR")
    })
}

fn moved(facts: &DriveFacts) -> Reason {
    let text = format!("{} is in another bay than a moment ago", facts.title());
    Reason::new(ReasonCode::IdentityChanged, text, "look at the drives and their bays again: expunge list")
}

fn cycle(root: &SysRoot, helper: &Helper, claimed: Claimed, slot: Slot, state: StatePaths) -> Answer {
    let facts = claimed.facts().clone();
    let answer =
        |outcome, reasons| Answer { outcome, facts: Some(facts.clone()), slot: Some(slot.clone()), reasons };
    let mut pause = |time| std::thread::sleep(time);
    if let Err(reason) = bay::switch_off(root, &slot, &mut pause) {
        return answer(Outcome::Refused, vec![reason]);
    }
    drop(claimed);
    pause(bay::OFF);
    if let Err(reason) = bay::switch_on(root, &slot, &mut pause) {
        return answer(Outcome::NotBack, vec![reason]);
    }
    match wait_for(root, helper, &facts, &state) {
        Ok(now) => match bay::is_frozen(&now) {
            Support::No => answer(Outcome::Unfrozen, Vec::new()),
            Support::NotTold => answer(Outcome::Cycled, Vec::new()),
            Support::Yes => {
                let text = format!("{} was frozen again when its power came back", now.title());
                answer(Outcome::StillFrozen, vec![Reason::new(ReasonCode::Frozen, text, BY_HAND)])
            }
        },
        Err(reasons) => answer(Outcome::NotBack, reasons),
    }
}

/// The drive when it is there again, at whatever node, and answers.
fn wait_for(
    root: &SysRoot,
    helper: &Helper,
    facts: &DriveFacts,
    state: &StatePaths,
) -> Result<DriveFacts, Vec<Reason>> {
    let begin = Instant::now();
    loop {
        let seen = find_again(root, facts)
            .map_err(|reason| vec![reason])
            .and_then(|drive| helper::look(helper, &Order::new(drive, state.clone()), LOOK));
        match seen {
            Err(_) if begin.elapsed() < BACK => std::thread::sleep(LOOK_STEP),
            settled => return settled.map(|seen| seen.facts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::capability::ata::AtaSanitizeState;
    use crate::plan::technique::tests::{ata_drive, nvme_drive};
    use crate::unit::term::DriveKind;

    /// Security and SANITIZE are frozen each by a command of its own, and either is enough to be in the way.
    #[test]
    fn frozen_is_what_the_drive_says_of_either_feature_set() {
        let frozen = |change: fn(&mut crate::device::capability::ata::AtaFacts)| {
            bay::is_frozen(&ata_drive(DriveKind::Flash, change))
        };
        assert_eq!(frozen(|_| {}), Support::No);
        assert_eq!(frozen(|facts| facts.security.as_mut().unwrap().frozen = Support::Yes), Support::Yes);
        assert_eq!(frozen(|facts| facts.sanitize_state = Some(AtaSanitizeState::Frozen)), Support::Yes);
        assert_eq!(frozen(|facts| facts.sanitize_state = Some(AtaSanitizeState::NotTold)), Support::NotTold);
        assert_eq!(frozen(|facts| facts.security = None), Support::No);
        assert_eq!(bay::is_frozen(&nvme_drive(|_| {})), Support::No);
        let silent = DriveFacts { capability: None, ..nvme_drive(|_| {}) };
        assert_eq!(bay::is_frozen(&silent), Support::NotTold);
    }

    #[test]
    fn the_power_of_a_drive_is_confirmed_by_its_own_text_alone() {
        let facts = ata_drive(DriveKind::Flash, |_| {});
        let text = facts.confirm_text().unwrap();
        assert_eq!(confirm::of_power(&facts, "Slot 05", Some(&text)), None);
        let wrong = confirm::of_power(&facts, "Slot 05", Some("another")).unwrap();
        assert_eq!(wrong.code, ReasonCode::ConfirmationMismatch);
        let nameless = DriveFacts { identity: crate::device::Identity::default(), ..facts };
        let unknown = confirm::of_power(&nameless, "Slot 05", Some("")).unwrap();
        assert_eq!(unknown.code, ReasonCode::Unidentified);
    }
}
