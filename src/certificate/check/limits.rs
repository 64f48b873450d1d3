//! Which limits a record must state, derived again from the drive, the plan and what the drive said: not by the code
//! that makes plans.
use super::growth::leaves_growth_open;
use crate::certificate::record::{FirmwareRecord, Record};
use crate::device::capability::{Health, Interface, Support};
use crate::plan::firmware::{CanaryKind, FirmwarePlan, Scope};
use crate::plan::{LimitCode, PassPattern, Plan, VerificationPlan};
use crate::unit::term::{Basis, DriveKind, Technique};
use crate::unit::zone::{ZoneAccess, ZoneMap, ZoneRun};
use crate::verify::StepTally;
use crate::verify::canaries::{Canaries, demand};

/// Which limits follow from the drive, the plan and what was done.
pub(super) fn due_limits(record: &Record, plan: &Plan) -> Vec<LimitCode> {
    let mut due = of_the_medium(record, plan);
    match &plan.verification {
        VerificationPlan::SampledR1 { .. } | VerificationPlan::Sampled { .. } => {
            due.push(LimitCode::SampledVerification);
        }
        VerificationPlan::Canaries => due.push(LimitCode::CanariesOnly),
        VerificationPlan::None => due.push(LimitCode::NotVerified),
        VerificationPlan::Full { .. } => {}
    }
    match plan.passes.last().map(|pass| &pass.pattern) {
        Some(PassPattern::Fixed { .. } | PassPattern::JobByte { .. }) => {
            due.push(LimitCode::FixedPatternNotAddressed);
        }
        Some(PassPattern::Keyed | PassPattern::Stamped { .. }) | None => {}
    }
    match plan.policy.basis {
        Basis::Memory | Basis::SecondHand => due.push(LimitCode::MappingNotChecked),
        Basis::TextRead => {}
    }
    if plan.scheme.is_some() {
        due.push(LimitCode::SchemeIsNoLevel);
    }
    let commands = plan.firmware.as_ref().filter(|firmware| !firmware.steps.is_empty());
    let whole = commands.is_some_and(|firmware| firmware.reach.scope == Scope::Drive);
    if !record.drive.other_units.is_empty() && !whole {
        due.push(LimitCode::OtherUnitsNotCovered);
    }
    if record.drive.identity_before.bridged {
        due.push(LimitCode::BridgedIdentity);
    }
    due.extend(commands.into_iter().flat_map(|firmware| of_commands(plan, firmware)));
    due.extend(plan.zones.iter().flat_map(of_zones));
    if let Some(done) = &record.firmware {
        let steps: Vec<StepTally> = done.steps.iter().map(|step| step.tally.clone()).collect();
        due.extend(told_little(plan, &steps).then_some(LimitCode::FewFingerprints));
    }
    if let Some(told) = &record.firmware
        && let (Some(before), Some(after)) = (&told.before, &told.after)
        && has_worsened(&before.health, &after.health)
    {
        due.push(LimitCode::SectorsGivenUp);
    }
    let looks = [|told: &FirmwareRecord| told.before.clone(), |told: &FirmwareRecord| told.after.clone()];
    let [before, after] = looks.map(|look| record.firmware.as_ref().and_then(look).map(|told| told.health));
    let open = leaves_growth_open(plan, record.outcome, before.as_ref(), after.as_ref());
    due.extend(open.then_some(LimitCode::DefectsNotCounted));
    due
}

/// What of its zones a drive cannot write, or has no cells for.
fn of_zones(zones: &ZoneMap) -> Vec<LimitCode> {
    let shut = |run: &ZoneRun| run.access != ZoneAccess::Writable;
    let short = |run: &ZoneRun| run.capacity < run.length;
    let told = [
        (LimitCode::ZonesNotReached, zones.runs().iter().any(shut)),
        (LimitCode::AddressesWithoutCells, zones.runs().iter().any(short)),
    ];
    told.into_iter().filter(|(_, due)| *due).map(|(code, _)| code).collect()
}

/// Whether a command was sent of which too few existing blocks could tell anything by their fingerprints.
pub fn told_little(plan: &Plan, steps: &[StepTally]) -> bool {
    let demand = demand(plan);
    let canaries =
        steps.iter().filter(|step| step.report.is_some()).filter_map(|step| step.canaries.as_ref());
    let few = |known: &Canaries| {
        !known.are_enough(&demand) || known.others.iter().any(|unit| !unit.are_enough(&demand))
    };
    demand.kind == CanaryKind::Fingerprints && canaries.into_iter().any(few)
}

/// Whether sectors were remapped, or began to wait for it, between two looks.
pub fn has_worsened(before: &Health, after: &Health) -> bool {
    let grew = |count: fn(&Health) -> Option<u64>| {
        count(before).zip(count(after)).is_some_and(|(before, after)| after > before)
    };
    grew(|health| health.reallocated) || grew(|health| health.pending)
}

fn of_the_medium(record: &Record, plan: &Plan) -> Vec<LimitCode> {
    let mut due = Vec::new();
    match plan.kind {
        DriveKind::LogicalVolume => return vec![LimitCode::LogicalVolume],
        DriveKind::TestObject => return vec![LimitCode::TestObject],
        DriveKind::Rotating => {
            // An overwrite, or an erase that is one, misses what was remapped.
            if matches!(plan.technique, Technique::Overwrite | Technique::SecurityErase) {
                due.push(LimitCode::RemappedBlocksNotReached);
            }
        }
        DriveKind::Flash | DriveKind::Unknown => {
            if plan.technique == Technique::Overwrite {
                due.push(LimitCode::FlashCellsNotReached);
            }
        }
    }
    let restored = plan.firmware.as_ref().is_some_and(|firmware| firmware.restore.is_some());
    let told = record.firmware.as_ref().and_then(|told| told.before.as_deref());
    if told.is_some_and(|told| hides(&told.interface)) && !restored {
        due.push(LimitCode::HiddenAreasLeft);
    }
    if !told.is_some_and(|told| tells_all(&told.interface)) {
        due.push(LimitCode::HiddenAreasNotExamined);
    }
    due
}

/// Whether a drive told of blocks that it does not present.
fn hides(interface: &Interface) -> bool {
    match interface {
        Interface::Nvme(_) | Interface::Scsi(_) => false,
        Interface::Ata(facts) => {
            facts.areas.native.max(facts.areas.factory).is_some_and(|most| most > facts.areas.presented)
        }
    }
}

/// Whether a drive told all that it would have to tell if it hid blocks.
fn tells_all(interface: &Interface) -> bool {
    let areas = match interface {
        // A namespace has no blocks that it does not present.
        Interface::Nvme(_) => return true,
        Interface::Scsi(_) => return false,
        Interface::Ata(facts) => &facts.areas,
    };
    let no_means = areas.hpa == Support::No && areas.ama == Support::No;
    (areas.native.is_some() || no_means) && (areas.factory.is_some() || areas.dco == Support::No)
}

fn of_commands(plan: &Plan, firmware: &FirmwarePlan) -> Vec<LimitCode> {
    // Whatever the drive did inside cannot be seen from outside.
    let mut due = vec![LimitCode::DriveTrusted];
    if !firmware.reach.not_reached.is_empty() {
        due.push(LimitCode::AreasNotReached);
    }
    // Without canaries only the unit that was named is compared with anything.
    let alone = firmware.canaries == 0 && firmware.reach.units.len() > 1;
    if !firmware.reach.unproven.is_empty() || alone {
        due.push(LimitCode::UnitWithoutEvidence);
    }
    match plan.technique {
        Technique::SecurityErase
        | Technique::SecurityEraseEnhanced
        | Technique::Format
        | Technique::FormatCrypto => due.push(LimitCode::CommandMeaning),
        Technique::Overwrite
        | Technique::BlockErase
        | Technique::CryptoErase
        | Technique::SanitizeOverwrite
        | Technique::OpalRevert => {}
    }
    if firmware.crypto_basis.is_some() {
        due.push(LimitCode::CryptographicBasis);
    }
    due
}
