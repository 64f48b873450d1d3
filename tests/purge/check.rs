//! The promises, as checks with names. What is on the drive is asked of the oracle, what was sent of the ledger.
use std::sync::atomic::Ordering;

use expunge::certificate::CheckStatus;
use expunge::command::DriveCommand;
use expunge::engine::firmware::{Conclusion, Proof};
use expunge::io::{BlockRead as _, Transfer};
use expunge::job::entry::Entry;
use expunge::job::replay::{State, Story};
use expunge::journal::recover;
use expunge::plan::firmware::{CanaryKind, Scope};
use expunge::plan::{Decision, LimitCode, Plan, VerificationPlan};
use expunge::sim::Residue;
use expunge::sim::cells::holds_old_data;
use expunge::sim::controller::quirk::{Quirk, QuirkName, Return};
use expunge::sys::Buffer;
use expunge::unit::term::{Exit, Method, Outcome, Technique};
use expunge::unit::{Lba, LbaRange, Reason, ReasonCode};

use crate::drive::{Model, NSID};
use crate::ledger::{Destructive, Said, Sent};
use crate::link::Between;
use crate::world::{Filed, Over, World};

/// The name of a check; the letter and number are those of the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Check {
    /// A job that was not begun, or whose command the drive did not take, destroyed nothing.
    P2NothingWasDestroyed,
    /// Where fingerprints stand for canaries, and no pass is planned, nothing is written.
    P2NothingWasWritten,
    /// Done only if no old data is left: for a purge in any cell that the technique is meant to reach, for a clear at
    /// any address. What nothing shows to a host is listed by name, and then the record says on what it rests.
    P3DoneIsTrue,
    /// Where cells may be left that no host sees, a record of success says that the drive was trusted.
    P3TrustIsSaid,
    /// Done, and each command that is called confirmed, only if the drive took that very command from this job.
    P3OursWasTaken,
    /// The outcome is one of the table, with its exit, its evidence and its reasons.
    P5OutcomeOfTheTable,
    /// The journal says that a command is being sent before it is.
    P6JournalFirst,
    /// No destructive command is sent twice, unless its own sequence asks for that.
    P6NeverTwice,
    /// After every interruption the job can be gone on with, or has ended.
    P6NoJobIsLost,
    /// A record of success passes its check, any other is authentic, and none contradicts the verdict.
    RecordsAreSound,
    /// An honest drive is never said to lie or to have failed.
    HonestDrivesAreNotBlamed,
    /// On an honest drive what was planned is done.
    HonestDrivesAreDone,
}

#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) check: Check,
    pub(crate) text: String,
}

impl Violation {
    pub(crate) const fn nonsense(text: String) -> Self {
        Self { check: Check::P6NoJobIsLost, text }
    }
}

/// A lie that nothing visible to the host that runs the job shows, with why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unseen {
    /// Cells that no address leads to kept their data: no read reaches them.
    Spare,
    /// Cells behind the end that the drive presents kept theirs.
    Hidden,
    /// The drive forgot its map: every address reads as if erased.
    Unmapped,
    /// Another namespace kept its data: it has another node.
    OtherNamespace,
    /// Format and normal security erase are not meant to reach more than what addresses lead to.
    NotMeant,
}

/// A job that was not begun.
pub(crate) fn not_begun(world: &World, out: &mut Vec<Violation>) -> Outcome {
    untouched(world, 0, out);
    match &world.decision {
        Decision::Refused(reasons) | Decision::Unsanitizable(reasons) if reasons.is_empty() => {
            out.push(Violation {
                check: Check::P5OutcomeOfTheTable,
                text: "turned down without a reason".into(),
            });
        }
        Decision::Planned(_) | Decision::Refused(_) | Decision::Unsanitizable(_) => {}
    }
    if matches!(world.decision, Decision::Unsanitizable(_)) {
        Outcome::Unsanitizable
    } else {
        Outcome::Refused
    }
}

/// No destructive command went out, and no cell lost its old data, but those under canaries.
fn untouched(world: &World, canaries: u64, out: &mut Vec<Violation>) {
    let mut say = |text: String| out.push(Violation { check: Check::P2NothingWasDestroyed, text });
    let taken: Vec<Sent> = world.ledger.sent().into_iter().filter(|sent| sent.said == Said::Taken).collect();
    if !taken.is_empty() {
        say(format!("taken by the drive: {:?}", taken.iter().map(|sent| sent.what).collect::<Vec<_>>()));
    }
    let foreign = !world.drive.oracle().deeds().is_empty() || has(world, QuirkName::ForeignRunning);
    let lost = cells(&world.before).saturating_sub(cells(&world.drive.oracle().residue()));
    if !foreign && !is_foreign(world) && lost > canaries {
        say(format!("{lost} cells lost their old data, {canaries} had canaries"));
    }
}

fn cells(residue: &Residue) -> u64 {
    residue.addressable.count().0 + residue.unaddressable_cells
}

fn has(world: &World, name: QuirkName) -> bool {
    world.shape.drive.model.quirks().iter().any(|quirk| quirk.name() == name)
}

fn is_foreign(world: &World) -> bool {
    matches!(
        world.shape.between,
        Between::ForeignBeforeLook | Between::ForeignBeforeCommand | Between::ForeignWhileDead
    )
}

/// A sitting came to its own end.
pub(crate) fn over(world: &World, over: &Over, out: &mut Vec<Violation>) {
    let Some(plan) = world.plan() else { return };
    table(over, plan, out);
    record(over, out);
    unwritten(world, plan, out);
    sending(world, plan, out);
    ours(world, over, out);
    if over.verdict.outcome() == Outcome::Done {
        truth(world, over.filed.as_ref(), out);
    }
    if over.verdict.outcome() == Outcome::Unsanitizable && over.run.steps.len() <= 1 {
        let planted = over.run.steps.iter().filter_map(|step| step.tally.canaries.as_ref());
        // What was planted before an interruption too.
        let most = planted.map(|canaries| canaries.planted.count().0).sum::<u64>().max(64);
        let most = if has_fingerprints(plan) { 0 } else { most * world.sittings as u64 };
        untouched(world, most, out);
    }
    blame(world, over, out);
    honest(world, plan, over, out);
}

fn has_fingerprints(plan: &Plan) -> bool {
    plan.firmware.as_ref().is_some_and(|plan| plan.canary_kind == CanaryKind::Fingerprints)
}

/// Whether a command was not begun because too few blocks hold anything that their fingerprints would miss.
pub(crate) fn tells_too_little(reasons: &[Reason]) -> bool {
    let text = "hold something whose disappearance would tell anything";
    reasons.iter().any(|reason| reason.code == ReasonCode::FirmwareUnknown && reason.text.contains(text))
}

fn unwritten(world: &World, plan: &Plan, out: &mut Vec<Violation>) {
    let writers = world.hooks.writers.load(Ordering::SeqCst);
    if has_fingerprints(plan) && plan.passes.is_empty() && writers > 0 {
        let text = format!("the drive was opened for writing {writers} times");
        out.push(Violation { check: Check::P2NothingWasWritten, text });
    }
}

/// A journal that is not gone on with must tell of an end.
pub(crate) fn left(story: &Story, out: &mut Vec<Violation>) {
    if !matches!(story.state, State::Recorded | State::Refused) {
        out.push(Violation { check: Check::P6NoJobIsLost, text: format!("left in {:?}", story.state) });
    }
}

fn table(over: &Over, plan: &Plan, out: &mut Vec<Violation>) {
    let verdict = &over.verdict;
    let due = match verdict.outcome() {
        Outcome::Done | Outcome::Written => &[Exit::Success][..],
        Outcome::Partial | Outcome::Unsanitizable => &[Exit::Failed],
        Outcome::Failed => &[Exit::Failed, Exit::Verification],
        Outcome::Aborted => &[Exit::Aborted],
        Outcome::Unknown => &[Exit::Unknown],
        Outcome::Refused => &[],
    };
    let success = matches!(verdict.outcome(), Outcome::Done | Outcome::Written);
    let fits = due.contains(&verdict.exit())
        && success == verdict.reasons().is_empty()
        && (verdict.outcome() == Outcome::Done) == verdict.evidence().is_some()
        && (verdict.outcome() != Outcome::Done || plan.claim.is_some())
        && (verdict.outcome() != Outcome::Written || plan.verification == VerificationPlan::None);
    if !fits {
        out.push(Violation { check: Check::P5OutcomeOfTheTable, text: format!("{verdict:?}") });
    }
}

fn record(over: &Over, out: &mut Vec<Violation>) {
    let mut say = |text: String| out.push(Violation { check: Check::RecordsAreSound, text });
    if over.verdict.outcome() != over.judged.outcome() {
        say(format!("judged {:?}, and then {:?}", over.judged.outcome(), over.verdict.reasons()));
    }
    let Some(filed) = &over.filed else { return say(format!("no record: {:?}", over.trouble)) };
    let done = over.verdict.outcome() == Outcome::Done;
    let due = if done { CheckStatus::Passes } else { CheckStatus::AuthenticOther };
    if filed.status != due || filed.record.outcome != over.verdict.outcome() {
        say(format!("{:?} of {:?}: {}", filed.status, filed.record.outcome, filed.findings));
    }
    let refused = over.run.steps.iter().filter(|step| step.sent.is_some());
    let told = filed
        .record
        .firmware
        .as_ref()
        .map_or(0, |firmware| firmware.steps.iter().filter(|step| step.sent.is_some()).count());
    if told != refused.count() {
        say("commands were sent that the record does not tell of".into());
    }
}

/// What went over the way.
fn sending(world: &World, plan: &Plan, out: &mut Vec<Violation>) {
    for text in world.ledger.unannounced() {
        out.push(Violation { check: Check::P6JournalFirst, text });
    }
    let anew = commands_anew(world);
    let sent = world.ledger.sent();
    if plan.commands().is_empty() && !sent.is_empty() {
        let text = format!("an overwrite sent {:?}", sent[0].what);
        out.push(Violation { check: Check::P6NeverTwice, text });
    }
    for (at, one) in sent.iter().enumerate().filter(|(_, one)| one.said != Said::Refused) {
        let same = |other: &&Sent| {
            other.said != Said::Refused && other.what == one.what && identity(other) == identity(one)
        };
        let times = sent[..at].iter().filter(same).count() + 1;
        let most = match one.what {
            // PREPARE and ERASE UNIT go out again when an answer was lost, and after each interruption.
            Destructive::SecurityErase => 2 * (world.sittings + anew),
            Destructive::Sanitize | Destructive::Format | Destructive::Revert => 1 + anew,
        };
        if times > most {
            let text = format!("{:?} for the {times}th time, in sitting {}", one.what, one.sitting);
            out.push(Violation { check: Check::P6NeverTwice, text });
        }
    }
}

/// How often the journal says that commands are carried out anew, because nobody held the drive after they had ended.
fn commands_anew(world: &World) -> usize {
    let told = recover(&world.store.durable()).expect("a journal of ours");
    let entries = told.entries.iter().map(|line| serde_json::from_slice(line).expect("an entry"));
    entries.filter(|entry| matches!(entry, Entry::CommandsAnew { .. })).count()
}

/// The session number is in the way to the TPer; the method is the same.
fn identity(sent: &Sent) -> &[u8] {
    match sent.what {
        Destructive::Revert => &[],
        Destructive::Sanitize | Destructive::Format | Destructive::SecurityErase => &sent.bytes,
    }
}

/// Whether what is called confirmed was taken by the drive.
fn ours(world: &World, over: &Over, out: &mut Vec<Violation>) {
    let taken = world.ledger.sent().into_iter().filter(|sent| sent.said != Said::Refused).count();
    let confirmed = over.run.steps.iter().filter(|step| {
        step.tally.report.as_ref().is_some_and(|report| report.conclusion == Conclusion::Confirmed)
    });
    let confirmed = confirmed.count();
    let done = over.verdict.outcome() == Outcome::Done;
    let due = if done { over.run.steps.len() } else { confirmed };
    if taken < due {
        let text = format!("{:?}: {due} commands, and the drive took {taken}", over.verdict.outcome());
        out.push(Violation { check: Check::P3OursWasTaken, text });
    }
    for report in over.run.steps.iter().filter_map(|step| step.tally.report.as_ref()) {
        if (report.conclusion == Conclusion::Confirmed) == report.proof.is_empty() {
            let proof: &[Proof] = &report.proof;
            let text = format!("{:?} with {proof:?}", report.conclusion);
            out.push(Violation { check: Check::P3OursWasTaken, text });
        }
    }
}

/// Old data that is left where the claim says that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Addresses of the unit whose reading gives old data.
    pub(crate) visible: u64,
    /// Addresses of the unit that read as something else, while their cell holds it.
    pub(crate) unmapped: u64,
    /// Other cells that the claim covers.
    pub(crate) beyond: u64,
}

impl Left {
    pub(crate) const fn is_nothing(self) -> bool {
        self.visible + self.unmapped + self.beyond == 0
    }
}

/// What is left of the old data after the job of a plan.
pub(crate) fn residue(world: &World, plan: &Plan) -> Left {
    let residue = world.drive.oracle().residue();
    let whole = plan.firmware.as_ref().is_some_and(|firmware| firmware.reach.scope == Scope::Drive);
    let capacity = plan.geometry.capacity.0;
    let lbas: Vec<u64> =
        residue.addressable.ranges().iter().flat_map(|range| range.first().0..range.end().0).collect();
    let (inside, beyond): (Vec<u64>, Vec<u64>) = lbas.into_iter().partition(|lba| *lba < capacity);
    let (visible, unmapped): (Vec<u64>, Vec<u64>) =
        inside.into_iter().partition(|lba| reads_old(world, *lba));
    let purge = plan.method == Method::Purge;
    let cells = if purge { residue.unaddressable_cells } else { 0 };
    let others = if purge && (whole || !is_nvme(world)) { beyond.len() as u64 } else { 0 };
    Left { visible: visible.len() as u64, unmapped: unmapped.len() as u64, beyond: cells + others }
}

/// Whether reading an address gives old data. One that cannot be read is taken for one that does.
fn reads_old(world: &World, lba: u64) -> bool {
    let (Some(mut port), Some(range)) = (world.drive.open(), LbaRange::single(Lba(lba))) else { return true };
    let bytes = usize::try_from(port.geometry().block_size.bytes_u64()).expect("a small block");
    let mut done = Vec::new();
    let sent = port.submit_read(Transfer { range, buffer: Buffer::new(bytes) });
    if sent.is_err() || port.reap(&mut done).is_err() {
        return true;
    }
    done.iter().any(|one| one.result.is_err() || holds_old_data(&one.transfer.buffer.as_slice()[..bytes]))
}

const fn is_nvme(world: &World) -> bool {
    matches!(world.shape.drive.model, Model::Nvme(_))
}

/// A success is true. Without a record there is none to be said what it rests on.
pub(crate) fn truth(world: &World, filed: Option<&Filed>, out: &mut Vec<Violation>) {
    let Some(plan) = world.plan() else { return };
    let left = residue(world, plan);
    if left.is_nothing() {
        return;
    }
    match unseen(world, plan, left) {
        None => {
            let steps: Vec<_> = plan.commands().iter().map(|step| step.technique()).collect();
            let text = format!("done by {steps:?} as {:?}, and old data is left: {left:?}", plan.method);
            out.push(Violation { check: Check::P3DoneIsTrue, text });
        }
        Some(_) => {
            let limits = filed.iter().flat_map(|filed| &filed.record.limits);
            let codes: Vec<LimitCode> = limits.map(|limit| limit.code).collect();
            if filed.is_some() && !codes.contains(&LimitCode::DriveTrusted) {
                out.push(Violation { check: Check::P3TrustIsSaid, text: format!("{codes:?}") });
            }
        }
    }
}

/// Why nothing shows to this host what is left; `None` when something does.
pub(crate) fn unseen(world: &World, plan: &Plan, left: Left) -> Option<Unseen> {
    if left.visible > 0 {
        return None;
    }
    let quirks = world.shape.drive.model.quirks();
    let quirk = quirks.iter().find_map(|quirk| match quirk {
        Quirk::UnmapsOnly => Some(Unseen::Unmapped),
        // What the drive forgot with the rest of its map reads as erased.
        Quirk::SkipsLastBlock | Quirk::SkipsNamespace { .. } if left.unmapped > 0 => Some(Unseen::Unmapped),
        Quirk::SkipsSpare => Some(Unseen::Spare),
        Quirk::SkipsHidden => Some(Unseen::Hidden),
        // The last block of the drive is another namespace's, or nobody's.
        Quirk::SkipsLastBlock if is_nvme(world) && !has_last_block(world, plan) => {
            Some(Unseen::OtherNamespace)
        }
        Quirk::SkipsNamespace { nsid } if *nsid != NSID => Some(Unseen::OtherNamespace),
        _ => None,
    });
    let narrow =
        matches!(plan.technique, Technique::Format | Technique::FormatCrypto | Technique::SecurityErase);
    quirk.or((narrow && left.unmapped == 0).then_some(Unseen::NotMeant))
}

fn has_last_block(world: &World, plan: &Plan) -> bool {
    plan.geometry.capacity.0 == world.shape.drive.model.shape().blocks
}

fn blame(world: &World, over: &Over, out: &mut Vec<Violation>) {
    let blamed = |code| matches!(code, ReasonCode::FirmwareLied | ReasonCode::FirmwareFailed);
    let honest = world.shape.drive.model.quirks().is_empty()
        && world.shape.drive.tper.as_ref().is_none_or(|tper| tper.quirks.is_empty());
    if honest && over.verdict.reasons().iter().any(|reason| blamed(reason.code)) {
        let text = format!("{:?}", over.verdict.reasons());
        out.push(Violation { check: Check::HonestDrivesAreNotBlamed, text });
    }
}

fn honest(world: &World, plan: &Plan, over: &Over, out: &mut Vec<Violation>) {
    let harmless = world.shape.drive.model.quirks().iter().all(|quirk| is_harmless(quirk.name()));
    let tper = world.shape.drive.tper.as_ref().is_none_or(|tper| tper.quirks.is_empty());
    let grows = !world.shape.drive.model.shape().dying.is_empty();
    let undisturbed = world.shape.between == Between::Nothing && world.returns == Return::Same && !grows;
    // The host's own writes do not open a drive that is locked, and a revert alone has nothing to compare on one that
    // could not be written before.
    let reverts_only = matches!(plan.commands(), [DriveCommand::TcgRevert(_)]);
    let locked = (plan.commands().is_empty() || reverts_only) && world.shape.drive.tper.is_some();
    if !harmless
        || world.shape.drive.model.tells_only()
        || !tper
        || !undisturbed
        || locked
        || world.sittings > 1
    {
        return;
    }
    let due = if plan.claim.is_some() { Outcome::Done } else { Outcome::Written };
    // Without canaries and without blocks to compare there may be nothing that shows the end.
    let shown = plan.firmware.as_ref().is_none_or(|firmware| firmware.canaries > 0);
    // What a first command left as zeros tells nothing of a second one.
    let left_blank = plan.commands().len() > 1 && tells_too_little(over.verdict.reasons());
    let shown = shown && !left_blank;
    if shown && over.verdict.outcome() != due {
        let steps: Vec<_> = plan.commands().iter().map(|step| step.technique()).collect();
        let text = format!("{steps:?} ended {:?}: {:?}", over.verdict.outcome(), over.verdict.reasons());
        out.push(Violation { check: Check::HonestDrivesAreDone, text });
    }
}

/// Quirks that must not keep a planned job from being done.
pub(crate) const fn is_harmless(name: QuirkName) -> bool {
    matches!(
        name,
        QuirkName::ProgressFreezes
            | QuirkName::ProgressJumps
            | QuirkName::ProgressFullWhileRunning
            | QuirkName::ProgressStepsBack
            | QuirkName::ZerosAfterCrypto
            | QuirkName::NeverGlobalErased
            | QuirkName::GlobalErasedBefore
            | QuirkName::AnyNamespaceTaken
    )
}
