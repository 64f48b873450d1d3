//! Exactly what a lab made, so that exactly this can be taken away again.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{LabError, while_doing};

/// Name of the manifest in the lab's directory.
const NAME: &str = "lab.json";

/// What one lab made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Manifest {
    /// Version of this format.
    pub(super) version: u32,
    /// The drives, in the order in which they were made.
    pub(super) drives: Vec<LabDrive>,
}

/// One drive of a lab. Numbers that may pass 2^53 are text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct LabDrive {
    /// Name of its file in the lab's directory; never a path, so that nothing outside can be meant.
    pub(super) file: String,
    /// Who that file is.
    pub(super) identity: FileIdentity,
    /// Its length.
    pub(super) bytes: u64,
    /// Its logical block size, in bytes.
    pub(super) block_size: u32,
    /// How many marker lines it carried when it was made.
    pub(super) markers: u64,
    /// The loop device over it, as root.
    pub(super) device: Option<LoopNumber>,
}

/// Which file it is, whatever it is called: device number of its file system (as in `st_dev`), and inode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileIdentity {
    filesystem: String,
    inode: String,
}

/// Which loop device, and which attachment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoopNumber {
    pub(super) number: u32,
    pub(super) diskseq: Option<u64>,
}

impl FileIdentity {
    pub(super) fn new(filesystem: u64, inode: u64) -> Self {
        Self { filesystem: filesystem.to_string(), inode: inode.to_string() }
    }

    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self::new(metadata.dev(), metadata.ino())
    }
}

impl LoopNumber {
    /// The loop device of a node such as `/dev/loop3`, as it is attached now.
    pub(super) fn of(node: &Path) -> Option<Self> {
        let number = node.to_str()?.strip_prefix("/dev/loop")?.parse().ok()?;
        Some(Self { number, diskseq: diskseq(number) })
    }

    pub(super) fn node(self) -> PathBuf {
        PathBuf::from(format!("/dev/loop{}", self.number))
    }

    /// Whether the device has been attached anew since: the kernel counts attachments.
    pub(super) fn is_same_attachment(self) -> bool {
        diskseq(self.number) == self.diskseq
    }
}

fn diskseq(number: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/sys/block/loop{number}/diskseq")).ok()?;
    text.trim().parse().ok()
}

impl Manifest {
    /// A lab that has made nothing yet.
    pub(super) const fn empty() -> Self {
        Self { version: 1, drives: Vec::new() }
    }

    /// The manifest of a lab; `None` when there is no lab in `directory`.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, LabError> {
        let path = directory.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return while_doing(Err(error), path.display()),
        };
        let manifest: Self =
            while_doing(serde_json::from_slice(&text).map_err(io::Error::from), path.display())?;
        match manifest.version {
            1 if manifest.drives.iter().all(LabDrive::has_plain_name) => Ok(Some(manifest)),
            1 => Err(LabError::Usage(format!("{} names a file outside of the lab", path.display()))),
            version => Err(LabError::Usage(format!("{}: version {version} is not known", path.display()))),
        }
    }

    /// Replaces the manifest on disk in one step.
    pub(super) fn write(&self, directory: &Path) -> Result<(), LabError> {
        let path = directory.join(NAME);
        let new = directory.join(format!("{NAME}.new"));
        let write = || -> io::Result<()> {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(directory)?.sync_all()
        };
        while_doing(write(), path.display())
    }

    /// Removes the manifest of a lab of which nothing is left, and its directory when it is empty then.
    pub(super) fn remove(directory: &Path) -> Result<(), LabError> {
        while_doing(fs::remove_file(directory.join(NAME)), directory.display())?;
        match fs::remove_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => {
                while_doing(Err(error), directory.display())
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl LabDrive {
    /// The node to work on: the loop device, or the file itself.
    pub(super) fn node(&self, directory: &Path) -> PathBuf {
        self.device.map_or_else(|| directory.join(&self.file), LoopNumber::node)
    }

    fn has_plain_name(&self) -> bool {
        Path::new(&self.file).file_name().is_some_and(|name| name == self.file.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_names_a_file_outside_is_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        let text = |file: &str| {
            format!(
                r#"{{"version": 1, "drives": [{{"file": "{file}", "identity": {{"filesystem": "1", "inode": "2"}},
                "bytes": 512, "blockSize": 512, "markers": 1, "device": null}}]}}"#
            )
        };
        for (file, accepted) in [("drive", true), ("../drive", false), ("/etc/passwd", false), ("..", false)]
        {
            fs::write(directory.path().join(NAME), text(file)).unwrap();
            assert_eq!(Manifest::read(directory.path()).is_ok(), accepted, "{file}");
        }
        fs::write(directory.path().join(NAME), r#"{"version": 2, "drives": []}"#).unwrap();
        assert!(Manifest::read(directory.path()).is_err());
    }
}
