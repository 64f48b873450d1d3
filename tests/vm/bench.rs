//! Our program at work in the machine, as a person would use it: simulated drives that are attached under whatever
//! names, and a state directory on a disk of its own, which outlives the machine as the drives do.
use std::fs::File;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::drives::Drive;
use crate::host::machine::{Console, Disk, Emulated, Machine};
use crate::support::{Ask as _, image};

/// Jobs on small drives take a minute beside builds, or will not end.
const PATIENCE: Duration = Duration::from_secs(400);

/// Booting and planning take minutes beside builds.
const PROGRESS_PATIENCE: Duration = Duration::from_secs(300);

/// Where the state directory is in the machine: a file system on its first disk.
const STATE: &str = "/state";

/// The machine with its state directory. What is on the disk of the state outlives the machine.
pub(crate) struct Bench {
    machine: Option<Machine>,
    disks: Vec<Disk>,
    _directory: TempDir,
}

/// One job: `expunge plan`, then `expunge sanitize` with the digest of that plan.
#[derive(Clone, Debug)]
pub(crate) struct Job<'a> {
    serial: &'a str,
    flags: String,
    more: String,
}

impl Job<'_> {
    /// The same with flags that only `sanitize` has.
    pub(crate) fn with(self, more: &str) -> Self {
        Self { more: more.to_owned(), ..self }
    }
}

/// `expunge sanitize --method purge --scope drive` with more flags.
pub(crate) fn purge<'a>(drive: &'a Drive, flags: &str) -> Job<'a> {
    let flags = format!("--method purge --scope drive {flags}");
    Job { serial: &drive.serial, flags, more: String::new() }
}

/// `expunge sanitize --method clear` with more flags, of any drive.
pub(crate) fn clear<'a>(serial: &'a str, flags: &str) -> Job<'a> {
    Job { serial, flags: format!("--method clear {flags}"), more: String::new() }
}

/// What became of one drive.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    pub(crate) exit: i32,
    /// The drive's part of the result.
    pub(crate) drive: Value,
    /// The whole result.
    result: Value,
    /// What `expunge plan` said before.
    pub(crate) plan: String,
    /// Everything that was said, for a failing test.
    pub(crate) said: String,
}

impl Fate {
    pub(crate) fn outcome(&self) -> &str {
        self.drive["outcome"].as_str().unwrap_or("none")
    }

    pub(crate) fn codes(&self) -> Vec<&str> {
        let reasons = self.drive["reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
        reasons.iter().filter_map(|reason| reason["code"].as_str()).collect()
    }

    #[track_caller]
    pub(crate) fn expect(&self, exit: i32, outcome: &str, codes: &[&str]) {
        assert_eq!((self.exit, self.outcome(), &self.codes()[..]), (exit, outcome, codes), "{}", self.said);
    }

    #[track_caller]
    pub(crate) fn expect_words(&self, words: &str) {
        assert!(self.drive["reasons"].to_string().contains(words), "{words:?} is missing: {}", self.said);
    }

    #[track_caller]
    pub(crate) fn record(&self) -> &str {
        self.drive["record"]["path"].as_str().unwrap_or_else(|| panic!("no record: {}", self.said))
    }
}

impl Bench {
    /// Boots a machine with a new, empty state directory, and attaches the drives in this order.
    #[track_caller]
    pub(crate) fn new(others: &[Disk], drives: &[&Drive]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("state");
        File::create(&file).unwrap().set_len(64 << 20).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&file).status();
        assert!(made.expect("mkfs.ext4, of the package e2fsprogs").success(), "a file system for the state");
        let mut disks = vec![Disk::new(Emulated::Nvme, &file, "STATE")];
        disks.extend(others.iter().cloned());
        let mut bench = Self { machine: None, disks, _directory: directory };
        bench.boot(drives);
        bench.machine().tell(&format!(
            "expunge key generate --state {STATE} >/dev/null && mkdir -p {STATE}/keyring &&
             expunge key show --state {STATE} >{STATE}/keyring/lab.pem && sync"
        ));
        bench
    }

    /// Boots, and attaches the drives in this order.
    #[track_caller]
    pub(crate) fn boot(&mut self, drives: &[&Drive]) {
        let mut machine = Machine::boot(image(), &self.disks, Console::Kept).unwrap();
        machine.until("[ -b /dev/nvme0n1 ]");
        machine.tell(&format!("modprobe ext4 && mkdir -p {STATE} && mount -t ext4 /dev/nvme0n1 {STATE}"));
        self.machine = Some(machine);
        self.attach(drives);
    }

    /// Attaches drives, one after the other.
    #[track_caller]
    pub(crate) fn attach(&mut self, drives: &[&Drive]) {
        for drive in drives {
            self.machine().tell(&drive.attach);
            self.node(&drive.serial);
        }
    }

    /// The node of a drive, once the kernel has it.
    #[track_caller]
    pub(crate) fn node(&mut self, serial: &str) -> String {
        let found = self.machine().until(&format!(
            "for name in $(cd /sys/block && ls -d sd* nvme* 2>/dev/null); do
                 grep -q {serial} /sys/block/$name/device/vpd_pg80 /sys/block/$name/device/serial \
                     /sys/block/$name/device/device/serial 2>/dev/null && [ -b /dev/$name ] &&
                 echo /dev/$name && exit 0
             done; exit 1"
        ));
        found.trim().to_owned()
    }

    #[track_caller]
    pub(crate) fn machine(&mut self) -> &mut Machine {
        self.machine.as_mut().expect("a machine that runs")
    }

    /// Kills the machine.
    #[track_caller]
    pub(crate) fn power_cut(&mut self) {
        self.machine.take().expect("a machine that runs").power_cut().unwrap();
    }

    /// Sanitizes drives, each by a command of its own, side by side, and waits for all.
    #[track_caller]
    pub(crate) fn sanitize(&mut self, jobs: &[Job<'_>]) -> Vec<Fate> {
        self.begin(jobs);
        self.await_fates(jobs.len())
    }

    /// Begins the same, and lets it run.
    #[track_caller]
    pub(crate) fn begin(&mut self, jobs: &[Job<'_>]) {
        let mut script = String::from("rm -rf /tmp/fates; mkdir /tmp/fates; cd /tmp/fates\n");
        for (number, Job { serial, flags, more }) in jobs.iter().enumerate() {
            // As a script of a person would: what was planned is what is carried out.
            script.push_str(&format!(
                "(expunge plan serial:{serial} {flags} --state {STATE} >{number}.plan 2>&1
                 digest=$(sed -n 's/^digest  *//p' {number}.plan)
                 expunge sanitize serial:{serial} --confirm {serial} ${{digest:+--plan $digest}} {flags} {more} \
                 --state {STATE} --json >{number}.out 2>{number}.err </dev/null
                 echo $? >{number}.part; mv {number}.part {number}.code) >/dev/null 2>&1 &\n"
            ));
        }
        self.machine().tell(&script);
    }

    /// The ends of the answers of the commands that were begun last, for a failing test.
    #[track_caller]
    pub(crate) fn answers(&mut self) -> String {
        let answers = "cd /tmp/fates; ls; tail -n 8 *.plan *.out *.err | cut -c1-2500";
        self.machine().ask(answers).stdout
    }

    /// Waits until so many drives are seen in progress with this step of their jobs, with a progress told, in the
    /// answers of the commands that were begun last (`files`, a pattern of the shell).
    #[track_caller]
    pub(crate) fn await_progress(&mut self, files: &str, step: usize, count: usize) {
        let news = format!("\"news\":{{\"progress\":[0-9].*\"step\":{step}}}");
        let seen = format!("sed -n 's/.*\"drive\":\"\\([^ ]*\\).*{news}.*/\\1/p'");
        let begin = Instant::now();
        let line = format!("[ $(cd /tmp/fates && cat {files} | {seen} | sort -u | wc -l) = {count} ]");
        while self.machine().ask(&line).code != 0 {
            assert!(begin.elapsed() < PROGRESS_PATIENCE, "never in progress:\n{}", self.answers());
            thread::sleep(Duration::from_millis(250));
        }
    }

    /// Begins to go on with jobs, all by one command.
    #[track_caller]
    pub(crate) fn begin_resume(&mut self, jobs: &[&str]) {
        self.machine().tell(&format!(
            "rm -rf /tmp/fates; mkdir /tmp/fates; cd /tmp/fates
             (expunge resume {} --state {STATE} --json >0.out 2>0.err </dev/null; echo $? >0.part; mv 0.part 0.code) \
             >/dev/null 2>&1 &",
            jobs.join(" ")
        ));
    }

    /// Waits for them; exit code, and what became of each drive.
    #[track_caller]
    pub(crate) fn await_resumed(&mut self, drives: &[&Drive]) -> (i32, Vec<Fate>) {
        let mut all = self.await_fates(1);
        let Fate { exit, result, said, .. } = all.pop().unwrap();
        let find = |drive: &&Drive| {
            let listed = result["drives"].as_array().unwrap_or_else(|| panic!("no result: {said}"));
            let found = listed.iter().find(|listed| listed["serial"] == drive.serial.as_str());
            let drive = found.unwrap_or_else(|| panic!("{} is missing: {said}", drive.serial)).clone();
            let exit = drive["exit_status"].as_i64().and_then(|exit| i32::try_from(exit).ok()).unwrap_or(-1);
            Fate { exit, drive, result: Value::Null, plan: String::new(), said: said.clone() }
        };
        (exit, drives.iter().map(find).collect())
    }

    /// Waits for the commands that were begun last, and reads what became of their drives.
    #[track_caller]
    pub(crate) fn await_fates(&mut self, count: usize) -> Vec<Fate> {
        let machine = self.machine();
        let begin = Instant::now();
        while machine.ask(&format!("[ $(ls /tmp/fates/*.code | wc -l) = {count} ]")).code != 0 {
            let so_far = "cd /tmp/fates; for file in *.out *.err; do echo $file; tail -n 3 $file; done; ps | grep 'expunge [a-z]' | cut -c1-150";
            assert!(begin.elapsed() < PATIENCE, "not ended:\n{}", machine.ask(so_far).stdout);
            thread::sleep(Duration::from_millis(250));
        }
        (0..count)
            .map(|number| {
                let text = |kind: &str, machine: &mut Machine| {
                    machine.tell(&format!("cat /tmp/fates/{number}.{kind}"))
                };
                let exit = text("code", machine).trim().parse().unwrap();
                let (out, err) = (text("out", machine), text("err", machine));
                let last = out.lines().last().unwrap_or_default();
                let result: Value = serde_json::from_str(last).unwrap_or_default();
                let plan = machine.ask(&format!("cat /tmp/fates/{number}.plan")).stdout;
                let quiet = |line: &&str| !line.contains("\"progress\"") && !line.contains("\"heat\"");
                let events: Vec<&str> = out.lines().filter(quiet).collect();
                let said = format!("exit {exit}\n{plan}\n{}\n{err}", events.join("\n"));
                Fate { exit, drive: result["drives"][0].clone(), result, plan, said }
            })
            .collect()
    }

    /// The jobs of the state directory by the serial numbers of their drives, with what `job list --local` says.
    #[track_caller]
    pub(crate) fn jobs(&mut self) -> Vec<Value> {
        let text = self.machine().tell(&format!("expunge job list --local --json --state {STATE}"));
        let list: Value = serde_json::from_str(text.trim()).unwrap();
        list["jobs"].as_array().unwrap_or_else(|| panic!("{list}")).clone()
    }

    /// Checks a record with the lab's key trusted: exit code, and what `certificate show` says of it.
    #[track_caller]
    pub(crate) fn check(&mut self, record: &str) -> (i32, String) {
        let check = format!("expunge certificate check {record} --keyring {STATE}/keyring");
        let checked = self.machine().ask(&check);
        let show = format!("expunge certificate show {record} --keyring {STATE}/keyring");
        (checked.code, format!("{}{}", checked.stdout, self.machine().ask(&show).stdout))
    }
}
