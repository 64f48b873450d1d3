//! A way that answers out of a capture.
use std::time::Duration;

use super::{Answer, Asked, Capture};
use crate::io::channel::NVME_ENTRY_BYTES;
use crate::io::{Channel, Data, NvmeAnswer, NvmePort, Route, ScsiAnswer, ScsiPort};
use crate::unit::digest::{from_hex, to_hex};

/// Answer to what a capture does not hold: invalid field in command (NVMe status type 0, code 02h).
const NVME_UNKNOWN: NvmeAnswer = NvmeAnswer::Status { field: 0x4002 };
/// The same of a logical unit: CHECK CONDITION, ILLEGAL REQUEST, invalid command operation code, in fixed format.
const SCSI_UNKNOWN: [u8; 18] = [0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0];

/// A way to the drive of a capture. Each question is answered as it was, the first time with the first answer to it,
/// and so on; the last one is repeated. A question that was not asked is answered as one that the drive does not know.
pub fn replay(capture: &Capture) -> Route {
    let is_nvme = capture.asked.iter().any(|asked| matches!(asked.answer, Answer::Nvme(_)));
    let port = Replaying { asked: capture.asked.clone(), used: vec![Use::Fresh; capture.asked.len()] };
    let channel = if is_nvme { Channel::Nvme(Box::new(port)) } else { Channel::Scsi(Box::new(port)) };
    Route { channel, nsid: capture.nsid }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Fresh,
    Given,
}

struct Replaying {
    asked: Vec<Asked>,
    used: Vec<Use>,
}

impl Replaying {
    fn find(&mut self, command: &[u8]) -> Option<&Asked> {
        let digits = to_hex(command);
        let same = |index: &usize| self.asked.get(*index).is_some_and(|asked| asked.command == digits);
        let all: Vec<usize> = (0..self.asked.len()).filter(same).collect();
        let fresh = all.iter().find(|index| self.used.get(**index) == Some(&Use::Fresh));
        let index = *fresh.or(all.last())?;
        if let Some(used) = self.used.get_mut(index) {
            *used = Use::Given;
        }
        self.asked.get(index)
    }
}

/// Fills the buffer with what was sent; how many bytes.
fn fill(asked: &Asked, data: Data<'_>) -> usize {
    let bytes = asked.received.as_ref().and_then(super::Received::bytes).unwrap_or_default();
    match data {
        Data::FromDrive(buffer) => {
            let length = bytes.len().min(buffer.len());
            for (to, from) in buffer.iter_mut().zip(bytes) {
                *to = from;
            }
            length
        }
        Data::None | Data::ToDrive(_) => 0,
    }
}

impl NvmePort for Replaying {
    fn admin(&mut self, entry: &[u8; NVME_ENTRY_BYTES], data: Data<'_>, _timeout: Duration) -> NvmeAnswer {
        let Some(asked) = self.find(entry) else { return NVME_UNKNOWN };
        match &asked.answer {
            Answer::Nvme(answer) => {
                let _length = fill(asked, data);
                *answer
            }
            Answer::Scsi(_) => NVME_UNKNOWN,
        }
    }
}

impl ScsiPort for Replaying {
    fn execute(&mut self, block: &[u8], data: Data<'_>, _timeout: Duration) -> ScsiAnswer {
        let unknown = || ScsiAnswer::Answered { status: 2, sense: SCSI_UNKNOWN.to_vec(), moved: 0 };
        let Some(asked) = self.find(block) else { return unknown() };
        match &asked.answer {
            Answer::Scsi(ScsiAnswer::Answered { status, sense, .. }) => {
                let (status, sense) = (*status, sense.clone());
                let moved = u32::try_from(fill(asked, data)).unwrap_or(u32::MAX);
                ScsiAnswer::Answered { status, sense, moved }
            }
            Answer::Scsi(answer @ (ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. })) => {
                answer.clone()
            }
            Answer::Nvme(_) => unknown(),
        }
    }
}

/// The bytes of a question; empty when they cannot be read.
pub(super) fn command(asked: &Asked) -> Vec<u8> {
    from_hex(&asked.command).unwrap_or_default()
}
