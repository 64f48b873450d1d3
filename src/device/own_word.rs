//! Whether a drive whose blocks only commands reach still tells the capacity and the block size that it was claimed with:
//! the kernel sees neither, so nobody else would notice that they have changed.
use std::os::fd::BorrowedFd;

use super::format::HeldBack;
use crate::io::{CommandDisk, ScsiDevice, ScsiPort};
use crate::unit::{Geometry, Reason, ReasonCode};

/// What the drive says of its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnWord {
    Same,
    Another,
}

/// Asks the drive behind a node.
pub(super) fn of_node(
    node: BorrowedFd<'_>,
    claimed: &Geometry,
    held_back: Option<HeldBack>,
) -> Result<OwnWord, String> {
    let node = node.try_clone_to_owned().map_err(|error| error.to_string())?;
    of(ScsiDevice::new(node), claimed, held_back)
}

fn of(port: impl ScsiPort, claimed: &Geometry, held_back: Option<HeldBack>) -> Result<OwnWord, String> {
    match CommandDisk::new(port, *claimed, claimed.block_size.bytes()).has_its_shape() {
        Ok(true) => Ok(OwnWord::Same),
        Ok(false) => Ok(OwnWord::Another),
        // At work on itself, or shut since that failed, as it was when it was claimed: it tells nothing of itself.
        Err(_) if held_back == Some(HeldBack::ByDrive) => Ok(OwnWord::Same),
        Err(fault) => Err(fault.to_string()),
    }
}

/// It says nothing.
pub(super) fn silent(title: &str, text: &str) -> Reason {
    Reason::new(
        ReasonCode::NotAnswering,
        format!("{title} does not tell its capacity any more: {text}"),
        "see the kernel's log for the drive's state; cycle its power, then look again: expunge list",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::io::{Data, ScsiAnswer};
    use crate::unit::{BlockCount, BlockSize};

    /// Answers READ CAPACITY(16) with these bytes (SBC: last address, bytes of a block), or that it is not ready.
    struct Unit(Option<(u64, u32)>);

    impl ScsiPort for Unit {
        fn execute(&mut self, block: &[u8], data: Data<'_>, _timeout: Duration) -> ScsiAnswer {
            assert_eq!(block[..2], [0x9e, 0x10]);
            let (Some((last, bytes)), Data::FromDrive(out)) = (self.0, data) else {
                // Sanitize in progress.
                let sense = vec![0x72, 0x02, 0x04, 0x1b, 0, 0, 0, 0];
                return ScsiAnswer::Answered { status: 2, sense, moved: 0 };
            };
            out[..8].copy_from_slice(&last.to_be_bytes());
            out[8..12].copy_from_slice(&bytes.to_be_bytes());
            ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved: 32 }
        }
    }

    #[test]
    fn a_drive_is_the_same_only_with_the_same_number_of_the_same_blocks() {
        let size = BlockSize::new(520).unwrap();
        let claimed = Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(1000) };
        let asked = |told, held_back| of(Unit(told), &claimed, held_back);
        for held_back in [None, Some(HeldBack::ByDrive), Some(HeldBack::ByKernel)] {
            assert_eq!(asked(Some((999, 520)), held_back), Ok(OwnWord::Same));
            for told in [(998, 520), (1000, 520), (1999, 520), (999, 512), (999, 528)] {
                assert_eq!(asked(Some(told), held_back), Ok(OwnWord::Another), "{told:?}");
            }
        }
        assert!(asked(None, None).is_err());
        assert!(asked(None, Some(HeldBack::ByKernel)).is_err());
        assert_eq!(asked(None, Some(HeldBack::ByDrive)), Ok(OwnWord::Same));
    }
}
