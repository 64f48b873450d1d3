//! Draws what a plan leaves open: a key for each keyed pass, a tag for each stamped one, and the job's bytes.
use std::collections::BTreeMap;

use crate::plan::{PassPattern, Plan};
use crate::unit::{Pattern, PatternKey, StampTag};

/// The bytes of every pass of a plan. Keys and tags are fresh for each drive and pass; a job byte is drawn once for
/// each slot.
///
/// # Errors
/// When the kernel gives no random numbers.
pub fn draw_patterns(plan: &Plan) -> Result<Vec<Pattern>, getrandom::Error> {
    let mut job_bytes = BTreeMap::new();
    plan.passes
        .iter()
        .map(|pass| match &pass.pattern {
            PassPattern::Fixed { bytes } => Ok(Pattern::Fixed { bytes: bytes.clone() }),
            PassPattern::Keyed => {
                let mut key = [0; 32];
                getrandom::fill(&mut key)?;
                Ok(Pattern::Keyed { key: PatternKey(key) })
            }
            PassPattern::Stamped { bytes } => {
                let mut tag = [0; 8];
                getrandom::fill(&mut tag)?;
                Ok(Pattern::Stamped { bytes: bytes.clone(), tag: StampTag(tag) })
            }
            PassPattern::JobByte { slot, complement } => {
                let byte = match job_bytes.get(slot) {
                    Some(byte) => *byte,
                    None => {
                        let mut drawn = [0];
                        getrandom::fill(&mut drawn)?;
                        job_bytes.insert(*slot, drawn[0]);
                        drawn[0]
                    }
                };
                Ok(Pattern::byte(if *complement { !byte } else { byte }))
            }
        })
        .collect()
}
