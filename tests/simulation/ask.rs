//! What is asked for and what is known about the drive: the input of the real planning.
use std::path::PathBuf;

use expunge::device::{DriveFacts, Identity, QueueLimits, Reach, Zoned};
use expunge::plan::request::Ratio;
use expunge::plan::scheme::SCHEMES;
use expunge::plan::{PassChoice, PassPattern, Request, RuleSetting, VerificationChoice};
use expunge::sim::{Dice, DriveSpec, SimIdentity, Wear};
use expunge::unit::pattern::FixedBytes;
use expunge::unit::term::{DriveKind, Method, Standard};
use expunge::unit::{Pattern, PatternKey, Reason, ReasonCode, StampTag};

/// The identity of a simulated drive, as the model of devices has it.
pub(crate) fn identity(drive: &SimIdentity) -> Identity {
    Identity {
        model: Some(drive.model.clone()),
        serial: Some(drive.serial.clone()),
        wwn: Some(drive.wwn.clone()),
        ..Identity::default()
    }
}

/// A request; one in twenty asks for what cannot be had.
pub(crate) fn request(dice: &mut Dice) -> Request {
    Request {
        method: Some(if dice.chance(1, 20) { Method::Purge } else { Method::Clear }),
        standard: if dice.chance(1, 4) { Standard::NistR1 } else { Standard::NistR2 },
        passes: passes(dice),
        verification: verification(dice),
        rules: rules(dice),
        ..Request::default()
    }
}

/// Half of the jobs have the rules of the drive's kind; the others one or two of their own.
fn rules(dice: &mut Dice) -> Vec<RuleSetting> {
    const RULES: [&str; 14] = [
        "errors-max=1",
        "errors-max=2",
        "errors-max=5",
        "retries=0",
        "retries=3",
        "repair=0",
        "repair=1",
        "flushes-max=1",
        "flushes-max=2",
        "checkpoint=1ms",
        "checkpoint=2ms",
        "checkpoint=5ms",
        "leap=0MiB",
        "back-offs=0",
    ];
    let count = if dice.chance(1, 2) { 0 } else { dice.between(1, 2) };
    (0..count).map(|_| RULES[dice.index(RULES.len())].parse().expect("a rule")).collect()
}

/// Half of the jobs are one keyed pass, which is the default; the others are anything.
fn passes(dice: &mut Dice) -> PassChoice {
    let period = |bytes: &[u8]| FixedBytes::new(bytes).expect("1 to 64 bytes");
    let fixed = |bytes: &[u8]| PassPattern::Fixed { bytes: period(bytes) };
    let stamped = |bytes: &[u8]| PassPattern::Stamped { bytes: period(bytes) };
    let three = [0x92, 0x49, 0x24];
    let choices =
        [PassPattern::Keyed, fixed(&[0]), fixed(&[0xFF]), fixed(&three), stamped(&[0]), stamped(&three)];
    match dice.below(8) {
        0..=3 => PassChoice::Default,
        4 => PassChoice::Scheme(SCHEMES[dice.index(SCHEMES.len())].name.to_owned()),
        _ => {
            let count = dice.between(1, 3);
            PassChoice::Listed((0..count).map(|_| choices[dice.index(choices.len())].clone()).collect())
        }
    }
}

fn verification(dice: &mut Dice) -> VerificationChoice {
    let ratio = |billionths| Ratio::from_billionths(billionths).expect("between 0 and 1");
    match dice.below(10) {
        0 => VerificationChoice::None,
        1 => VerificationChoice::SampledR1,
        2 => VerificationChoice::Sampled { confidence: ratio(900_000_000), fraction: ratio(300_000_000) },
        _ => VerificationChoice::Full,
    }
}

/// The facts of a drive; one in twenty has something about it that forbids any writing.
pub(crate) fn facts(spec: &DriveSpec, drive: &SimIdentity, dice: &mut Dice) -> DriveFacts {
    let kind = match spec.wear {
        Wear::InPlace => DriveKind::Rotating,
        Wear::Moving => DriveKind::Flash,
    };
    let mut facts = DriveFacts {
        node: PathBuf::from("/dev/sim"),
        kernel_name: "sim".to_owned(),
        device: None,
        diskseq: Some(1),
        identity: identity(drive),
        kind,
        transport: None,
        bay: None,
        reach: Reach::Addressable(spec.geometry),
        queue: QueueLimits::default(),
        zoned: Zoned::None,
        zones: None,
        read_only: false,
        removable: false,
        other_units: Vec::new(),
        other_paths: Vec::new(),
        content: Vec::new(),
        capability: None,
    };
    match dice.below(80) {
        0 => facts.read_only = true,
        1 => facts.zoned = Zoned::HostManaged,
        2 => facts.identity = Identity::default(),
        3 => facts.reach = dead(ReasonCode::NoCapacity, "the drive reports no capacity"),
        4 => facts.reach = dead(ReasonCode::UnsupportedFormat, "blocks of 300 bytes"),
        5 => facts.reach = dead(ReasonCode::UnsupportedFormat, "528-byte blocks"),
        6 => facts.zoned = Zoned::HostAware,
        _ => {}
    }
    facts
}

fn dead(code: ReasonCode, text: &str) -> Reach {
    Reach::Dead(Reason::new(code, text, "destroy the drive"))
}

/// The bytes of each pass, with keys, tags and job bytes from the dice: a run must be repeatable here, and a real job
/// draws them from the kernel.
pub(crate) fn arm(pattern: &PassPattern, job_bytes: [u8; 8], dice: &mut Dice) -> Pattern {
    match pattern {
        PassPattern::Fixed { bytes } => Pattern::Fixed { bytes: bytes.clone() },
        PassPattern::Keyed => {
            let mut key = [0; 32];
            dice.noise(&mut key);
            Pattern::Keyed { key: PatternKey(key) }
        }
        PassPattern::Stamped { bytes } => {
            let mut tag = [0; 8];
            dice.noise(&mut tag);
            Pattern::Stamped { bytes: bytes.clone(), tag: StampTag(tag) }
        }
        PassPattern::JobByte { slot, complement } => {
            let byte = job_bytes[usize::from(*slot) % job_bytes.len()];
            Pattern::byte(if *complement { !byte } else { byte })
        }
    }
}
