//! The status field of a completion: status code in bits 7:0, status code type in 10:8, "do not retry" in 14.
use std::fmt;

/// A status field that is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusField(pub u16);

/// What a status field says, as far as a sanitization has to tell one from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Generic 00h. A port gives it as a completion; here only for completeness of the decoder.
    Success,
    /// Generic 01h.
    InvalidOpcode,
    /// Generic 02h.
    InvalidField,
    /// Generic 0Bh.
    InvalidNamespace,
    /// Generic 0Ch.
    CommandSequence,
    /// Generic 15h.
    OperationDenied,
    /// Generic 1Ch.
    SanitizeFailed,
    /// Generic 1Dh.
    SanitizeInProgress,
    /// Generic 20h.
    NamespaceWriteProtected,
    /// Generic 24h.
    MediaNotReady,
    /// Generic 82h.
    NamespaceNotReady,
    /// Generic 83h.
    ReservationConflict,
    /// Generic 84h.
    FormatInProgress,
    /// Command specific 09h.
    InvalidLogPage,
    /// Command specific 0Ah.
    InvalidFormat,
    /// Command specific 0Bh, 10h, 11h or 12h: new firmware waits to be activated.
    FirmwarePending(FirmwareWaitsFor),
    /// Command specific 1Dh.
    SelfTestRunning,
    /// Command specific 23h.
    PersistentMemoryEnabled,
    /// Command specific 3Ch.
    TooManyNamespaceSanitizes,
    /// Media 86h.
    AccessDenied,
    /// Path related (type 3): the host or the path ended the command; the drive may have it.
    Path(u8),
    /// Any other: type and code.
    Other {
        /// Status code type.
        kind: u8,
        /// Status code.
        code: u8,
    },
}

/// What activates new firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirmwareWaitsFor {
    /// 0Bh.
    ConventionalReset,
    /// 10h.
    SubsystemReset,
    /// 11h.
    ControllerReset,
    /// 12h: it can be activated without a reset, but not in the time that is allowed for it.
    MoreTime,
}

impl StatusField {
    /// Status code type, 0 to 7.
    pub const fn kind(self) -> u8 {
        self.0.to_le_bytes()[1] & 0x7
    }

    /// Status code.
    pub const fn code(self) -> u8 {
        self.0.to_le_bytes()[0]
    }

    /// Whether the same command would fail again.
    pub const fn do_not_retry(self) -> bool {
        self.0 & (1 << 14) != 0
    }

    /// What it says.
    pub const fn status(self) -> Status {
        let (kind, code) = (self.kind(), self.code());
        match kind {
            0 => generic(code),
            1 => specific(code),
            2 if code == 0x86 => Status::AccessDenied,
            3 => Status::Path(code),
            2 | 4.. => Status::Other { kind, code },
        }
    }
}

const fn generic(code: u8) -> Status {
    match code {
        0x00 => Status::Success,
        0x01 => Status::InvalidOpcode,
        0x02 => Status::InvalidField,
        0x0B => Status::InvalidNamespace,
        0x0C => Status::CommandSequence,
        0x15 => Status::OperationDenied,
        0x1C => Status::SanitizeFailed,
        0x1D => Status::SanitizeInProgress,
        0x20 => Status::NamespaceWriteProtected,
        0x24 => Status::MediaNotReady,
        0x82 => Status::NamespaceNotReady,
        0x83 => Status::ReservationConflict,
        0x84 => Status::FormatInProgress,
        code => Status::Other { kind: 0, code },
    }
}

const fn specific(code: u8) -> Status {
    match code {
        0x09 => Status::InvalidLogPage,
        0x0A => Status::InvalidFormat,
        0x0B => Status::FirmwarePending(FirmwareWaitsFor::ConventionalReset),
        0x10 => Status::FirmwarePending(FirmwareWaitsFor::SubsystemReset),
        0x11 => Status::FirmwarePending(FirmwareWaitsFor::ControllerReset),
        0x12 => Status::FirmwarePending(FirmwareWaitsFor::MoreTime),
        0x1D => Status::SelfTestRunning,
        0x23 => Status::PersistentMemoryEnabled,
        0x3C => Status::TooManyNamespaceSanitizes,
        code => Status::Other { kind: 1, code },
    }
}

impl fmt::Display for StatusField {
    /// In words, with type and code for those who look it up: `sanitize in progress (status 0/1Dh)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.status() {
            Status::Success => "success",
            Status::InvalidOpcode => "invalid command opcode",
            Status::InvalidField => "invalid field in command",
            Status::InvalidNamespace => "invalid namespace or format",
            Status::CommandSequence => "command sequence error",
            Status::OperationDenied => "operation denied",
            Status::SanitizeFailed => "sanitize failed",
            Status::SanitizeInProgress => "sanitize in progress",
            Status::NamespaceWriteProtected => "namespace is write protected",
            Status::MediaNotReady => "medium not ready for this command",
            Status::NamespaceNotReady => "namespace not ready",
            Status::ReservationConflict => "reservation conflict",
            Status::FormatInProgress => "format in progress",
            Status::InvalidLogPage => "invalid log page",
            Status::InvalidFormat => "invalid format",
            Status::FirmwarePending(FirmwareWaitsFor::ConventionalReset) => {
                "firmware activation waits for a conventional reset"
            }
            Status::FirmwarePending(FirmwareWaitsFor::SubsystemReset) => {
                "firmware activation waits for a reset of the NVM subsystem"
            }
            Status::FirmwarePending(FirmwareWaitsFor::ControllerReset) => {
                "firmware activation waits for a reset of the controller"
            }
            Status::FirmwarePending(FirmwareWaitsFor::MoreTime) => "firmware activation needs more time",
            Status::SelfTestRunning => "device self-test in progress",
            Status::PersistentMemoryEnabled => {
                "sanitize prohibited while the persistent memory region is enabled"
            }
            Status::TooManyNamespaceSanitizes => "too many namespaces are being sanitized",
            Status::AccessDenied => "access denied",
            Status::Path(_) => "ended by the host or the path",
            Status::Other { .. } => "unnamed status",
        };
        write!(f, "{words} (status {:X}/{:02X}h)", self.kind(), self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of the table in the facts, and of libnvme's header for those that it does not list.
    #[test]
    fn named_statuses_have_their_numbers() {
        let rows = [
            (0x0001, Status::InvalidOpcode),
            (0x0002, Status::InvalidField),
            (0x000B, Status::InvalidNamespace),
            (0x000C, Status::CommandSequence),
            (0x0015, Status::OperationDenied),
            (0x001C, Status::SanitizeFailed),
            (0x001D, Status::SanitizeInProgress),
            (0x0020, Status::NamespaceWriteProtected),
            (0x0024, Status::MediaNotReady),
            (0x0082, Status::NamespaceNotReady),
            (0x0083, Status::ReservationConflict),
            (0x0084, Status::FormatInProgress),
            (0x0109, Status::InvalidLogPage),
            (0x010A, Status::InvalidFormat),
            (0x010B, Status::FirmwarePending(FirmwareWaitsFor::ConventionalReset)),
            (0x0110, Status::FirmwarePending(FirmwareWaitsFor::SubsystemReset)),
            (0x0111, Status::FirmwarePending(FirmwareWaitsFor::ControllerReset)),
            (0x0112, Status::FirmwarePending(FirmwareWaitsFor::MoreTime)),
            (0x011D, Status::SelfTestRunning),
            (0x0123, Status::PersistentMemoryEnabled),
            (0x013C, Status::TooManyNamespaceSanitizes),
            (0x0286, Status::AccessDenied),
            (0x0371, Status::Path(0x71)),
            (0x0281, Status::Other { kind: 2, code: 0x81 }),
            (0x0006, Status::Other { kind: 0, code: 6 }),
        ];
        for (field, status) in rows {
            assert_eq!(StatusField(field).status(), status, "{field:04x}");
            assert_eq!(StatusField(field | 0x4000).status(), status, "DNR changes nothing");
        }
    }

    /// The value that users of a drive locked by TCG saw: 286h with "do not retry".
    #[test]
    fn the_status_of_a_locked_drive_is_told_in_words() {
        let field = StatusField(0x4286);
        assert!(field.do_not_retry() && !StatusField(0x0286).do_not_retry());
        assert_eq!(field.to_string(), "access denied (status 2/86h)");
    }
}
