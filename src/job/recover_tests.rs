use std::collections::VecDeque;

use super::*;
use crate::device::capability::Support;
use crate::device::survey::survey;
use crate::device::{Identity, QueueLimits, Reach, Zoned};
use crate::engine::firmware::{Conclusion, Proof};
use crate::io::{Channel, Route};
use crate::sim::controller::{AtaTraits, ScsiSim, ScsiSpec, Shape};
use crate::unit::term::DriveKind;
use crate::unit::{BlockCount, BlockSize};

/// The lines are those of a file: what was written once must be read for ever.
#[test]
fn lines_are_read_as_they_were_written() {
    let aim = Aim::Erase { mode: EraseMode::Enhanced };
    let text = serde_json::to_string(&aim).unwrap();
    assert_eq!(text, r#"{"type":"erase","mode":"enhanced"}"#);
    assert_eq!(serde_json::from_str::<Aim>(&text).unwrap(), aim);
    let line = RecoveryEntry::Recovered {
        at: UtcTime::from_millis(0).unwrap(),
        end: Box::new(lost("gone".to_owned())),
    };
    let text = serde_json::to_string(&line).unwrap();
    assert!(text.starts_with(r#"{"entry":"recovered","at":"1970-01-01T00:00:00"#), "{text}");
    assert_eq!(serde_json::from_str::<RecoveryEntry>(&text).unwrap(), line);
}

fn geometry() -> Geometry {
    let block_size = BlockSize::new(512).expect("a supported size");
    Geometry { block_size, physical_block_size: block_size, capacity: BlockCount(2048) }
}

/// A disk whose security words are changed.
fn disk(change: fn(&mut AtaSecurityFacts)) -> DriveFacts {
    let sim = ScsiSim::new(ScsiSpec::ata(Shape::small(512, 2048), AtaTraits::magnetic()));
    let mut route = Route { channel: Channel::Scsi(Box::new(sim.port())), nsid: None };
    let mut capability = survey(&mut route).expect("a drive that answers");
    let Interface::Ata(ata) = &mut capability.interface else { panic!("no ATA drive") };
    change(ata.security.as_mut().expect("a drive with passwords"));
    DriveFacts {
        node: "/dev/sdz".into(),
        kernel_name: "sdz".to_owned(),
        device: None,
        diskseq: None,
        identity: Identity { serial: Some("S1".to_owned()), ..Identity::default() },
        kind: DriveKind::Rotating,
        transport: Some("sata".to_owned()),
        bay: None,
        reach: Reach::Addressable(geometry()),
        queue: QueueLimits::default(),
        zoned: Zoned::None,
        zones: None,
        read_only: false,
        removable: false,
        other_units: Vec::new(),
        other_paths: Vec::new(),
        content: Vec::new(),
        capability: Some(Box::new(capability)),
    }
}

#[test]
fn only_a_drive_with_a_password_that_can_be_taken_away_is_recovered() {
    let code = |change: fn(&mut AtaSecurityFacts)| locked(&disk(change)).unwrap_err().code;
    assert_eq!(code(|_| ()), ReasonCode::BadRequest);
    let (security, _) = locked(&disk(|words| {
        words.enabled = Support::Yes;
        words.locked = Support::Yes;
    }))
    .unwrap();
    assert!(security.locked.is_yes());
    assert!(locked(&disk(|words| words.enabled = Support::Yes)).is_ok());
    let frozen: fn(&mut AtaSecurityFacts) = |words| {
        words.locked = Support::Yes;
        words.frozen = Support::Yes;
    };
    assert_eq!(code(frozen), ReasonCode::Frozen);
    let expired: fn(&mut AtaSecurityFacts) = |words| {
        words.locked = Support::Yes;
        words.count_expired = Support::Yes;
    };
    assert_eq!(code(expired), ReasonCode::Locked);
    let file = DriveFacts { capability: None, ..disk(|_| ()) };
    assert_eq!(locked(&file).unwrap_err().code, ReasonCode::BadRequest);
}

/// Says what it was made to say, and keeps what it was told.
struct Scripted {
    says: VecDeque<Report>,
    told: Vec<Order>,
}

impl Link for Scripted {
    fn order(&mut self, order: &Order) -> io::Result<()> {
        self.told.push(order.clone());
        Ok(())
    }

    fn next(&mut self, _wait: Duration) -> Report {
        self.says.pop_front().unwrap_or_else(|| Report::End("it left".to_owned()))
    }

    fn whereabouts(&self) -> String {
        "a script".to_owned()
    }
}

fn both() -> Vec<Order> {
    let rules = Rules::of_kind(DriveKind::Rotating);
    let tuning = tuning(
        Wish::default(),
        &Reach::Addressable(geometry()),
        &QueueLimits::default(),
        geometry().block_size,
    );
    let terms =
        Terms { geometry: geometry(), tuning, rules, spent_millis: 0, thermometer: None, zones: None };
    orders_of(&terms, Aim::Erase { mode: EraseMode::Normal }, Support::Yes)
}

fn talk(says: Vec<Event>) -> (End, Scripted) {
    let says = says.into_iter().map(Report::Event).collect();
    let mut link = Scripted { says, told: Vec::new() };
    let end = converse(&mut link, both(), &mut |_news| ());
    (end, link)
}

fn unlocked(recovered: Recovered) -> Event {
    Event::Unlocked { report: RecoverReport { recovered, exchanges: Vec::new() } }
}

#[test]
fn the_erase_follows_only_where_the_password_opened_the_drive() {
    let report = CommandReport {
        conclusion: Conclusion::Confirmed,
        proof: vec![Proof::SecurityDisabledAnew],
        exchanges: Vec::new(),
        notes: Vec::new(),
    };
    let erased = Event::Commanded { report: Box::new(report.clone()) };
    let (end, link) = talk(vec![unlocked(Recovered::Opened), Event::Waiting, erased]);
    assert_eq!(end, End::Erased { report });
    assert!(matches!(link.told[..], [Order::Unlock { then: Then::Keep, .. }, Order::Command(_)]));

    let reason = Reason::new(ReasonCode::WrongCredential, "wrong", "other");
    let (end, link) = talk(vec![unlocked(Recovered::Not { reason })]);
    assert!(matches!(end, End::Unlocked { .. }));
    assert_eq!(link.told.len(), 1, "no erase was ordered");

    let (end, _) = talk(vec![unlocked(Recovered::Opened), Event::Broken { text: "cable".to_owned() }]);
    assert!(matches!(end, End::Lost { reason } if reason.text == "cable"));
    let (end, _) = talk(Vec::new());
    assert!(matches!(end, End::Lost { .. }));
}

#[test]
fn a_drive_that_is_not_locked_is_erased_at_once_and_one_to_be_unlocked_is_not_erased() {
    let Some(Order::Unlock { terms, .. }) = both().into_iter().next() else { panic!("no unlocking") };
    let open = orders_of(&terms, Aim::Erase { mode: EraseMode::Enhanced }, Support::No);
    let [Order::Command(command)] = &open[..] else { panic!("{open:?}") };
    assert_eq!(command.start, Start::Follow);
    let unlock = orders_of(&terms, Aim::Unlock, Support::Yes);
    assert!(matches!(unlock[..], [Order::Unlock { then: Then::Disable, .. }]));
}
