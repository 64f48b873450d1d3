//! Against the simulated controller, which reads the bytes by its own code and knows what is in its cells.
use std::time::Duration;

use super::super::{CommandReport, Conclusion, News, Proof, Start, Watch};
use super::{NvmeCommand, before, exit_media_verification, is_in_media_verification, run};
use crate::command::nvme::{
    Allocation, Format, FormatScope, MediaVerification, MetadataSetting, PurgeRequest, Sanitize,
    SanitizeAction, SecureErase,
};
use crate::command::{AfterFailure, DriveOverwrite, Invert};
use crate::sim::controller::quirk::{FailureMode, Quirk, Stale};
use crate::sim::controller::{NvmeSim, NvmeSpec, Shape};
use crate::unit::ReasonCode;

/// Time that passes for the drive when the engine rests.
struct Virtual(NvmeSim);

impl Watch for Virtual {
    fn now(&mut self) -> Duration {
        Duration::from_millis(self.0.clock().elapsed_ms())
    }

    fn rest(&mut self, time: Duration) {
        self.0.pass_time(time);
    }

    fn should_stop(&mut self) -> bool {
        false
    }

    fn tell(&mut self, _: &News) {}
}

const BLOCK: Sanitize = Sanitize {
    action: SanitizeAction::BlockErase,
    after_failure: AfterFailure::Restricted,
    allocation: Allocation::MayDeallocate,
    media_verification: MediaVerification::NotAsked,
    purge: PurgeRequest::NotAsked,
};

fn drive(quirks: &[Quirk]) -> NvmeSim {
    NvmeSim::new(NvmeSpec::new(Shape { quirks: quirks.to_vec(), ..Shape::small(512, 64).used() }))
}

fn carry_out(sim: &NvmeSim, command: NvmeCommand) -> CommandReport {
    let (mut port, mut watch) = (sim.port(), Virtual(sim.clone()));
    let before = before(&mut port, &command, &mut watch).expect("it can be looked at");
    run(&mut port, &command, Start::Send, &before, &mut watch)
}

fn is_clean(sim: &NvmeSim) -> bool {
    let residue = sim.oracle().residue();
    residue.addressable.is_empty() && residue.unaddressable_cells == 0
}

#[test]
fn each_action_on_an_honest_drive_is_confirmed_and_leaves_nothing() {
    let overwrite = DriveOverwrite { pattern: [0; 4], passes: 2, invert: Invert::BetweenPasses };
    for action in
        [SanitizeAction::BlockErase, SanitizeAction::Overwrite(overwrite), SanitizeAction::CryptoErase]
    {
        let sim = drive(&[]);
        assert!(!is_clean(&sim));
        let report = carry_out(&sim, NvmeCommand::Sanitize(Sanitize { action, ..BLOCK }));
        assert_eq!(report.conclusion, Conclusion::Confirmed, "{report:?}");
        let all = [Proof::InProgressSeen, Proof::GlobalDataErasedSetAnew, Proof::PersistentEvent];
        assert_eq!((report.proof.as_slice(), report.notes.as_slice()), (&all[..], &[][..]), "{action:?}");
        assert!(is_clean(&sim));
    }
}

/// What is confirmed or claimed is what the drive says; that it lies is for the canaries to find.
#[test]
fn what_each_quirk_comes_to() {
    let confirmed = |report: &CommandReport| report.conclusion == Conclusion::Confirmed;
    for quirk in [
        Quirk::ProgressFreezes { at: 655 },
        Quirk::ProgressStepsBack { at: 30_000 },
        Quirk::ProgressFullWhileRunning,
        Quirk::NeverShown,
        Quirk::NeverGlobalErased,
        Quirk::GlobalErasedBefore,
        Quirk::StaleEnd { end: Stale::Success },
        Quirk::StaleEnd { end: Stale::Failure(FailureMode::Restricted) },
        Quirk::SlowAdmin { millis: 300_000 },
    ] {
        let sim = drive(&[quirk]);
        let report = carry_out(&sim, NvmeCommand::Sanitize(BLOCK));
        assert!(confirmed(&report) && is_clean(&sim), "{quirk:?}: {report:?}");
    }
    let report = carry_out(&drive(&[Quirk::NeverEnds { at: 655 }]), NvmeCommand::Sanitize(BLOCK));
    assert!(matches!(report.conclusion, Conclusion::Unknown { .. }), "{report:?}");
    let report = carry_out(&drive(&[Quirk::Fails { at: 9, times: 1 }]), NvmeCommand::Sanitize(BLOCK));
    assert!(matches!(report.conclusion, Conclusion::Failed { .. }), "{report:?}");
    for quirk in
        [Quirk::FirmwarePending, Quirk::WriteProtected, Quirk::MemoryRegionEnabled, Quirk::LockedUnknown]
    {
        let sim = drive(&[quirk]);
        let report = carry_out(&sim, NvmeCommand::Sanitize(BLOCK));
        assert!(matches!(report.conclusion, Conclusion::NotStarted { .. }), "{quirk:?}: {report:?}");
        assert!(sim.oracle().deeds().is_empty());
    }
}

#[test]
fn a_foreign_sanitize_is_not_ours() {
    let sim = drive(&[Quirk::ForeignRunning]);
    let reason =
        before(&mut sim.port(), &NvmeCommand::Sanitize(BLOCK), &mut Virtual(sim.clone())).unwrap_err();
    assert_eq!(reason.code, ReasonCode::FirmwareBusy);
}

/// The power fails in the middle; the drive goes on, and so does a job that was told to follow.
#[test]
fn a_sanitize_is_followed_over_a_loss_of_power() {
    let sim = drive(&[]);
    let (mut port, mut watch) = (sim.port(), Virtual(sim.clone()));
    let command = NvmeCommand::Sanitize(BLOCK);
    let before = before(&mut port, &command, &mut watch).unwrap();
    let mut stopped = port;
    let entry = BLOCK.entry().unwrap();
    let none = crate::io::Data::None;
    crate::io::NvmePort::admin(&mut stopped, &entry, none, Duration::from_mins(1));
    sim.pass_time(Duration::from_secs(30));
    sim.power_cut();
    sim.power_on();
    let report = run(&mut sim.port(), &command, Start::FollowAccepted, &before, &mut watch);
    assert_eq!(report.conclusion, Conclusion::Confirmed, "{report:?}");
    assert!(report.proof.contains(&Proof::InProgressSeen) && is_clean(&sim));
    let sanitizes = sim.oracle().asked().iter().filter(|asked| asked.command.first() == Some(&0x84)).count();
    assert_eq!(sanitizes, 1, "it was not sent again");
}

#[test]
fn a_node_that_leaves_is_unknown() {
    let sim = drive(&[Quirk::NodeDrops { at: 20_000, back_ms: 600_000 }]);
    let report = carry_out(&sim, NvmeCommand::Sanitize(BLOCK));
    assert!(matches!(report.conclusion, Conclusion::Unknown { .. }), "{report:?}");
}

#[test]
fn media_verification_is_entered_and_left() {
    let shape = Shape::small(512, 64).used();
    let sim = NvmeSim::new(NvmeSpec { sanicap: 0x4000_000F, ..NvmeSpec::new(shape) });
    let verified = Sanitize { media_verification: MediaVerification::Asked, ..BLOCK };
    let report = carry_out(&sim, NvmeCommand::Sanitize(verified));
    assert!(report.conclusion == Conclusion::Confirmed && is_in_media_verification(&report), "{report:?}");
    let report = exit_media_verification(&mut sim.port(), &mut Virtual(sim.clone()));
    assert_eq!(report.conclusion, Conclusion::Confirmed, "{report:?}");
}

#[test]
fn a_format_is_confirmed_and_keeps_the_format() {
    for erase in [SecureErase::UserData, SecureErase::Cryptographic] {
        let sim = drive(&[]);
        let format = Format {
            erase,
            namespace: FormatScope::One { nsid: 1 },
            // The model's namespaces of 512-byte blocks have format 1.
            lba_format: 1,
            metadata: MetadataSetting::Separate,
            protection: 0,
            protection_place: 0,
        };
        let report = carry_out(&sim, NvmeCommand::Format(format));
        assert_eq!(
            (&report.conclusion, &report.proof[..]),
            (&Conclusion::Confirmed, &[Proof::AnsweredWhenFinished][..])
        );
    }
}
