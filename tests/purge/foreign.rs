//! Another program that has a drive sanitize itself: blocks written by hand from the tables of the reference.
use std::time::Duration;

use expunge::io::{Channel, Data, ScsiAnswer, ScsiPort};

const PATIENCE: Duration = Duration::from_secs(60);

/// INQUIRY for the vendor, which is "ATA" behind a translation layer (SAT).
const INQUIRY: [u8; 6] = [0x12, 0, 0, 0, 36, 0];
/// SANITIZE, block erase, answered at once.
const SCSI: [u8; 10] = [0x48, 0x82, 0, 0, 0, 0, 0, 0, 0, 0];
/// ATA PASS-THROUGH (16) with SANITIZE DEVICE: CRYPTO SCRAMBLE EXT, failure allowed to be left, and BLOCK ERASE EXT.
const ATA: [[u8; 16]; 2] = [
    [0x85, 0x07, 0x20, 0, 0x11, 0, 0x10, 0x43, 0x70, 0, 0x79, 0, 0x72, 0x40, 0xB4, 0],
    [0x85, 0x07, 0x20, 0, 0x12, 0, 0x10, 0x42, 0x72, 0, 0x45, 0, 0x6B, 0x40, 0xB4, 0],
];

/// SANITIZE, cryptographic erase, answered at once, failure allowed to be left (AUSE).
const SCSI_CRYPTO: [u8; 10] = [0x48, 0xA3, 0, 0, 0, 0, 0, 0, 0, 0];

/// Starts a cryptographic erase as the engine would.
pub(crate) fn crypto_erase(channel: &mut Channel) {
    match channel {
        Channel::Nvme(port) => {
            let mut entry = [0; 64];
            entry[0] = 0x84;
            // SANACT 4, AUSE.
            entry[40] = 0x0C;
            let _answer = port.admin(&entry, Data::None, PATIENCE);
        }
        Channel::Scsi(port) => {
            let block: &[u8] = if is_ata(port.as_mut()) { &ATA[0] } else { &SCSI_CRYPTO };
            let _answer = port.execute(block, Data::None, PATIENCE);
        }
    }
}

/// Whether an ATA drive stands behind a translation layer.
fn is_ata(port: &mut dyn ScsiPort) -> bool {
    let mut inquiry = [0; 36];
    let _answer = port.execute(&INQUIRY, Data::FromDrive(&mut inquiry), PATIENCE);
    &inquiry[8..11] == b"ATA"
}

/// Starts a block erase, or on an ATA drive what it has.
pub(crate) fn sanitize(channel: &mut Channel) {
    match channel {
        Channel::Nvme(port) => {
            let mut entry = [0; 64];
            entry[0] = 0x84;
            // SANACT 2, AUSE.
            entry[40] = 0x0A;
            let _answer = port.admin(&entry, Data::None, PATIENCE);
        }
        Channel::Scsi(port) => {
            if !is_ata(port.as_mut()) {
                let _answer = port.execute(&SCSI, Data::None, PATIENCE);
                return;
            }
            for block in ATA {
                let _answer: ScsiAnswer = port.execute(&block, Data::None, PATIENCE);
            }
        }
    }
}
