//! Captures come by mail from strangers. What is read of one is told, planned for and redacted again without a panic, and
//! what we write of it we can read. The first byte chooses the text itself, or changes to a capture of a simulated drive:
//! few mutations of a text would get behind its form.
#![no_main]
use std::sync::{LazyLock, OnceLock};

use expunge::device::capture::{Capture, Questions, Received, recording, redacted, replay};
use expunge::device::source;
use expunge::device::survey::survey;
use expunge::device::{DriveFacts, Identity, QueueLimits, Reach, Zoned};
use expunge::io::{Channel, Route};
use expunge::plan::{Policy, Request, ranked};
use expunge::sim::controller::{AtaTraits, NvmeSim, NvmeSpec, ScsiSim, ScsiSpec, Shape};
use expunge::unit::term::{DriveKind, Method};
use expunge::unit::{BlockCount, BlockSize, Geometry};
use libfuzzer_sys::fuzz_target;

fn facts() -> DriveFacts {
    let block_size = BlockSize::new(512).expect("a size of blocks");
    DriveFacts {
        node: "/dev/sda".into(),
        kernel_name: "sda".to_owned(),
        device: None,
        diskseq: None,
        identity: Identity {
            model: Some("Expunge Sim".to_owned()),
            serial: Some("SIM000000000001".to_owned()),
            ..Identity::default()
        },
        kind: DriveKind::Flash,
        transport: None,
        bay: None,
        reach: Reach::Addressable(Geometry {
            block_size,
            physical_block_size: block_size,
            capacity: BlockCount(64),
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

/// Captures of an NVMe, a SCSI and an ATA drive.
fn captures() -> &'static [Capture; 3] {
    static CAPTURES: OnceLock<[Capture; 3]> = OnceLock::new();
    CAPTURES.get_or_init(|| {
        let shape = || Shape::small(512, 64);
        let nvme = NvmeSim::new(NvmeSpec::new(shape()));
        let nvme = Route { channel: Channel::Nvme(Box::new(nvme.port())), nsid: Some(1) };
        let scsi = [ScsiSpec::scsi(shape()), ScsiSpec::ata(shape(), AtaTraits::solid())]
            .map(|spec| Route { channel: Channel::Scsi(Box::new(ScsiSim::new(spec).port())), nsid: None });
        let [scsi, ata] = scsi;
        [nvme, scsi, ata].map(|route| {
            let nsid = route.nsid;
            let (mut route, recorder) = recording(route);
            survey(&mut route).expect("a drive that answers");
            Capture::of(&facts(), Questions { nsid, asked: recorder.take() }).expect("nothing survives")
        })
    })
}

fn policy() -> &'static Policy {
    static POLICY: LazyLock<Policy> = LazyLock::new(Policy::builtin);
    &POLICY
}

/// Changes, four bytes each: which answer, where (two bytes), and to what.
fn changed(capture: &Capture, changes: &[u8]) -> Capture {
    let mut capture = capture.clone();
    for change in changes.chunks_exact(4) {
        let index = usize::from(change[0]) % capture.asked.len();
        let Some(received) = &mut capture.asked[index].received else { continue };
        let mut bytes = received.bytes().expect("rows that we wrote");
        if !bytes.is_empty() {
            let at = usize::from(u16::from_be_bytes([change[1], change[2]])) % bytes.len();
            bytes[at] = change[3];
            *received = Received::of(&bytes);
        }
    }
    capture
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let text = match captures().get(usize::from(*kind) % 4) {
        Some(capture) => serde_json::to_string(&changed(capture, rest)).expect("a capture can be written"),
        None => String::from_utf8_lossy(rest).into_owned(),
    };
    let Ok(capture) = Capture::parse(&text) else { return };
    let mut facts = capture.drive.clone();
    if let Ok(capability) = survey(&mut replay(&capture)) {
        facts.capability = Some(Box::new(capability));
    }
    let _sources = source::of_capture(&facts);
    let request = Request { method: Some(Method::Purge), ..Request::default() };
    let _ranked = ranked(&request, &facts, policy());
    if let Ok(redacted) = redacted(capture) {
        let again = serde_json::to_string(&redacted).expect("a capture can be written");
        assert_eq!(Capture::parse(&again).as_ref(), Ok(&redacted));
    }
});
