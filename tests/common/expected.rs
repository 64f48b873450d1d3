//! What a medium must hold after a pass, made by other programs than ours, and compared block by block.
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const CHUNK: usize = 1 << 20;

/// Bytes of a pattern from the start of the drive on.
enum Source {
    Period(Vec<u8>, u64),
    Program(Child),
}

/// The program that the documentation gives to people who trust nothing of ours.
#[track_caller]
fn documented(language: &str) -> &'static str {
    let documentation = include_str!("../../docs/certificate.md");
    let (_, from) = documentation.split_once(&format!("```{language}\n")).expect("the program is documented");
    from.split_once("```").expect("a program has an end").0
}

impl Source {
    /// From the pattern as the record has it.
    #[track_caller]
    fn of(pattern: &Value, size: u64) -> Self {
        let text = |field: &str| pattern[field].as_str().unwrap_or_else(|| panic!("no {field}: {pattern}"));
        match pattern["type"].as_str() {
            Some("fixed") => Self::Period(bytes_of(text("bytes")), 0),
            Some("aes-256-ctr") => Self::openssl(text("key")),
            Some("stamped") => Self::python(text("bytes"), text("tag"), size),
            other => panic!("a pattern of type {other:?}"),
        }
    }

    #[track_caller]
    fn openssl(key: &str) -> Self {
        let zeros = File::open("/dev/zero").expect("/dev/zero");
        let child = Command::new("openssl")
            .args(["enc", "-aes-256-ctr", "-nosalt", "-K", key, "-iv", "00000000000000000000000000000000"])
            .stdin(zeros)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Self::Program(child.expect("this test needs openssl: apt-get install openssl"))
    }

    #[track_caller]
    fn python(bytes: &str, tag: &str, size: u64) -> Self {
        let child = Command::new("python3")
            .args(["-c", documented("python"), bytes, tag, &size.to_string()])
            .stdout(Stdio::piped())
            .spawn();
        Self::Program(child.expect("this test needs python3: apt-get install python3"))
    }

    fn fill(&mut self, out: &mut [u8]) {
        match self {
            Self::Period(period, at) => {
                let length = u64::try_from(period.len()).expect("short");
                let start = usize::try_from(*at % length).expect("short");
                let mut turned = period.clone();
                turned.rotate_left(start);
                for part in out.chunks_mut(turned.len()) {
                    part.copy_from_slice(&turned[..part.len()]);
                }
                *at += u64::try_from(out.len()).expect("a chunk is short");
            }
            Self::Program(child) => {
                let stream = child.stdout.as_mut().expect("piped");
                stream.read_exact(out).expect("the program gives what the medium must hold");
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Self::Program(child) = self {
            // It may write for ever; it is ours.
            let _killed = child.kill();
            let _ended = child.wait();
        }
    }
}

/// The blocks of a file or node that hold something else than the pattern of a record says, as (first, count).
/// An empty answer means that every byte from the first to the last is right.
#[track_caller]
pub fn differing(path: &Path, size: u64, pattern: &Value, block_size: u32) -> Vec<(u64, u64)> {
    let block = usize::try_from(block_size).expect("a block is short");
    let mut medium = File::open(path).expect("the medium can be opened");
    let mut source = Source::of(pattern, size);
    let (mut found, mut wanted) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut offset = 0;
    while offset < size {
        let length = usize::try_from(size - offset).map_or(CHUNK, |rest| rest.min(CHUNK));
        medium.read_exact(&mut found[..length]).expect("the medium can be read");
        source.fill(&mut wanted[..length]);
        if found[..length] != wanted[..length] {
            let first = offset / u64::from(block_size);
            let pairs = found[..length].chunks(block).zip(wanted[..length].chunks(block));
            for (lba, _) in (first..).zip(pairs).filter(|(_, (is, should))| is != should) {
                match ranges.last_mut() {
                    Some((start, count)) if *start + *count == lba => *count += 1,
                    Some(_) | None => ranges.push((lba, 1)),
                }
            }
        }
        offset += u64::try_from(length).expect("a chunk is short");
    }
    ranges
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}
