//! A record checked without our program: openssl, jq, base64 and a shell. All of them must be there.
use std::path::Path;
use std::process::Command;

use expunge::certificate::{Keyring, SigningKey, store};

use crate::support::{agent_key, good_job, signed, statement};

/// The commands that `docs/certificate.md` gives to people who trust nothing of ours.
const CHECK: &str = r#"
set -eu
t=$(jq -r .payloadType "$1")
jq -r .payload "$1" | base64 -d > p.bin
{ printf 'DSSEv1 %d %s %d ' "$(printf %s "$t" | wc -c)" "$t" "$(wc -c < p.bin)"; cat p.bin; } > pae.bin
jq -r '.signatures[0].sig' "$1" | base64 -d > s.bin
openssl pkeyutl -verify -pubin -inkey "$2" -rawin -in pae.bin -sigfile s.bin
"#;

#[test]
fn the_documentation_says_what_the_tests_do() {
    let documentation = include_str!("../../docs/certificate.md");
    let lines = CHECK.trim().strip_prefix("set -eu\n").unwrap();
    assert!(documentation.contains(lines));
    let start = documentation.find("{\n  \"version\": 1").unwrap();
    let length = documentation[start..].find("```").unwrap();
    let keyring = Keyring::parse(&documentation.as_bytes()[start..start + length]).unwrap();
    assert_eq!(keyring.get(&agent_key().public().id()).unwrap().name, "bench 3");
}

fn shell(directory: &Path, script: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg("sh")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("this test needs sh");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn openssl_and_a_shell_verify_a_record_and_refuse_a_changed_one() {
    for program in ["openssl", "jq", "base64"] {
        let found = Command::new(program).arg("--version").output().is_ok();
        assert!(found, "this test needs {program}: apt-get install openssl jq coreutils");
    }
    let directory = tempfile::tempdir().unwrap();
    let statement = statement(good_job());
    let stored = store(directory.path(), &statement, &signed(&statement)).unwrap();
    let name = stored.path.file_name().unwrap().to_str().unwrap();
    assert_eq!(name, "expunge-certificate-ZZ0001-20261122T054000Z-000000000001.dsse.json");
    let (_, sum) = shell(directory.path(), "sha256sum \"$1\"", &[name]);
    assert!(sum.starts_with(&stored.sha256.to_string()));
    std::fs::write(directory.path().join("agent.pem"), agent_key().public().to_pem()).unwrap();
    let (good, text) = shell(directory.path(), CHECK, &[name, "agent.pem"]);
    assert!(good && text.contains("Signature Verified Successfully"), "{text}");
    // Their own canonical form of the payload is ours.
    let (_, canonical) = shell(directory.path(), "jq -cjS . p.bin | cmp - p.bin && echo same", &[]);
    assert_eq!(canonical.trim(), "same");
    // The plan's digest, as the documentation says how to compute it.
    let script = "jq -cjS .predicate.plan p.bin | sha256sum; jq -r .predicate.planDigest p.bin";
    let (_, digests) = shell(directory.path(), script, &[]);
    let digests: Vec<&str> = digests.split_whitespace().collect();
    assert_eq!(digests[0], digests[2]);
    // One count changed, everything else as it was.
    let change =
        "jq -c '.payload |= (@base64d | sub(\"ZZ0001\"; \"ZZ0002\") | @base64)' \"$1\" > changed.json";
    assert!(shell(directory.path(), change, &[name]).0);
    let (good, text) = shell(directory.path(), CHECK, &["changed.json", "agent.pem"]);
    assert!(!good, "{text}");
}

#[test]
fn openssl_and_our_program_read_each_others_keys() {
    let directory = tempfile::tempdir().unwrap();
    let ours = SigningKey::generate().unwrap();
    ours.save(&directory.path().join("ours.pem")).unwrap();
    let (good, public) = shell(directory.path(), "openssl pkey -in ours.pem -pubout", &[]);
    assert!(good, "{public}");
    assert_eq!(public, ours.public().to_pem());
    let make = "umask 077 && openssl genpkey -algorithm ed25519 -out theirs.pem";
    assert!(shell(directory.path(), make, &[]).0);
    let theirs = SigningKey::load(&directory.path().join("theirs.pem")).unwrap();
    let name = "openssl pkey -in theirs.pem -pubout -outform DER | sha256sum";
    assert!(shell(directory.path(), name, &[]).1.starts_with(&theirs.public().id().to_string()));
}
