use std::collections::BTreeMap;

use super::*;

/// A unit that answers each block that begins as listed, and takes nothing else.
struct Unit {
    pages: BTreeMap<Vec<u8>, Vec<u8>>,
    attentions: u32,
}

fn bytes(hex: &str) -> Vec<u8> {
    crate::unit::digest::from_hex(&hex.replace(' ', "")).unwrap()
}

impl Unit {
    fn new(pages: &[(&str, &str)]) -> Self {
        let pages = pages.iter().map(|(block, data)| (bytes(block), bytes(data))).collect();
        Self { pages, attentions: 1 }
    }
}

impl ScsiPort for Unit {
    fn execute(&mut self, block: &[u8], data: Data<'_>, _timeout: Duration) -> ScsiAnswer {
        let check = |sense: &str| ScsiAnswer::Answered { status: 2, sense: bytes(sense), moved: 0 };
        // INQUIRY is answered past an attention, everything else is not.
        if block[0] != 0x12 && self.attentions > 0 {
            self.attentions -= 1;
            return check("72 06 29 00 00 00 00 00");
        }
        let found = self.pages.iter().rev().find(|(start, _)| block.starts_with(start));
        let Some((_, page)) = found else {
            return check("70 00 05 00 00 00 00 0a 00 00 00 00 20 00 00 00 00 00");
        };
        let Data::FromDrive(room) = data else { panic!("a survey sends nothing") };
        let length = page.len().min(room.len());
        room[..length].copy_from_slice(&page[..length]);
        ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved: u32::try_from(length).unwrap() }
    }
}

const INQUIRY: (&str, &str) =
    ("12 00", "00000702 1f000002 45585055 4e474520 53494d55 4c415445 4420554e 49542020 30303031");

/// The layouts are those of the readers of `tests/readers`, which other programs agree with.
fn array_disk() -> Unit {
    Unit::new(&[
        INQUIRY,
        ("12 01 00", "00000004 0080b1b2"),
        ("12 01 80", "00800004 53313233"),
        ("12 01 b1", "00b10005 1c20 00 d0 00"),
        ("12 01 b2", "00b20004 00 e4 02 00"),
        ("9e 10", "00000000000fffff 00000208 03 00 0000 00000000 00000000 00000000 00000000"),
        ("a3 0c 82 48 00 01", "00010000"),
        ("a3 0c 82 48 00 02", "0003000a 481f0000000000ff0000"),
        ("a3 0c 82 48 00 03", "0005000a 481f0000000000ff0000"),
        ("a3 0c 81 04", "00030006 04ff00000000"),
        ("03", "70 00 02 00 00 00 00 0a 00 00 00 00 04 1b 00 80 40 00"),
        ("1a", "03 00 80 00"),
        ("5e 01", "00000001 00000010 000000000000abcd 00000000 00 03 0000"),
        ("a0", "00000010 00000000 0000000000000000 0001000000000000"),
        ("4d 00 6f", "2f000008 00000304 5d003200"),
        ("4d 00 55", "15000014 00000310 00010000000000000000000000000000"),
        ("b7", "00 0d 0000 00000018"),
    ])
}

fn facts(capability: &Capability) -> &ScsiFacts {
    let Interface::Scsi(facts) = &capability.interface else { panic!("{capability:?}") };
    facts
}

#[test]
fn all_that_a_unit_tells_is_kept() {
    let capability = survey(&mut array_disk()).unwrap();
    let facts = facts(&capability);
    assert_eq!(facts.inquiry, ["EXPUNGE", "SIMULATED UNIT", "0001"]);
    assert_eq!((facts.sanitize.overwrite, facts.sanitize.block_erase), (Support::No, Support::Yes));
    assert_eq!(
        facts.sanitize.crypto_erase,
        Support::NotTold,
        "in a way of the vendor's is no standard's way"
    );
    assert_eq!((facts.sanitize.exit_failure, facts.format_unit), (Support::NotTold, Support::Yes));
    assert_eq!((facts.after_block_erase, facts.after_crypto_erase, facts.rotation), (3, 1, Some(7200)));
    assert_eq!(
        (facts.blocks, facts.block_bytes, facts.protection, facts.unmapped_reads),
        (1 << 20, 520, 2, 1)
    );
    assert_eq!((facts.state, facts.zoned), (ScsiState::Sanitizing, 0));
    assert_eq!((facts.write_protected, facts.reserved), (Support::Yes, Support::Yes));
    assert_eq!((facts.other_units.as_slice(), facts.units_listed), (&[0, 1 << 48][..], Support::Yes));
    let unusual = facts.unusual_format().unwrap();
    assert!(unusual.contains("520 bytes") && unusual.contains("type 2"), "{unusual}");

    let health = &capability.health;
    assert_eq!(
        (health.passed, health.power_on_hours, health.reallocated),
        (Some(false), Some(1092), Some(3))
    );
    assert!(capability.pages.iter().any(|page| page.name == "scsi vpd 80" && page.hex.ends_with("53313233")));
    assert!(capability.gaps.iter().any(|gap| gap.starts_with("scsi log 11: the unit does not have it")));
}

#[test]
fn a_unit_that_tells_nothing_has_gaps_and_no_made_up_facts() {
    let capability = survey(&mut Unit::new(&[INQUIRY])).unwrap();
    let facts = facts(&capability);
    assert_eq!(facts.sanitize, ScsiSanitizeFacts::default());
    assert_eq!(
        (facts.state, facts.write_protected, facts.reserved),
        (ScsiState::Other, Support::NotTold, Support::NotTold)
    );
    assert_eq!((facts.blocks, facts.rotation), (0, None));
    assert_eq!((facts.other_units.len(), facts.units_listed), (0, Support::NotTold));
    assert_eq!(capability.health, Health::default());
    assert!(capability.gaps.len() > 10, "{:?}", capability.gaps);
}

#[test]
fn what_is_no_block_device_is_refused() {
    let refused = |pages: &[(&str, &str)]| survey(&mut Unit::new(pages)).unwrap_err().code;
    let tape = INQUIRY.1.replacen("00", "01", 1);
    assert_eq!(refused(&[("12 00", &tape)]), ReasonCode::NotADrive);
    assert_eq!(refused(&[]), ReasonCode::NotAnswering);
    assert_eq!(refused(&[("12 00", "00000702")]), ReasonCode::NotAnswering);
}

#[test]
fn an_ata_drive_is_found_behind_its_translation_layer() {
    let page = format!(
        "00890238 00000000 {} {} {} {}",
        "4154412020202020",
        "6c69626174612020".to_owned() + &"20".repeat(8),
        "332e3030",
        "00".repeat(536)
    );
    let mut unit = Unit::new(&[INQUIRY, ("12 01 00", "00000002 0089"), ("12 01 89", &page)]);
    assert_eq!(ata_behind(&mut unit), Some("ATA libata 3.00".to_owned()));
    let mut unlisted = Unit::new(&[INQUIRY, ("12 01 00", "00000001 00"), ("12 01 89", &page)]);
    assert_eq!(ata_behind(&mut unlisted), None);
    assert_eq!(ata_behind(&mut array_disk()), None);
}

/// While it sanitizes itself a unit answers READ CAPACITY with 02/04/1B (SPC), so the kernel sees none.
#[test]
fn a_unit_at_work_on_itself_or_held_by_another_host_is_not_dead() {
    let why = |unit: &mut Unit| survey(unit).unwrap().why_no_capacity().map(|reason| reason.code);
    assert_eq!(why(&mut array_disk()), Some(ReasonCode::FirmwareBusy));
    let with = |block: &str, data: &str| {
        let mut unit = array_disk();
        unit.pages.insert(bytes(block), bytes(data));
        unit
    };
    const FORMATTING: &str = "70 00 02 00 00 00 00 0a 00 00 00 00 04 04 00 80 40 00";
    const NOTHING: &str = "70 00 00 00 00 00 00 0a 00 00 00 00 00 00 00 00 00 00";
    assert_eq!(why(&mut with("03", FORMATTING)), Some(ReasonCode::FirmwareBusy));
    assert_eq!(why(&mut with("03", NOTHING)), Some(ReasonCode::Reserved));
    let mut free = with("03", NOTHING);
    free.pages.insert(bytes("5e 01"), bytes("00000001 00000000"));
    assert_eq!(why(&mut free), None, "a dead unit stays dead");
}
