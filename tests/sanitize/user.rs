//! Without root: the whole job on a plain file.
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::common::expected::differing;
use crate::common::process::run_within;
use crate::common::{Media, Record, require};

/// The user that owns nothing, by number: names differ.
const NOBODY: u32 = 65_534;

struct Home(TempDir);

impl Home {
    /// A place that the user may reach; the directory of this test run is root's own.
    fn new() -> Self {
        let home = tempfile::Builder::new().prefix("expunge-test-user.").tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_expunge"), home.path().join("expunge")).unwrap();
        chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        Self(home)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&Path]) -> Command {
        let id = NOBODY.to_string();
        let mut command = Command::new("setpriv");
        command.arg("--reuid").arg(&id).arg("--regid").arg(&id).arg("--clear-groups");
        command.arg("--inh-caps=-all").arg(self.path("expunge")).args(arguments);
        command.env_clear().env("HOME", self.0.path()).current_dir("/");
        command
    }
}

#[test]
fn an_ordinary_user_sanitizes_a_file_and_checks_the_record() {
    require::tool("setpriv", "util-linux");
    let home = Home::new();
    let media = Media::make(home.0.path(), "disk.img", (3 << 20) + 512, 512);
    chown(media.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let limit = Duration::from_secs(120);
    let file = media.path();
    let sanitize = ["sanitize".as_ref(), file, "--confirm".as_ref(), file];
    let ran = run_within(&mut home.command(&sanitize), limit);
    assert_eq!(ran.status.code(), Some(0), "{}\n{}", ran.stdout, ran.stderr);
    // By default below the XDG state directory of the user.
    let state = home.path(".local/state/expunge");
    let record = Record::only_in(&state.join("records"));
    record.expect_certificate();
    assert_eq!(record.text("/authorisation"), "local-user");
    assert_eq!(record.number("/observed/uid"), u64::from(NOBODY));
    assert!(record.text("/title").contains("TEST OBJECT"), "{}", record.text("/title"));
    assert_eq!(media.leftovers(), crate::common::media::Leftovers::default());
    assert_eq!(differing(file, media.size(), record.last_pattern(), 512), []);
    let shown = run_within(&mut home.command(&["key".as_ref(), "show".as_ref()]), limit);
    fs::create_dir(home.path("keys")).unwrap();
    fs::write(home.path("keys/ours.pem"), shown.stdout).unwrap();
    let keys = home.path("keys");
    let check = ["certificate".as_ref(), "check".as_ref(), &*record.path, "--keyring".as_ref(), &*keys];
    let ran = run_within(&mut home.command(&check), limit);
    assert_eq!(ran.status.code(), Some(0), "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn a_file_of_another_user_is_refused_and_stays() {
    let home = Home::new();
    let media = Media::make(home.0.path(), "disk.img", 1 << 20, 512);
    fs::set_permissions(media.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let file = media.path();
    let sanitize = ["sanitize".as_ref(), file, "--confirm".as_ref(), file];
    let ran = run_within(&mut home.command(&sanitize), Duration::from_secs(120));
    assert_eq!(ran.status.code(), Some(3), "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(media.first_change(), None);
}
