//! Everything before the first effect: resolve, claim, guards, facts, decision. Nothing here writes to a drive.
use std::collections::BTreeSet;
use std::time::Duration;

use super::awaiting::Wait;
use super::dirs::Directories;
use super::execute::new_job_name;
use super::units::not_held;
use crate::certificate::provenance::Given;
use crate::device::claim::Order as ClaimOrder;
use crate::device::units::{are_of_one_drive, claim_others};
use crate::device::{
    Claimed, ContentType, DriveFacts, Helper, Reach, StatePaths, SysRoot, claim, duplicate_identities,
    resolve,
};
use crate::plan::firmware::FirmwarePlan;
use crate::plan::{Decision, Plan, Policy, Request, decide};
use crate::unit::{Reason, ReasonClass, ReasonCode};
use crate::worker::parent::Program;

/// How long opening, guarding and reading the content of one drive may take. A drive that spins up needs half a
/// minute, and a look at its content a few retried reads.
pub const CLAIM_WAIT: Duration = Duration::from_secs(60);

/// What a job needs of this host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where journals, records and the key are.
    pub directories: Directories,
    /// Where sysfs and procfs are.
    pub root: SysRoot,
    /// How helpers are started.
    pub helper: Helper,
    /// How workers are started.
    pub program: Program,
    /// What is accepted.
    pub policy: Policy,
}

impl Host {
    /// This host, with our own executable.
    pub fn own(directories: Directories) -> Self {
        Self {
            directories,
            root: SysRoot::host(),
            helper: Helper::own(),
            program: Program::own(),
            policy: Policy::builtin(),
        }
    }
}

/// One drive of a request.
#[derive(Clone, Debug)]
pub struct Order {
    /// As the user named it.
    pub device: String,
    /// What to do.
    pub request: Request,
    /// What people said.
    pub given: Given,
}

/// A drive that is claimed, planned for and can be armed.
#[derive(Debug)]
pub struct Ready {
    /// Name of the job.
    pub job: String,
    /// The drive.
    pub claimed: Claimed,
    /// What will be done.
    pub plan: Plan,
    /// What people said.
    pub given: Given,
}

/// A drive that cannot be sanitized here; it gets a record, not a refusal.
#[derive(Clone, Debug)]
pub struct Dead {
    /// Name of the job.
    pub job: String,
    /// What is known about it.
    pub facts: DriveFacts,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What people said.
    pub given: Given,
}

/// A drive that is refused, with every reason.
#[derive(Clone, Debug)]
pub struct RefusedDrive {
    /// As the user named it.
    pub device: String,
    /// What could be seen nevertheless.
    pub facts: Option<DriveFacts>,
    /// Why, all at once.
    pub reasons: Vec<Reason>,
}

/// What preparation came to, for one drive.
#[derive(Debug)]
pub enum Prepared {
    /// It can begin.
    Ready(Box<Ready>),
    /// It cannot be sanitized here.
    Dead(Box<Dead>),
    /// It is refused.
    Refused(Box<RefusedDrive>),
}

impl Prepared {
    /// What is known about the drive.
    pub fn facts(&self) -> Option<&DriveFacts> {
        match self {
            Self::Ready(ready) => Some(ready.claimed.facts()),
            Self::Dead(dead) => Some(&dead.facts),
            Self::Refused(refused) => refused.facts.as_ref(),
        }
    }

    /// Turns the drive down after all; its claim is given up.
    #[must_use]
    pub fn refuse(self, device: &str, reasons: Vec<Reason>) -> Self {
        let facts = self.facts().cloned();
        let mut all = match self {
            Self::Refused(refused) => refused.reasons,
            Self::Ready(_) | Self::Dead(_) => Vec::new(),
        };
        all.extend(reasons);
        Self::Refused(Box::new(RefusedDrive { device: device.to_owned(), facts, reasons: all }))
    }
}

/// Prepares every drive of a request, side by side: a sick one holds up none. Two names of one drive refuse
/// both. Where one is at work on itself, it is waited for, and the others with it.
pub fn prepare(host: &Host, orders: &[Order], wait: Wait<'_>) -> Vec<Prepared> {
    let in_time = |order| wait.until_free(|| prepare_one(host, order), std::thread::sleep);
    let mut prepared: Vec<Prepared> = std::thread::scope(|scope| {
        let threads: Vec<_> = orders.iter().map(|order| scope.spawn(move || in_time(order))).collect();
        threads
            .into_iter()
            .zip(orders)
            .map(|(thread, order)| thread.join().unwrap_or_else(|_| panicked(order)))
            .collect()
    });
    let doubles = doubles(&host.root, &prepared);
    for ((one, order), reasons) in prepared.iter_mut().zip(orders).zip(doubles) {
        if !reasons.is_empty() {
            let turned_down = Prepared::Refused(Box::new(RefusedDrive {
                device: order.device.clone(),
                facts: one.facts().cloned(),
                reasons: Vec::new(),
            }));
            *one = std::mem::replace(one, turned_down).refuse(&order.device, reasons);
        }
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = prepared
            .into_iter()
            .zip(orders)
            .map(|(one, order)| (scope.spawn(move || with_other_units(host, order, one)), order))
            .collect();
        threads.into_iter().map(|(thread, order)| thread.join().unwrap_or_else(|_| panicked(order))).collect()
    })
}

/// Holds the other units of a drive that the plan reaches, or refuses it for what uses one of them.
fn with_other_units(host: &Host, order: &Order, prepared: Prepared) -> Prepared {
    let Prepared::Ready(mut ready) = prepared else { return prepared };
    match hold_other_units(host, &mut ready.claimed, &ready.plan, &order.request.known_content) {
        Ok(()) => Prepared::Ready(ready),
        Err(reasons) => Prepared::Ready(ready).refuse(&order.device, reasons),
    }
}

/// Claims the other units of a drive under all guards where a command of its plan concerns them.
///
/// # Errors
/// Every blocker of every unit.
pub(super) fn hold_other_units(
    host: &Host,
    claimed: &mut Claimed,
    plan: &Plan,
    known: &BTreeSet<ContentType>,
) -> Result<(), Vec<Reason>> {
    if !plan.firmware.as_ref().is_some_and(FirmwarePlan::concerns_other_units) {
        return Ok(());
    }
    let state = StatePaths(host.directories.all());
    claim_others(&host.helper, &host.root, claimed, &state, known, CLAIM_WAIT)?;
    let missing = not_held(&host.root, claimed, plan);
    if missing.is_empty() {
        return Ok(());
    }
    let title = claimed.facts().title();
    let text = format!(
        "the command for {title} reaches {}, whose blocks cannot be addressed: nothing could show that they are gone",
        missing.join(", ")
    );
    let remedy = "see how the kernel presents the units: expunge list; or plan without canaries, and without a claim for them: --no-canaries";
    Err(vec![Reason::new(ReasonCode::NoCapacity, text, remedy)])
}

/// For each drive, why it is the same as another one of the request, or one is a unit that the command for the other
/// reaches.
fn doubles(root: &SysRoot, prepared: &[Prepared]) -> Vec<Vec<Reason>> {
    let reaches = |one: usize| match &prepared[one] {
        Prepared::Ready(ready) => {
            ready.plan.firmware.as_ref().is_some_and(FirmwarePlan::concerns_other_units)
        }
        Prepared::Dead(_) | Prepared::Refused(_) => false,
    };
    let same = |one: usize, other: usize| match (prepared[one].facts(), prepared[other].facts()) {
        (Some(a), Some(b)) if one != other => {
            // Named in the order of the request, whichever of the two is asked about.
            let pair = if one < other { [a.clone(), b.clone()] } else { [b.clone(), a.clone()] };
            let mut reasons = duplicate_identities(&pair);
            if reasons.is_empty() && (reaches(one) || reaches(other)) {
                reasons.extend(units_of_one(root, &pair));
            }
            reasons
        }
        _ => Vec::new(),
    };
    (0..prepared.len()).map(|one| (0..prepared.len()).flat_map(|other| same(one, other)).collect()).collect()
}

/// Two units of a drive, of which a command for one reaches the other.
fn units_of_one(root: &SysRoot, pair: &[DriveFacts; 2]) -> Option<Reason> {
    let [one, other] = pair;
    let knows = |one: &DriveFacts, other: &DriveFacts| one.other_units.contains(&other.kernel_name);
    let together = knows(one, other)
        || knows(other, one)
        || are_of_one_drive(root, &one.kernel_name, &other.kernel_name);
    together.then(|| {
        let (one, other) = (one.node.display(), other.node.display());
        let text = format!(
            "{one} and {other} are units of one drive, and a command for one of them reaches the other"
        );
        let remedy =
            format!("name one of them, with --scope drive: {one}; or sanitize them one after the other");
        Reason::new(ReasonCode::DuplicateIdentity, text, remedy)
    })
}

fn panicked(order: &Order) -> Prepared {
    let reason = Reason::new(
        ReasonCode::WorkerDied,
        format!("preparing {} failed inside Expunge", order.device),
        "report this as a defect",
    );
    Prepared::Refused(Box::new(RefusedDrive {
        device: order.device.clone(),
        facts: None,
        reasons: vec![reason],
    }))
}

fn prepare_one(host: &Host, order: &Order) -> Prepared {
    let refused = |facts, reasons| {
        Prepared::Refused(Box::new(RefusedDrive { device: order.device.clone(), facts, reasons }))
    };
    let drive = match resolve(&order.device, &host.root) {
        Ok(drive) => drive,
        Err(reason) => return refused(None, vec![reason]),
    };
    let claim_order = ClaimOrder::new(drive, StatePaths(host.directories.all()));
    match claim(&host.helper, &claim_order, CLAIM_WAIT) {
        Ok(claimed) => match decide(&order.request, claimed.facts(), &host.policy) {
            Decision::Planned(plan) => Prepared::Ready(Box::new(Ready {
                job: new_job_name(),
                claimed,
                plan: *plan,
                given: order.given.clone(),
            })),
            Decision::Refused(reasons) => refused(Some(claimed.facts().clone()), reasons),
            Decision::Unsanitizable(reasons) => dead(order, claimed.facts().clone(), reasons),
        },
        Err(refusal) => {
            let facts = refusal.seen.map(|seen| seen.facts);
            let mut reasons = refusal.reasons;
            // Everything against it at once: what the plan would say, too.
            if let Some(facts) = &facts {
                match decide(&order.request, facts, &host.policy) {
                    Decision::Planned(_) => {}
                    Decision::Refused(more) => extend_with_new(&mut reasons, more),
                    Decision::Unsanitizable(more) => {
                        if matches!(facts.reach, Reach::Dead(_)) && only_the_drive(&reasons) {
                            return dead(order, facts.clone(), more);
                        }
                        extend_with_new(&mut reasons, more);
                    }
                }
            }
            refused(facts, reasons)
        }
    }
}

/// Whether all reasons lie in the drive itself: nothing uses it, and it is the one that was meant.
fn only_the_drive(reasons: &[Reason]) -> bool {
    reasons.iter().all(|reason| matches!(reason.class, ReasonClass::Capability | ReasonClass::Medium))
}

fn extend_with_new(reasons: &mut Vec<Reason>, more: Vec<Reason>) {
    for reason in more {
        if !reasons.iter().any(|held| held.code == reason.code && held.text == reason.text) {
            reasons.push(reason);
        }
    }
}

fn dead(order: &Order, facts: DriveFacts, reasons: Vec<Reason>) -> Prepared {
    let given = order.given.clone();
    Prepared::Dead(Box::new(Dead { job: new_job_name(), facts, reasons, given }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::decide::tests::drive;
    use crate::unit::term::DriveKind;

    /// The kernel's tree is empty here: what is known of units is in the facts.
    #[test]
    fn two_units_of_one_drive_are_told_and_strangers_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = SysRoot::fixture(folder.path());
        let unit = |name: &str, others: &[&str]| {
            let mut facts = drive(DriveKind::Flash);
            facts.kernel_name = name.to_owned();
            facts.node = format!("/dev/{name}").into();
            facts.other_units = others.iter().map(|name| (*name).to_owned()).collect();
            facts
        };
        let one_knows = [unit("nvme0n1", &["nvme0n2"]), unit("nvme0n2", &[])];
        let reason = units_of_one(&root, &one_knows).unwrap();
        assert_eq!(reason.code, ReasonCode::DuplicateIdentity);
        assert!(
            reason.text.starts_with("/dev/nvme0n1 and /dev/nvme0n2 are units of one drive"),
            "{reason:?}"
        );
        assert!(units_of_one(&root, &[unit("nvme0n2", &[]), unit("nvme0n1", &["nvme0n2"])]).is_some());
        assert_eq!(units_of_one(&root, &[unit("nvme0n1", &["nvme0n2"]), unit("nvme1n1", &[])]), None);
    }
}
