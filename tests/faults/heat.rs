//! Drives that grow hot: a file stands in for the sensor, and the test for the weather.
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Blank;
use crate::common::running::{Running, wait_for};
use crate::common::{Expunge, Record};

const SIZE: u64 = 128 << 20;

/// A file with a temperature. Written beside it and renamed, so that no reader sees half a number.
struct Sensor(PathBuf);

impl Sensor {
    #[track_caller]
    fn new(directory: &Path, degrees: i32) -> Self {
        let sensor = Self(directory.join("temperature"));
        sensor.shows(degrees);
        sensor
    }

    #[track_caller]
    fn shows(&self, degrees: i32) {
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{}\n", degrees * 1000)).unwrap();
        fs::rename(new, &self.0).unwrap();
    }
}

/// Events so far that tell a temperature.
fn heats(running: &Running) -> Vec<Value> {
    let (out, _) = running.said();
    let events = out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == "heat").collect()
}

#[track_caller]
fn wait_for_pace(running: &Running, pace: &str) {
    wait_for(pace, || heats(running).last().is_some_and(|event| event["pace"] == pace));
}

/// Set points of test objects: slow 68, pause 75, resume 60, stop 85 degrees.
#[test]
fn a_drive_that_grows_hot_is_slowed_then_paused_and_goes_on_when_it_is_cool() {
    let bed = Blank::new(SIZE);
    bed.rule("write", "rate:12000000");
    let expunge = Expunge::new();
    let sensor = Sensor::new(expunge.home(), 30);
    let file = sensor.0.to_str().unwrap();
    let more = ["--json", "--temperature-file", file];
    let running = Running::start(&mut expunge.overwrite_command(bed.bed.node(), bed.confirm(), &more));
    wait_for("the drive is written", || bed.bed.seen("writes") >= 8);
    sensor.shows(70);
    wait_for_pace(&running, "slowed");
    sensor.shows(76);
    wait_for_pace(&running, "paused");
    // What was in flight has come back by then, and nothing new is sent, however long it takes.
    std::thread::sleep(Duration::from_millis(500));
    let before = bed.bed.seen("writes");
    sensor.shows(61);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(bed.bed.seen("writes"), before, "61 degrees are not cool enough");
    sensor.shows(60);
    let ran = running.finish().expect_code(0);
    let record = Record::only_in(&expunge.out());
    record.expect_certificate();
    assert_eq!(bed.wrong(&record), []);
    let heat = |field: &str| record.at(&format!("/conduct/heat/tally/{field}")).as_i64().unwrap();
    assert_eq!(heat("firstMillidegrees"), 30_000);
    assert_eq!(heat("highestMillidegrees"), 76_000);
    assert_eq!(heat("lastMillidegrees"), 60_000);
    assert_eq!((heat("slowed"), heat("paused"), heat("unreadable")), (1, 1, 0));
    assert!((2000..30_000).contains(&heat("pausedMillis")), "{}", heat("pausedMillis"));
    assert!(heat("readings") >= 6);
    assert!(record.at("/conduct/heat/sensor").is_null(), "a file of the operator's");
    let paces: Vec<Value> = ran.json_lines().into_iter().map(|event| event["pace"].clone()).collect();
    for pace in ["slowed", "paused", "full"] {
        assert!(paces.contains(&pace.into()), "{pace} was told: {paces:?}");
    }
}

/// For people: a line of its own when the pace changes, not half a minute later.
#[test]
fn people_are_told_of_heat_and_the_rule_that_ends_the_job() {
    let bed = Blank::new(SIZE);
    bed.rule("write", "rate:8000000");
    let expunge = Expunge::new();
    let sensor = Sensor::new(expunge.home(), 70);
    // Relative to where the command was started.
    let more = ["--temperature-file", "temperature"];
    let mut command = expunge.overwrite_command(bed.bed.node(), bed.confirm(), &more);
    let running = Running::start(command.current_dir(expunge.home()));
    wait_for("people are told", || running.said().1.contains("SLOWED at 70"));
    sensor.shows(80);
    wait_for("people are told", || running.said().1.contains("PAUSED to cool down from 80"));
    sensor.shows(86);
    let hot = Instant::now();
    let ran = running.finish().expect_code(4);
    assert!(hot.elapsed() < Duration::from_secs(10), "{:?}", hot.elapsed());
    let record = Record::only_in(&expunge.out());
    record.expect_other("partial", "Record of incomplete sanitization", "NOT-SANITIZED");
    assert_eq!(record.codes("/reasons")[0], "too-hot");
    assert_eq!(record.number("/conduct/heat/tally/highestMillidegrees"), 86_000);
    assert!(!record.ranges("/passes/0/tally/unreached").is_empty());
    assert!(record.at("/verification").is_null(), "a drive that is too hot is not read");
    ran.expect_text("given up: hotter than 85 °C (rule stop)");
}

/// A sensor that cannot be read slows nothing and stops nothing, and is counted.
#[test]
fn a_sensor_that_says_nothing_changes_nothing() {
    let bed = Blank::new(SIZE);
    let expunge = Expunge::new();
    let file = expunge.home().join("temperature");
    fs::write(&file, "45\n").unwrap();
    let more = ["--temperature-file", file.to_str().unwrap()];
    let told = expunge.overwrite(bed.bed.node(), bed.confirm(), &more).expect_code(0);
    let record = Record::only_in(&expunge.out());
    record.expect_certificate();
    assert_eq!(record.number("/conduct/heat/tally/readings"), 0, "{}", told.stderr);
    assert!(record.number("/conduct/heat/tally/unreadable") > 0, "45 millidegrees are meant as degrees");
}
