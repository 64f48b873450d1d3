//! `expunge lab demo`: the whole story, told by running the commands a person would type.
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::scanner::Suspect;
use super::story::Story;
use super::{DemoArgs, LabError, Size, UpArgs, conclude, down, is_root, up, while_doing};
use crate::unit::term::Exit;

/// How the signature is checked without Expunge.
const OPENSSL_CHECK: &str = include_str!("check-with-openssl.sh");

/// Tells the story and cleans up. Anything that is not as it should be ends it with exit 4.
pub fn demo(args: &DemoArgs, out: &mut dyn Write) -> Exit {
    let parent = std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
    let program = while_doing(std::env::current_exe(), "finding this program");
    let result = program.and_then(|program| demo_with(&parent, &program, args, out));
    conclude(result, out)
}

/// The story about any program that answers to the same commands, told in a new directory in `parent`.
fn demo_with(parent: &Path, program: &Path, args: &DemoArgs, out: &mut dyn Write) -> Result<Exit, LabError> {
    let mut place = Place::make(parent)?;
    let told = tell(&place, args, &mut Story { out: &mut *out, program });
    let cleaned = place.clean_up(out);
    told.and(cleaned)?;
    writeln!(out, "\nEverything was as it should be, and everything made for it is gone.")?;
    Ok(Exit::Success)
}

/// Everything that the demo makes stands in one new directory of its own.
struct Place {
    root: PathBuf,
    cleaned: bool,
}

impl Place {
    fn make(parent: &Path) -> Result<Self, LabError> {
        let parent = while_doing(parent.canonicalize(), parent.display())?;
        let root = parent.join(format!("expunge-demo-{}", std::process::id()));
        // Not recursive: the directory must be new, so that nothing of anybody else is in it.
        while_doing(DirBuilder::new().mode(0o700).create(&root), root.display())?;
        let place = Self { root, cleaned: false };
        for directory in [place.copies(), place.keys()] {
            while_doing(fs::create_dir(&directory), directory.display())?;
        }
        Ok(place)
    }

    fn lab(&self) -> PathBuf {
        self.root.join("lab")
    }

    fn odd_lab(&self) -> PathBuf {
        self.root.join("odd-lab")
    }

    fn copies(&self) -> PathBuf {
        self.root.join("blocks")
    }

    fn keys(&self) -> PathBuf {
        self.root.join("keyring")
    }

    fn records(&self) -> PathBuf {
        self.root.join("records")
    }

    /// Takes the labs away, then the directory. A lab that stays keeps its files.
    fn clean_up(&mut self, out: &mut dyn Write) -> Result<(), LabError> {
        self.cleaned = true;
        for lab in [self.lab(), self.odd_lab()] {
            if down::take_away(&lab, &mut io::sink())? != Exit::Success {
                down::take_away(&lab, out)?;
                return Err(LabError::NotAsItShouldBe(format!("{} stays", lab.display())));
            }
        }
        while_doing(fs::remove_dir_all(&self.root), self.root.display())
    }
}

impl Drop for Place {
    /// Only after a panic; there is nobody left to tell.
    fn drop(&mut self) {
        if !self.cleaned {
            let _nobody_to_tell = self.clean_up(&mut io::sink());
        }
    }
}

fn tell(place: &Place, args: &DemoArgs, story: &mut Story<'_>) -> Result<(), LabError> {
    let suspects = make_drives(place, args, story)?;
    story.heading("Find the data, with programs that are not ours")?;
    for suspect in &suspects {
        suspect.must_be_found(story)?;
    }
    story.heading("Find the drives, and see what would be done")?;
    story.expunge(&words(&["list"], &[("--state", &place.root.join("state"))]))?;
    if let Some(suspect) = suspects.first() {
        let state = place.root.join("state");
        story.expunge(&words(&["plan"], &[("", &suspect.node), ("--state", &state)]))?;
    }
    story.heading("Sanitize")?;
    for suspect in &suspects {
        let options = [
            ("", suspect.node.as_path()),
            ("--confirm", &suspect.file),
            ("--state", &place.root.join("state")),
            ("--out", &place.records()),
            ("--key", &place.root.join("key.pem")),
        ];
        story.expunge(&words(&["sanitize"], &options))?;
    }
    story.heading("Look for the data again")?;
    for suspect in &suspects {
        suspect.must_be_gone(story)?;
    }
    story.heading("Check the certificates")?;
    check_records(place, suspects.len(), story)
}

/// Words of a command line; an option without a name is an argument.
fn words<'a>(command: &[&'a str], options: &[(&'a str, &'a Path)]) -> Vec<&'a OsStr> {
    let mut words: Vec<&OsStr> = command.iter().copied().map(OsStr::new).collect();
    for (name, value) in options {
        words.extend((!name.is_empty()).then(|| OsStr::new(*name)));
        words.push(value.as_os_str());
    }
    words
}

/// The drives that were asked for, and one that nothing divides: large blocks where there is a loop device to
/// have them, and a size that is no multiple of 1 MiB.
fn make_drives(place: &Place, args: &DemoArgs, story: &mut Story<'_>) -> Result<Vec<Suspect>, LabError> {
    story.heading("Make drives with known contents")?;
    story.say(if is_root() {
        "Loop devices over files that belong to this demo; no drive of this machine is touched."
    } else {
        "Plain files stand for the drives, because loop devices need root."
    })?;
    let block_size = if is_root() { 4096 } else { 512 };
    let odd = Size((24 << 20) + 3 * u64::from(block_size));
    let labs = [
        UpArgs { drives: args.drives, size: args.size, block_size: 512, dir: Some(place.lab()) },
        UpArgs { drives: 1, size: odd, block_size, dir: Some(place.odd_lab()) },
    ];
    let mut suspects = Vec::new();
    for lab in labs {
        let UpArgs { drives, size, block_size, dir } = &lab;
        let directory = dir.clone().unwrap_or_default();
        story.say(&format!(
            "Made as by: expunge lab up --drives {drives} --size {size} --block-size {block_size} --dir {}",
            directory.display()
        ))?;
        let Manifest { drives, .. } = up::make(&lab, &directory, story.out)?;
        for drive in &drives {
            let suspect = Suspect::new(drive, &directory, &place.copies());
            story.say(&format!("  {}, {} bytes", suspect.node.display(), suspect.bytes))?;
            suspects.push(suspect);
        }
    }
    Ok(suspects)
}

/// Each drive has a certificate; each is checked by Expunge, and without it where openssl is present.
fn check_records(place: &Place, drives: usize, story: &mut Story<'_>) -> Result<(), LabError> {
    let certificates = certificates(&place.records())?;
    if certificates.len() != drives {
        let text = format!("{} certificates for {drives} drives", certificates.len());
        return Err(LabError::NotAsItShouldBe(text));
    }
    let key = place.root.join("key.pem");
    let shown = story.expunge(&words(&["key", "show"], &[("--key", &key)]))?;
    let public = place.keys().join("lab.pem");
    while_doing(fs::write(&public, &shown.stdout), public.display())?;
    for certificate in &certificates {
        story
            .expunge(&words(&["certificate", "check"], &[("", certificate), ("--keyring", &place.keys())]))?;
    }
    if !Story::has("openssl") {
        return story.say("openssl is not installed, so the signatures were not checked without Expunge.");
    }
    let script = place.root.join("check-with-openssl.sh");
    while_doing(fs::write(&script, OPENSSL_CHECK), script.display())?;
    story.say("The same without Expunge, with a shell and openssl:")?;
    for certificate in &certificates {
        let arguments = [&script, certificate, &public, &place.root].map(|path| path.as_os_str());
        match story.tool("sh", &arguments)?.code {
            Some(0) => {}
            _ => return Err(LabError::NotAsItShouldBe("openssl does not accept a certificate".to_owned())),
        }
    }
    Ok(())
}

/// The certificates among the records; the file names of all other records say that they are none.
fn certificates(records: &Path) -> Result<Vec<PathBuf>, LabError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(records)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("expunge-certificate-") {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    };
    while_doing(list(), records.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the demo about a program that only pretends; gives the exit and the story.
    fn demo_about(program: &str) -> (Exit, String) {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lab").join(program);
        let parent = tempfile::tempdir().unwrap();
        let args = DemoArgs { drives: 1, size: Size(1 << 20) };
        let mut out = Vec::new();
        let result = demo_with(parent.path(), &program, &args, &mut out);
        let exit = conclude(result, &mut out);
        let story = String::from_utf8(out).unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0, "nothing stays: {story}");
        (exit, story)
    }

    /// Each pretender is caught by the check that is meant for it; one that overwrites honestly is found out
    /// only by its missing certificates.
    #[test]
    fn the_demo_believes_nobody() {
        for (program, caught) in [
            ("does-nothing", "grep exits with 0, not with 1"),
            ("skips-last-block", "grep exits with 0, not with 1"),
            ("refuses", "that command exits with 3"),
            ("overwrites", "0 certificates for 2 drives"),
        ] {
            let (exit, story) = demo_about(program);
            assert_eq!(exit, Exit::Failed, "{program}: {story}");
            assert!(story.contains(caught), "{program}: {story}");
        }
    }
}
