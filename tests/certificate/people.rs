//! What people get to see: the text of a record, the gaps of the NIST forms, names of files, the commands.
use std::path::Path;

use expunge::certificate::check::{Content, Form, complete::gaps};
use expunge::certificate::record::{InterruptionCause, WentOn};
use expunge::certificate::show::show as show_text;
use expunge::certificate::store::file_name;
use expunge::certificate::{RecordInput, Statement, inspect, sign, store};
use expunge::cli::certificate::{CheckOptions, FormChoice, ShowOptions, check, show};
use expunge::cli::key::{KeyOptions, generate, show as show_key};
use expunge::device::identity::BackingFile;
use expunge::unit::BlockCount;
use expunge::unit::term::{DriveKind, Exit, Outcome};

use crate::support::{
    agent_key, eventful_job, every_kind_of_pass, every_outcome, fail_to_write, good_job, inspection,
    interrupted_job, keyring, operator_key, range, set, signed, statement, time,
};

fn content(statement: &Statement) -> Content {
    let report = expunge::certificate::check(&signed(statement).to_bytes(), &keyring());
    report.content.unwrap()
}

#[test]
fn the_text_of_a_record_is_one_screen_and_hides_nothing() {
    let text = show_text(&content(&statement(good_job())));
    assert!(text.lines().count() < 60, "{text}");
    for part in [
        "Certificate of sanitization\n",
        "clear by overwrite",
        "nist-800-88r2 (mapping: memory)",
        "the 2000003 blocks of 512 bytes that the drive presents",
        "ZZ0001",
        "naa.5000c500a1b2c3d4",
        "every block",
        "2000003 blocks right, 0 other content, 0 unreadable, 0 not read",
        "What this record does not show\n  - limit HiddenAreasNotExamined",
        "asset tag       not recorded",
        "A. Technician",
        "self-made, not enrolled",
        "local-root",
        "validation      pending",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    for word in ["unrecoverable", "100 %", "certified", "wipe"] {
        assert!(!text.contains(word), "{word}");
    }
    let mut job = good_job();
    job.plan.as_mut().unwrap().content.push(expunge::device::Content {
        content_type: expunge::device::ContentType::Lvm2Member,
        offset: 512,
        label: Some("vg0".into()),
        partition: None,
    });
    job.plan.as_mut().unwrap().known_content.push(expunge::device::ContentType::Lvm2Member);
    job.provenance.given.notes = Some("box 9".into());
    let text = show_text(&content(&statement(job)));
    for part in ["content found   lvm2-member \"vg0\" at byte 512", "content named   lvm2-member", "box 9"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    for (outcome, statement) in every_outcome().iter().skip(1) {
        let text = show_text(&content(statement));
        assert!(text.contains("nothing is claimed"), "{outcome:?}\n{text}");
    }
    let text = show_text(&content(&inspect(inspection(&[range(7, 3)])).unwrap()));
    assert!(
        text.contains("not a certificate") && text.contains("LBA 7\n") && text.contains("LBA 9\n"),
        "{text}"
    );
}

/// The text with single spaces, so that a row can be compared with its name.
fn folded(job: RecordInput) -> String {
    let text = show_text(&content(&statement(job)));
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn interruptions_heat_limits_and_rules_are_told_in_words() {
    let text = folded(interrupted_job());
    says(
        &text,
        &[
            "disposition releasable: may be released at the level claimed\n",
            "rules floor=2MB/s time=9d stop=65C defect-growth=fail; others as usual for this kind of drive\n",
            "1 flushes failed; what each made doubtful was written again\n",
            "interrupted 2026-11-22T04:10:00Z (crash: without a word)\n\
             gone on with 2026-11-22T04:13:00Z, after the host was started anew, drive at /dev/sdy\n\
             pass 2 of 2, 123456 blocks of it durable; 66 blocks written before read again: all right\n\
             it went on where it had stopped\n",
            "temperature 61.0 °C at most, 34.0 °C at first, 48.0 °C at last (last sitting; drivetemp)\n\
             read 520 times, no answer 3 times\n\
             slowed 2 times, paused once for heat (13 min in all)\n",
            "held to 100 MB/s for this drive, 400 MB/s for all drives of the command\n",
            "longest silence 4 s\n",
        ],
    );
    assert!(!text.contains("ended by rule") && !text.contains("LEFT BEHIND"), "{text}");
    let mut job = interrupted_job();
    let gap = &mut job.interruptions[0];
    gap.cause = InterruptionCause::DriveGone;
    gap.host_restarted = None;
    gap.went_on = WentOn::PassAnew;
    let probe = gap.probe.as_mut().unwrap();
    probe.wrong = set(&[(77, 3)]);
    probe.unreadable = set(&[(90, 1)]);
    let mut stopped = gap.clone();
    (stopped.last_sign, stopped.resumed) = (time(20), time(20));
    stopped.cause = InterruptionCause::Stopped;
    (stopped.pass, stopped.durable, stopped.probe) = (2, BlockCount::ZERO, None);
    stopped.went_on = WentOn::There;
    job.interruptions.push(stopped);
    let conduct = job.conduct.as_mut().unwrap();
    (conduct.heat, conduct.bandwidth) = (None, None);
    says(
        &folded(job),
        &[
            "(the drive vanished)\n",
            "restart of the host not recorded",
            "66 blocks written before read again: 3 WRONG, 1 not readable\n\
             wrong 3 blocks: LBA 77-79 (3 blocks)\n\
             not readable 1 block: LBA 90\n\
             the pass was begun ANEW: what had been written was not there any more\n",
            "(somebody stopped it)\n",
            "\nall passes were written\n",
            "temperature not recorded: no sensor that could be read\n",
        ],
    );
    // Nothing out of the ordinary, nothing said.
    let text = folded(good_job());
    for word in ["rules", "Interruptions", "How the drive was driven"] {
        assert!(!text.contains(word), "{text}");
    }
}

#[test]
fn blocks_that_are_not_right_are_named_with_what_became_of_them() {
    says(
        &folded(eventful_job()),
        &[
            "disposition to-destroy: destroy the drive, or do what the reasons name and sanitize it anew\n",
            "not written 8 blocks: LBA 100-106 (7 blocks), LBA 5000\n",
            "other content 14 blocks in 6 ranges:\n\
             LBA 40-41 (2 blocks), LBA 64-71 (8 blocks), LBA 900\n\
             LBA 1000, LBA 1100, LBA 1200\n\
             of these, after they were found:\n\
             right again 2 blocks: LBA 40-41 (2 blocks)\n",
            "repaired 9 blocks: LBA 64-71 (8 blocks), LBA 900\n(stale, repaired: acknowledged and not there,",
            "still wrong 2 blocks: LBA 1000, LBA 1100\n",
            "not tried 1 block: LBA 1200\n",
            "not readable 16 blocks: LBA 2000-2015 (16 blocks)\n",
        ],
    );
    let mut many = good_job();
    fail_to_write(&mut many, (0..1000).map(|spot| range(spot * 4, 1)).collect());
    let text = folded(many);
    says(
        &text,
        &["not written 1000 blocks in 1000 ranges:\nLBA 0, LBA 4, LBA 8\n", "LBA 236\nand 940 more ranges;"],
    );
    assert!(!text.contains("LBA 240"), "{text}");
    let (_, partial) = every_outcome().into_iter().find(|(outcome, _)| *outcome == Outcome::Partial).unwrap();
    let text = show_text(&content(&partial));
    assert!(text.contains("ended by rule   errors-max=32768\n"), "{text}");
}

#[test]
fn a_drive_cannot_write_on_the_terminal_or_elsewhere_in_the_file_system() {
    let mut job = good_job();
    for identity in [&mut job.drive.identity_before, &mut job.plan.as_mut().unwrap().identity] {
        identity.serial = Some("../../etc/\u{1b}[2J passwd-certificate".into());
    }
    job.drive.identity_after = Some(job.drive.identity_before.clone());
    let statement = statement(job);
    assert!(!show_text(&content(&statement)).contains('\u{1b}'));
    let name = file_name(&statement);
    assert!(name.starts_with("expunge-certificate-.._.._etc__") && !name.contains('/'), "{name}");
    assert!(!name.contains('\u{1b}') && !name.contains("passwd-certificate"), "{name}");
}

#[test]
fn names_of_files_say_what_they_are() {
    let words: Vec<String> = every_outcome()
        .iter()
        .map(|(_, statement)| {
            let name = file_name(statement);
            let word = name.strip_prefix("expunge-").unwrap().split("-ZZ0001-").next().unwrap();
            word.to_owned()
        })
        .collect();
    let not = "NOT-SANITIZED";
    assert_eq!(words, ["certificate", "NOT-VERIFIED", not, not, not, not, not, not]);
    let name = file_name(&inspect(inspection(&[])).unwrap());
    assert_eq!(name, "expunge-INSPECTION-ZZ0001-20261122T054000Z-000000000001.dsse.json");
    let keyed = vec![expunge::plan::PassPattern::Keyed];
    let mut job =
        crate::support::finished(crate::support::plan(DriveKind::TestObject, keyed, crate::support::FULL));
    let plan = job.plan.as_mut().unwrap();
    for identity in [&mut job.drive.identity_before, &mut plan.identity] {
        let path = "/tmp/pool/disk 1.img".into();
        identity.backing = Some(BackingFile { path, filesystem: "8:1".into(), inode: "12".into() });
        identity.serial = None;
    }
    job.drive.identity_after = Some(job.drive.identity_before.clone());
    let statement = statement(job);
    assert!(file_name(&statement).starts_with("expunge-certificate-disk_1.img-"));
    assert_eq!(statement.record().unwrap().title, "Certificate of sanitization (TEST OBJECT, not a drive)");
    assert!(show_text(&content(&statement)).starts_with("Certificate of sanitization (TEST OBJECT"));
}

/// All that another program needs to make the bytes again stands in the words.
#[test]
fn each_kind_of_pass_is_shown_with_what_makes_its_bytes() {
    let text = show_text(&content(&statement(every_kind_of_pass())));
    for part in [
        "bytes 924924\n",
        "aes-256-ctr, key 0303",
        "bytes 924924, each 512 of them stamped with their number and the tag 0505050505050505\n",
    ] {
        assert!(text.contains(part), "{part} not in {text}");
    }
}

#[test]
fn a_record_is_never_written_over_another_and_signed_only_by_whom_it_names() {
    let directory = tempfile::tempdir().unwrap();
    let statement = statement(good_job());
    let envelope = signed(&statement);
    store(directory.path(), &statement, &envelope).unwrap();
    let again = store(directory.path(), &statement, &envelope).unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    assert!(sign(&statement, &[&operator_key()]).is_err());
}

fn fields(statement: &Statement, form: Form) -> Vec<String> {
    gaps(statement.record().unwrap(), form).into_iter().map(|gap| gap.field).collect()
}

#[test]
fn the_gaps_of_the_forms_are_named_in_their_own_words() {
    let good = statement(good_job());
    let first = fields(&good, Form::NistR1);
    for field in [
        "media property number",
        "media source",
        "data backed up",
        "post-sanitization confidentiality categorization",
        "sanitization: title",
        "verification: name",
        "validation: date",
    ] {
        assert!(first.iter().any(|gap| gap == field), "{field} not in {first:?}");
    }
    assert!(!first.iter().any(|gap| gap == "serial number" || gap == "sanitization: name"));
    assert!(!first.iter().any(|gap| gap.starts_with("concurrence")));
    let second = fields(&good, Form::NistR2);
    assert!(second.iter().any(|gap| gap == "concurrence: name"));
    assert!(!second.iter().any(|gap| gap.contains("backed up")));
    // Nothing is left when everything is filled in.
    let mut job = good_job();
    let given = &mut job.provenance.given;
    for person in [&mut given.operator, &mut given.verifier, &mut given.validator, &mut given.concurrence] {
        for field in
            [&mut person.name, &mut person.title, &mut person.location, &mut person.contact, &mut person.date]
        {
            *field = Some("x".into());
        }
    }
    for field in [
        &mut given.asset_tag,
        &mut given.source,
        &mut given.destination,
        &mut given.destination_details,
        &mut given.classification_before,
        &mut given.classification_after,
        &mut given.data_backed_up,
        &mut given.backup_location,
    ] {
        *field = Some("x".into());
    }
    let full = statement(job);
    assert_eq!(fields(&full, Form::NistR1), [""; 0]);
    assert_eq!(fields(&full, Form::NistR2), [""; 0]);
    // A record of a failure claims no method.
    assert!(fields(&every_outcome()[2].1, Form::NistR2).contains(&"sanitization technique".to_owned()));
}

fn checked(files: &[&Path], keyring: Option<&Path>, json: bool) -> (Exit, String, String) {
    let options = CheckOptions {
        files: files.iter().map(|file| file.to_path_buf()).collect(),
        keyring: keyring.map(Path::to_path_buf),
        complete: Some(FormChoice::NistR2),
        json,
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = check(&options, &mut out, &mut err);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn the_command_check_answers_with_its_exit() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let good = statement(good_job());
    let good = store(directory.path(), &good, &signed(&good)).unwrap().path;
    let failed = &every_outcome()[2].1;
    let failed = store(directory.path(), failed, &signed(failed)).unwrap().path;
    std::fs::write(path("keyring.json"), keyring().to_json()).unwrap();
    std::fs::create_dir(path("keys")).unwrap();
    std::fs::write(path("keys/host.pem"), agent_key().public().to_pem()).unwrap();
    std::fs::write(path("cut"), &std::fs::read(&good).unwrap()[..500]).unwrap();
    for ring in [path("keyring.json"), path("keys")] {
        let (exit, out, err) = checked(&[&good], Some(&ring), false);
        assert_eq!((exit, err.as_str()), (Exit::Success, ""), "{out}");
        assert!(out.contains("PASSES") && out.contains("concurrence: name"), "{out}");
        assert_eq!(checked(&[&failed], Some(&ring), false).0, Exit::Failed);
        assert_eq!(checked(&[&good, &failed], Some(&ring), false).0, Exit::Failed);
        assert_eq!(checked(&[&good, &path("cut")], Some(&ring), false).0, Exit::Verification);
        assert_eq!(checked(&[&path("none")], Some(&ring), false).0, Exit::Usage);
    }
    let (exit, out, _) = checked(&[&good], None, false);
    assert!(exit == Exit::Verification && out.contains("unaltered, signer unknown"), "{out}");
    assert_eq!(checked(&[&good], Some(&path("cut")), false).0, Exit::Usage);
    let (exit, out, _) = checked(&[&good, &failed], Some(&path("keys")), true);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(exit, Exit::Failed);
    assert_eq!(value["files"][0]["status"], "passes");
    assert_eq!(value["files"][0]["summary"]["method"], "clear");
    assert_eq!(value["files"][1]["exitStatus"], 4);
    assert!(value["files"][1]["gaps"].as_array().unwrap().len() > 5);
    let options = ShowOptions { file: good, keyring: Some(path("keys")), json: false };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(show(&options, &mut out, &mut err), Exit::Success);
    assert!(String::from_utf8(out).unwrap().contains("only the file counts"));
}

#[test]
fn the_command_key_makes_a_key_once_and_shows_its_public_half() {
    let directory = tempfile::tempdir().unwrap();
    let default = directory.path().join("key.pem");
    let options = KeyOptions { key: None, json: false };
    let (mut made, mut err) = (Vec::new(), Vec::new());
    assert_eq!(generate(&options, &default, &mut made, &mut err), Exit::Success);
    let before = std::fs::read(&default).unwrap();
    assert_eq!(generate(&options, &default, &mut Vec::new(), &mut err), Exit::Usage);
    assert_eq!(std::fs::read(&default).unwrap(), before);
    let mut shown = Vec::new();
    assert_eq!(show_key(&options, &default, &mut shown, &mut err), Exit::Success);
    assert_eq!(shown, made);
    assert!(shown.starts_with(b"-----BEGIN PUBLIC KEY-----\n"));
    assert!(!String::from_utf8(err).unwrap().contains("PRIVATE"));
}
