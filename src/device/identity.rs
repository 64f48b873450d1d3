//! Which drive this is: the facts that stay the same wherever it is attached.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::unit::Digest;
use crate::unit::digest::canonical_json;

/// What identifies one drive, or one unit of it. Absent facts are `None`, never an empty string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Identity {
    /// Vendor as the drive gives it (SCSI), trimmed.
    pub vendor: Option<String>,
    /// Model as the drive gives it, trimmed.
    pub model: Option<String>,
    /// Serial number as the drive gives it, trimmed, in full length.
    pub serial: Option<String>,
    /// World wide name of the unit: `naa.…`, `t10.…`, as the kernel writes it.
    pub wwn: Option<String>,
    /// IEEE EUI-64 of an NVMe namespace.
    pub eui64: Option<String>,
    /// NGUID of an NVMe namespace.
    pub nguid: Option<String>,
    /// Firmware revision. Not part of the stable record: an update does not make another drive.
    pub firmware: Option<String>,
    /// Namespace number of an NVMe unit.
    pub nsid: Option<u32>,
    /// For test objects: the plain file, or the backing file of a loop device.
    pub backing: Option<BackingFile>,
    /// The serial number comes through a USB bridge, which may have made it up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bridged: bool,
}

/// The file that stands for a drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BackingFile {
    /// Absolute path.
    pub path: PathBuf,
    /// Device number of the file system, as `major:minor`.
    pub filesystem: String,
    /// Inode number, as text: it may pass 2^53.
    pub inode: String,
}

impl Identity {
    /// Whether anything ties this to one physical drive or one file. Without it nothing is written (P1).
    pub fn is_identified(&self) -> bool {
        self.serial.is_some()
            || self.wwn.is_some()
            || self.eui64.is_some()
            || self.nguid.is_some()
            || self.backing.is_some()
    }

    /// What `--confirm` must repeat: the serial number (`SERIAL/nsid=N` for one of several units), else the
    /// world wide name; for test objects the path of the file. `None` when nothing identifies the drive.
    pub fn confirm_text(&self, one_of_several: bool) -> Option<String> {
        if let Some(backing) = &self.backing {
            return Some(backing.path.display().to_string());
        }
        match (&self.serial, one_of_several, self.nsid) {
            (Some(serial), true, Some(nsid)) => Some(format!("{serial}/nsid={nsid}")),
            (Some(serial), false, _) => Some(serial.clone()),
            _ => self.wwn.clone().or_else(|| self.nguid.clone()).or_else(|| self.eui64.clone()),
        }
    }

    /// A short name for messages: serial, else world wide name, else file.
    pub fn short(&self) -> String {
        if let Some(backing) = &self.backing {
            return backing.path.display().to_string();
        }
        let name = self.serial.as_ref().or(self.wwn.as_ref()).or(self.nguid.as_ref()).or(self.eui64.as_ref());
        name.map_or_else(|| "no serial number".to_owned(), Clone::clone)
    }

    /// The facts that must be the same at planning, at opening, at resume and before signing (P1), together
    /// with the size, which the geometry holds. Firmware is left out: it may be updated.
    #[must_use]
    pub fn stable(&self) -> Self {
        Self { firmware: None, ..self.clone() }
    }

    /// The stable facts without the number of a backing file's file system, which a restart of the host can change:
    /// what must be the same from the beginning of a job to its end, however often it was interrupted.
    #[must_use]
    pub fn lasting(&self) -> Self {
        let mut lasting = self.stable();
        if let Some(backing) = &mut lasting.backing {
            backing.filesystem.clear();
        }
        lasting
    }

    /// Digest of the canonical JSON of the stable record: the subject of a record.
    pub fn stable_digest(&self) -> Digest {
        Digest::of(&canonical_json(&self.stable()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_is_no_part_of_the_stable_record() {
        let old = Identity { serial: Some("S1".into()), firmware: Some("1".into()), ..Identity::default() };
        let new = Identity { firmware: Some("2".into()), ..old.clone() };
        let other = Identity { serial: Some("S2".into()), ..old.clone() };
        assert_eq!(old.stable_digest(), new.stable_digest());
        assert_ne!(old.stable_digest(), other.stable_digest());
    }

    #[test]
    fn one_of_several_units_is_confirmed_with_its_number_or_its_name() {
        let mut unit = Identity { serial: Some("S1".into()), nsid: Some(2), ..Identity::default() };
        assert_eq!(unit.confirm_text(false).unwrap(), "S1");
        assert_eq!(unit.confirm_text(true).unwrap(), "S1/nsid=2");
        unit.nsid = None;
        unit.wwn = Some("naa.5000c500a1b2c3d4".into());
        assert_eq!(unit.confirm_text(true).unwrap(), "naa.5000c500a1b2c3d4");
        assert_eq!(Identity::default().confirm_text(false), None);
    }
}
