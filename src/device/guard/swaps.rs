//! Swap areas in use, by device number.
use super::{Findings, Scene, is_file};
use crate::device::procfs;
use crate::unit::{Reason, ReasonCode};

/// Swap on the drive or a partition of it; the plain file behind the target as swap.
pub(super) fn swaps(scene: &Scene<'_>) -> Findings {
    let text = match std::fs::read_to_string(scene.root.proc.join("swaps")) {
        Ok(text) => text,
        // A kernel without swap has no such file.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Findings::default(),
        Err(error) => {
            let text = format!("the list of swap areas could not be read: {error}");
            return vec![Reason::new(ReasonCode::GuardBlind, text, "make /proc/swaps readable")].into();
        }
    };
    let mut reasons = Vec::new();
    for area in procfs::swaps(&text) {
        let number = scene.root.number_of_path(&area);
        let place = number.and_then(|number| scene.layer(number)).map(super::Layer::place);
        let place = place.or_else(|| {
            let file = scene.file.as_ref().filter(|file| is_file(scene.root, file, &area))?;
            Some(file.path.display().to_string())
        });
        if let Some(place) = place {
            let remedy = format!("swapoff {}", area.display());
            reasons.push(Reason::new(ReasonCode::Swap, format!("{place} is swap space in use"), remedy));
        }
    }
    reasons.into()
}
