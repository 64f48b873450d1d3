//! The door of a simulated drive behind which its trusted peripheral (TPer) sits: SECURITY PROTOCOL IN and OUT of
//! SCSI, TRUSTED RECEIVE and SEND of ATA, Security Receive and Send of NVMe all lead here. The models of those
//! transports take the two calls below and turn a refusal into their own status.

/// Why a security command was not carried out. Each transport has its own words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityRefusal {
    /// The protocol or the ComID is not one of this drive: SCSI 05/24/00, NVMe 0002h, ATA ABRT.
    InvalidField,
    /// A command at the wrong time: something is sent while an answer is waiting (synchronous protocol): SCSI
    /// 05/2C/00 (command sequence error), NVMe 000Ch, ATA ABRT.
    Sequence,
}

/// What answers security commands.
pub trait SecurityProtocol: Send {
    /// The drive sends: fills the buffer from its beginning and tells how many bytes are its own; the transport
    /// transfers the rest as zeros.
    ///
    /// # Errors
    /// The refusal, when the drive has no such protocol or ComID.
    fn receive(&mut self, protocol: u8, com_id: u16, buffer: &mut [u8]) -> Result<usize, SecurityRefusal>;

    /// The drive receives.
    ///
    /// # Errors
    /// The refusal, when the drive has no such protocol or ComID, or does not take it now.
    fn send(&mut self, protocol: u8, com_id: u16, data: &[u8]) -> Result<(), SecurityRefusal>;

    /// The power was lost and came back: sessions end, locked ranges lock, try counters begin anew.
    fn power_cycle(&mut self);
}
