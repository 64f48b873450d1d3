//! Takes out of a capture what names the very drive: fields that are known to hold it get placeholders of the same
//! length, what a vendor may put anywhere is emptied, and what is left is searched for every way of writing it.
//!
//! Places of fields: those of the decoders in `command`, and for what they do not read, the NVMe base specification,
//! ACS and SPC as second-hand in the project's facts; words 112 to 115, 129 to 159 and 176 to 205 of IDENTIFY DEVICE,
//! and FGUID, from memory.
use super::replay::command;
use super::secret::{PLACEHOLDER, Secrets, Survivor};
use super::{Answer, Asked, Capture, Received};
use crate::device::{DriveFacts, Identity};
use crate::io::ScsiAnswer;

/// The capture without what names the drive.
///
/// # Errors
/// When something is still found.
pub fn redacted(mut capture: Capture) -> Result<Capture, Survivor> {
    let mut secrets = Secrets::of(&capture.drive.identity);
    let mut answers = Vec::new();
    for asked in &capture.asked {
        let mut bytes = asked.received.as_ref().and_then(Received::bytes);
        if let Some(bytes) = &mut bytes {
            fields(asked, bytes, &mut secrets);
        }
        answers.push(bytes);
    }
    for (asked, bytes) in capture.asked.iter_mut().zip(answers) {
        if let Some(mut bytes) = bytes {
            secrets.scrub(&mut bytes);
            sum_again(asked, &mut bytes);
            asked.received = Some(Received::of(&bytes));
        }
        if let Answer::Scsi(ScsiAnswer::Answered { sense, .. }) = &mut asked.answer {
            secrets.scrub(sense);
        }
    }
    anonymous(&mut capture.drive, &secrets);
    search(&capture, &secrets)?;
    Ok(capture)
}

/// What the kernel knows, without names.
fn anonymous(drive: &mut DriveFacts, secrets: &Secrets) {
    let hidden = |name: &Option<String>| name.as_ref().map(|name| "X".repeat(name.chars().count()));
    let scrubbed = |text: &Option<String>| {
        text.as_ref().map(|text| {
            let mut bytes = text.clone().into_bytes();
            secrets.scrub(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let identity = &drive.identity;
    drive.identity = Identity {
        vendor: scrubbed(&identity.vendor),
        model: scrubbed(&identity.model),
        serial: hidden(&identity.serial),
        wwn: hidden(&identity.wwn),
        eui64: hidden(&identity.eui64),
        nguid: hidden(&identity.nguid),
        firmware: scrubbed(&identity.firmware),
        nsid: identity.nsid,
        backing: None,
        bridged: identity.bridged,
    };
    drive.node = std::path::Path::new("/dev").join(&drive.kernel_name);
    // Where it hangs and what lies on it is the affair of its owner; an attachment has no meaning elsewhere.
    drive.bay = None;
    drive.content = Vec::new();
    drive.diskseq = None;
    drive.capability = None;
}

fn search(capture: &Capture, secrets: &Secrets) -> Result<(), Survivor> {
    for (index, asked) in capture.asked.iter().enumerate() {
        let bytes = asked.received.as_ref().and_then(Received::bytes).unwrap_or_default();
        let sense = match &asked.answer {
            Answer::Scsi(ScsiAnswer::Answered { sense, .. }) => sense.as_slice(),
            Answer::Scsi(_) | Answer::Nvme(_) => &[],
        };
        if [&bytes, sense, &command(asked)].iter().any(|bytes| secrets.are_in(bytes)) {
            return Err(Survivor { place: format!("entry {index} of \"asked\"") });
        }
    }
    match serde_json::to_vec(&capture.drive) {
        Ok(text) if !secrets.are_in(&text) => Ok(()),
        Ok(_) | Err(_) => Err(Survivor { place: "\"drive\"".to_owned() }),
    }
}

/// Fields of one answer, by what was asked.
fn fields(asked: &Asked, bytes: &mut [u8], secrets: &mut Secrets) {
    let block = command(asked);
    let at = |index: usize| block.get(index).copied().unwrap_or_default();
    let mut page = Fields { bytes, secrets };
    match &asked.answer {
        Answer::Nvme(_) => match (at(0), at(40)) {
            (0x06, 0x00) => page.namespace(),
            (0x06, 0x01) => page.controller(),
            // Lists of numbers.
            (0x06, 0x02 | 0x10 | 0x13) => {}
            // What lies behind the fields of the standard may be anything.
            (0x02, 0x02) => page.empty(232, 512),
            (0x02, 0x81) => page.empty(64, 512),
            // The active slot, and the revision in each of seven.
            (0x02, 0x03) => page.empty(64, 512),
            (0x82, _) => page.discovery(),
            _ => page.empty(0, usize::MAX),
        },
        Answer::Scsi(_) => match (at(0), at(1) & 0x01, at(2)) {
            (0x12, 0, _) => page.empty(36, usize::MAX),
            (0x12, _, 0x00 | 0xb0 | 0xb1 | 0xb2) => {}
            (0x12, _, 0x80) => page.text(4, usize::MAX),
            (0x12, _, 0x83) => page.designators(),
            (0x12, _, 0x89) => page.translated(),
            // Sense, capacity, operation codes, units, counters, defects.
            (0x03 | 0x25 | 0x9e | 0xa3 | 0xa0 | 0x4d | 0xb7 | 0x37, ..) => {}
            // Pages of a port may hold its address; only the header is read.
            (0x1a, ..) => page.empty(4, usize::MAX),
            (0x5a, ..) => page.empty(8, usize::MAX),
            // The key names the host.
            (0x5e, ..) => page.number(8, 16),
            (0xa2, ..) => page.discovery(),
            (0x85, ..) => page.ata(at(14), at(8), at(10)),
            _ => page.empty(0, usize::MAX),
        },
    }
}

/// The bytes of one answer.
struct Fields<'a> {
    bytes: &'a mut [u8],
    secrets: &'a mut Secrets,
}

impl Fields<'_> {
    fn range(&self, from: usize, to: usize) -> std::ops::Range<usize> {
        let end = to.min(self.bytes.len());
        from.min(end)..end
    }

    fn empty(&mut self, from: usize, to: usize) {
        let range = self.range(from, to);
        self.bytes[range].fill(0);
    }

    /// Text: each character becomes an `X`; blanks stay, so that its length is still to be seen.
    fn text(&mut self, from: usize, to: usize) {
        let range = self.range(from, to);
        self.secrets.add_text(&self.bytes[range.clone()]);
        for byte in self.bytes[range].iter_mut().filter(|byte| !matches!(byte, 0 | b' ')) {
            *byte = PLACEHOLDER;
        }
    }

    /// A number: the first four bits stay, which say of what kind a name is; a field of zeros stays "not told".
    fn number(&mut self, from: usize, to: usize) {
        let range = self.range(from, to);
        let field = &mut self.bytes[range];
        if field.iter().all(|byte| *byte == 0) {
            return;
        }
        self.secrets.add_number(field);
        let kind = field.first().map_or(0, |byte| byte & 0xf0);
        field.fill(0xee);
        if let Some(first) = field.first_mut() {
            *first = kind | 0x0e;
        }
    }

    fn controller(&mut self) {
        self.text(4, 24);
        self.number(112, 128);
        // The qualified name ends with model and serial number; its first part is the vendor's.
        let range = self.range(768, 1024);
        let colon = self.bytes[range.clone()].iter().position(|byte| *byte == b':').map_or(0, |at| at + 1);
        self.text(range.start + colon, 1024);
        self.empty(3072, 4096);
    }

    fn namespace(&mut self) {
        self.number(104, 120);
        self.number(120, 128);
        self.empty(384, 4096);
    }

    /// Level 0 discovery: the header's vendor part, and descriptors of vendors (C000h and above).
    fn discovery(&mut self) {
        self.empty(16, 48);
        let mut at = 48;
        while let Some(&[high, _, _, length]) = self.bytes.get(at..).and_then(|rest| rest.first_chunk::<4>())
        {
            let end = at + 4 + usize::from(length);
            if high >= 0xc0 {
                self.empty(at + 4, end);
            }
            at = end;
        }
    }

    /// VPD page 83h: the designators, whatever their kind.
    fn designators(&mut self) {
        let mut at = 4;
        while let Some(&[code, _, _, length]) = self.bytes.get(at..).and_then(|rest| rest.first_chunk::<4>())
        {
            let end = at + 4 + usize::from(length);
            // Code set 1 is binary; 2 and 3 are text.
            if code & 0x0f == 1 {
                self.number(at + 4, end)
            } else {
                self.text(at + 4, end)
            }
            at = end;
        }
    }

    /// VPD page 89h: IDENTIFY DEVICE data inside.
    fn translated(&mut self) {
        self.identify(60);
        self.empty(572, usize::MAX);
    }

    fn ata(&mut self, command: u8, log: u8, log_page: u8) {
        match (command, log, log_page) {
            (0xec, ..) => self.identify(0),
            (0x2f, 0x30, 0x03 | 0x06) | (0xb1, ..) => {}
            // Attributes are numbers; what a vendor keeps behind them is not.
            (0xb0, ..) => self.empty(386, 511),
            (0x5c, ..) => self.discovery(),
            _ => self.empty(0, usize::MAX),
        }
    }

    /// IDENTIFY DEVICE data at this byte: words 10 to 19 serial number, 108 to 115 names, 129 to 159 the vendor's, 176
    /// to 205 the medium's serial number.
    fn identify(&mut self, base: usize) {
        let range = self.range(base + 20, base + 40);
        // Of the two orders of its characters, this one is not that of the bytes.
        let plain: Vec<u8> =
            self.bytes[range].chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect();
        self.secrets.add_text(&plain);
        self.text(base + 20, base + 40);
        self.number(base + 216, base + 224);
        self.number(base + 224, base + 232);
        self.empty(base + 258, base + 320);
        self.text(base + 352, base + 412);
    }
}

/// Sums that protect a page are right again after its fields were changed.
fn sum_again(asked: &Asked, bytes: &mut [u8]) {
    let block = command(asked);
    let at = |index: usize| block.get(index).copied().unwrap_or_default();
    let sum = |page: &mut [u8]| {
        if let Some((last, rest)) = page.split_last_mut() {
            *last = rest.iter().fold(0, |sum: u8, byte| sum.wrapping_sub(*byte));
        }
    };
    match (&asked.answer, at(0), at(1) & 0x01, at(2), at(14)) {
        (Answer::Scsi(_), 0x85, _, _, 0xec) => {
            if let Some(page) = bytes.get_mut(..512).filter(|page| page[510] == 0xa5) {
                sum(page);
            }
        }
        (Answer::Scsi(_), 0x85, _, _, 0xb0) => {
            if let Some(page) = bytes.get_mut(..512) {
                sum(page);
            }
        }
        (Answer::Scsi(_), 0x12, 1, 0x89, _) => {
            if let Some(page) = bytes.get_mut(60..572).filter(|page| page[510] == 0xa5) {
                sum(page);
            }
        }
        _ => {}
    }
}
