//! The scanner of the demo: `grep`, `dd` and `cmp` of the system, which share no code with what they judge.
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::LabError;
use super::content::MARKER;
use super::manifest::LabDrive;
use super::story::{Story, named};

/// One drive as the scanner sees it.
pub(super) struct Suspect {
    pub(super) node: PathBuf,
    /// The backing file: what is really stored.
    pub(super) file: PathBuf,
    pub(super) markers: u64,
    pub(super) block_size: u32,
    pub(super) bytes: u64,
    /// Copies of the first and the last block, taken before.
    copies: [PathBuf; 2],
}

impl Suspect {
    pub(super) fn new(drive: &LabDrive, lab: &Path, copies: &Path) -> Self {
        let copy = |which| copies.join(format!("{}-{which}-{}", drive.block_size, drive.file));
        Self {
            node: drive.node(lab),
            file: lab.join(&drive.file),
            markers: drive.markers,
            block_size: drive.block_size,
            bytes: drive.bytes,
            copies: [copy("first"), copy("last")],
        }
    }

    fn last_block(&self) -> u64 {
        (self.bytes / u64::from(self.block_size)).saturating_sub(1)
    }

    fn ends(&self) -> [(&'static str, u64, &Path); 2] {
        [("first", 0, &self.copies[0]), ("last", self.last_block(), &self.copies[1])]
    }

    /// The data must be found, every line of it, before anybody may say that it is gone.
    pub(super) fn must_be_found(&self, story: &mut Story<'_>) -> Result<(), LabError> {
        self.must_count(story, &self.node, self.markers)?;
        for (which, block, copy) in self.ends() {
            let [from, to] = [("if=", self.node.as_path()), ("of=", copy)].map(joined);
            let [size, skip] = [format!("bs={}", self.block_size), format!("skip={block}")];
            let rest = [size.as_str(), &skip, "count=1", "status=none"].map(OsStr::new);
            let arguments: Vec<&OsStr> = [from.as_os_str(), &to].into_iter().chain(rest).collect();
            let code = story.tool("dd", &arguments)?.code;
            expect(code, 0, &format!("dd of the {which} block"))?;
            self.must_compare(story, which, block, copy, 0)?;
        }
        Ok(())
    }

    /// No line may be found, on the node or in the file behind it, and both ends must be different.
    pub(super) fn must_be_gone(&self, story: &mut Story<'_>) -> Result<(), LabError> {
        self.must_count(story, &self.node, 0)?;
        if self.file != self.node {
            self.must_count(story, &self.file, 0)?;
        }
        for (which, block, copy) in self.ends() {
            self.must_compare(story, which, block, copy, 1)?;
        }
        Ok(())
    }

    fn must_count(&self, story: &mut Story<'_>, place: &Path, expected: u64) -> Result<(), LabError> {
        let arguments = ["-c", "-a", "-F", MARKER].map(OsStr::new).into_iter().chain([place.as_os_str()]);
        let answer = story.tool("grep", &arguments.collect::<Vec<_>>())?;
        let counted: Option<u64> = String::from_utf8_lossy(&answer.stdout).trim().parse().ok();
        // grep says 0 where it found something and 1 where it found nothing; 2 is an error.
        expect(answer.code, i32::from(expected == 0), "grep")?;
        match counted {
            Some(count) if count == expected => Ok(()),
            _ => {
                let text = format!("{} should have {expected} lines with {MARKER}", place.display());
                Err(LabError::NotAsItShouldBe(text))
            }
        }
    }

    /// Compares one block with its copy: `cmp` says 0 for the same and 1 for different.
    fn must_compare(
        &self,
        story: &mut Story<'_>,
        which: &str,
        block: u64,
        copy: &Path,
        expected: i32,
    ) -> Result<(), LabError> {
        let length = format!("--bytes={}", self.block_size);
        let skip = format!("--ignore-initial={}:0", block.saturating_mul(u64::from(self.block_size)));
        let arguments = [OsStr::new(&length), OsStr::new(&skip), self.node.as_os_str(), copy.as_os_str()];
        let code = story.tool("cmp", &arguments)?.code;
        expect(code, expected, &format!("cmp of the {which} block"))
    }
}

/// `if=` and the path; a path of the lab is text, but a directory given by somebody may not be.
fn joined((prefix, path): (&str, &Path)) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(prefix);
    text.push(path);
    text
}

fn expect(code: Option<i32>, expected: i32, what: &str) -> Result<(), LabError> {
    if code == Some(expected) {
        return Ok(());
    }
    let text = format!("{what} exits with {}, not with {expected}", named(code));
    Err(LabError::NotAsItShouldBe(text))
}
