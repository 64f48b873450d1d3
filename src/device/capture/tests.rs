use super::*;
use crate::device::Reach;
use crate::device::capability::Interface;
use crate::device::survey::survey;
use crate::device::{Identity, QueueLimits, Zoned};
use crate::io::{Channel, Data, NvmePort, Route};
use crate::sim::controller::{AtaTraits, ScsiSim, ScsiSpec, Shape};
use crate::unit::term::DriveKind;
use crate::unit::{BlockCount, BlockSize, Geometry};
use std::time::Duration;

const SERIAL: &str = "S3RIAL-0815-XYZ7";
/// What an NVMe controller and its namespace say of who they are.
const EUI: [u8; 8] = [0x00, 0x25, 0x38, 0x5b, 0x71, 0xb0, 0x1c, 0x9e];

fn drive() -> DriveFacts {
    let block_size = BlockSize::new(512).expect("a supported size");
    DriveFacts {
        node: "/dev/disk/by-id/nvme-S3RIAL-0815-XYZ7".into(),
        kernel_name: "nvme0n1".to_owned(),
        device: None,
        diskseq: Some(9),
        identity: Identity {
            model: Some("EXAMPLE S3RIAL-0815-XYZ7 1TB".to_owned()),
            serial: Some(SERIAL.to_owned()),
            wwn: Some("eui.0025385b71b01c9e".to_owned()),
            firmware: Some("1.0".to_owned()),
            ..Identity::default()
        },
        kind: DriveKind::Flash,
        transport: Some("nvme".to_owned()),
        bay: Some("pci-0000:01:00.0-nvme-1".to_owned()),
        reach: Reach::Addressable(Geometry {
            block_size,
            physical_block_size: block_size,
            capacity: BlockCount(2048),
        }),
        queue: QueueLimits::default(),
        zoned: Zoned::None,
        zones: None,
        read_only: false,
        removable: false,
        other_units: Vec::new(),
        other_paths: Vec::new(),
        content: Vec::new(),
        capability: None,
    }
}

fn put(page: &mut [u8], at: usize, bytes: &[u8]) {
    page[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A controller that repeats its serial number wherever it can.
struct Talkative;

impl NvmePort for Talkative {
    fn admin(&mut self, entry: &[u8; 64], data: Data<'_>, _: Duration) -> NvmeAnswer {
        let Data::FromDrive(page) = data else { return NvmeAnswer::Status { field: 0x4002 } };
        page.fill(0);
        match (entry[0], entry[40]) {
            (0x06, 0x01) => {
                put(page, 4, b"S3RIAL-0815-XYZ7    ");
                put(page, 24, b"EXAMPLE 1TB                             ");
                put(page, 256, &[2, 0]);
                put(page, 328, &[3, 0, 0, 0]);
                put(page, 524, &[4]);
                put(page, 768, b"nqn.2014-08.org.example:S3RIAL-0815-XYZ7");
                put(page, 3100, SERIAL.as_bytes());
                // A place that no rule of redaction knows.
                put(page, 600, SERIAL.to_lowercase().as_bytes());
                put(page, 700, &EUI);
            }
            (0x06, 0x00) => {
                put(page, 0, &[0, 8]);
                put(page, 120, &EUI);
                put(page, 104, &[0x36, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
            }
            (0x06, 0x02) => put(page, 0, &[1]),
            (0x02, 0x81) => put(page, 0, &[0xff, 0xff, 1, 1, 2]),
            (0x02, 0x02) => put(page, 300, SERIAL.as_bytes()),
            _ => return NvmeAnswer::Status { field: 0x4002 },
        }
        NvmeAnswer::Completed { result: 0 }
    }
}

/// All bytes that a capture holds, in the file and in what its rows stand for.
fn content(capture: &Capture) -> Vec<u8> {
    let mut all = serde_json::to_vec_pretty(capture).expect("JSON");
    for asked in &capture.asked {
        all.extend(asked.received.as_ref().and_then(Received::bytes).unwrap_or_default());
        if let Answer::Scsi(ScsiAnswer::Answered { sense, .. }) = &asked.answer {
            all.extend(sense);
        }
    }
    all
}

#[track_caller]
fn absent(all: &[u8], wanted: &[u8], what: &str) {
    let found = all.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted));
    assert!(!found, "{what} is still there");
}

#[track_caller]
fn nothing_of(name: &str, all: &[u8]) {
    let bytes = name.as_bytes();
    let swapped: Vec<u8> = bytes.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect();
    let wide: Vec<u8> = bytes.iter().flat_map(|byte| [*byte, 0]).collect();
    absent(all, bytes, "the name");
    absent(all, &swapped, "the name with its bytes exchanged");
    absent(all, &wide, "the name in two bytes each");
    absent(all, to_hex(bytes).as_bytes(), "the name in digits");
    absent(all, to_hex(&swapped).as_bytes(), "the exchanged name in digits");
}

fn surveyed(route: Route, drive: &DriveFacts) -> (crate::device::Capability, Capture) {
    let nsid = route.nsid;
    let (mut route, recorder) = recording(route);
    let capability = survey(&mut route).expect("a drive that answers");
    let questions = Questions { nsid, asked: recorder.take() };
    (capability, Capture::of(drive, questions).expect("nothing survives"))
}

/// Facts, without what hangs on the bytes of pages that were redacted.
fn facts(
    capability: &crate::device::Capability,
) -> (Interface, crate::device::capability::Health, Vec<String>) {
    (capability.interface.clone(), capability.health.clone(), capability.gaps.clone())
}

#[test]
fn a_capture_of_nvme_names_nothing_and_tells_the_same() {
    let route = Route { channel: Channel::Nvme(Box::new(Talkative)), nsid: Some(1) };
    let (capability, capture) = surveyed(route, &drive());
    let all = content(&capture);
    nothing_of(SERIAL, &all);
    absent(&all, &EUI, "the EUI-64");
    absent(&all, b"0025385b71b01c9e", "the EUI-64 in digits");
    absent(&all, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "the NGUID");
    absent(&all, b"pci-0000", "its place");
    let text = serde_json::to_string(&capture).unwrap();
    let read = Capture::parse(&text).unwrap();
    assert_eq!(read, capture);
    let again = survey(&mut replay(&read)).unwrap();
    assert_eq!(facts(&again), facts(&capability));
    // Placeholders have the length of what they stand for.
    assert_eq!(capture.drive.identity.serial.as_deref(), Some("XXXXXXXXXXXXXXXX"));
    let page = capture.asked[0].received.as_ref().and_then(Received::bytes).unwrap();
    assert_eq!(&page[4..24], b"XXXXXXXXXXXXXXXX    ");
    assert_eq!(&page[24..35], b"EXAMPLE 1TB");
}

#[test]
fn a_capture_of_ata_names_nothing_and_its_sums_are_right() {
    let sim = ScsiSim::new(ScsiSpec::ata(Shape::small(512, 2048), AtaTraits::magnetic()));
    let mut drive = drive();
    let mut route = Route { channel: Channel::Scsi(Box::new(sim.port())), nsid: None };
    let first = survey(&mut route).unwrap();
    let page = first.pages.iter().find(|page| page.name == "ata identify device").unwrap();
    let serial =
        crate::command::ata::identify::Identify::decode(&from_hex(&page.hex).unwrap()).unwrap().serial();
    assert!(serial.len() >= 4, "the simulated drive has a serial number: {serial:?}");
    drive.identity = Identity { serial: Some(serial.clone()), ..Identity::default() };
    let (capability, capture) = surveyed(route, &drive);
    nothing_of(&serial, &content(&capture));
    let again = survey(&mut replay(&capture)).unwrap();
    assert_eq!(facts(&again), facts(&capability));
    let identify = again.pages.iter().find(|page| page.name == "ata identify device").unwrap();
    let bytes = from_hex(&identify.hex).unwrap();
    if bytes[510] == 0xa5 {
        assert_eq!(bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)), 0);
    }
}

#[test]
fn a_capture_of_a_logical_unit_tells_the_same() {
    let sim = ScsiSim::new(ScsiSpec::scsi(Shape::small(512, 2048)));
    let route = Route { channel: Channel::Scsi(Box::new(sim.port())), nsid: None };
    let (capability, capture) = surveyed(route, &drive());
    let again = survey(&mut replay(&capture)).unwrap();
    assert_eq!(facts(&again), facts(&capability));
}

#[test]
fn rows_are_the_bytes() {
    let mut bytes = vec![0; 40];
    bytes[17] = 7;
    bytes[39] = 9;
    let received = Received::of(&bytes);
    assert_eq!(received.rows, ["0010: 00070000000000000000000000000000", "0020: 0000000000000009"]);
    assert_eq!(received.bytes(), Some(bytes));
    let odd = |row: &str| Received { bytes: 32, rows: vec![row.to_owned()] }.bytes();
    assert_eq!(odd("0001: 00"), None);
    assert_eq!(odd("0010: 0"), None);
    assert_eq!(odd("0020: 00"), None, "beyond the end");
    assert_eq!(odd("0010 00"), None);
    assert!(Received { bytes: usize::MAX, rows: Vec::new() }.bytes().is_none());
}

#[test]
fn what_is_no_capture_is_refused() {
    assert!(matches!(Capture::parse("{}"), Err(NotACapture::Form { .. })));
    let route = Route { channel: Channel::Nvme(Box::new(Talkative)), nsid: Some(1) };
    let (_, capture) = surveyed(route, &drive());
    let changed = |change: fn(&mut Capture)| {
        let mut capture = capture.clone();
        change(&mut capture);
        Capture::parse(&serde_json::to_string(&capture).unwrap())
    };
    assert!(changed(|_| ()).is_ok());
    let other = changed(|capture| capture.schema = "urn:other".to_owned());
    assert!(matches!(other, Err(NotACapture::Schema { .. })));
    let torn = changed(|capture| capture.asked[0].command.push('0'));
    assert_eq!(torn, Err(NotACapture::Bytes { index: 0 }));
}

/// Answers nothing; the kernel has its own reading.
struct Opal;

impl NvmePort for Opal {
    fn admin(&mut self, _: &[u8; 64], _: Data<'_>, _: Duration) -> NvmeAnswer {
        NvmeAnswer::Status { field: 0x4002 }
    }

    fn kernel_opal(&self) -> Option<crate::sys::opal::OpalStatus> {
        Some(crate::sys::opal::OpalStatus::from_flags(0x0F))
    }
}

/// Every survey of a drive is recorded.
#[test]
fn a_recorder_does_not_hide_what_the_kernel_reads() {
    let route = Route { channel: Channel::Nvme(Box::new(Opal)), nsid: Some(1) };
    let (route, _recorder) = recording(route);
    assert!(route.channel.kernel_opal().is_some());
}
