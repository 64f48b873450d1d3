//! Asks a SCSI logical unit.
use std::time::Duration;

use crate::command::scsi::answer::{Reading, read};
use crate::command::scsi::ask::{
    LOG_BACKGROUND_SCAN, LOG_EXCEPTIONS, LOG_SOLID_STATE, MODE_ALL, ReserveIn, SenseFormat, VPD_ATA,
    VPD_CHARACTERISTICS, VPD_IDENTIFICATION, VPD_LIMITS, VPD_PROVISIONING, VPD_SERIAL, VPD_SUPPORTED,
    inquiry, log_sense, mode_sense_6, mode_sense_10, persistent_reserve_in, read_capacity_10,
    read_capacity_16, read_grown_defects, report_luns, request_sense, supported_operation,
    vital_product_data,
};
use crate::command::scsi::inquiry::{
    AtaInformation, Characteristics, Inquiry, Provisioning, supported_pages,
};
use crate::command::scsi::sanitize::{
    BLOCK_ERASE, CRYPTO_ERASE, EXIT_FAILURE_MODE, FORMAT_UNIT, OVERWRITE, SANITIZE,
};
use crate::command::scsi::told::{
    Capacity, Mode, Operation, Reservation, Supported, exceptions, grown_defects, log_counter, log_parameter,
    units,
};
use crate::command::scsi::{Malformed, Sense, sense};
use crate::device::capability::scsi::{ScsiFacts, ScsiSanitizeFacts, ScsiState};
use crate::device::capability::{Capability, Health, Interface, Page, Support};
use crate::io::{Data, ScsiAnswer, ScsiPort};
use crate::unit::digest::to_hex;
use crate::unit::{Digest, Reason, ReasonCode};

/// How long a question may take.
const ASK: Duration = Duration::from_secs(30);
/// How often a question is repeated that the unit did not look at.
const ATTEMPTS: u32 = 5;
/// Room for most pages: old units take no more.
const ROOM: u16 = 252;
/// Log page: write error counters, with the bytes that were written (parameter 0005h; SPC, from memory).
const LOG_WRITE_ERRORS: u8 = 0x02;
/// Zoned in a way that the host must manage, told by the device type and not by VPD page B1h.
const HOST_MANAGED: u8 = 3;

/// Asks a logical unit for all that planning needs.
///
/// # Errors
/// When it does not answer INQUIRY, or is no block device. Everything else that it does not tell is a gap.
pub fn survey(port: &mut dyn ScsiPort) -> Result<Capability, Reason> {
    let mut asker = Asker { port, pages: Vec::new(), gaps: Vec::new() };
    let inquiry = standard(&mut asker)?;
    let vital = vital_pages(&mut asker);
    let capacity = capacity(&mut asker);
    let has = |action: u8| (SANITIZE, Some(u16::from(action)));
    let sanitize = ScsiSanitizeFacts {
        overwrite: asker.operation(has(OVERWRITE)),
        block_erase: asker.operation(has(BLOCK_ERASE)),
        crypto_erase: asker.operation(has(CRYPTO_ERASE)),
        exit_failure: asker.operation(has(EXIT_FAILURE_MODE)),
    };
    let characteristics = vital.characteristics;
    let (other_units, units_listed) = other_units(&mut asker);
    let facts = ScsiFacts {
        sanitize,
        state: state(&mut asker),
        format_unit: asker.operation((FORMAT_UNIT, None)),
        after_block_erase: characteristics.map_or(0, |told| told.after_block_erase),
        after_crypto_erase: characteristics.map_or(0, |told| told.after_crypto_erase),
        unmapped_reads: vital.provisioning.map_or(0, |told| told.unmapped_reads),
        block_bytes: capacity.map_or(0, |told| told.block_bytes),
        blocks: capacity.map_or(0, |told| told.blocks),
        protection: capacity.and_then(|told| told.protection).unwrap_or(0),
        write_protected: write_protected(&mut asker),
        reserved: reserved(&mut asker),
        other_units,
        units_listed,
        rotation: characteristics.map(|told| told.rotation).filter(|rotation| *rotation != 0),
        zoned: if inquiry.device_type == 0x14 {
            HOST_MANAGED
        } else {
            characteristics.map_or(0, |told| told.zoned)
        },
        inquiry: [inquiry.vendor, inquiry.product, inquiry.revision],
    };
    let health = health(&mut asker);
    Ok(Capability {
        interface: Interface::Scsi(Box::new(facts)),
        tcg: None,
        health,
        pages: asker.pages,
        gaps: asker.gaps,
    })
}

/// The SCSI/ATA translation layer that an ATA drive is behind, by VPD page 89h: vendor, product and revision. `None`
/// when the unit is no ATA drive, or its translation layer hides it.
pub fn ata_behind(port: &mut dyn ScsiPort) -> Option<String> {
    let mut asker = Asker { port, pages: Vec::new(), gaps: Vec::new() };
    // Units that do not list the page may take ill at being asked for it.
    let listed = asker.vital("scsi vpd 00", VPD_SUPPORTED, ROOM)?;
    if !supported_pages(&listed).ok()?.contains(&VPD_ATA) {
        return None;
    }
    let told = AtaInformation::decode(&asker.vital("scsi vpd 89", VPD_ATA, 572)?).ok()?;
    told.identify.map(|_| told.translator.join(" ").trim().to_owned())
}

/// A port, and what came of asking.
struct Asker<'a> {
    port: &'a mut dyn ScsiPort,
    pages: Vec<Page>,
    gaps: Vec<String>,
}

impl Asker<'_> {
    /// Asks, again where the unit did not look at the question; gives the reading and as much as came.
    fn ask(&mut self, block: &[u8], room: usize) -> (Reading, Vec<u8>) {
        let mut reading = Reading::Lost;
        for _ in 0..ATTEMPTS {
            let mut bytes = vec![0; room];
            let answer = self.port.execute(block, Data::FromDrive(&mut bytes), ASK);
            reading = read(&answer);
            match reading {
                Reading::Attention(_) | Reading::Deferred(_) | Reading::Busy => {}
                Reading::Good
                | Reading::Check(_)
                | Reading::Reserved
                | Reading::Other { .. }
                | Reading::Lost => {
                    bytes.truncate(moved(&answer));
                    return (reading, bytes);
                }
            }
        }
        (reading, Vec::new())
    }

    /// Asks for a page and keeps it; what does not come is a gap.
    fn page(&mut self, name: &str, block: &[u8], room: usize) -> Option<Vec<u8>> {
        let (reading, bytes) = self.ask(block, room);
        // A recovered error is a success with a remark.
        let came = match reading {
            Reading::Good => true,
            Reading::Check(sense) => sense.key == sense::RECOVERED_ERROR,
            Reading::Deferred(_)
            | Reading::Attention(_)
            | Reading::Reserved
            | Reading::Busy
            | Reading::Other { .. }
            | Reading::Lost => false,
        };
        if !came || bytes.is_empty() {
            self.gaps.push(format!("{name}: {}", why_not(&reading)));
            return None;
        }
        self.pages.push(Page { name: name.to_owned(), sha256: Digest::of(&bytes), hex: to_hex(&bytes) });
        Some(bytes)
    }

    fn vital(&mut self, name: &str, page: u8, room: u16) -> Option<Vec<u8>> {
        self.page(name, &vital_product_data(page, room), usize::from(room))
    }

    /// What a page says; one that cannot be read is a gap.
    fn understood<T>(&mut self, name: &str, decoded: Result<T, Malformed>) -> Option<T> {
        decoded.map_err(|fault| self.gaps.push(format!("{name}: {}", spelled(fault)))).ok()
    }

    fn operation(&mut self, (code, action): (u8, Option<u16>)) -> Support {
        let name = match action {
            Some(action) => format!("scsi operation {code:02x}/{action:02x}"),
            None => format!("scsi operation {code:02x}"),
        };
        let Some(bytes) = self.page(&name, &supported_operation(code, action, 64), 64) else {
            return Support::NotTold;
        };
        match self.understood(&name, Operation::decode(&bytes)).map(|told| told.supported) {
            Some(Supported::Yes) => Support::Yes,
            Some(Supported::No) => Support::No,
            // A command that works in a way of the vendor's is not the one that the standards speak of.
            Some(Supported::VendorSpecific | Supported::NotTold | Supported::Reserved(_)) | None => {
                Support::NotTold
            }
        }
    }
}

fn moved(answer: &ScsiAnswer) -> usize {
    match answer {
        ScsiAnswer::Answered { moved, .. } => usize::try_from(*moved).unwrap_or(usize::MAX),
        ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => 0,
    }
}

fn why_not(reading: &Reading) -> String {
    let told = |sense: &Sense| match sense.code {
        Some((code, qualifier)) => format!("sense key {:X}h, {code:02X}h/{qualifier:02X}h", sense.key),
        None => format!("sense key {:X}h", sense.key),
    };
    match reading {
        Reading::Good => "nothing came".to_owned(),
        Reading::Check(sense) if sense.key == sense::ILLEGAL_REQUEST => {
            format!("the unit does not have it ({})", told(sense))
        }
        Reading::Check(sense) | Reading::Attention(sense) => told(sense),
        Reading::Deferred(sense) => format!("answered for an earlier command ({})", told(sense)),
        Reading::Reserved => "reservation conflict".to_owned(),
        Reading::Busy => "the unit is busy".to_owned(),
        Reading::Other { status } => format!("status {status:02X}h"),
        Reading::Lost => "the unit could not be asked".to_owned(),
    }
}

fn spelled(fault: Malformed) -> String {
    match fault {
        Malformed::TooShort { bytes, needed } => format!("{bytes} bytes came, {needed} are needed"),
        Malformed::AnotherPage { wanted, found } => format!("page {found:02X}h came for page {wanted:02X}h"),
        Malformed::Impossible => "it holds a number that cannot be".to_owned(),
    }
}

fn standard(asker: &mut Asker<'_>) -> Result<Inquiry, Reason> {
    let bytes = asker.page("scsi inquiry", &inquiry(96), 96);
    let told = bytes.and_then(|bytes| asker.understood("scsi inquiry", Inquiry::decode(&bytes)));
    let Some(told) = told else {
        let why = asker.gaps.last().cloned().unwrap_or_default();
        return Err(Reason::new(
            ReasonCode::NotAnswering,
            format!("the unit does not tell what it is ({why})"),
            "check its cable, power and host adapter, and that this program may send SCSI commands (CAP_SYS_RAWIO)",
        ));
    };
    // Block devices, simplified ones, and zoned ones that the host manages (SPC, from memory).
    if told.qualifier != 0 || !matches!(told.device_type, 0x00 | 0x0e | 0x14) {
        return Err(Reason::new(
            ReasonCode::NotADrive,
            format!("the unit is no block device (peripheral device type {:02X}h)", told.device_type),
            "name a drive",
        ));
    }
    Ok(told)
}

struct Vital {
    characteristics: Option<Characteristics>,
    provisioning: Option<Provisioning>,
}

fn vital_pages(asker: &mut Asker<'_>) -> Vital {
    let listed = asker.vital("scsi vpd 00", VPD_SUPPORTED, ROOM);
    let listed = listed.and_then(|bytes| asker.understood("scsi vpd 00", supported_pages(&bytes)));
    let listed = listed.unwrap_or_default();
    let mut fetch = |page: u8| {
        let name = format!("scsi vpd {page:02x}");
        let has = listed.contains(&page);
        has.then(|| asker.vital(&name, page, ROOM)).flatten()
    };
    for page in [VPD_SERIAL, VPD_IDENTIFICATION, VPD_LIMITS] {
        fetch(page);
    }
    let characteristics = fetch(VPD_CHARACTERISTICS);
    let provisioning = fetch(VPD_PROVISIONING);
    Vital {
        characteristics: characteristics
            .and_then(|bytes| asker.understood("scsi vpd b1", Characteristics::decode(&bytes))),
        provisioning: provisioning
            .and_then(|bytes| asker.understood("scsi vpd b2", Provisioning::decode(&bytes))),
    }
}

fn capacity(asker: &mut Asker<'_>) -> Option<Capacity> {
    let long = asker.page("scsi capacity 16", &read_capacity_16(32), 32);
    let long = long.and_then(|bytes| asker.understood("scsi capacity 16", Capacity::decode_16(&bytes)));
    if long.is_some() {
        return long;
    }
    let short = asker.page("scsi capacity 10", &read_capacity_10(), 8);
    short.and_then(|bytes| asker.understood("scsi capacity 10", Capacity::decode_10(&bytes))).flatten()
}

/// What the unit is doing. That REQUEST SENSE itself ended well does not tell; the data do.
fn state(asker: &mut Asker<'_>) -> ScsiState {
    let Some(bytes) = asker.page("scsi sense", &request_sense(SenseFormat::Fixed, 252), usize::from(ROOM))
    else {
        return ScsiState::Other;
    };
    let Ok(sense) = Sense::decode(&bytes) else {
        asker.gaps.push("scsi sense: what came is no sense data".to_owned());
        return ScsiState::Other;
    };
    match (sense.key, sense.code) {
        (sense::NO_SENSE | sense::NOT_READY, Some((0x04, 0x1b))) => ScsiState::Sanitizing,
        (sense::NO_SENSE | sense::NOT_READY, Some((0x04, 0x04))) => ScsiState::Formatting,
        (sense::NO_SENSE | sense::NOT_READY, Some((0x04, 0x09))) => ScsiState::SelfTesting,
        (_, Some((0x31, 0x03))) if sense.is_current() => ScsiState::SanitizeFailed,
        (_, Some((0x31, 0x00 | 0x01))) if sense.is_current() => ScsiState::FormatCorrupted,
        // An attention or a deferred error is about the past.
        (sense::NO_SENSE | sense::RECOVERED_ERROR | sense::UNIT_ATTENTION, _) => ScsiState::Ready,
        _ => ScsiState::Other,
    }
}

fn write_protected(asker: &mut Asker<'_>) -> Support {
    let told = asker.page("scsi mode", &mode_sense_6(MODE_ALL, 252), usize::from(ROOM));
    let told = told.and_then(|bytes| asker.understood("scsi mode", Mode::decode_6(&bytes)));
    let told = told.or_else(|| {
        let bytes = asker.page("scsi mode 10", &mode_sense_10(MODE_ALL, ROOM), usize::from(ROOM))?;
        asker.understood("scsi mode 10", Mode::decode_10(&bytes))
    });
    told.map_or(Support::NotTold, |mode| Support::from_bit(mode.write_protected))
}

fn reserved(asker: &mut Asker<'_>) -> Support {
    let (reading, bytes) = asker.ask(&persistent_reserve_in(ReserveIn::ReadReservation, 24), 24);
    match reading {
        Reading::Reserved => Support::Yes,
        Reading::Good => {
            let told = asker.understood("scsi reservation", Reservation::decode(&bytes));
            told.map_or(Support::NotTold, |held| Support::from_bit(held.is_some()))
        }
        Reading::Check(_)
        | Reading::Deferred(_)
        | Reading::Attention(_)
        | Reading::Busy
        | Reading::Other { .. }
        | Reading::Lost => {
            asker.gaps.push(format!("scsi reservation: {}", why_not(&reading)));
            Support::NotTold
        }
    }
}

/// Units beside this one. Which of the numbers is its own, the way to it does not tell: with one there is no other,
/// with several all are given.
fn other_units(asker: &mut Asker<'_>) -> (Vec<u64>, Support) {
    let bytes = asker.page("scsi luns", &report_luns(1032), 1032);
    let found = bytes.and_then(|bytes| asker.understood("scsi luns", units(&bytes)));
    let Some(found) = found else { return (Vec::new(), Support::NotTold) };
    // Well-known units (C1h) are no drives.
    let found: Vec<u64> = found.into_iter().filter(|unit| unit >> 56 != 0xc1).collect();
    if found.len() < 2 {
        return (Vec::new(), Support::Yes);
    }
    asker
        .gaps
        .push("scsi luns: the target has several units, and the list does not tell which is this".to_owned());
    (found, Support::Yes)
}

fn health(asker: &mut Asker<'_>) -> Health {
    let mut log = |page: u8| {
        asker
            .page(&format!("scsi log {page:02x}"), &log_sense(page, ROOM), usize::from(ROOM))
            .unwrap_or_default()
    };
    let exceptions = exceptions(&log(LOG_EXCEPTIONS)).ok();
    // Accumulated minutes with power are the first four bytes of parameter 0 (SBC, from memory).
    let scan = log(LOG_BACKGROUND_SCAN);
    let minutes = log_parameter(&scan, LOG_BACKGROUND_SCAN, 0).ok().and_then(|data| data.first_chunk::<4>());
    // Percentage used is the last byte of parameter 1 (SBC, from memory).
    let solid = log(LOG_SOLID_STATE);
    let used = log_parameter(&solid, LOG_SOLID_STATE, 1).ok().and_then(|data| data.get(3)).copied();
    let written = log_counter(&log(LOG_WRITE_ERRORS), LOG_WRITE_ERRORS, 5).ok();
    let defects = asker.page("scsi grown defects", &read_grown_defects(8), 8);
    let defects =
        defects.and_then(|bytes| asker.understood("scsi grown defects", grown_defects(&bytes))).flatten();
    Health {
        passed: exceptions.map(|(code, _, _)| code != 0x5d),
        reallocated: defects,
        used_percent: used,
        power_on_hours: minutes.map(|minutes| u64::from(u32::from_be_bytes(*minutes)) / 60),
        written_bytes: written,
        ..Health::default()
    }
}

#[cfg(test)]
#[path = "scsi_tests.rs"]
mod tests;
