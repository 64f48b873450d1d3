//! A journal whose lines are whole and say anything: what is told of it can be gone on with or not, and nothing of
//! it is out of bounds.
#![no_main]
use expunge::job::replay::replay;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if let Ok(story) = replay(&lines) {
        let resumable = story.resumable().is_ok();
        let capacity = story.plan.as_ref().map_or(0, |plan| plan.geometry.capacity.0);
        assert!(story.course.written.last().is_none_or(|last| last.0 < capacity));
        assert!(!resumable || story.plan.is_some());
        assert!(story.course.passes.len() <= story.patterns.len());
    }
});
