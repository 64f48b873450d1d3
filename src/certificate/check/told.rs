//! Whether what the drive is said to have told about itself can be so: each page has the digest that stands beside it, and
//! names the drive of the record.
use super::finding::{Finding, FindingCode};
use crate::certificate::record::{DriveRecord, Record};
use crate::command::ata::identify::Identify;
use crate::command::nvme::IdentifyController;
use crate::command::scsi::inquiry;
use crate::device::Capability;
use crate::device::capability::Page;
use crate::unit::Digest;
use crate::unit::digest::from_hex;
use crate::unit::term::DriveKind;

/// What the drive said before and after.
pub(super) fn told(record: &Record, out: &mut Vec<Finding>) {
    let Some(firmware) = &record.firmware else { return };
    for (when, capability) in [("before", &firmware.before), ("after", &firmware.after)] {
        let Some(capability) = capability else { continue };
        pages(when, capability, out);
        identity(when, capability, &record.drive, out);
    }
}

fn pages(when: &str, capability: &Capability, out: &mut Vec<Finding>) {
    for page in &capability.pages {
        if bytes(page).is_none_or(|bytes| Digest::of(&bytes) != page.sha256) {
            let text =
                format!("the page {:?} from {when} the job does not have the digest beside it", page.name);
            out.push(Finding::error(FindingCode::Firmware, text));
        }
    }
}

fn bytes(page: &Page) -> Option<Vec<u8>> {
    from_hex(&page.hex)
}

/// A serial number through a bridge may be the bridge's own, and things that are no drives have the pages of others.
fn identity(when: &str, capability: &Capability, drive: &DriveRecord, out: &mut Vec<Finding>) {
    let comparable = match drive.kind {
        DriveKind::Rotating | DriveKind::Flash | DriveKind::Unknown => !drive.identity_before.bridged,
        DriveKind::LogicalVolume | DriveKind::TestObject => false,
    };
    let Some(named) = drive.identity_before.serial.as_deref().filter(|_| comparable) else { return };
    for page in &capability.pages {
        let Some(told) = serial(page).filter(|told| !plain(told).is_empty() && plain(told) != plain(named))
        else {
            continue;
        };
        let text = format!(
            "the page {:?} from {when} the job is of a drive with the serial number {told:?}, not {named:?}",
            page.name
        );
        out.push(Finding::error(FindingCode::Identity, text));
    }
}

/// Letters and digits alone: what stands between them is written differently along the way from the drive to the kernel.
fn plain(serial: &str) -> String {
    serial.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The serial number in a page that has one.
fn serial(page: &Page) -> Option<String> {
    let bytes = bytes(page)?;
    match page.name.as_str() {
        "nvme identify controller" => Some(IdentifyController::decode(&bytes)?.serial),
        "ata identify device" => Some(Identify::decode(&bytes).ok()?.serial()),
        "scsi vpd 80" => inquiry::serial(&bytes).ok(),
        _ => None,
    }
}
