//! What must never be a target: the drives this system runs from, and those that carry our own state.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Findings, Scene, Target, is_file};
use crate::device::stack::{self, Below, Relation};
use crate::unit::{Reason, ReasonCode};

/// Mount points of a running system. `/home` and the like are ordinary mounts, which another guard sees.
const SYSTEM: [&str; 6] = ["/", "/boot", "/boot/efi", "/efi", "/usr", "/var"];

/// The drives below the system's own mount points.
pub(super) fn root_device(scene: &Scene<'_>) -> Findings {
    let root = scene.root;
    let mut points = BTreeSet::new();
    for mount in root.own_mounts() {
        let point = mount.point.to_string_lossy().into_owned();
        if SYSTEM.contains(&point.as_str()) {
            let below = stack::below(root, &root.numbers_of_mount(&mount));
            if stands_on_target(scene, &below) {
                points.insert(point);
            }
        }
    }
    if points.is_empty() {
        return Findings::default();
    }
    let points = points.into_iter().collect::<Vec<_>>().join(", ");
    let text = format!("{} carries the running system ({points})", scene.title());
    let remedy =
        "start this machine from another medium to sanitize this drive; it is never done from itself";
    vec![Reason::new(ReasonCode::RootDevice, text, remedy)].into()
}

/// The drives below records, journal and key.
pub(super) fn state_device(scene: &Scene<'_>) -> Findings {
    let mut reasons = Vec::new();
    for path in &scene.state.0 {
        let place = if scene.root.is_host() { existing(path) } else { path.clone() };
        let below = stack::below(scene.root, &stack::numbers_under(scene.root, &place));
        let inside = match scene.target {
            // What does not exist yet can only be the file itself; a folder that does may be named through links.
            Target::File(file) => {
                let exists = scene.root.is_host() && path.exists();
                exists && file.path.starts_with(&place) || file.path == *path
            }
            Target::Device { .. } => false,
        };
        if inside || stands_on_target(scene, &below) {
            let text = format!("{} carries Expunge's own state, {}", scene.title(), path.display());
            let remedy = "choose another place for records, journal and key: --out, --state, --key";
            reasons.push(Reason::new(ReasonCode::StateDevice, text, remedy));
        }
    }
    reasons.into()
}

fn stands_on_target(scene: &Scene<'_>, below: &Below) -> bool {
    match scene.target {
        Target::Device { number, .. } => {
            let paths = scene.layers.iter().filter(|layer| layer.relation == Relation::Whole);
            below.numbers.contains(number)
                || paths.into_iter().any(|path| below.numbers.contains(&path.number))
        }
        Target::File(file) => below.files.iter().any(|backing| is_file(scene.root, file, backing)),
    }
}

/// The path without links, or that of the nearest folder that exists: state may not have been made yet.
fn existing(path: &Path) -> PathBuf {
    let found = path.ancestors().find_map(|ancestor| std::fs::canonicalize(ancestor).ok());
    found.unwrap_or_else(|| path.to_owned())
}
