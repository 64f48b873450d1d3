//! Has the drive present all of its capacity before anything is planted or written. What is about to change is in the journal
//! before it is told to the drive.
//!
//! ```text
//! Restoring ─▶ Restored ─▶ all of it, and the kernel sees it: the job goes on
//!      │           └──▶ a power cycle is needed: the job ends, and goes on here when it is resumed
//!      └ after an interruption: the numbers are read anew, and what is still hidden is restored
//! ```
use super::carry_out::{Broken, Talk};
use super::course::{RestoreRun, Run};
use super::ending::lost;
use super::entry::Entry;
use super::listen::Happening;
use crate::engine::firmware::areas::Restored;
use crate::plan::Plan;
use crate::plan::firmware::Restore as Wanted;
use crate::unit::{BlockCount, Reason, ReasonCode};
use crate::verify::Ending;
use crate::worker::message::Restore;
use crate::worker::{Event, Order};

impl Talk<'_> {
    /// Restores the capacity that the plan wants, unless an earlier sitting has.
    pub(super) fn restore(&mut self, plan: &Plan, run: &mut Run) -> Result<(), Broken> {
        let Some(wanted) = plan.firmware.as_ref().and_then(|firmware| firmware.restore) else {
            return Ok(());
        };
        if run.restores.last().is_some_and(|last| last.is_whole(wanted.native)) {
            return Ok(());
        }
        let before = run.restores.last().map(|last| last.report.restored.clone());
        let started = self.now();
        self.keep(&Entry::Restoring { at: started, wanted })?;
        self.order(&Order::Restore(Restore { terms: self.terms() }))?;
        let (report, seen) = loop {
            match self.hear()? {
                Event::Restored { report, seen } => break (*report, seen),
                other => self.unexpected(other)?,
            }
        };
        let ended = self.now();
        self.keep(&Entry::Restored { at: ended, report: Box::new(report.clone()), seen })?;
        let done = RestoreRun { report, seen, started, ended };
        self.tell(&Happening::Restored { report: &done.report, wanted: &wanted });
        let result = settle(&done, before.as_ref(), wanted);
        run.restores.push(done);
        result?;
        if self.stop_was_asked() { Err(Broken(Ending::Stopped)) } else { Ok(()) }
    }
}

/// What a change came to for the job.
fn settle(done: &RestoreRun, before: Option<&Restored>, wanted: Wanted) -> Result<(), Broken> {
    if done.is_whole(wanted.native) {
        return Ok(());
    }
    match &done.report.restored {
        Restored::NothingHidden | Restored::Full { .. } => Err(Broken(not_as_planned(done, wanted))),
        Restored::PowerCycleNeeded { reason, .. } if before == Some(&done.report.restored) => {
            // Whether the power was cycled since cannot be told from here.
            let text = format!("again: {}", reason.text);
            Err(Broken(Ending::PowerCycle(Reason::new(
                reason.code,
                text,
                "if the power of the drive was cycled since, the firmware of this host freezes or locks it: attach it to \
                 another host or port and resume the job there, or begin a new job with --hidden-areas leave",
            ))))
        }
        Restored::PowerCycleNeeded { reason, .. } => Err(Broken(Ending::PowerCycle(Reason::new(
            reason.code,
            reason.text.clone(),
            "cycle the power of the drive (a restart of the host may not), then resume the job",
        )))),
        Restored::Refused { reason, .. } => Err(Broken(Ending::CommandNotStarted(Reason::new(
            reason.code,
            format!("the hidden capacity could not be restored: {}", reason.text),
            format!("{}; or begin a new job with --hidden-areas leave", reason.remedy),
        )))),
    }
}

/// The drive says that nothing is hidden, and drive, kernel and plan do not agree on the number of blocks.
fn not_as_planned(done: &RestoreRun, wanted: Wanted) -> Ending {
    let presents = done.report.presents().map(|capacity| BlockCount(capacity.get()));
    match (presents, done.seen) {
        (Some(presents), seen) if presents == wanted.native => {
            let seen = seen.map_or_else(|| "no size at all".to_owned(), |seen| format!("{seen} blocks"));
            Ending::PowerCycle(Reason::new(
                ReasonCode::HiddenArea,
                format!("the drive presents all of its {presents} blocks, and the kernel still sees {seen}"),
                "cycle the power of the drive, or detach it and attach it again, then resume the job",
            ))
        }
        (Some(presents), _) => Ending::Refused(Reason::new(
            ReasonCode::HiddenArea,
            format!("the drive presents {presents} blocks now, and the plan is for {}", wanted.native),
            "look at the drive again with expunge inspect, and begin a new job",
        )),
        (None, _) => lost("the drive was told to restore its capacity, and its answer is not quoted".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::time::UtcTime;
    use crate::command::ata::areas::Capacity;
    use crate::engine::firmware::Exchange;
    use crate::engine::firmware::areas::{Areas, RestoreReport};

    const WANTED: Wanted = Wanted { presented: BlockCount(3000), native: BlockCount(4000) };

    fn identify(sectors: u64) -> Exchange {
        let mut page = vec![0x40; 512];
        // Words 100 to 103; no checksum signature.
        page[200..208].copy_from_slice(&sectors.to_le_bytes());
        // Word 83 bit 10: addresses of 48 bits.
        page[166..168].copy_from_slice(&0x4400_u16.to_le_bytes());
        Exchange {
            name: "IDENTIFY DEVICE".into(),
            command: String::new(),
            sent: None,
            answer: String::new(),
            received: Some(crate::unit::digest::to_hex(&page)),
            at_millis: 0,
            times: 1,
        }
    }

    fn areas(presented: u64) -> Areas {
        let number = |blocks| Capacity::new(blocks).unwrap();
        Areas { presented: number(presented), native: Some(number(4000)), factory: None }
    }

    fn run(restored: Restored, quoted: u64, seen: Option<u64>) -> RestoreRun {
        let report = RestoreReport { restored, exchanges: vec![identify(quoted)] };
        let at: UtcTime = UtcTime::from_millis(0).unwrap();
        RestoreRun { report, seen: seen.map(BlockCount), started: at, ended: at }
    }

    fn full(presented: u64) -> Restored {
        Restored::Full { before: areas(3000), after: areas(presented) }
    }

    fn ending(done: &RestoreRun, before: Option<&Restored>) -> Option<Ending> {
        settle(done, before, WANTED).err().map(|Broken(ending)| ending)
    }

    #[test]
    fn only_what_drive_kernel_and_quoted_page_agree_on_goes_on() {
        assert_eq!(ending(&run(full(4000), 4000, Some(4000)), None), None);
        assert_eq!(ending(&run(Restored::NothingHidden, 4000, Some(4000)), None), None);
        let late = ending(&run(full(4000), 4000, Some(3000)), None);
        assert!(
            matches!(&late, Some(Ending::PowerCycle(reason)) if reason.text.contains("3000")),
            "{late:?}"
        );
        assert!(matches!(ending(&run(full(4000), 4000, None), None), Some(Ending::PowerCycle(_))));
        // The words say all of it, the quoted page something else.
        assert!(matches!(ending(&run(full(4000), 3000, Some(4000)), None), Some(Ending::Refused(_))));
        let other = run(Restored::NothingHidden, 3500, Some(3500));
        assert!(matches!(ending(&other, None), Some(Ending::Refused(_))));
    }

    #[test]
    fn the_same_refusal_once_more_says_what_else_can_be_done() {
        let reason = Reason::new(ReasonCode::HiddenArea, "locked", "cycle");
        let needed = Restored::PowerCycleNeeded { before: areas(3000), reason };
        let first = run(needed.clone(), 3000, None);
        let remedy = |before: Option<&Restored>| match ending(&first, before) {
            Some(Ending::PowerCycle(reason)) => reason.remedy,
            other => panic!("{other:?}"),
        };
        assert!(remedy(None).contains("resume the job") && !remedy(None).contains("leave"));
        assert!(remedy(Some(&needed)).contains("--hidden-areas leave"));
    }
}
