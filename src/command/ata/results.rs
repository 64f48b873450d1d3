//! The log in which a translation layer keeps the results of ATA commands (log page 16h): where fixed format sense has
//! no room for the upper registers, the whole of them stands there.
//!
//! SAT-3, from memory (openSeaChest asks for the page in the same way, and leaves its offsets open): byte 8 of the sense
//! has in its lower four bits the number of the result, from 1, and zero where it is not in the log; the parameter of that
//! number less one holds an ATA Status Return descriptor. It is believed only where it says the same as the sense in
//! everything that both say.
use super::sat::{Registers, Upper, abridged, status_return};
use crate::command::scsi::sense::ATA_DESCRIPTOR_BYTES;
use crate::command::scsi::told::log_parameter;
use crate::io::ScsiAnswer;

/// Log page: results of ATA PASS-THROUGH.
pub const LOG_RESULTS: u8 = 0x16;

/// Bytes for which the page is asked: fifteen results and their heads.
pub const ROOM: u16 = 512;

/// Result registers that came without their upper parts, and where the log has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abridged {
    registers: Registers,
    parameter: u8,
}

impl Abridged {
    /// What an answer left out, where it says that something is left out and that the log has it.
    pub fn of(answer: &ScsiAnswer) -> Option<Self> {
        let (registers, index) = abridged(answer)?;
        Some(Self { registers, parameter: index.checked_sub(1)? })
    }

    /// LOG SENSE (4Dh) of the current cumulative values, from that result on.
    pub const fn question(&self) -> [u8; 10] {
        let [high, low] = ROOM.to_be_bytes();
        [0x4d, 0, 0x40 | LOG_RESULTS, 0, 0, 0, self.parameter, high, low, 0]
    }

    /// All of the registers, from the page; `None` when it does not hold this result, or another one in its place.
    pub fn whole(&self, page: &[u8]) -> Option<Registers> {
        let data = log_parameter(page, LOG_RESULTS, u16::from(self.parameter)).ok()?;
        let descriptor = data.first_chunk::<ATA_DESCRIPTOR_BYTES>()?;
        // ATA Status Return, and the bytes that follow.
        if descriptor[..2] != [0x09, 0x0c] {
            return None;
        }
        let whole = status_return(descriptor);
        self.agrees(&whole).then_some(whole)
    }

    fn agrees(&self, whole: &Registers) -> bool {
        let told = &self.registers;
        let lower = |registers: &Registers| {
            (registers.error, registers.status, registers.device, registers.count_low, registers.lba_low)
        };
        lower(told) == lower(whole)
            && same(told.count_high, whole.count_high)
            && same(told.lba_high, whole.lba_high)
    }
}

/// Whether the upper part that came is one that was left out so.
fn same<T: PartialEq + Default>(left_out: Upper<T>, came: Upper<T>) -> bool {
    match (left_out, came) {
        (Upper::NonZero, Upper::Told(value)) => value != T::default(),
        (Upper::Told(left_out), Upper::Told(value)) => left_out == value,
        (Upper::NonZero | Upper::Told(_) | Upper::NotTold, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SANITIZE STATUS EXT of a drive that is done (COUNT 8000h, LBA FFFFh) as Linux writes it in fixed format, but
    /// with a log index, which Linux has not.
    fn sense(index: u8) -> ScsiAnswer {
        let mut sense = vec![0xf0, 0, 1, 0, 0x50, 0x40, 0, 10, 0xc0, 0xff, 0xff, 0, 0, 0x1d, 0, 0, 0, 0];
        sense[8] |= index;
        ScsiAnswer::Answered { status: 2, sense, moved: 0 }
    }

    /// Page 16h with one result: head, parameter 0002h with 14 bytes, descriptor.
    fn page(count: [u8; 2], lba_low: u8) -> Vec<u8> {
        let mut page = vec![0x16, 0, 0, 18, 0, 2, 0x03, 14, 0x09, 0x0c, 0x01, 0];
        page.extend([count[0], count[1], 0, lba_low, 0, 0xff, 0, 0, 0x40, 0x50]);
        page
    }

    #[test]
    fn what_the_sense_left_out_comes_from_the_log() {
        let abridged = Abridged::of(&sense(3)).unwrap();
        assert_eq!(abridged.question(), [0x4d, 0, 0x56, 0, 0, 0, 2, 2, 0, 0]);
        assert_eq!(abridged.whole(&page([0x80, 0], 0xff)).unwrap().count(), Some(0x8000));
    }

    #[test]
    fn another_result_and_another_page_are_not_believed() {
        let abridged = Abridged::of(&sense(3)).unwrap();
        for other in [page([0x80, 1], 0xff), page([0, 0], 0xff), page([0x80, 0], 0xfe)] {
            assert_eq!(abridged.whole(&other), None, "{other:02x?}");
        }
        assert_eq!(Abridged::of(&sense(2)).unwrap().whole(&page([0x80, 0], 0xff)), None, "no such parameter");
        let mut short = page([0x80, 0], 0xff);
        short.truncate(20);
        assert_eq!(abridged.whole(&short), None);
        let mut other = page([0x80, 0], 0xff);
        other[0] = 0x2f;
        assert_eq!(abridged.whole(&other), None);
    }

    #[test]
    fn nothing_is_asked_for_that_is_not_in_the_log_or_came() {
        assert_eq!(Abridged::of(&sense(0)), None);
        let whole = vec![0x70, 0, 1, 0, 0x50, 0x40, 0, 10, 0x83, 0xff, 0xff, 0, 0, 0x1d, 0, 0, 0, 0];
        assert_eq!(Abridged::of(&ScsiAnswer::Answered { status: 2, sense: whole, moved: 0 }), None);
        assert_eq!(Abridged::of(&ScsiAnswer::NotCompleted { errno: 5 }), None);
    }
}
