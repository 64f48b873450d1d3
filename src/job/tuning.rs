//! How a drive is driven, by its queue's limits.
use crate::device::{QueueLimits, Reach};
use crate::io::by_command::TRANSFER_BYTES_MAX;
use crate::io::{Adapter, Tuning};
use crate::unit::BlockSize;

/// Bytes of one transfer when the queue does not say otherwise: large enough that the cost of a command does not
/// show, small enough that several are in flight in little memory (`docs/performance.md` has the measurements).
const TRANSFER_BYTES: u32 = 1 << 20;

/// Bytes of all transfers in flight together: keeps a worker's memory under 32 MiB.
const IN_FLIGHT_BYTES: u32 = 8 << 20;

/// What the user set; the rest follows from the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Transfers in flight.
    pub depth: Option<u16>,
    /// Bytes of one transfer.
    pub transfer_bytes: Option<u32>,
    /// How transfers reach the drive.
    pub adapter: Option<Adapter>,
}

/// The tuning for one drive.
pub fn tuning(wish: Wish, reach: &Reach, queue: &QueueLimits, block: BlockSize) -> Tuning {
    match reach {
        // There is one way to such blocks, whatever was wished.
        Reach::ByCommand(_) => {
            let transfer_bytes = wish.transfer_bytes.unwrap_or(TRANSFER_BYTES_MAX).min(TRANSFER_BYTES_MAX);
            let transfer_bytes = (transfer_bytes / block.bytes()).max(1) * block.bytes();
            Tuning { depth: 1, transfer_bytes, adapter: Some(Adapter::ScsiCommands) }
        }
        Reach::Addressable(_) | Reach::Dead(_) => by_queue(wish, queue, block),
    }
}

fn by_queue(wish: Wish, queue: &QueueLimits, block: BlockSize) -> Tuning {
    let transfer_bytes = wish.transfer_bytes.unwrap_or_else(|| preferred_transfer(queue));
    // A transfer is whole blocks, at least one.
    let transfer_bytes = (transfer_bytes / block.bytes()).max(1) * block.bytes();
    let depth = wish.depth.unwrap_or_else(|| {
        let depth = (IN_FLIGHT_BYTES / transfer_bytes).clamp(2, 32);
        u16::try_from(depth).unwrap_or(32)
    });
    Tuning { depth, transfer_bytes, adapter: wish.adapter }
}

/// Whole multiples of the drive's optimal transfer (a RAID stripe, say), near the default.
fn preferred_transfer(queue: &QueueLimits) -> u32 {
    let optimal = u32::try_from(queue.optimal_transfer_bytes).unwrap_or(0);
    if optimal == 0 || optimal > 4 * TRANSFER_BYTES || !optimal.is_multiple_of(512) {
        return TRANSFER_BYTES;
    }
    (TRANSFER_BYTES / optimal).max(1) * optimal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::{BlockCount, Geometry};

    #[test]
    fn transfers_are_whole_blocks_and_stripes_within_the_memory() {
        let block = BlockSize::new(4096).unwrap();
        let plain = by_queue(Wish::default(), &QueueLimits::default(), block);
        assert_eq!((plain.transfer_bytes, plain.depth), (1 << 20, 8));
        let stripe = QueueLimits { optimal_transfer_bytes: 196_608, ..QueueLimits::default() };
        assert_eq!(by_queue(Wish::default(), &stripe, block).transfer_bytes, 5 * 196_608);
        let wish = Wish { depth: Some(3), transfer_bytes: Some(70_000), adapter: None };
        let small = by_queue(wish, &QueueLimits::default(), block);
        assert_eq!((small.transfer_bytes, small.depth), (17 * 4096, 3));
        let odd = QueueLimits { optimal_transfer_bytes: 33_553_920, ..QueueLimits::default() };
        assert_eq!(by_queue(Wish::default(), &odd, block).transfer_bytes, 1 << 20, "USB bridges say 32 MiB");
    }

    /// Blocks of 520 bytes: 252 of them fill 131,040 bytes of 131,072.
    #[test]
    fn blocks_that_only_commands_reach_go_one_transfer_at_a_time() {
        let block = BlockSize::new(520).unwrap();
        let geometry = Geometry { block_size: block, physical_block_size: block, capacity: BlockCount(1000) };
        let reach = Reach::ByCommand(geometry);
        let wish = Wish { depth: Some(8), transfer_bytes: Some(1 << 20), adapter: Some(Adapter::IoUring) };
        let told = tuning(wish, &reach, &QueueLimits::default(), block);
        assert_eq!(told, Tuning { depth: 1, transfer_bytes: 131_040, adapter: Some(Adapter::ScsiCommands) });
        let small = Wish { transfer_bytes: Some(100), ..wish };
        assert_eq!(tuning(small, &reach, &QueueLimits::default(), block).transfer_bytes, 520);
    }
}
