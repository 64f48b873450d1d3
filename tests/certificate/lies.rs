//! Lies about a drive's own commands: what is quoted of the drive's answers contradicts them. Each changes one thing in a
//! genuine record and signs again with the genuine key.
use expunge::certificate::check::Level;
use expunge::certificate::{CheckStatus, RecordInput, Statement};
use expunge::engine::firmware::Proof;
use expunge::unit::Digest;
use serde_json::{Value, json};

use crate::contradictions::resigned;
use crate::purges::{
    ata_sanitized, by_fingerprints, nvme_formatted, nvme_sanitized, reverted, scsi_sanitized, security_erased,
};
use crate::support::{statement, texts};

/// One lie: its name, what it does to the predicate, and what the check says of it.
type Lie = (&'static str, &'static str, fn(&mut Value));

#[track_caller]
fn lies(job: RecordInput, table: &[Lie]) {
    let genuine = statement(job);
    for (name, expected, lie) in table {
        let found = errors(&genuine, name, lie);
        assert!(found.iter().any(|text| text.contains(expected)), "{name}: {expected:?} not in {found:#?}");
    }
}

fn errors(genuine: &Statement, name: &str, lie: impl FnOnce(&mut Value)) -> Vec<String> {
    let report = resigned(genuine, |value| lie(&mut value["predicate"]));
    assert_eq!(report.status, CheckStatus::DoesNotVerify, "{name}: {}", texts(&report.findings));
    report.findings.into_iter().filter(|one| one.level == Level::Error).map(|one| one.text).collect()
}

fn tally(predicate: &mut Value) -> &mut Value {
    &mut predicate["firmware"]["steps"][0]["tally"]
}

fn exchanges(predicate: &mut Value) -> &mut Vec<Value> {
    tally(predicate)["report"]["exchanges"].as_array_mut().unwrap()
}

fn before(predicate: &mut Value) -> &mut Vec<Value> {
    tally(predicate)["before"]["exchanges"].as_array_mut().unwrap()
}

fn named<'a>(exchanges: &'a mut [Value], name: &str) -> Vec<&'a mut Value> {
    exchanges.iter_mut().filter(|one| one["name"].as_str().unwrap().starts_with(name)).collect()
}

fn last<'a>(exchanges: &'a mut [Value], name: &str) -> &'a mut Value {
    named(exchanges, name).pop().unwrap_or_else(|| panic!("no exchange {name}"))
}

fn without(exchanges: &mut Vec<Value>, is_out: impl Fn(&Value) -> bool) {
    let count = exchanges.len();
    exchanges.retain(|one| !is_out(one));
    assert!(exchanges.len() < count, "there was nothing to take away");
}

/// Sets bytes of what an exchange received.
fn set(exchange: &mut Value, at: usize, bytes: &[u8]) {
    let mut hex = exchange["received"].as_str().unwrap().to_owned();
    hex.replace_range(2 * at..2 * (at + bytes.len()), &hex_of(bytes));
    exchange["received"] = json!(hex);
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn byte(exchange: &Value, at: usize) -> u8 {
    u8::from_str_radix(&exchange["received"].as_str().unwrap()[2 * at..2 * at + 2], 16).unwrap()
}

fn claim_proof(predicate: &mut Value, proof: Proof) {
    tally(predicate)["report"]["proof"].as_array_mut().unwrap().push(json!(proof));
}

const LOG: &str = "nvme sanitize status log";
const EVENTS: &str = "nvme persistent event log, its events";

/// SSTAT is in bytes 2 and 3 of the page, SCDW10 in 4 to 7 (NVMe base specification, second-hand).
const AN_NVME_SANITIZE: &[Lie] = &[
    ("the operation failed", "quoted with a failure", |p| set(last(exchanges(p), LOG), 2, &[3])),
    ("it still runs", "not that it succeeded", |p| set(last(exchanges(p), LOG), 2, &[2])),
    ("never sanitized", "not that it succeeded", |p| set(last(exchanges(p), LOG), 2, &[0])),
    ("another command", "the end of another command", |p| set(last(exchanges(p), LOG), 4, &[4])),
    ("the last page cut short", "not that it succeeded", |p| {
        last(exchanges(p), LOG)["received"] = json!("ffff0101");
    }),
    ("the last page refused", "not that it succeeded", |p| {
        last(exchanges(p), LOG)["answer"] = json!("status 4009 invalid log page");
    }),
    ("never seen at work", "in-progress-seen is named as a proof", |p| {
        without(exchanges(p), |one| one["name"] == LOG && byte(one, 2) & 7 == 2);
    }),
    ("seen at work on another command", "in-progress-seen is named as a proof", |p| {
        for one in named(exchanges(p), LOG).into_iter().filter(|one| byte(one, 2) & 7 == 2) {
            set(one, 4, &[3]);
        }
    }),
    ("erased before already", "global-data-erased-set-anew is named", |p| set(last(before(p), LOG), 3, &[1])),
    ("not erased afterwards", "global-data-erased-set-anew is named", |p| {
        set(last(exchanges(p), LOG), 3, &[0])
    }),
    ("events that were there before", "persistent-event is named", |p| {
        let known = last(exchanges(p), EVENTS)["received"].clone();
        last(before(p), EVENTS)["received"] = known;
    }),
    ("no events from before", "persistent-event is named", |p| {
        without(before(p), |one| one["name"].as_str().unwrap().starts_with(EVENTS));
    }),
    ("a purge that was not reported", "purge-reported is named", |p| claim_proof(p, Proof::PurgeReported)),
    ("a proof of another kind", "answered-when-finished is named", |p| {
        claim_proof(p, Proof::AnsweredWhenFinished)
    }),
    ("no proof", "nothing shows that it was ours", |p| tally(p)["report"]["proof"] = json!([])),
    ("a proof beside a claim", "the end is not confirmed", |p| {
        tally(p)["report"]["conclusion"] = json!({"type": "claimed"});
    }),
    ("nothing quoted", "nothing is quoted of what the drive answered", |p| exchanges(p).clear()),
    ("nothing from before", "what the drive was like before", |p| before(p).clear()),
    ("another operation before", "another operation ran", |p| set(last(before(p), LOG), 2, &[2])),
    ("the drive refused", "did not take the command", |p| {
        last(exchanges(p), "nvme sanitize")["name"] = json!("nvme sanitize");
        let sent = exchanges(p).iter_mut().find(|one| one["name"] == "nvme sanitize").unwrap();
        sent["answer"] = json!("status 4002 invalid field");
    }),
    ("never sent", "its sending is not quoted", |p| {
        without(exchanges(p), |one| one["name"] == "nvme sanitize")
    }),
    ("sent with another action", "its sending is not quoted", |p| {
        let sent = exchanges(p).iter_mut().find(|one| one["name"] == "nvme sanitize").unwrap();
        let crypto = sent["command"].as_str().unwrap().replacen("02", "04", 1);
        sent["command"] = json!(crypto);
    }),
    ("out of order", "not in the order of their times", |p| exchanges(p).reverse()),
    ("no times at all", "not in the order of their times", |p| exchanges(p)[0]["times"] = json!(0)),
];

#[test]
fn lies_about_an_nvme_sanitize() {
    lies(nvme_sanitized(), AN_NVME_SANITIZE);
}

const STEPS_AND_CANARIES: &[Lie] = &[
    ("other bytes", "its bytes are not those of the command", |p| {
        p["firmware"]["steps"][0]["bytes"][0] = json!("84");
    }),
    ("another command", "not the planned one", |p| {
        tally(p)["command"]["with"]["afterFailure"] = json!("unrestricted")
    }),
    ("a step too few", "not every command was carried out", |p| p["firmware"]["steps"] = json!([])),
    ("a step too many", "more commands than were planned", |p| {
        let step = p["firmware"]["steps"][0].clone();
        p["firmware"]["steps"].as_array_mut().unwrap().push(step);
    }),
    ("no commands at all", "the record says nothing of them", |p| {
        p.as_object_mut().unwrap().remove("firmware");
    }),
    ("no report", "never reported", |p| tally(p)["report"] = Value::Null),
    ("an end that is not known", "the outcome is done, but", |p| {
        let reason = json!({"code": "firmware-unknown", "class": "medium", "text": "gone", "remedy": "look"});
        tally(p)["report"]["conclusion"] = json!({"type": "unknown", "reason": reason});
        tally(p)["report"]["proof"] = json!([]);
    }),
    ("never sent", "it was not sent", |p| p["firmware"]["steps"][0]["sent"] = Value::Null),
    ("its end is not known", "its end is not known", |p| p["firmware"]["steps"][0]["ended"] = Value::Null),
    ("ended before it began", "times of the drive's commands", |p| {
        p["firmware"]["steps"][0]["ended"] = p["started"].clone();
    }),
    ("no canaries", "none are on the record", |p| tally(p)["canaries"] = Value::Null),
    ("a canary survived", "still hold what they held", |p| {
        let after = &mut tally(p)["canaries"]["after"];
        after["matched"] = json!(1);
        after["mismatched"].as_array_mut().unwrap().remove(0);
    }),
    ("other canaries were read", "not those that were planted", |p| {
        tally(p)["canaries"]["after"]["wantedDigest"] = json!(Digest::of(b"other blocks"));
    }),
    ("canaries beyond the drive", "not blocks of the drive", |p| {
        tally(p)["canaries"]["planted"] = json!([{"first": 9_000_000, "count": 1}]);
    }),
    ("more canaries than planned", "canaries, of 6 that were planned", |p| {
        tally(p)["canaries"]["planted"] = json!([{"first": 0, "count": 9}]);
    }),
    ("canaries that are not unique", "canaries are not keyed", |p| {
        tally(p)["canaries"]["pattern"] = json!({"type": "fixed", "bytes": "00"});
    }),
    ("read back against something else", "something else than the last command leaves behind", |p| {
        p["verification"]["expected"] = json!({"type": "fixed", "bytes": "55"});
    }),
    ("read back against nothing", "something else than the last command leaves behind", |p| {
        p["verification"].as_object_mut().unwrap().remove("expected");
    }),
    ("a page that was changed", "does not have the digest", |p| {
        let hex = p["firmware"]["before"]["pages"][0]["hex"].as_str().unwrap().to_owned();
        p["firmware"]["before"]["pages"][0]["hex"] = json!(format!("ff{}", &hex[2..]));
    }),
    ("a page of another drive", "is of a drive with the serial number", |p| {
        for page in p["firmware"]["after"]["pages"].as_array_mut().unwrap() {
            if page["name"] == "nvme identify controller" {
                let hex = page["hex"].as_str().unwrap();
                let hex = format!("{}{}{}", &hex[..8], hex_of(b"ANOTHER1"), &hex[24..]);
                let bytes: Vec<u8> = expunge::unit::digest::from_hex(&hex).unwrap();
                (page["sha256"], page["hex"]) = (json!(Digest::of(&bytes)), json!(hex));
            }
        }
    }),
];

#[test]
fn lies_about_steps_and_canaries() {
    lies(nvme_sanitized(), STEPS_AND_CANARIES);
}

/// The last block of the drives here (`CAPACITY - 1`) is a canary, so none of their ends is blank.
const FINGERPRINTS: &[Lie] = &[
    ("a block survived", "blocks that were read right before it still hold", |p| {
        let after = &mut tally(p)["canaries"]["after"];
        after["matched"] = json!(1);
        after["mismatched"].as_array_mut().unwrap().remove(0);
    }),
    ("planted after all", "of another kind than was planned", |p| {
        let canaries = tally(p)["canaries"].as_object_mut().unwrap();
        canaries.remove("fingerprints");
        canaries.insert("pattern".into(), json!({"type": "aes-256-ctr", "key": "ca".repeat(32)}));
    }),
    ("planted as well", "of another kind than was planned", |p| {
        tally(p)["canaries"]["pattern"] = json!({"type": "aes-256-ctr", "key": "ca".repeat(32)});
    }),
    ("neither", "of another kind than was planned", |p| {
        tally(p)["canaries"].as_object_mut().unwrap().remove("fingerprints");
    }),
    ("fewer were looked at", "do not add up", |p| tally(p)["canaries"]["fingerprints"]["looked"] = json!(8)),
    ("a blank end that tells", "do not add up", |p| {
        tally(p)["canaries"]["fingerprints"]["blankEnds"] = json!([{"first": 0, "count": 1}]);
    }),
    ("the first block was never looked at", "could not be compared before and after", |p| {
        let canaries = &mut tally(p)["canaries"];
        canaries["planted"][0]["first"] = json!(2);
        let digest = Digest::of_json(&canaries["planted"]);
        canaries["after"]["mismatched"][0]["first"] = json!(2);
        canaries["after"]["wantedDigest"] = json!(digest);
    }),
];

#[test]
fn lies_about_fingerprints() {
    lies(by_fingerprints(reverted()), FINGERPRINTS);
}

/// FPI is byte 32 of the namespace's data structure, NSZE bytes 0 to 7 (NVMe base specification, second-hand).
const NAMESPACE: &str = "nvme identify namespace 1";

const AN_NVME_FORMAT: &[Lie] = &[
    ("it still runs", "not that it succeeded", |p| set(last(exchanges(p), NAMESPACE), 32, &[0x80 | 50])),
    ("another size", "is not what it was before", |p| set(last(exchanges(p), NAMESPACE), 0, &[63])),
    ("another format", "is not what it was before", |p| set(last(exchanges(p), NAMESPACE), 26, &[0])),
    ("nobody looked", "not that it succeeded", |p| without(exchanges(p), |one| one["name"] == NAMESPACE)),
    ("nothing from before", "what the drive was like before", |p| {
        without(before(p), |one| one["name"] == NAMESPACE);
    }),
    ("refused", "did not take the command", |p| {
        last(exchanges(p), "nvme format")["answer"] = json!("status 410a invalid format");
    }),
    ("not answered", "answered-when-finished is named", |p| {
        last(exchanges(p), "nvme format")["answer"] = json!("not completed errno 110");
    }),
    ("seen in events", "persistent-event is named", |p| claim_proof(p, Proof::PersistentEvent)),
];

#[test]
fn lies_about_an_nvme_format() {
    lies(nvme_formatted(), AN_NVME_FORMAT);
}

/// Result registers in descriptor sense: COUNT and LBA of a success (SAT, second-hand).
fn registers(count: u16, lba: u16) -> String {
    let ([high, low], [progress_high, progress_low]) = (count.to_be_bytes(), lba.to_be_bytes());
    let sense = [
        0x72,
        1,
        0,
        0x1d,
        0,
        0,
        0,
        14,
        0x09,
        0x0c,
        1,
        0,
        high,
        low,
        0,
        progress_low,
        0,
        progress_high,
        0,
        0,
        0x40,
        0x50,
    ];
    format!("status 02 sense {}", hex_of(&sense))
}

/// ABRT with a reason in LBA 7:0.
fn aborted(reason: u8) -> String {
    let sense = [0x72, 0x0b, 0, 0, 0, 0, 0, 14, 0x09, 0x0c, 1, 0x04, 0, 0, 0, reason, 0, 0, 0, 0, 0x40, 0x51];
    format!("status 02 sense {}", hex_of(&sense))
}

const IDENTIFY: &str = "IDENTIFY DEVICE";

/// COUNT bit 15 is "completed without error", 14 "in progress", 13 "frozen" (drive manuals, second-hand).
const STATUS: &str = "SANITIZE STATUS EXT";

const AN_ATA_SANITIZE: &[Lie] = &[
    ("the operation failed", "quoted with a failure", |p| {
        last(exchanges(p), STATUS)["answer"] = json!(aborted(0))
    }),
    ("sectors remain", "quoted with a failure", |p| last(exchanges(p), STATUS)["answer"] = json!(aborted(1))),
    ("it still runs", "not that it succeeded", |p| {
        last(exchanges(p), STATUS)["answer"] = json!(registers(0x4000, 0x8000));
    }),
    ("frozen", "not that it succeeded", |p| {
        last(exchanges(p), STATUS)["answer"] = json!(registers(0xA000, 0xFFFF))
    }),
    ("nothing came", "not that it succeeded", |p| last(exchanges(p), STATUS)["answer"] = json!("status 00")),
    ("completed before already", "completed-set-anew is named", |p| {
        last(before(p), STATUS)["answer"] = json!(registers(0x8000, 0xFFFF));
    }),
    ("another operation before", "another operation ran", |p| {
        last(before(p), STATUS)["answer"] = json!(registers(0x4000, 1));
    }),
    ("nothing from before", "what the drive was like before", |p| {
        without(before(p), |one| one["name"] == STATUS);
    }),
    ("never seen at work", "in-progress-seen is named", |p| {
        let quiet = registers(0, 0xFFFF);
        let mut asked = named(exchanges(p), STATUS);
        asked.pop();
        asked.into_iter().for_each(|one| one["answer"] = json!(quiet));
        last(exchanges(p), "BLOCK ERASE EXT")["answer"] = json!(quiet);
    }),
    ("the drive aborted it", "did not take the command", |p| {
        last(exchanges(p), "BLOCK ERASE EXT")["answer"] = json!(aborted(2));
    }),
    ("never sent", "its sending is not quoted", |p| {
        without(exchanges(p), |one| one["name"] == "BLOCK ERASE EXT")
    }),
    ("another drive", "another drive answered", |p| set_in_identify(last(exchanges(p), IDENTIFY), 20, b"XX")),
];

#[test]
fn lies_about_an_ata_sanitize() {
    lies(ata_sanitized(), AN_ATA_SANITIZE);
}

/// Word 128 is bytes 256 and 257: bit 1 enabled, bit 2 locked (ATA, second-hand).
const ERASE: &str = "SECURITY ERASE UNIT";

const A_SECURITY_ERASE: &[Lie] = &[
    ("no password before", "what the drive was like before", |p| {
        for one in named(exchanges(p), IDENTIFY) {
            set_word_128(one, 0x0021);
        }
    }),
    ("still a password", "quoted with a failure", |p| set_word_128(last(exchanges(p), IDENTIFY), 0x0023)),
    ("the weaker mode", "not what belongs to it", |p| {
        let sent = last(exchanges(p), ERASE);
        let weaker = format!("00{}", &sent["sent"].as_str().unwrap()[2..]);
        sent["sent"] = json!(weaker);
    }),
    ("not prepared", "did not take the command", |p| {
        without(exchanges(p), |one| one["name"] == "SECURITY ERASE PREPARE");
    }),
    ("aborted", "did not take the command", |p| last(exchanges(p), ERASE)["answer"] = json!(aborted(0))),
    ("not answered", "answered-when-finished is named", |p| {
        last(exchanges(p), ERASE)["answer"] = json!("transport host 0003 driver 0000");
    }),
    ("nobody looked", "not that it succeeded", |p| {
        let end =
            exchanges(p).iter().rposition(|one| one["name"].as_str().unwrap().starts_with(ERASE)).unwrap();
        exchanges(p).truncate(end + 1);
    }),
    ("never erased", "did not take the command", |p| {
        without(exchanges(p), |one| one["name"].as_str().unwrap().starts_with(ERASE));
    }),
];

#[test]
fn lies_about_a_security_erase() {
    lies(security_erased(), A_SECURITY_ERASE);
}

fn set_word_128(exchange: &mut Value, word: u16) {
    set_in_identify(exchange, 256, &word.to_le_bytes());
}

/// Sets bytes and the checksum that the page ends on.
fn set_in_identify(exchange: &mut Value, at: usize, bytes: &[u8]) {
    set(exchange, at, bytes);
    let sum = (0..511).fold(0_u8, |sum, at| sum.wrapping_add(byte(exchange, at)));
    set(exchange, 511, &[sum.wrapping_neg()]);
}

/// Fixed sense as REQUEST SENSE brings it: key in byte 2, code and qualifier in 12 and 13, progress behind (SPC).
fn fixed(key: u8, code: u8, qualifier: u8) -> String {
    hex_of(&[0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier, 0, 0x80, 0x40, 0])
}

const POLL: &str = "request sense";
const READY: &str = "test unit ready";

const A_SCSI_SANITIZE: &[Lie] = &[
    ("the operation failed", "quoted with a failure", |p| {
        last(exchanges(p), POLL)["received"] = json!(fixed(3, 0x31, 3));
    }),
    ("a failure on the way", "quoted with a failure", |p| {
        named(exchanges(p), POLL)[0]["received"] = json!(fixed(3, 0x31, 3));
    }),
    ("it still runs", "not that it succeeded", |p| {
        last(exchanges(p), POLL)["received"] = json!(fixed(0, 4, 0x1b))
    }),
    ("not ready", "not that it succeeded", |p| {
        last(exchanges(p), READY)["answer"] = json!(format!("status 02 sense {}", fixed(2, 4, 0)));
    }),
    ("nobody asked whether it is ready", "not that it succeeded", |p| {
        without(exchanges(p), |one| one["name"] == READY);
    }),
    ("never seen at work", "in-progress-seen is named", |p| {
        let quiet = last(exchanges(p), POLL)["received"].clone();
        named(exchanges(p), POLL).into_iter().for_each(|one| one["received"] = quiet.clone());
    }),
    ("answered at once, called finished", "answered-when-finished is named", |p| {
        claim_proof(p, Proof::AnsweredWhenFinished);
    }),
    ("refused", "did not take the command", |p| {
        last(exchanges(p), "sanitize")["answer"] = json!(format!("status 02 sense {}", fixed(5, 0x20, 0)));
    }),
    ("busy", "did not take the command", |p| last(exchanges(p), "sanitize")["answer"] = json!("status 08")),
    ("other data", "not what belongs to it", |p| last(exchanges(p), "sanitize")["sent"] = json!("00")),
    ("another operation before", "another operation ran", |p| {
        last(before(p), POLL)["received"] = json!(fixed(0, 4, 0x1b));
    }),
    ("nothing from before", "what the drive was like before", |p| before(p).clear()),
];

#[test]
fn lies_about_a_scsi_sanitize() {
    lies(scsi_sanitized(), A_SCSI_SANITIZE);
}

const DISCOVERY: &str = "tcg level 0 discovery";

const A_REVERT: &[Lie] = &[
    ("locking is still on", "not that it succeeded", |p| {
        let on = named(exchanges(p), DISCOVERY)[0]["received"].clone();
        last(exchanges(p), DISCOVERY)["received"] = on;
    }),
    ("locking was off", "locking-disabled-anew is named", |p| {
        let off = last(exchanges(p), DISCOVERY)["received"].clone();
        named(exchanges(p), DISCOVERY).into_iter().for_each(|one| one["received"] = off.clone());
    }),
    ("nobody looked", "not that it succeeded", |p| {
        let revert = exchanges(p).iter().rposition(|one| one["name"] == "tcg answer to revert").unwrap();
        exchanges(p).truncate(revert + 1);
    }),
    ("refused", "did not take the command", |p| {
        let answer = last(exchanges(p), "tcg answer to revert");
        // The status list at the end of the tokens: F9 (end of data), F0, status, 00, 00, F1 (TCG core, second-hand).
        let refused = answer["received"].as_str().unwrap().replacen("f9f0000000f1", "f9f0010000f1", 1);
        assert_ne!(answer["received"], refused);
        answer["received"] = json!(refused);
    }),
    ("never sent", "its sending is not quoted", |p| without(exchanges(p), |one| one["name"] == "tcg revert")),
    ("no basis for the keys", "somebody who answers for each condition", |p| {
        p["plan"]["firmware"].as_object_mut().unwrap().remove("cryptoBasis");
    }),
    ("no encryption", "says that it encrypts its medium", |p| {
        p["firmware"]["before"]["tcg"]["mediaEncryption"] = json!("no");
    }),
    ("never activated", "locking to have been active", |p| {
        p["firmware"]["before"]["tcg"]["lockingEnabled"] = json!("no");
    }),
];

#[test]
fn lies_about_a_revert() {
    lies(reverted(), A_REVERT);
}
