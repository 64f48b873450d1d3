//! `expunge lab`: drives to try things out on, made of files, and the whole story told on them.
//!
//! As root the drives are loop devices over files; without root they are the files themselves. Only what the
//! lab made is ever touched: a manifest says exactly what that is.

mod content;
mod demo;
mod down;
mod manifest;
mod scanner;
mod size;
mod story;
mod up;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::unit::term::Exit;

pub use demo::demo;
pub use down::down;
pub use size::{Size, SizeError};
pub use up::up;

/// `expunge lab ...`
#[derive(Clone, Debug, clap::Subcommand)]
pub enum LabCommand {
    /// Make drives with known contents.
    Up(UpArgs),
    /// Take away what `lab up` made, and nothing else.
    Down(DownArgs),
    /// Tell the whole story on drives made for it: find, plan, sanitize, verify, certify, clean up.
    Demo(DemoArgs),
}

/// Options of `expunge lab up`.
#[derive(Clone, Debug, clap::Args)]
pub struct UpArgs {
    /// How many drives.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub drives: u32,
    /// Size of each, such as 64MiB; a multiple of the block size.
    #[arg(long, default_value = "64MiB")]
    pub size: Size,
    /// Logical block size in bytes: 512, 1024, 2048 or 4096.
    #[arg(long, default_value_t = 512)]
    pub block_size: u32,
    /// Where the files go. Default: /var/lib/expunge/lab as root, else under the XDG data directory.
    #[arg(long)]
    pub dir: Option<PathBuf>,
}

/// Options of `expunge lab down`.
#[derive(Clone, Debug, clap::Args)]
pub struct DownArgs {
    /// Where the files are; the same as for `lab up`.
    #[arg(long)]
    pub dir: Option<PathBuf>,
}

/// Options of `expunge lab demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// How many drives, besides one of an odd size.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub drives: u32,
    /// Size of each, such as 64MiB.
    #[arg(long, default_value = "64MiB")]
    pub size: Size,
}

/// Why a lab command could not do its work.
#[derive(Debug)]
enum LabError {
    /// The request makes no sense.
    Usage(String),
    /// Something around it failed.
    Io { doing: String, error: io::Error },
    /// The demo saw something that is not as it should be.
    NotAsItShouldBe(String),
}

impl LabError {
    const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Io { .. } => Exit::Internal,
            Self::NotAsItShouldBe(_) => Exit::Failed,
        }
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Io { doing, error } => write!(f, "{doing}: {error}"),
            Self::NotAsItShouldBe(text) => write!(f, "not as it should be: {text}"),
        }
    }
}

/// From errors of writing the answer; all others name what was being done.
impl From<io::Error> for LabError {
    fn from(error: io::Error) -> Self {
        Self::Io { doing: "writing the answer".to_owned(), error }
    }
}

/// Names what was being done when an error of the system came.
fn while_doing<T>(result: io::Result<T>, doing: impl fmt::Display) -> Result<T, LabError> {
    result.map_err(|error| LabError::Io { doing: doing.to_string(), error })
}

/// Runs a lab command; what it has to say goes to `out`.
pub fn run(command: &LabCommand, out: &mut dyn Write) -> Exit {
    match command {
        LabCommand::Up(args) => up(args, out),
        LabCommand::Down(args) => down(args, out),
        LabCommand::Demo(args) => demo(args, out),
    }
}

/// Says an error and gives the exit code. Where even that cannot be said, it is an internal error.
fn conclude(result: Result<Exit, LabError>, out: &mut dyn Write) -> Exit {
    match result {
        Ok(exit) => exit,
        Err(error) => match writeln!(out, "expunge lab: {error}") {
            Ok(()) => error.exit(),
            Err(_) => Exit::Internal,
        },
    }
}

/// Whether loop devices can be made.
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The directory given, else the default one of this user.
fn directory(given: Option<&PathBuf>) -> Result<PathBuf, LabError> {
    if let Some(given) = given {
        return while_doing(std::path::absolute(given), given.display());
    }
    if is_root() {
        return Ok(PathBuf::from("/var/lib/expunge/lab"));
    }
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let data = data.or_else(home).ok_or_else(|| LabError::Usage("HOME is not set: give --dir".to_owned()))?;
    Ok(data.join("expunge/lab"))
}

#[cfg(test)]
mod tests {
    use clap::Subcommand;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_sizes_are_understood() {
        let mut command = LabCommand::augment_subcommands(clap::Command::new("lab"));
        command.build();
        command.clone().debug_assert();
        let size = |text: &str| {
            let matches = command.clone().try_get_matches_from(["lab", "up", "--size", text]).ok()?;
            matches.subcommand()?.1.get_one::<Size>("size").copied()
        };
        assert_eq!(size("3MiB"), Some(Size(3_145_728)));
        assert_eq!(size("much"), None);
        assert!(command.try_get_matches_from(["lab", "up", "--drives", "65"]).is_err());
    }
}
