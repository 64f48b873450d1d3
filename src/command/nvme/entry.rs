//! Submission queue entries: opcode in byte 0, namespace in bytes 4 to 7, command dwords 10 to 15 from byte 40 on, all
//! little-endian. Command identifier and data pointer stay zero: they are the port's affair.
use std::fmt;

use crate::io::channel::NVME_ENTRY_BYTES;

/// A submission queue entry.
pub(super) type Entry = [u8; NVME_ENTRY_BYTES];

/// NSID that stands for all namespaces, or for the controller in log pages.
pub const ALL_NAMESPACES: u32 = 0xFFFF_FFFF;

const GET_LOG_PAGE: u8 = 0x02;
const IDENTIFY: u8 = 0x06;
const GET_FEATURES: u8 = 0x0A;
const FABRICS: u8 = 0x7F;
const SECURITY_SEND: u8 = 0x81;
const SECURITY_RECEIVE: u8 = 0x82;

/// RAE, bit 15 of command dword 10: reading does not swallow the event that reports the end to others.
const RETAIN_EVENT: u32 = 1 << 15;

/// Why there is no entry for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeFault {
    /// Passes of an overwrite: 1 to 16.
    Passes(u8),
    /// LBA format index: 0 to 63.
    LbaFormat(u8),
    /// Type of protection information: 0 to 7.
    Protection(u8),
    /// Place of protection information: 0 or 1.
    ProtectionPlace(u8),
    /// Namespace identifier: 1 to FFFFFFFEh.
    Namespace(u32),
    /// Length of a log page piece: a multiple of four, 4 bytes to 16 GiB.
    Length(u64),
}

impl fmt::Display for EncodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passes(passes) => write!(f, "{passes} overwrite passes: NVMe has 1 to 16"),
            Self::LbaFormat(index) => write!(f, "LBA format {index}: NVMe has 0 to 63"),
            Self::Protection(kind) => write!(f, "protection information {kind}: NVMe has 0 to 7"),
            Self::ProtectionPlace(place) => {
                write!(f, "place {place} of protection information: NVMe has 0 and 1")
            }
            Self::Namespace(nsid) => write!(f, "{nsid:#x} is not the number of one namespace"),
            Self::Length(bytes) => write!(f, "{bytes} bytes of a log page cannot be asked for"),
        }
    }
}

impl std::error::Error for EncodeFault {}

/// An entry with these command dwords from dword 10 on; the rest is zero.
pub(super) fn entry(opcode: u8, nsid: u32, dwords: [u32; 6]) -> Entry {
    let mut entry = [0; NVME_ENTRY_BYTES];
    entry[0] = opcode;
    entry[4..8].copy_from_slice(&nsid.to_le_bytes());
    for (slot, dword) in entry[40..].chunks_exact_mut(4).zip(dwords) {
        slot.copy_from_slice(&dword.to_le_bytes());
    }
    entry
}

/// The number of one namespace.
pub(super) fn one_namespace(nsid: u32) -> Result<u32, EncodeFault> {
    if nsid == 0 || nsid == ALL_NAMESPACES { Err(EncodeFault::Namespace(nsid)) } else { Ok(nsid) }
}

/// Identify controller (CNS 01h), 4096 bytes.
pub fn identify_controller() -> Entry {
    entry(IDENTIFY, 0, [0x01, 0, 0, 0, 0, 0])
}

/// Identify namespace (CNS 00h), 4096 bytes.
pub fn identify_namespace(nsid: u32) -> Entry {
    entry(IDENTIFY, nsid, [0x00, 0, 0, 0, 0, 0])
}

/// Identify list of active namespaces with numbers above `after` (CNS 02h), 4096 bytes.
pub fn identify_active(after: u32) -> Entry {
    entry(IDENTIFY, after, [0x02, 0, 0, 0, 0, 0])
}

/// Identify list of allocated namespaces with numbers above `after` (CNS 10h), 4096 bytes.
pub fn identify_allocated(after: u32) -> Entry {
    entry(IDENTIFY, after, [0x10, 0, 0, 0, 0, 0])
}

/// Identify list of the subsystem's controllers with identifiers from `first` on (CNS 13h), 4096 bytes.
pub fn identify_controllers(first: u16) -> Entry {
    entry(IDENTIFY, 0, [0x13 | (u32::from(first) << 16), 0, 0, 0, 0, 0])
}

/// Get Log Page for all namespaces. `specific` is the log's own parameter (LSP).
fn get_log_page(log: u8, specific: u8, keep: u32, offset: u64, bytes: u64) -> Result<Entry, EncodeFault> {
    let fault = EncodeFault::Length(bytes);
    let dwords =
        bytes.is_multiple_of(4).then_some(bytes / 4).and_then(|dwords| dwords.checked_sub(1)).ok_or(fault)?;
    let dwords = u32::try_from(dwords).map_err(|_| fault)?;
    let low = |number: u64| u32::try_from(number & 0xFFFF_FFFF).unwrap_or_default();
    let first = u32::from(log) | (u32::from(specific) << 8) | keep | ((dwords & 0xFFFF) << 16);
    Ok(entry(GET_LOG_PAGE, ALL_NAMESPACES, [first, dwords >> 16, low(offset), low(offset >> 32), 0, 0]))
}

/// Get Log Page for SMART and health information (02h), 512 bytes.
pub fn smart_log() -> Entry {
    entry(GET_LOG_PAGE, ALL_NAMESPACES, [0x02 | RETAIN_EVENT | (127 << 16), 0, 0, 0, 0, 0])
}

/// Get Log Page for the firmware slots (03h), 512 bytes.
pub fn firmware_slot_log() -> Entry {
    entry(GET_LOG_PAGE, ALL_NAMESPACES, [0x03 | RETAIN_EVENT | (127 << 16), 0, 0, 0, 0, 0])
}

/// Property Get of four bytes at `offset` of the controller's properties (registers). PCI controllers do not take it:
/// there the port reads the register itself.
pub fn property_get(offset: u32) -> Entry {
    // The type stands where the namespace of other commands does; ATTRIB 0 in dword 10 is four bytes.
    entry(FABRICS, 0x04, [0, offset, 0, 0, 0, 0])
}

/// Get Log Page for the sanitize status (81h), 512 bytes, asynchronous event retained.
pub fn sanitize_status_log() -> Entry {
    entry(GET_LOG_PAGE, ALL_NAMESPACES, [0x81 | RETAIN_EVENT | (127 << 16), 0, 0, 0, 0, 0])
}

/// What a read of the persistent event log does with the context that the drive keeps for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersistentEventAction {
    /// Reads on in the context.
    Read,
    /// Makes the context, that is, a snapshot, and reads.
    EstablishAndRead,
    /// Gives the context back; what is read means nothing.
    Release,
}

/// Get Log Page for the persistent event log (0Dh), `bytes` from `offset` on.
///
/// # Errors
/// [`EncodeFault::Length`].
pub fn persistent_event_log(
    action: PersistentEventAction,
    offset: u64,
    bytes: u64,
) -> Result<Entry, EncodeFault> {
    let specific = match action {
        PersistentEventAction::Read => 0,
        PersistentEventAction::EstablishAndRead => 1,
        PersistentEventAction::Release => 2,
    };
    get_log_page(0x0D, specific, 0, offset, bytes)
}

/// Get Features for the sanitize configuration (17h), current value: bit 0 of the result is NODRM.
pub fn get_sanitize_config() -> Entry {
    entry(GET_FEATURES, 0, [0x17, 0, 0, 0, 0, 0])
}

/// Security Receive of `bytes` bytes: a security protocol with its own parameter (a `ComID` for TCG).
pub fn security_receive(protocol: u8, specific: u16, bytes: u32) -> Entry {
    entry(SECURITY_RECEIVE, 0, [security_dword(protocol, specific), bytes, 0, 0, 0, 0])
}

/// Security Send of `bytes` bytes: a security protocol with its own parameter (a `ComID` for TCG).
pub fn security_send(protocol: u8, specific: u16, bytes: u32) -> Entry {
    entry(SECURITY_SEND, 0, [security_dword(protocol, specific), bytes, 0, 0, 0, 0])
}

fn security_dword(protocol: u8, specific: u16) -> u32 {
    (u32::from(protocol) << 24) | (u32::from(specific) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opcode, NSID and command dwords 10 to 13 as libnvme 1.3 hands them to the ioctl.
    #[track_caller]
    fn is(entry: Entry, opcode: u8, nsid: u32, dwords: [u32; 4]) {
        let dword = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap());
        assert_eq!((entry[0], dword(4)), (opcode, nsid));
        assert_eq!([40, 44, 48, 52].map(dword), dwords, "{:08x?}", [40, 44, 48, 52].map(dword));
        let rest = entry[1..4].iter().chain(&entry[8..40]).chain(&entry[56..]);
        assert!(rest.copied().all(|byte| byte == 0));
    }

    #[test]
    fn identify_entries_are_those_of_libnvme() {
        is(identify_controller(), 0x06, 0, [0x01, 0, 0, 0]);
        is(identify_namespace(5), 0x06, 5, [0, 0, 0, 0]);
        is(identify_active(9), 0x06, 9, [0x02, 0, 0, 0]);
        is(identify_allocated(0), 0x06, 0, [0x10, 0, 0, 0]);
        is(identify_controllers(4), 0x06, 0, [0x0004_0013, 0, 0, 0]);
    }

    #[test]
    fn log_page_entries_are_those_of_libnvme() {
        is(sanitize_status_log(), 0x02, 0xFFFF_FFFF, [0x007F_8081, 0, 0, 0]);
        is(smart_log(), 0x02, 0xFFFF_FFFF, [0x007F_8002, 0, 0, 0]);
        is(firmware_slot_log(), 0x02, 0xFFFF_FFFF, [0x007F_8003, 0, 0, 0]);
        let events = |action, offset, bytes| persistent_event_log(action, offset, bytes).unwrap();
        let (read, establish) = (PersistentEventAction::Read, PersistentEventAction::EstablishAndRead);
        is(events(establish, 0, 512), 0x02, 0xFFFF_FFFF, [0x007F_010D, 0, 0, 0]);
        is(events(read, 0, 4096), 0x02, 0xFFFF_FFFF, [0x03FF_000D, 0, 0, 0]);
        is(events(read, 0x1_2345_6000, 4096), 0x02, 0xFFFF_FFFF, [0x03FF_000D, 0, 0x2345_6000, 1]);
        assert_eq!(events(PersistentEventAction::Release, 0, 4)[41], 0x02, "LSP");
    }

    /// `struct nvmf_property_get_command` of include/linux/nvme.h: fctype at byte 4, attrib at 40, offset at 44.
    #[test]
    fn a_property_is_asked_for_as_the_kernel_asks_over_fabrics() {
        is(property_get(0xE04), 0x7F, 0x04, [0, 0xE04, 0, 0]);
    }

    #[test]
    fn a_log_page_piece_has_a_length_that_can_be_written_down() {
        let ask = |bytes| persistent_event_log(PersistentEventAction::Read, 0, bytes);
        for bytes in [0, 3, 5, (1 << 34) + 4] {
            assert_eq!(ask(bytes), Err(EncodeFault::Length(bytes)));
        }
        is(ask(1 << 34).unwrap(), 0x02, 0xFFFF_FFFF, [0xFFFF_000D, 0xFFFF, 0, 0]);
    }

    #[test]
    fn feature_and_security_entries_are_those_of_libnvme() {
        is(get_sanitize_config(), 0x0A, 0, [0x17, 0, 0, 0]);
        is(security_send(0x01, 0x1234, 2048), 0x81, 0, [0x0112_3400, 0x0800, 0, 0]);
        is(security_receive(0x01, 0x0001, 512), 0x82, 0, [0x0100_0100, 0x0200, 0, 0]);
    }
}
