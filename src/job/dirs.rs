//! Where a host keeps journals, records and its key.
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The directories of one installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directories {
    /// Journals and state.
    pub state: PathBuf,
    /// Records.
    pub records: PathBuf,
    /// Signing key.
    pub key: PathBuf,
}

impl Directories {
    /// The places asked for, else `/var/lib/expunge` as root and the XDG state directory otherwise.
    ///
    /// # Errors
    /// When nothing was asked for and neither `XDG_STATE_HOME` nor `HOME` says where to put it.
    pub fn choose(state: Option<&Path>, records: Option<&Path>, key: Option<&Path>) -> io::Result<Self> {
        let state = match state {
            Some(state) => std::path::absolute(state)?,
            None => default_state()?,
        };
        let absolute = |path: Option<&Path>, default: &str| match path {
            Some(path) => std::path::absolute(path),
            None => Ok(state.join(default)),
        };
        let records = absolute(records, "records")?;
        let key = absolute(key, "signing-key.pem")?;
        Ok(Self { state, records, key })
    }

    /// The option that names the state directory, with a space before it; nothing where it is the default one.
    pub fn option(&self) -> String {
        if default_state().is_ok_and(|default| default == self.state) {
            return String::new();
        }
        format!(" --state {}", quoted(&self.state.display().to_string()))
    }

    /// Where journals lie.
    pub fn journals(&self) -> PathBuf {
        self.state.join("jobs")
    }

    /// Every place that must not lie on a drive that is to be sanitized.
    pub fn all(&self) -> Vec<PathBuf> {
        vec![self.state.clone(), self.records.clone(), self.key.clone()]
    }

    /// Makes the directories, for their owner only.
    ///
    /// # Errors
    /// With the path that could not be made.
    pub fn create(&self) -> io::Result<()> {
        let mut wanted = vec![self.journals(), self.records.clone()];
        wanted.extend(self.key.parent().map(Path::to_path_buf));
        for directory in wanted {
            if fs::metadata(&directory).is_ok_and(|found| found.is_dir()) {
                continue;
            }
            DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(|error| {
                io::Error::new(error.kind(), format!("{} cannot be made: {error}", directory.display()))
            })?;
        }
        Ok(())
    }
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn default_state() -> io::Result<PathBuf> {
    if nix::unistd::geteuid().is_root() {
        return Ok("/var/lib/expunge".into());
    }
    let home = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    home("XDG_STATE_HOME")
        .or_else(|| home("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("expunge"))
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "neither HOME nor XDG_STATE_HOME is set: give --state DIR",
            )
        })
}
