//! Command blocks that only ask. None changes anything on the unit.
//!
//! Layouts: SPC and SBC from memory where the project's facts give no bytes; `tests/readers` compares with what
//! sg3_utils sends.

/// TEST UNIT READY (00h).
pub const TEST_UNIT_READY: [u8; 6] = [0; 6];

/// Page of vital product data that lists the others.
pub const VPD_SUPPORTED: u8 = 0x00;
/// Unit serial number.
pub const VPD_SERIAL: u8 = 0x80;
/// Device identification.
pub const VPD_IDENTIFICATION: u8 = 0x83;
/// ATA information: an ATA drive behind a translation layer.
pub const VPD_ATA: u8 = 0x89;
/// Block limits.
pub const VPD_LIMITS: u8 = 0xb0;
/// Block device characteristics.
pub const VPD_CHARACTERISTICS: u8 = 0xb1;
/// Logical block provisioning.
pub const VPD_PROVISIONING: u8 = 0xb2;

/// Log page: non-medium errors.
pub const LOG_NON_MEDIUM: u8 = 0x06;
/// Log page: temperature.
pub const LOG_TEMPERATURE: u8 = 0x0d;
/// Log page: solid state media.
pub const LOG_SOLID_STATE: u8 = 0x11;
/// Log page: background scan results, which begin with the time with power.
pub const LOG_BACKGROUND_SCAN: u8 = 0x15;
/// Log page: informational exceptions.
pub const LOG_EXCEPTIONS: u8 = 0x2f;

/// Mode page: control, with `D_SENSE`.
pub const MODE_CONTROL: u8 = 0x0a;
/// All mode pages.
pub const MODE_ALL: u8 = 0x3f;

/// REQUEST SENSE (03h): which format is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenseFormat {
    /// DESC = 0.
    Fixed,
    /// DESC = 1.
    Descriptor,
}

/// What PERSISTENT RESERVE IN (5Eh) asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveIn {
    /// Service action 00h.
    ReadKeys,
    /// Service action 01h.
    ReadReservation,
}

/// INQUIRY (12h), standard data.
pub const fn inquiry(room: u16) -> [u8; 6] {
    let [high, low] = room.to_be_bytes();
    [0x12, 0, 0, high, low, 0]
}

/// INQUIRY (12h), a page of vital product data.
pub const fn vital_product_data(page: u8, room: u16) -> [u8; 6] {
    let [high, low] = room.to_be_bytes();
    [0x12, 1, page, high, low, 0]
}

/// READ CAPACITY(10) (25h); it answers 8 bytes.
pub const fn read_capacity_10() -> [u8; 10] {
    [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// READ CAPACITY(16) (9Eh/10h).
pub const fn read_capacity_16(room: u32) -> [u8; 16] {
    let [a, b, c, d] = room.to_be_bytes();
    [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d, 0, 0]
}

/// REPORT LUNS (A0h), SELECT REPORT 00h.
pub const fn report_luns(room: u32) -> [u8; 12] {
    let [a, b, c, d] = room.to_be_bytes();
    [0xa0, 0, 0, 0, 0, 0, a, b, c, d, 0, 0]
}

/// MODE SENSE(6) (1Ah) of the current values of a page, without block descriptors.
pub const fn mode_sense_6(page: u8, room: u8) -> [u8; 6] {
    [0x1a, 0x08, page & 0x3f, 0, room, 0]
}

/// MODE SENSE(10) (5Ah) of the current values of a page, without block descriptors.
pub const fn mode_sense_10(page: u8, room: u16) -> [u8; 10] {
    let [high, low] = room.to_be_bytes();
    [0x5a, 0x08, page & 0x3f, 0, 0, 0, 0, high, low, 0]
}

/// REPORT SUPPORTED OPERATION CODES (A3h/0Ch) of one command: by its service action where it has one, with the
/// timeouts descriptor (RCTD).
pub const fn supported_operation(code: u8, service_action: Option<u16>, room: u32) -> [u8; 12] {
    let [a, b, c, d] = room.to_be_bytes();
    let (options, action) = match service_action {
        Some(action) => (0x82, action),
        None => (0x81, 0),
    };
    let [high, low] = action.to_be_bytes();
    [0xa3, 0x0c, options, code, high, low, a, b, c, d, 0, 0]
}

/// REQUEST SENSE (03h).
pub const fn request_sense(format: SenseFormat, room: u8) -> [u8; 6] {
    let desc = match format {
        SenseFormat::Fixed => 0,
        SenseFormat::Descriptor => 1,
    };
    [0x03, desc, 0, 0, room, 0]
}

/// PERSISTENT RESERVE IN (5Eh).
pub const fn persistent_reserve_in(what: ReserveIn, room: u16) -> [u8; 10] {
    let [high, low] = room.to_be_bytes();
    let action = match what {
        ReserveIn::ReadKeys => 0,
        ReserveIn::ReadReservation => 1,
    };
    [0x5e, action, 0, 0, 0, 0, 0, high, low, 0]
}

/// LOG SENSE (4Dh) of the current cumulative values of a page.
pub const fn log_sense(page: u8, room: u16) -> [u8; 10] {
    let [high, low] = room.to_be_bytes();
    [0x4d, 0, 0x40 | (page & 0x3f), 0, 0, 0, 0, high, low, 0]
}

/// READ DEFECT DATA(12) (B7h) of the grown list, in the physical sector format (5); a room of 8 bytes brings the
/// header alone.
pub const fn read_grown_defects(room: u32) -> [u8; 12] {
    let [a, b, c, d] = room.to_be_bytes();
    [0xb7, 0x08 | 0x05, 0, 0, 0, 0, a, b, c, d, 0, 0]
}
