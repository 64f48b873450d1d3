//! The commands that carry TCG data: NVMe Security Receive and Send, SCSI SECURITY PROTOCOL IN and OUT, ATA TRUSTED
//! RECEIVE and SEND inside ATA PASS-THROUGH(16).
//!
//! NVMe dwords after Linux `nvme_sec_submit`; SCSI and ATA fields after sedutil's `DtaDevLinuxSata.cpp`, ATA
//! PASS-THROUGH(16) after the project's facts.

use serde::{Deserialize, Serialize};

/// By which commands TCG data travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// NVMe Security Receive (82h) and Send (81h).
    Nvme,
    /// SCSI SECURITY PROTOCOL IN (A2h) and OUT (B5h). For SATA drives the kernel makes TRUSTED commands of them.
    Scsi,
    /// ATA TRUSTED RECEIVE (5Ch) and SEND (5Eh), PIO, through a translation layer.
    Ata,
}

/// Which way data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the host: IF-RECV.
    Receive,
    /// To the drive: IF-SEND.
    Send,
}

impl Way {
    /// The command's name over a route.
    pub const fn name(self, route: Route) -> &'static str {
        match (route, self) {
            (Route::Nvme, Self::Receive) => "nvme security receive",
            (Route::Nvme, Self::Send) => "nvme security send",
            (Route::Scsi, Self::Receive) => "scsi security protocol in",
            (Route::Scsi, Self::Send) => "scsi security protocol out",
            (Route::Ata, Self::Receive) => "ata trusted receive",
            (Route::Ata, Self::Send) => "ata trusted send",
        }
    }
}

/// What a security command is about: its protocol, and the ComID as the protocol's specific field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Security protocol.
    pub protocol: u8,
    /// ComID.
    pub com_id: u16,
}

/// Submission queue entry for `length` bytes.
pub fn nvme(way: Way, address: Address, length: u32) -> [u8; 64] {
    let mut entry = [0; 64];
    entry[0] = match way {
        Way::Receive => 0x82,
        Way::Send => 0x81,
    };
    let [high, low] = address.com_id.to_be_bytes();
    // Dword 10: SECP 31:24, SPSP 23:8, NSSF 7:0. Dword 11: length.
    entry[41] = low;
    entry[42] = high;
    entry[43] = address.protocol;
    entry[44..48].copy_from_slice(&length.to_le_bytes());
    entry
}

/// Command block of SECURITY PROTOCOL IN or OUT for `length` bytes, which are counted in bytes (INC_512 = 0).
pub fn scsi(way: Way, address: Address, length: u32) -> [u8; 12] {
    let mut block = [0; 12];
    block[0] = match way {
        Way::Receive => 0xA2,
        Way::Send => 0xB5,
    };
    block[1] = address.protocol;
    block[2..4].copy_from_slice(&address.com_id.to_be_bytes());
    block[6..10].copy_from_slice(&length.to_be_bytes());
    block
}

/// Command block of ATA PASS-THROUGH(16) with TRUSTED RECEIVE or SEND for `blocks` of 512 bytes.
pub fn ata(way: Way, address: Address, blocks: u8) -> [u8; 16] {
    let mut block = [0; 16];
    block[0] = 0x85;
    // PROTOCOL 4 PIO in, 5 PIO out; then T_DIR, BYT_BLOK = 1, T_LENGTH = 2 (COUNT).
    (block[1], block[2], block[14]) = match way {
        Way::Receive => (4 << 1, 0x0E, 0x5C),
        Way::Send => (5 << 1, 0x06, 0x5E),
    };
    block[4] = address.protocol;
    block[6] = blocks;
    // LBA 7:0 is the upper half of the count; the ComID is LBA 23:8.
    let [high, low] = address.com_id.to_be_bytes();
    block[10] = low;
    block[12] = high;
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPAL: Address = Address { protocol: 1, com_id: 0x07FE };

    /// Dwords from Linux `nvme_sec_submit`: cdw10 = protocol << 24 | ComID << 8, cdw11 = length, both little-endian.
    #[test]
    fn nvme_entries_are_those_of_linux() {
        let entry = nvme(Way::Send, OPAL, 512);
        let dword = |at: usize| u32::from_le_bytes(*entry[at * 4..].first_chunk().unwrap());
        assert_eq!(entry[0], 0x81);
        assert_eq!(dword(10), 1 << 24 | 0x07FE << 8);
        assert_eq!(dword(11), 512);
        assert_eq!(nvme(Way::Receive, OPAL, 2048)[0], 0x82);
        assert!(entry[1..40].iter().all(|byte| *byte == 0), "no namespace");
    }

    /// Fields after sedutil's SAS path.
    #[test]
    fn scsi_blocks_are_those_of_sedutil() {
        assert_eq!(scsi(Way::Receive, OPAL, 2048), [0xA2, 1, 7, 0xFE, 0, 0, 0, 0, 8, 0, 0, 0]);
        assert_eq!(scsi(Way::Send, OPAL, 512), [0xB5, 1, 7, 0xFE, 0, 0, 0, 0, 2, 0, 0, 0]);
    }

    /// Registers after sedutil's ATA PASS-THROUGH(12): features = protocol, count, LBA low 0, mid = ComID low, high
    /// = ComID high; put into the 16 byte form of the project's facts.
    #[test]
    fn ata_registers_are_those_of_sedutil() {
        let receive = [0x85, 0x08, 0x0E, 0, 1, 0, 4, 0, 0, 0, 0xFE, 0, 0x07, 0, 0x5C, 0];
        assert_eq!(ata(Way::Receive, OPAL, 4), receive);
        let send = [0x85, 0x0A, 0x06, 0, 1, 0, 1, 0, 0, 0, 0xFE, 0, 0x07, 0, 0x5E, 0];
        assert_eq!(ata(Way::Send, OPAL, 1), send);
    }
}
