//! Writes down what goes over a way while a drive is asked.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Answer, Asked, Received};
use crate::io::channel::NVME_ENTRY_BYTES;
use crate::io::{Channel, Data, NvmeAnswer, NvmePort, Route, ScsiAnswer, ScsiPort};
use crate::sys::opal::OpalStatus;
use crate::unit::digest::to_hex;

/// Holds what was written down.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<Asked>>>);

impl Recorder {
    /// What was written down so far.
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, asked: Asked) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }
}

/// The same way, with a recorder beside it.
pub fn recording(route: Route) -> (Route, Recorder) {
    let recorder = Recorder::default();
    let beside = recorder.clone();
    let channel = match route.channel {
        Channel::Nvme(port) => Channel::Nvme(Box::new(Recording { port, recorder: beside })),
        Channel::Scsi(port) => Channel::Scsi(Box::new(Recording { port, recorder: beside })),
    };
    (Route { channel, nsid: route.nsid }, recorder)
}

struct Recording<P> {
    port: P,
    recorder: Recorder,
}

impl<P> Recording<P> {
    fn keep(&self, command: &[u8], answer: Answer, received: Option<&[u8]>) {
        let received = received.map(Received::of);
        self.recorder.write(Asked { command: to_hex(command), answer, received });
    }
}

impl NvmePort for Recording<Box<dyn NvmePort>> {
    fn admin(&mut self, entry: &[u8; NVME_ENTRY_BYTES], data: Data<'_>, timeout: Duration) -> NvmeAnswer {
        match data {
            Data::FromDrive(buffer) => {
                let answer = self.port.admin(entry, Data::FromDrive(buffer), timeout);
                let came = matches!(answer, NvmeAnswer::Completed { .. });
                self.keep(entry, Answer::Nvme(answer), came.then_some(buffer));
                answer
            }
            Data::None | Data::ToDrive(_) => {
                let answer = self.port.admin(entry, data, timeout);
                self.keep(entry, Answer::Nvme(answer), None);
                answer
            }
        }
    }

    // It is the kernel's word and nothing that was asked of the drive: a capture does not hold it.
    fn kernel_opal(&self) -> Option<OpalStatus> {
        self.port.kernel_opal()
    }
}

impl ScsiPort for Recording<Box<dyn ScsiPort>> {
    fn execute(&mut self, block: &[u8], data: Data<'_>, timeout: Duration) -> ScsiAnswer {
        match data {
            Data::FromDrive(buffer) => {
                let answer = self.port.execute(block, Data::FromDrive(buffer), timeout);
                let moved = match &answer {
                    ScsiAnswer::Answered { moved, .. } => usize::try_from(*moved).unwrap_or(usize::MAX),
                    ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => 0,
                };
                let came = buffer.get(..moved.min(buffer.len())).filter(|came| !came.is_empty());
                self.keep(block, Answer::Scsi(answer.clone()), came);
                answer
            }
            Data::None | Data::ToDrive(_) => {
                let answer = self.port.execute(block, data, timeout);
                self.keep(block, Answer::Scsi(answer.clone()), None);
                answer
            }
        }
    }

    fn kernel_opal(&self) -> Option<OpalStatus> {
        self.port.kernel_opal()
    }
}
