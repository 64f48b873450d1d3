//! A drive, a file or a sender may call things anything; nothing of it may move the cursor or colour a terminal.
use crate::common::Expunge;

/// Escape sequences, a carriage return, a reversal and a bell in the name of the file that stands for a drive.
const NAME: &str = "a\u{1b}[31mRED\r\u{202e}b\u{7}.img";

#[track_caller]
fn harmless(text: &str) {
    let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(bad), "{text:?}");
    assert!(text.contains("RED"), "{text:?}");
}

#[test]
fn no_name_reaches_the_terminal_as_it_is() {
    let place = Expunge::new();
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let file = folder.path().join(NAME);
    std::fs::write(&file, vec![7; 1 << 20]).unwrap();
    for command in ["plan", "inspect"] {
        let ran = place.run([command.as_ref(), file.as_os_str()]);
        assert_eq!(ran.code, Some(0), "{command}: {}", ran.stderr);
        harmless(&ran.stdout);
    }
    let refused = place.overwrite(&file, "wr\u{1b}[31mong".as_ref(), &[]);
    assert_eq!(refused.code, Some(3));
    harmless(&(refused.stdout + &refused.stderr));
    let absent = place.overwrite(&folder.path().join("RED\u{1b}[2J"), &file, &[]);
    assert_eq!(absent.code, Some(3));
    harmless(&(absent.stdout + &absent.stderr));
    let person = ["--operator", "E\u{1b}[31mve", "--notes", "x\r\u{9b}31m"];
    let done = place.overwrite(&file, &file, &person);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    harmless(&(done.stdout + &done.stderr));
    let records: Vec<_> =
        std::fs::read_dir(place.out()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let copy = folder.path().join("record-\u{1b}[31mRED.json");
    std::fs::copy(&records[0], &copy).unwrap();
    let checked = place.check(&copy);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    harmless(&checked.stdout);
    let keyring = place.home().join("keyring");
    std::fs::rename(keyring.join("ours.pem"), keyring.join("RED\u{1b}[32m.pem")).unwrap();
    harmless(&place.check(&copy).stdout);
    let shown = place.finish(
        std::process::Command::new(env!("CARGO_BIN_EXE_expunge")).args(["certificate", "show"]).arg(&copy),
    );
    harmless(&shown.stdout);
    let read = place.run(["verify".as_ref(), file.as_os_str(), "--expect".as_ref(), "zero".as_ref()]);
    assert_eq!(read.code, Some(5), "{}", read.stderr);
    harmless(&(read.stdout + &read.stderr));
}
/// What the flags give stands where the forms look for it: what is left is what people add later.
#[test]
fn flags_fill_the_form() {
    let place = Expunge::new();
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let file = folder.path().join("form.img");
    std::fs::write(&file, vec![7; 1 << 20]).unwrap();
    let flags = [
        "operator",
        "operator-title",
        "operator-contact",
        "verifier",
        "verifier-title",
        "verifier-contact",
        "validator",
        "validator-title",
        "validator-contact",
        "asset-tag",
        "source",
        "location",
        "destination",
        "destination-details",
        "backup-location",
        "classification-before",
        "classification-after",
    ];
    let mut given: Vec<String> = flags.iter().flat_map(|flag| [format!("--{flag}"), "x".into()]).collect();
    given.extend(["--backed-up".into(), "no".into()]);
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    let done = place.overwrite(&file, &file, &given);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let record = std::fs::read_dir(place.out()).unwrap().next().unwrap().unwrap().path();
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_expunge"));
    let checked = place.finish(check.args(["certificate", "check", "--complete", "nist-r1"]).arg(record));
    let open: Vec<&str> =
        checked.stdout.lines().filter_map(|line| line.trim().strip_prefix("not recorded: ")).collect();
    let fields: Vec<&str> = open.iter().map(|line| line.split(" (").next().unwrap()).collect();
    // A file has no maker, and who verifies and validates says when and where that was.
    let later = [
        "manufacturer",
        "model",
        "serial number",
        "verification: date",
        "verification: location",
        "validation: date",
        "validation: location",
    ];
    assert_eq!(fields, later, "{}", checked.stdout);
}
