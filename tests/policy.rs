//! A site's own policy, from its text to a plan: shown, changed, signed, used, and never above what the code holds.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use common::{Expunge, Media};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Site {
    directory: TempDir,
    expunge: Expunge,
}

impl Site {
    /// A key of whoever answers for policies, and a keyring with its public half.
    fn new() -> Self {
        let site = Self { directory: tempfile::tempdir().unwrap(), expunge: Expunge::new() };
        let made = site.expunge.run(["key", "generate", "--key", &site.file("ciso.key")]).expect_code(0);
        fs::create_dir(site.path("keys")).unwrap();
        fs::write(site.path("keys/ciso.pem"), made.stdout).unwrap();
        site
    }

    /// `expunge policy ARGUMENTS`, which knows no state.
    #[track_caller]
    fn policy(&self, arguments: &[&str]) -> common::Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_expunge"));
        self.expunge.finish(command.arg("policy").args(arguments))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The table that Expunge brings along, as text for a site of its own.
    fn builtin(&self) -> Value {
        let shown = self.policy(&["show", "--json"]).expect_code(0).json();
        let mut policy = shown["policy"].clone();
        policy["name"] = "acme-2026".into();
        policy
    }

    #[track_caller]
    fn sign(&self, policy: &Value, name: &str) -> common::Ran {
        fs::write(self.path("policy.json"), serde_json::to_vec_pretty(policy).unwrap()).unwrap();
        let (file, key, out) = (self.file("policy.json"), self.file("ciso.key"), self.file(name));
        self.policy(&["sign", &file, "--key", &key, "--out", &out])
    }

    #[track_caller]
    fn show(&self, name: &str) -> Value {
        let (file, keys) = (self.file(name), self.file("keys"));
        let line = ["show", "--policy", &file, "--policy-keys", &keys, "--json"];
        self.policy(&line).expect_code(0).json()
    }

    #[track_caller]
    fn plan(&self, name: &str, more: &[&str], code: i32) -> Value {
        let media = self.path("a.img");
        if !media.exists() {
            Media::make(self.directory.path(), "a.img", 1 << 20, 512);
        }
        let (file, keys, drive) = (self.file(name), self.file("keys"), self.file("a.img"));
        let line = ["plan", &drive, "--policy", &file, "--policy-keys", &keys, "--json"];
        let shown = self.expunge.run(line.iter().chain(more).copied()).expect_code(code).json();
        shown["plans"][0].clone()
    }
}

#[test]
fn a_table_that_was_shown_changed_and_signed_is_the_one_that_plans_quote() {
    let site = Site::new();
    let policy = site.builtin();
    site.sign(&policy, "site.json").expect_code(0).expect_text("acme-2026");
    let shown = site.show("site.json");
    assert_eq!(shown["policy"], policy);
    assert_eq!(shown["signedBy"][0]["name"], "ciso");
    // The digest is that of the bytes that were signed, as any other program can see.
    let envelope: Value = serde_json::from_slice(&fs::read(site.path("site.json")).unwrap()).unwrap();
    assert_eq!(envelope["payloadType"], "application/vnd.expunge.policy+json");
    fs::write(site.path("payload"), envelope["payload"].as_str().unwrap()).unwrap();
    let script = format!("base64 -d '{}' | sha256sum | cut -c1-64", site.file("payload"));
    let sum = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(sum.stdout).unwrap().trim(), shown["digest"].as_str().unwrap());
    let plan = site.plan("site.json", &[], 0);
    assert_eq!(plan["plan"]["policy"]["name"], "acme-2026");
    assert_eq!(plan["plan"]["policy"]["digest"], shown["digest"]);
    let said = site.policy(&["show"]).expect_code(0).stdout;
    let row = said.lines().find(|line| line.contains("memory") && line.contains("nist-800-88r2")).unwrap();
    assert!(said.starts_with("policy builtin, digest ") && row.contains("overwrite"), "{row}");
    // What is there is not written over, and what nobody signed is not used.
    site.sign(&policy, "site.json").expect_code(2).expect_text("exists");
    let bare = site.file("policy.json");
    let keys = site.file("keys");
    site.policy(&["show", "--policy", &bare, "--policy-keys", &keys]).expect_code(2);
}

#[test]
fn a_policy_that_calls_an_overwrite_a_purge_does_not_make_it_one() {
    let site = Site::new();
    let mut policy = site.builtin();
    let mut purges = 0;
    for rule in policy["rules"].as_array_mut().unwrap() {
        if rule["technique"] == "overwrite" && rule["method"] == "purge" {
            rule["ruling"] = json!({"type": "accepted", "passes": "any-pattern"});
            purges += 1;
        }
    }
    assert!(purges > 5);
    site.sign(&policy, "bold.json").expect_code(0).expect_text("pass counts never turn an overwrite");
    let shown = site.show("bold.json");
    assert_eq!(shown["overruled"].as_array().unwrap().len(), purges);
    let refused = site.plan("bold.json", &["--method", "purge", "--technique", "overwrite"], 3);
    assert_eq!(refused["reasons"][0]["code"], "method-not-reachable");
    let (file, keys) = (site.file("bold.json"), site.file("keys"));
    let said = site.policy(&["show", "--policy", &file, "--policy-keys", &keys]).expect_code(0);
    assert_eq!(said.stdout.matches("NOT FOLLOWED").count(), purges);
}

#[test]
fn what_could_not_be_used_is_not_signed() {
    let site = Site::new();
    let good = site.builtin();
    let changed = |change: fn(&mut Value)| {
        let mut policy = good.clone();
        change(&mut policy);
        policy
    };
    for (policy, said) in [
        (changed(|policy| policy["name"] = "builtin".into()), "a name of its own"),
        (changed(|policy| policy["schema"] = "urn:expunge:policy:v9".into()), "v9"),
        (changed(|policy| policy["rules"][0]["basis"] = "certain".into()), "certain"),
        (changed(|policy| policy["rules"][0]["colour"] = "red".into()), "colour"),
    ] {
        site.sign(&policy, "site.json").expect_code(2).expect_text(said);
        assert!(!site.path("site.json").exists());
    }
}
