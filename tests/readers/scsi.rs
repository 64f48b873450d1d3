//! SCSI: sg3_utils.
use std::process::Command;

use expunge::command::scsi::sense::Sense;

/// Sense as drives send it, with what sg3_utils' own decoder calls its key and its code.
const SAMPLES: [(&str, &str, &str); 17] = [
    (
        "70 00 02 00 00 00 00 0a 00 00 00 00 04 1b 00 80 40 00",
        "Not Ready",
        "Logical unit not ready, sanitize in progress",
    ),
    (
        "72 02 04 1b 00 00 00 08 02 06 00 00 80 c0 00 00",
        "Not Ready",
        "Logical unit not ready, sanitize in progress",
    ),
    (
        "72 00 04 1b 00 00 00 08 0a 06 02 04 1b 00 40 00",
        "No Sense",
        "Logical unit not ready, sanitize in progress",
    ),
    (
        "70 00 00 00 00 00 00 0a 00 00 00 00 04 1b 00 80 ff ff",
        "No Sense",
        "Logical unit not ready, sanitize in progress",
    ),
    (
        "70 00 02 00 00 00 00 0a 00 00 00 00 04 04 00 80 00 01",
        "Not Ready",
        "Logical unit not ready, format in progress",
    ),
    ("72 02 04 09 00 00 00 00", "Not Ready", "Logical unit not ready, self-test in progress"),
    ("70 00 03 00 00 00 00 0a 00 00 00 00 31 03 00 00 00 00", "Medium Error", "Sanitize command failed"),
    ("72 03 31 01 00 00 00 00", "Medium Error", "Format command failed"),
    ("72 02 31 00 00 00 00 00", "Not Ready", "Medium format corrupted"),
    ("72 03 11 15 00 00 00 00", "Medium Error", "Write after sanitize required"),
    ("73 03 31 03 00 00 00 00", "Medium Error", "Sanitize command failed"),
    ("71 00 06 00 00 00 00 0a 00 00 00 00 29 00 00 00 00 00", "Unit Attention", "Power on, reset"),
    ("70 00 05 00 00 00 00 0a 00 00 00 00 24 00 00 c0 00 02", "Illegal Request", "Invalid field in cdb"),
    ("72 05 20 00 00 00 00 00", "Illegal Request", "Invalid command operation code"),
    ("72 05 26 00 00 00 00 00", "Illegal Request", "Invalid field in parameter list"),
    ("72 07 27 00 00 00 00 00", "Data Protect", "Write protected"),
    ("70 00 00 00 00 00 00 0a 00 00 00 00 5d 00 00 00 00 00", "No Sense", "Failure prediction threshold"),
];

/// Names that sg3_utils gives to codes of [`SAMPLES`].
const CODES: [(u8, u8, &str); 13] = [
    (0x04, 0x1b, "Logical unit not ready, sanitize in progress"),
    (0x04, 0x04, "Logical unit not ready, format in progress"),
    (0x04, 0x09, "Logical unit not ready, self-test in progress"),
    (0x31, 0x00, "Medium format corrupted"),
    (0x31, 0x01, "Format command failed"),
    (0x31, 0x03, "Sanitize command failed"),
    (0x11, 0x15, "Write after sanitize required"),
    (0x29, 0x00, "Power on, reset"),
    (0x24, 0x00, "Invalid field in cdb"),
    (0x20, 0x00, "Invalid command operation code"),
    (0x26, 0x00, "Invalid field in parameter list"),
    (0x27, 0x00, "Write protected"),
    (0x5d, 0x00, "Failure prediction threshold"),
];

const KEYS: [&str; 8] = [
    "No Sense",
    "Recovered Error",
    "Not Ready",
    "Medium Error",
    "Hardware Error",
    "Illegal Request",
    "Unit Attention",
    "Data Protect",
];

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

/// What the independent decoder says.
fn told_by_sg3_utils(hex: &str) -> String {
    let output = Command::new("sg_decode_sense")
        .args(hex.split_whitespace())
        .output()
        .expect("sg_decode_sense can be run: scripts/install-test-tools installs it");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn sense_is_read_as_sg3_utils_reads_it() {
    for (hex, key, code) in SAMPLES {
        let sense = Sense::decode(&bytes(hex)).unwrap();
        let told = told_by_sg3_utils(hex);
        assert_eq!(KEYS[usize::from(sense.key)], key, "{hex}");
        assert!(told.contains(&format!("Sense key: {key}")), "{hex}: {told}");
        let (asc, ascq) = sense.code.unwrap();
        let name = CODES.iter().find(|row| (row.0, row.1) == (asc, ascq)).unwrap().2;
        assert_eq!(name, code, "{hex}");
        assert!(told.contains(&format!("Additional sense: {code}")), "{hex}: {told}");
        assert_eq!(told.contains("<<<deferred>>>"), !sense.is_current(), "{hex}: {told}");
        assert_eq!(told.contains("rogress indication: "), sense.progress.is_some(), "{hex}: {told}");
        if let Some(parts) = sense.progress {
            let percent = u32::from(parts) * 100 / 65_536;
            assert!(told.contains(&format!("rogress indication: {percent}.")), "{hex}: {told}");
        }
    }
}
