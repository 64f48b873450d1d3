//! SCSI: sg3_utils.
use std::process::Command;

use expunge::command::scsi::ask::{self, ReserveIn, SenseFormat};
use expunge::command::scsi::inquiry::{Characteristics, Limits, Provisioning, designators};
use expunge::command::scsi::sanitize::{EXIT_FAILURE_MODE_BLOCK, FormatUnit, Protection, Reassigned};
use expunge::command::scsi::sense::Sense;
use expunge::command::scsi::told::{
    Capacity, Mode, Operation, Reservation, Supported, exceptions, log_counter, log_parameter, units,
};
use expunge::command::scsi::{AnswerWhen, Sanitize, SanitizeAction};
use expunge::command::{AfterFailure, DriveOverwrite, Invert};
use expunge::unit::digest::{from_hex, to_hex};

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
    hex.split_whitespace()
        .map(|digits| u8::from_str_radix(digits, 16).expect("digits are hexadecimal"))
        .collect()
}

/// What the independent decoder says.
fn told_by_sg3_utils(hex: &str) -> String {
    let output = Command::new("sg_decode_sense")
        .args(hex.split_whitespace())
        .output()
        .expect("sg_decode_sense can be run: scripts/install-test-tools installs it");
    String::from_utf8(output.stdout).expect("it prints text")
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

/// Builds the shim that answers SG_IO in place of the kernel, and runs programs over it.
struct Shim {
    folder: tempfile::TempDir,
}

/// What a program sent (block and data of each command) and what it printed.
struct Ran {
    sent: Vec<(String, String)>,
    printed: String,
}

impl Ran {
    /// The last command that begins with these digits, with its data.
    #[track_caller]
    fn command(&self, start: &str) -> (&str, &str) {
        let found = self.sent.iter().rev().find(|(block, _)| block.starts_with(start));
        let (block, data) =
            found.unwrap_or_else(|| panic!("no {start}.. in {:?}\n{}", self.sent, self.printed));
        (block, data)
    }

    #[track_caller]
    fn says(&self, text: &str) {
        assert!(self.printed.contains(text), "{text:?} is not in\n{}", self.printed);
    }
}

/// INQUIRY data of a block device.
const INQUIRY: &str = "000006021f00000045585055 4e474520 53494d554c4154454420554e49542020 30303031";

impl Shim {
    fn build() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the shim");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(folder.path().join("shim.so"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers/sg_shim.c"))
            .status()
            .expect("cc can be run: scripts/install-test-tools installs it");
        assert!(built.success());
        std::fs::write(folder.path().join("node"), []).expect("an empty node");
        std::fs::write(folder.path().join("pattern"), [0xaa, 0x55, 0x00, 0x01]).expect("a pattern");
        Self { folder }
    }

    /// Runs a program on the simulated node, which answers one operation code with data.
    fn run(&self, program: &str, arguments: &[&str], answer: (u8, &str)) -> Ran {
        let at = |name: &str| self.folder.path().join(name);
        std::fs::write(at("log"), []).expect("an empty log");
        let output = Command::new(program)
            .args(arguments)
            .arg(at("node"))
            .current_dir(self.folder.path())
            .env("LD_PRELOAD", at("shim.so"))
            .env("SG_LOG", at("log"))
            .env("SG_12", INQUIRY.replace(' ', ""))
            .env(format!("SG_{:02X}", answer.0), answer.1.replace(' ', ""))
            .output()
            .unwrap_or_else(|error| {
                panic!("{program} can be run: scripts/install-test-tools installs it ({error})")
            });
        let log = std::fs::read_to_string(at("log")).expect("the log can be read");
        let sent = log.lines().filter_map(|line| line.split_once(' '));
        let sent = sent.map(|(block, data)| (block.to_owned(), data.to_owned())).collect();
        let printed = [output.stdout, output.stderr].concat();
        Ran { sent, printed: String::from_utf8(printed).expect("it prints text") }
    }
}

/// Digits of a sample as bytes.
fn sample(hex: &str) -> Vec<u8> {
    from_hex(&hex.replace(' ', "")).expect("a sample is hexadecimal")
}

#[test]
fn sanitize_is_written_as_sg_sanitize_writes_it() {
    let shim = Shim::build();
    let overwrite =
        DriveOverwrite { pattern: [0xaa, 0x55, 0x00, 0x01], passes: 3, invert: Invert::BetweenPasses };
    let once = DriveOverwrite { passes: 1, invert: Invert::Never, ..overwrite };
    use AfterFailure::{Restricted, Unrestricted};
    use AnswerWhen::{Accepted, Finished};
    use SanitizeAction::{BlockErase, CryptoErase, Overwrite};
    let table: [(&[&str], SanitizeAction, AfterFailure, AnswerWhen); 6] = [
        (&["-Q", "-e", "-B"], BlockErase, Restricted, Accepted),
        (&["-Q", "-w", "-B"], BlockErase, Restricted, Finished),
        (&["-Q", "-e", "-B", "-A"], BlockErase, Unrestricted, Accepted),
        (&["-Q", "-e", "-C"], CryptoErase, Restricted, Accepted),
        (
            &["-Q", "-e", "-O", "-I", "-c", "3", "-p", "pattern", "-i", "4"],
            Overwrite(overwrite),
            Restricted,
            Accepted,
        ),
        (
            &["-Q", "-e", "-O", "-A", "-c", "1", "-p", "pattern", "-i", "4"],
            Overwrite(once),
            Unrestricted,
            Accepted,
        ),
    ];
    for (arguments, action, after_failure, answer) in table {
        let ours = Sanitize { action, after_failure, answer };
        let ran = shim.run("sg_sanitize", arguments, (0, ""));
        let list = ours.parameter_list().unwrap().map(|list| to_hex(&list)).unwrap_or_default();
        assert_eq!(ran.command("48"), (to_hex(&ours.block()).as_str(), list.as_str()), "{arguments:?}");
    }
    // sg_sanitize sets IMMED there too, which the command does not need.
    let ran = shim.run("sg_sanitize", &["-Q", "-e", "-F"], (0, ""));
    assert_eq!(ran.command("48").0.replacen("489f", "481f", 1), to_hex(&EXIT_FAILURE_MODE_BLOCK));
}

#[test]
fn format_unit_has_the_header_that_sg_format_writes() {
    let shim = Shim::build();
    let ran = shim.run("sg_format", &["-Q", "-FFF", "-e", "-C", "0", "-S"], (0, ""));
    let ours = FormatUnit {
        pattern: [0; 4],
        protection: Protection::None,
        reassigned: Reassigned::Initialized,
        answer: AnswerWhen::Accepted,
    };
    let (block, list) = ran.command("04");
    assert_eq!(block, to_hex(&ours.block()));
    // The same header and security bit; there sg_format takes the unit's own pattern, and we give one of four bytes.
    assert_eq!(list[..10], to_hex(&ours.parameter_list())[..10]);
    let protected = FormatUnit { protection: Protection::Type3, ..ours };
    let ran = shim.run("sg_format", &["-Q", "-FFF", "-e", "-C", "0", "-f", "3", "-P", "1", "-S"], (0, ""));
    let (block, list) = ran.command("04");
    assert_eq!(
        (block, &list[..4]),
        (to_hex(&protected.block()).as_str(), &to_hex(&protected.parameter_list())[..4])
    );
}

#[test]
fn questions_are_asked_as_sg3_utils_asks_them() {
    let shim = Shim::build();
    let asked = |program: &str, arguments: &[&str], start: &str| {
        shim.run(program, arguments, (0, "")).command(start).0.to_owned()
    };
    assert_eq!(asked("sg_turs", &[], "00"), to_hex(&ask::TEST_UNIT_READY));
    assert_eq!(asked("sg_inq", &[], "1200"), to_hex(&ask::inquiry(36)));
    assert_eq!(asked("sg_vpd", &["-p", "0xb1", "-f"], "1201"), to_hex(&ask::vital_product_data(0xb1, 252)));
    assert_eq!(asked("sg_readcap", &[], "25"), to_hex(&ask::read_capacity_10()));
    assert_eq!(asked("sg_readcap", &["--16"], "9e"), to_hex(&ask::read_capacity_16(32)));
    assert_eq!(asked("sg_luns", &[], "a0"), to_hex(&ask::report_luns(8192)));
    let operation = ["--opcode=0x48,2", "--rctd"];
    assert_eq!(asked("sg_opcodes", &operation, "a3"), to_hex(&ask::supported_operation(0x48, Some(2), 8192)));
    let operation = ["--opcode=0x04", "--rctd"];
    assert_eq!(asked("sg_opcodes", &operation, "a3"), to_hex(&ask::supported_operation(0x04, None, 8192)));
    assert_eq!(asked("sg_requests", &[], "03"), to_hex(&ask::request_sense(SenseFormat::Fixed, 252)));
    let descriptor = ask::request_sense(SenseFormat::Descriptor, 252);
    assert_eq!(asked("sg_requests", &["--desc"], "03"), to_hex(&descriptor));
    let keys = ask::persistent_reserve_in(ReserveIn::ReadKeys, 8192);
    assert_eq!(asked("sg_persist", &["--in", "--read-keys"], "5e"), to_hex(&keys));
    let held = ask::persistent_reserve_in(ReserveIn::ReadReservation, 8192);
    assert_eq!(asked("sg_persist", &["--in", "--read-reservation"], "5e"), to_hex(&held));
    assert_eq!(asked("sg_logs", &["-p", "0x2f"], "4d"), to_hex(&ask::log_sense(0x2f, 4)));
    assert_eq!(
        asked("sg_modes", &["-p", "0x3f", "--six", "-d"], "1a"),
        to_hex(&ask::mode_sense_6(0x3f, 252))
    );
}

#[test]
fn a_capacity_is_read_as_sg_readcap_reads_it() {
    let shim = Shim::build();
    let hex = "00000000000fffff 00000208 05 03 0000 00000000000000000000000000000000";
    let ran = shim.run("sg_readcap", &["--16"], (0x9e, hex));
    let told = Capacity::decode_16(&sample(hex)).unwrap();
    ran.says(&format!("Number of logical blocks={}\n", told.blocks));
    ran.says(&format!("Logical block length={} bytes", told.block_bytes));
    ran.says(&format!("[type {} protection]", told.protection.unwrap()));
    ran.says(&format!("physical block exponent={} ", told.physical_exponent.unwrap()));

    let hex = "000fffff 00000210";
    let ran = shim.run("sg_readcap", &[], (0x25, hex));
    let told = Capacity::decode_10(&sample(hex)).unwrap().unwrap();
    ran.says(&format!("Number of logical blocks={}\n", told.blocks));
    ran.says(&format!("Logical block length={} bytes", told.block_bytes));
}

#[test]
fn operations_reservations_modes_and_units_are_read_as_sg3_utils_reads_them() {
    let shim = Shim::build();
    let hex = "0083000a ff1f000000000000ff00 000a0000 00000e10 00001c20";
    let ran = shim.run("sg_opcodes", &["--opcode=0x48,2", "--rctd"], (0xa3, hex));
    let told = Operation::decode(&sample(hex)).unwrap();
    assert_eq!(told.supported, Supported::Yes);
    ran.says("Command is supported [conforming to SCSI standard]");
    let (nominal, recommended) = (told.nominal_seconds.unwrap(), told.recommended_seconds.unwrap());
    ran.says(&format!("nominal timeout: {nominal} secs, recommended timeout: {recommended} secs"));
    let ran = shim.run("sg_opcodes", &["--opcode=0x48,2"], (0xa3, "00010000"));
    assert_eq!(Operation::decode(&sample("00010000")).unwrap().supported, Supported::No);
    ran.says("Command is NOT supported");

    let hex = "00000001 00000010 00000000abcd0000 00000000 00 03 0000";
    let ran = shim.run("sg_persist", &["--in", "--read-reservation"], (0x5e, hex));
    let told = Reservation::decode(&sample(hex)).unwrap().unwrap();
    assert_eq!(told.kind, 3);
    ran.says(&format!("Key=0x{:x}", told.key));
    ran.says("Exclusive Access");

    let hex = "0f 00 90 00 0a0a04000000000000000000";
    let ran = shim.run("sg_modes", &["-p", "0x0a", "--six", "-d"], (0x1a, hex));
    let told = Mode::decode_6(&sample(hex)).unwrap();
    assert_eq!(told, Mode { write_protected: true, descriptor_sense: Some(true) });
    ran.says("WP=1,");
    let hex = "0012 00 10 00 00 0000 0a0a00000000000000000000";
    let ran = shim.run("sg_modes", &["-p", "0x0a", "-d"], (0x5a, hex));
    let told = Mode::decode_10(&sample(hex)).unwrap();
    assert_eq!(told, Mode { write_protected: false, descriptor_sense: Some(false) });
    ran.says("WP=0,");

    let hex = "00000010 00000000 0000000000000000 0001000000000000";
    let ran = shim.run("sg_luns", &[], (0xa0, hex));
    for unit in units(&sample(hex)).unwrap() {
        ran.says(&format!("    {unit:016x}\n"));
    }
}

/// What a program prints about a page in a file.
fn about_page(program: &str, arguments: &[&str], page: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder for the page");
    let digits: Vec<String> = page.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(folder.path().join("page"), digits.join(" ")).expect("a page");
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap_or_else(|error| panic!("{program}: scripts/install-test-tools installs it ({error})"));
    String::from_utf8([output.stdout, output.stderr].concat()).expect("it prints text")
}

#[test]
fn vital_product_data_are_read_as_sg_vpd_reads_them() {
    let about = |page: &[u8]| about_page("sg_vpd", &["--inhex=page", &format!("-p{}", page[1])], page);
    let page = [sample("00b1003c 0001 00 b2 10"), vec![0; 55]].concat();
    let (told, text) = (Characteristics::decode(&page).unwrap(), about(&page));
    assert_eq!(told.rotation, 1);
    assert!(text.contains("Non-rotating medium"), "{text}");
    for line in [
        format!("WABEREQ={}\n", told.after_block_erase),
        format!("WACEREQ={}\n", told.after_crypto_erase),
        format!("ZONED={} ", told.zoned),
    ] {
        assert!(text.contains(&line), "{line} {text}");
    }

    let page = sample("00b20004 00 e8 02 00");
    let (told, text) = (Provisioning::decode(&page).unwrap(), about(&page));
    assert!(text.contains(&format!("(LBPRZ): {}\n", told.unmapped_reads)), "{text}");
    assert!(text.contains(&format!("(LBPU): {}\n", u8::from(told.unmap))), "{text}");
    assert!(text.contains(&format!("Provisioning type: {} ", told.kind)), "{text}");

    let mut page = vec![0; 64];
    page[..4].copy_from_slice(&[0, 0xb0, 0, 0x3c]);
    page[8..12].copy_from_slice(&[0, 0, 0x80, 0]);
    page[20..24].copy_from_slice(&[0, 0x3f, 0xff, 0xff]);
    page[28..32].copy_from_slice(&[0, 0, 0, 8]);
    page[36..44].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0xff, 0xff]);
    let (told, text) = (Limits::decode(&page).unwrap(), about(&page));
    for line in [
        format!("Maximum transfer length: {} blocks", told.transfer_blocks),
        format!("Maximum unmap LBA count: {}\n", told.unmap_blocks),
        format!("Optimal unmap granularity: {} blocks", told.unmap_granularity),
        format!("Maximum write same length: 0x{:x} blocks", told.write_same_blocks),
    ] {
        assert!(text.contains(&line), "{line} {text}");
    }

    let page = sample("00830018 0103 0008 5000c50012345678 6193 0008 5000c50012345679");
    let (told, text) = (designators(&page).unwrap(), about(&page));
    assert_eq!(told.len(), 2);
    for name in told {
        assert_eq!(name.kind, 3, "NAA");
        assert!(text.contains(&format!("0x{}", to_hex(&name.bytes))), "{text}");
        assert!(text.contains(["Addressed logical unit", "Target port"][usize::from(name.association)]));
    }
}

#[test]
fn log_pages_are_read_as_sg_logs_reads_them() {
    let about = |page: &[u8]| about_page("sg_logs", &["--in=page"], page);
    let page = sample("2f000008 00000304 5d003200");
    let text = about(&page);
    assert_eq!(exceptions(&page).unwrap(), (0x5d, 0, Some(50)));
    assert!(text.contains("IE asc = 0x5d, ascq = 0x0") && text.contains("temperature = 50 C"), "{text}");

    let page = sample("11000008 00010304 00000007");
    let used = log_parameter(&page, ask::LOG_SOLID_STATE, 1).unwrap()[3];
    assert!(about(&page).contains(&format!("endurance indicator: {used} %")), "{}", about(&page));

    let page = sample("15000014 00000310 00010000000000000000000000000000");
    let minutes = log_counter(&page[..12], ask::LOG_BACKGROUND_SCAN, 0);
    assert!(minutes.is_err(), "cut short");
    let minutes = log_parameter(&page, ask::LOG_BACKGROUND_SCAN, 0).unwrap();
    let minutes = u32::from_be_bytes(minutes[..4].try_into().unwrap());
    assert!(about(&page).contains(&format!("power on minutes: {minutes} ")), "{}", about(&page));

    let page = sample("0200000c 00050308 0000000100000000");
    let bytes = log_counter(&page, 0x02, 5).unwrap();
    assert!(about(&page).contains(&format!("Total bytes processed = {bytes}\n")), "{}", about(&page));
}
