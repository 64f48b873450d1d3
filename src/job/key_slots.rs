//! Overwrites where the keys of software encryption lie before anything else is done, and has it flushed and read. Defence in
//! depth: if the job never comes to its end, the data that they opened is lost all the same. Nothing is claimed for it, and
//! nothing hangs on how well it went.
use super::carry_out::{Broken, Talk};
use super::commanding::random;
use super::course::{Course, Run};
use super::ending::lost;
use super::entry::Entry;
use crate::certificate::record::KeySlots;
use crate::plan::{Plan, Rules, keys};
use crate::unit::{Pattern, PatternKey, RangeSet};
use crate::verify::Ending;
use crate::worker::{Order, Repair};

/// The blocks that are still to be overwritten: none where that is done, or where anything else was begun.
pub(super) fn still_there(plan: &Plan, course: &Course) -> RangeSet {
    let begun = course.begun.as_ref().is_some_and(|begun| begun.sent.is_some());
    let untouched =
        course.steps.is_empty() && course.passes.is_empty() && course.written.is_empty() && !begun;
    if course.key_slots.is_some() || !untouched { RangeSet::new() } else { keys::key_slots(plan) }
}

impl Talk<'_> {
    /// Overwrites these blocks with a stream whose key is used for nothing else.
    pub(super) fn key_slots(&mut self, blocks: RangeSet, run: &mut Run) -> Result<(), Broken> {
        if blocks.is_empty() {
            return Ok(());
        }
        let mut key = [0; 32];
        random(&mut key)?;
        let pattern = Pattern::Keyed { key: PatternKey(key) };
        let started = self.now();
        self.keep(&Entry::OverwritingKeySlots {
            at: started,
            pattern: pattern.clone(),
            blocks: blocks.clone(),
        })?;
        let mut terms = self.terms();
        terms.rules = Rules { repair_blocks: terms.rules.repair_blocks.max(blocks.count().0), ..terms.rules };
        self.order(&Order::Repair(Repair { terms, pattern, wrong: blocks.clone() }))?;
        let tally = self.repaired()?;
        let mut overwritten = tally.right_again;
        overwritten.extend(&tally.repaired);
        let mut foreign = overwritten.clone();
        foreign.subtract(&blocks);
        if !foreign.is_empty() {
            return Err(Broken(lost("the worker process wrote other blocks than it was told to".into())));
        }
        let ended = self.now();
        self.keep(&Entry::KeySlotsOverwritten { at: ended, overwritten: overwritten.clone() })?;
        run.key_slots = Some(KeySlots { blocks, overwritten, started, ended });
        if self.stop_was_asked() { Err(Broken(Ending::Stopped)) } else { Ok(()) }
    }
}
