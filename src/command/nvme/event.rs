//! The persistent event log (0Dh): a header of 512 bytes, then events of varying length, each with a header of its
//! own. Drives differ in what they fill in, so reading stops at the first event that does not add up and says so.
use super::field::{byte, le16, le32, le64};

/// Bytes of the log's header.
pub const HEADER_BYTES: usize = 512;

/// Bytes of an event's header, up to and including the event's length.
const EVENT_HEADER: usize = 24;

/// The header of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventsHeader {
    /// TNEV: events in the log.
    pub count: u32,
    /// TLL: bytes of the log with its header.
    pub bytes: u64,
}

impl EventsHeader {
    /// From the first bytes of the log; `None` when they are missing or are those of another log.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.get(..HEADER_BYTES)?;
        (byte(bytes, 0)? == 0x0D).then_some(())?;
        Some(Self { count: le32(bytes, 4)?, bytes: le64(bytes, 8)? })
    }
}

/// Events that follow each other, without the log's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// Those that could be read.
    pub list: Vec<Event>,
    /// Whether every byte belonged to one of them.
    pub whole: bool,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// ETS: the drive's time of it, in milliseconds with flags in the upper 16 bits; zero on drives without one.
    pub timestamp: u64,
    /// What happened.
    pub kind: EventKind,
    /// All bytes of it: two events are the same when these are.
    pub raw: Vec<u8>,
}

/// What happened, as far as a sanitization needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// 07h.
    FormatStart {
        /// Namespace.
        nsid: u32,
        /// Command dword 10 of the command.
        command_dword: u32,
    },
    /// 08h.
    FormatCompletion {
        /// Namespace.
        nsid: u32,
        /// Format NVM status: zero when nothing is said against it (that is from memory).
        status: u8,
        /// Status field of the command.
        field: u32,
    },
    /// 09h.
    SanitizeStart {
        /// Command dword 10 of the command.
        command_dword: u32,
        /// Command dword 11.
        pattern_dword: u32,
    },
    /// 0Ah.
    SanitizeCompletion {
        /// SPROG.
        progress: u16,
        /// SSTAT as in the status log.
        status: u16,
    },
    /// 0Eh.
    MediaVerification,
    /// Any other type, or one of the above that is too short.
    Other(u8),
}

impl Events {
    /// From the bytes behind the log's header, or from events that were picked from them.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut list = Vec::new();
        let mut rest = bytes;
        while let Some(length) = event_bytes(rest) {
            let (raw, tail) = rest.split_at(length);
            list.push(Event::decode(raw));
            rest = tail;
        }
        Self { list, whole: rest.is_empty() }
    }
}

/// Bytes of the first event; `None` when it is not all there or does not add up.
fn event_bytes(bytes: &[u8]) -> Option<usize> {
    let header = usize::from(byte(bytes, 2)?) + 3;
    let length = header + usize::from(le16(bytes, 22)?);
    (header >= EVENT_HEADER && length <= bytes.len()).then_some(length)
}

impl Event {
    /// Whether the event is about a sanitize operation or a format.
    pub const fn is_about_erasing(&self) -> bool {
        match self.kind {
            EventKind::Other(_) => false,
            EventKind::FormatStart { .. }
            | EventKind::FormatCompletion { .. }
            | EventKind::SanitizeStart { .. }
            | EventKind::SanitizeCompletion { .. }
            | EventKind::MediaVerification => true,
        }
    }

    /// From bytes that [`event_bytes`] measured.
    fn decode(raw: &[u8]) -> Self {
        let kind = byte(raw, 0).unwrap_or_default();
        Self {
            timestamp: le64(raw, 6).unwrap_or_default(),
            kind: Self::data(raw).and_then(|data| kind_of(kind, data)).unwrap_or(EventKind::Other(kind)),
            raw: raw.to_vec(),
        }
    }

    /// The event's data: behind its header and the vendor's own information, as nvme-cli reads it.
    fn data(raw: &[u8]) -> Option<&[u8]> {
        let header = usize::from(byte(raw, 2)?) + 3;
        raw.get(header + usize::from(le16(raw, 20)?)..)
    }
}

fn kind_of(kind: u8, data: &[u8]) -> Option<EventKind> {
    match kind {
        0x07 => Some(EventKind::FormatStart { nsid: le32(data, 0)?, command_dword: le32(data, 8)? }),
        0x08 => {
            let (nsid, status, field) = (le32(data, 0)?, byte(data, 5)?, le32(data, 8)?);
            Some(EventKind::FormatCompletion { nsid, status, field })
        }
        0x09 => {
            Some(EventKind::SanitizeStart { command_dword: le32(data, 4)?, pattern_dword: le32(data, 8)? })
        }
        0x0A => Some(EventKind::SanitizeCompletion { progress: le16(data, 0)?, status: le16(data, 2)? }),
        0x0E => Some(EventKind::MediaVerification),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An event with the offsets of libnvme's `nvme_persistent_event_entry`.
    fn event(kind: u8, timestamp: u64, vendor: &[u8], data: &[u8]) -> Vec<u8> {
        let mut raw = vec![kind, 1, 21, 0, 0, 0];
        raw.extend(timestamp.to_le_bytes());
        raw.extend([0; 6]);
        raw.extend(u16::try_from(vendor.len()).unwrap().to_le_bytes());
        raw.extend(u16::try_from(vendor.len() + data.len()).unwrap().to_le_bytes());
        raw.extend(vendor);
        raw.extend(data);
        raw
    }

    #[test]
    fn sanitize_and_format_events_are_told_apart() {
        let bytes = [
            event(0x01, 1, &[], &[0; 512]),
            event(0x09, 5, &[0xAA; 4], &[3, 0, 0, 0x60, 0x0B, 1, 0, 0, 0x44, 0x33, 0x22, 0x11]),
            event(0x0A, 6, &[], &[0xFF, 0xFF, 0x01, 0x01, 0, 0, 0, 0]),
            event(0x07, 7, &[], &[2, 0, 0, 0, 4, 0, 0, 0, 0x00, 0x02, 0, 0]),
            event(0x08, 8, &[], &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            event(0x0E, 9, &[], &[]),
            event(0x09, 10, &[], &[1, 2]),
        ]
        .concat();
        let events = Events::decode(&bytes);
        let kinds: Vec<EventKind> = events.list.iter().map(|event| event.kind).collect();
        let expected = [
            EventKind::Other(1),
            EventKind::SanitizeStart { command_dword: 0x10B, pattern_dword: 0x1122_3344 },
            EventKind::SanitizeCompletion { progress: 0xFFFF, status: 0x101 },
            EventKind::FormatStart { nsid: 2, command_dword: 0x200 },
            EventKind::FormatCompletion { nsid: 2, status: 0, field: 0 },
            EventKind::MediaVerification,
            EventKind::Other(9),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(events.list[1].timestamp, 5);
        assert!(events.whole && !events.list[0].is_about_erasing() && events.list[1].is_about_erasing());
    }

    #[test]
    fn reading_stops_where_an_event_does_not_add_up() {
        let mut bytes = event(0x0A, 6, &[], &[0; 8]);
        bytes.extend([0x09, 1, 3]);
        let events = Events::decode(&bytes);
        assert_eq!((events.list.len(), events.whole), (1, false));
        let mut header = vec![0; HEADER_BYTES];
        assert_eq!(EventsHeader::decode(&header), None, "another log");
        header[0] = 0x0D;
        header[4] = 3;
        header[8..10].copy_from_slice(&[0x00, 0x10]);
        assert_eq!(EventsHeader::decode(&header), Some(EventsHeader { count: 3, bytes: 4096 }));
        assert_eq!(EventsHeader::decode(&header[..511]), None);
    }

    proptest! {
        /// Foreign bytes never panic or loop, and no byte is read twice.
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let events = Events::decode(&bytes);
            let read: usize = events.list.iter().map(|event| event.raw.len()).sum();
            prop_assert!(read <= bytes.len());
            prop_assert_eq!(events.whole, read == bytes.len());
            let header = EventsHeader::decode(&bytes);
            prop_assert!(header.is_none() || bytes[0] == 0x0D);
        }

        /// Events put together and decoded are the same events.
        #[test]
        fn events_come_back(kinds in proptest::collection::vec((any::<u8>(), any::<u64>(), 0..40_usize), 0..20)) {
            let raw: Vec<Vec<u8>> =
                kinds.iter().map(|(kind, time, length)| event(*kind, *time, &[], &vec![7; *length])).collect();
            let events = Events::decode(&raw.concat());
            prop_assert!(events.whole);
            prop_assert_eq!(events.list.iter().map(|event| event.raw.clone()).collect::<Vec<_>>(), raw);
        }
    }
}
