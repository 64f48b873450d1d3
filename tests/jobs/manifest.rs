//! A list of drives in a file. Serial numbers are tested elsewhere; here drives are test objects, which the
//! column `device` names.
use std::fs;
use std::path::PathBuf;

use super::{Drive, Drives};
use crate::common::{Expunge, Ran, Record};

struct List {
    expunge: Expunge,
    path: PathBuf,
}

impl List {
    fn new(text: &str) -> Self {
        let expunge = Expunge::new();
        let path = expunge.home().join("list");
        fs::write(&path, text).unwrap();
        Self { expunge, path }
    }

    #[track_caller]
    fn run(&self, more: &[&str]) -> Ran {
        let path = self.path.to_str().unwrap();
        self.expunge.sanitize(["--manifest", path].iter().chain(more).copied())
    }

    fn records(&self) -> Vec<Record> {
        Record::all_in(&self.expunge.out())
    }
}

fn csv(drives: &[Drive]) -> String {
    let row = |(number, drive): (usize, &Drive)| {
        format!("{},A-{number},T-{number},\"Hall {number}, left\",reuse\n", drive.device.arg())
    };
    let rows: String = drives.iter().enumerate().map(row).collect();
    format!("device,asset_tag,ticket,location,profile\n{rows}")
}

#[track_caller]
fn expect_rows(list: &List, drives: &Drives) {
    let records = list.records();
    assert_eq!(records.len(), drives.drives.len());
    for (number, drive) in drives.drives.iter().enumerate() {
        let record = records.iter().find(|record| record.text("/drive/node") == drive.device.arg()).unwrap();
        drive.expect_done(record);
        assert_eq!(record.text("/given/assetTag"), format!("A-{number}"));
        assert_eq!(record.text("/given/ticket"), format!("T-{number}"));
        assert_eq!(record.text("/given/location"), format!("Hall {number}, left"));
        assert_eq!(record.text("/given/operator/name"), "A. Technician");
    }
}

const BY: [&str; 2] = ["--operator", "A. Technician"];

#[test]
fn a_list_in_csv_is_done_when_its_number_is_confirmed() {
    let drives = Drives::new(3);
    let list = List::new(&csv(&drives.drives[..3]));
    for wrong in [&[][..], &["--confirm", "2"], &["--confirm", "yes"], &["--confirm", "3", "--confirm", "3"]]
    {
        list.run(wrong).expect_code(3);
        drives.expect_unchanged();
    }
    list.run(&["--confirm", "3", BY[0], BY[1]]).expect_code(0).expect_text("3 of 3 drives done");
    expect_rows(&list, &drives);
}

#[test]
fn a_list_in_json_says_the_same() {
    let drives = Drives::new(2);
    let row = |(number, drive): (usize, &Drive)| {
        serde_json::json!({
            "device": drive.device.arg(), "asset_tag": format!("A-{number}"), "ticket": format!("T-{number}"),
            "location": format!("Hall {number}, left"), "profile": "reuse",
        })
    };
    let rows: Vec<_> = drives.drives.iter().enumerate().map(row).collect();
    let list = List::new(&serde_json::Value::from(rows).to_string());
    let ran = list.run(&["--confirm", "2", "--json", BY[0], BY[1]]).expect_code(0);
    expect_rows(&list, &drives);
    let result = ran.result();
    for (number, drive) in result["drives"].as_array().unwrap().iter().enumerate() {
        assert_eq!(drive["asset_tag"], format!("A-{number}"));
        assert_eq!(drive["ticket"], format!("T-{number}"));
        assert_eq!(drive["profile"], "reuse");
    }
}

/// Present but unlisted is never touched.
#[test]
fn what_is_not_listed_is_not_touched() {
    let drives = Drives::new(2);
    let list = List::new(&csv(&drives.drives[..1]));
    list.run(&["--confirm", "1"]).expect_code(0);
    drives.drives[0].expect_done(&list.records()[0]);
    drives.drives[1].expect_unchanged();
}

/// Listed but absent is missing: nothing is done unless each is on its own.
#[test]
fn what_is_listed_and_absent_is_missing() {
    let drives = Drives::new(2);
    let list = List::new(&format!("{}/dev/no-such-drive,A-9,,,\n", csv(&drives.drives)));
    let ran = list.run(&["--confirm", "3", "--json"]).expect_code(3);
    let result = ran.result();
    let third = &result["drives"][2];
    assert_eq!((&third["outcome"], &third["reason"]["code"]), (&"refused".into(), &"missing".into()));
    assert_eq!(third["device"], "/dev/no-such-drive");
    // Whose it is must be said of what was not done, too.
    for (number, drive) in result["drives"].as_array().unwrap().iter().enumerate() {
        let tag = format!("A-{}", if number == 2 { 9 } else { number });
        assert_eq!((&drive["outcome"], &drive["asset_tag"]), (&"refused".into(), &tag.into()));
    }
    drives.expect_unchanged();
    let list = List::new("serial,asset_tag\nNO-SUCH-SERIAL,1\n");
    let ran = list.run(&["--confirm", "1", "--json"]).expect_code(3);
    assert_eq!(ran.result()["drives"][0]["reason"]["code"], "missing");
    let list = List::new(&format!("{}/dev/no-such-drive,A-9,,,\n", csv(&drives.drives)));
    list.run(&["--confirm", "2", "--each", BY[0], BY[1]]).expect_code(3);
    expect_rows(&list, &drives);
}

/// No test object can be purged, and a row that wants a purge is not quietly cleared.
#[test]
fn a_row_is_carried_out_as_its_profile() {
    let drives = Drives::new(2);
    let [one, two] = [0, 1].map(|index: usize| drives.drives[index].device.arg());
    for profile in ["rma", "retire"] {
        let list = List::new(&format!("device,profile\n{one},reuse\n{two},{profile}\n"));
        let ran = list.run(&["--confirm", "1", "--json"]).expect_code(3);
        let result = ran.result();
        assert_eq!(result["drives"][1]["reason"]["code"], "method-not-reachable", "{profile}");
        assert_eq!(result["drives"][1]["profile"], profile);
        for (flags, said) in [
            (&["--method", "clear"][..], "row 2: its profile"),
            (&["--or-clear"], "row 1: its profile reuse does not go with --or-clear"),
            (&["--profile", profile], "row 1: its profile reuse is not that of --profile"),
        ] {
            list.run(&[&["--confirm", "1"], flags].concat()).expect_code(2).expect_text(said);
        }
    }
    drives.expect_unchanged();
}

#[test]
fn a_list_that_says_something_unknown_is_a_usage_error() {
    let drives = Drives::new(1);
    let node = drives.drives[0].device.arg();
    for (text, said) in [
        (format!("device,colour\n{node},red\n"), "colour"),
        (format!("device\n{node}\n{node}\n"), "twice"),
        (format!("[{{\"device\": \"{node}\", \"color\": 1}}]"), "color"),
        (format!("device,profile\n{node},scrap\n"), "reuse, rma, retire"),
        (format!("device,known_content\n{node},anything\n"), "anything"),
        ("device\n".to_owned(), "no drive"),
        (String::new(), "no drive"),
    ] {
        List::new(&text).run(&["--confirm", "1"]).expect_code(2).expect_text(said);
        drives.expect_unchanged();
    }
    let list = List::new("x");
    fs::remove_file(&list.path).unwrap();
    list.run(&["--confirm", "1"]).expect_code(2);
}
