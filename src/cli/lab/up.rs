//! `expunge lab up`: makes drives with known contents.
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::content::{MARKER, marker_count, write_content};
use super::manifest::{FileIdentity, LabDrive, LoopNumber, Manifest};
use super::{LabError, UpArgs, conclude, directory, down, is_root, while_doing};
use crate::sys::loopdev;
use crate::unit::term::Exit;

/// Block sizes that every kernel's loop driver accepts.
const BLOCK_SIZES: [u32; 4] = [512, 1024, 2048, 4096];

/// Makes drives and says what they are. Of a lab that cannot be made in full nothing stays.
pub fn up(args: &UpArgs, out: &mut dyn Write) -> Exit {
    let result = directory(args.dir.as_ref()).and_then(|directory| make_and_tell(args, &directory, out));
    conclude(result, out)
}

fn make_and_tell(args: &UpArgs, directory: &Path, out: &mut dyn Write) -> Result<Exit, LabError> {
    let manifest = make(args, directory, out)?;
    for drive in &manifest.drives {
        let (node, file) = (drive.node(directory), directory.join(&drive.file));
        let LabDrive { bytes, block_size, markers, .. } = drive;
        write!(out, "{}  {bytes} bytes", node.display())?;
        if drive.device.is_some() {
            write!(out, " in blocks of {block_size}, backed by {}", file.display())?;
        }
        writeln!(out, ", {markers} lines with {MARKER}")?;
    }
    if !is_root() {
        writeln!(out, "Plain files stand for the drives: loop devices need root.")?;
    }
    Ok(Exit::Success)
}

/// Makes the drives; on failure what was made is taken away again.
pub(super) fn make(args: &UpArgs, directory: &Path, out: &mut dyn Write) -> Result<Manifest, LabError> {
    check(args)?;
    prepare(directory)?;
    if Manifest::read(directory)?.is_some() {
        let text = format!("a lab is up in {}; expunge lab down takes it away", directory.display());
        return Err(LabError::Usage(text));
    }
    let mut manifest = Manifest::empty();
    manifest.write(directory)?;
    for number in 1..=args.drives {
        if let Err(error) = add_drive(&mut manifest, args, directory, number) {
            down::take_away(directory, out)?;
            return Err(error);
        }
    }
    Ok(manifest)
}

fn check(args: &UpArgs) -> Result<(), LabError> {
    if !BLOCK_SIZES.contains(&args.block_size) {
        return Err(LabError::Usage(format!("the block size is one of {BLOCK_SIZES:?}")));
    }
    if args.size.0 == 0 || !args.size.0.is_multiple_of(u64::from(args.block_size)) {
        return Err(LabError::Usage(format!("{} is no multiple of the block size", args.size)));
    }
    Ok(())
}

/// The lab's directory belongs to this user alone: whoever could change files in it could make root detach
/// and remove other things.
fn prepare(directory: &Path) -> Result<(), LabError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    while_doing(made, directory.display())?;
    let metadata = while_doing(fs::symlink_metadata(directory), directory.display())?;
    let ours = metadata.uid() == nix::unistd::geteuid().as_raw() && metadata.mode() & 0o022 == 0;
    if ours && metadata.is_dir() {
        return Ok(());
    }
    let text = format!("{} must be a directory that only this user can write to", directory.display());
    Err(LabError::Usage(text))
}

/// Every step is on the manifest before the next one begins.
fn add_drive(manifest: &mut Manifest, args: &UpArgs, directory: &Path, number: u32) -> Result<(), LabError> {
    let name = format!("drive-{number:03}.img");
    let path = directory.join(&name);
    let created = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
    let file = while_doing(created, path.display())?;
    let metadata = while_doing(file.metadata(), path.display())?;
    let block_size = u64::from(args.block_size);
    manifest.drives.push(LabDrive {
        file: name,
        identity: FileIdentity::of(&metadata),
        bytes: args.size.0,
        block_size: args.block_size,
        markers: marker_count(args.size.0, block_size),
        device: None,
    });
    manifest.write(directory)?;
    while_doing(fill(&file, number, args.size.0, block_size), path.display())?;
    if is_root() {
        let node = while_doing(loopdev::attach(&file, args.block_size), "attaching a loop device")?;
        if let Some(drive) = manifest.drives.last_mut() {
            drive.device = LoopNumber::of(&node);
        }
        manifest.write(directory)?;
    }
    Ok(())
}

fn fill(file: &File, number: u32, bytes: u64, block_size: u64) -> io::Result<()> {
    write_content(file, number, bytes, block_size)?;
    file.sync_all()
}
