//! Drives that the kernel itself serves to other machines. It opens them without claiming them (nvmet always, LIO
//! for its file back end), and no process has them open, so nothing else shows it.
use std::path::{Path, PathBuf};

use super::{Findings, Scene, is_file};
use crate::unit::{Reason, ReasonCode};

/// Exports of the drive, of a partition, of what stands on it, or of the file behind it.
pub(super) fn exports(scene: &Scene<'_>) -> Findings {
    let mut findings = Findings::default();
    for (served, folder) in served(scene, &mut findings) {
        let number = scene.root.number_of_path(&served);
        let place = number.and_then(|number| scene.layer(number)).map(super::Layer::place);
        let place = place.or_else(|| {
            let file = scene.file.as_ref().filter(|file| is_file(scene.root, file, &served))?;
            Some(file.path.display().to_string())
        });
        if let Some(place) = place {
            let text = format!("{place} is served to other machines by the kernel ({})", folder.display());
            let remedy =
                "make sure that nobody uses it there, then take the export down: nvmetcli or targetcli";
            findings.reasons.push(Reason::new(ReasonCode::Holder, text, remedy));
        }
    }
    findings
}

/// What the NVMe and SCSI targets serve, with the folder that configures it. The places are from memory of the
/// kernel's configfs documentation; no kernel here has these targets.
fn served(scene: &Scene<'_>, findings: &mut Findings) -> Vec<(PathBuf, PathBuf)> {
    let config = scene.root.sys.join("kernel/config");
    let mut found = Vec::new();
    let mut add = |folder: PathBuf, attribute: &str| {
        let path = scene.root.text(&folder.join(attribute)).map(PathBuf::from);
        found.extend(path.filter(|path| path.is_absolute()).map(|path| (path, folder)));
    };
    for subsystem in folders(scene, &config.join("nvmet/subsystems"), findings) {
        for namespace in folders(scene, &subsystem.join("namespaces"), findings) {
            add(namespace, "device_path");
        }
    }
    for adapter in folders(scene, &config.join("target/core"), findings) {
        for store in folders(scene, &adapter, findings) {
            add(store, "udev_path");
        }
    }
    found
}

/// What lies in a folder; one that is there and cannot be read makes this guard blind.
fn folders(scene: &Scene<'_>, folder: &Path, findings: &mut Findings) -> Vec<PathBuf> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect(),
        Err(error) if super::is_gone(&error) => Vec::new(),
        Err(error) => {
            let text = format!("{} could not be read: {error}", folder.display());
            findings.blind(scene, text, "run as root");
            Vec::new()
        }
    }
}
