//! Properties (registers) of an NVMe controller on PCI. No admin command reads them, and no ioctl: they are looked at
//! where the kernel offers the controller's memory, and asked for as over fabrics, by Property Get, so that a
//! simulated controller and a capture answer the same question.
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::sys::stat::{SFlag, fstat, major, minor};

use super::channel::{NVME_ENTRY_BYTES, NvmeAnswer};
use crate::sys::mapping::Registers;

/// Opcode of fabrics commands.
const FABRICS: u8 = 0x7F;

/// Type of Property Get, in byte 4 (second-hand: linux/nvme.h, `nvme_fabrics_type_property_get`).
const PROPERTY_GET: u8 = 0x04;

/// Memory that holds every property asked for; the doorbells follow it.
const BYTES: usize = 0x1000;

/// The answer to a Property Get of four bytes; `None` when the entry is another command.
pub(super) fn answer(device: BorrowedFd<'_>, entry: &[u8; NVME_ENTRY_BYTES]) -> Option<NvmeAnswer> {
    if entry[0] != FABRICS || entry[4] != PROPERTY_GET {
        return None;
    }
    let offset = u32::from_le_bytes([entry[44], entry[45], entry[46], entry[47]]);
    Some(match read(device, offset) {
        Ok(result) => NvmeAnswer::Completed { result },
        Err(error) => NvmeAnswer::NotCompleted { errno: error.raw_os_error().unwrap_or(libc::EINVAL) },
    })
}

fn read(device: BorrowedFd<'_>, offset: u32) -> io::Result<u32> {
    let unsupported = || io::Error::from_raw_os_error(libc::EOPNOTSUPP);
    let node = fstat(device)?;
    let kind = match SFlag::from_bits_truncate(node.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFBLK => "block",
        SFlag::S_IFCHR => "char",
        _ => return Err(unsupported()),
    };
    let base = PathBuf::from(format!("/sys/dev/{kind}/{}:{}", major(node.st_rdev), minor(node.st_rdev)));
    let memory = memory_of(&base).ok_or_else(unsupported)?;
    let registers = Registers::new(File::open(memory)?.as_fd(), BYTES)?;
    let offset = usize::try_from(offset).map_err(|_| unsupported())?;
    registers.load(offset)
}

/// `resource0` of the PCI function behind a controller, one of its namespaces, or the only controller of a subsystem.
fn memory_of(base: &Path) -> Option<PathBuf> {
    // A controller's own directory leads to the function by one `device`, a namespace's by two.
    let direct = ["device/resource0", "device/device/resource0"].map(|below| base.join(below));
    if let Some(found) = direct.into_iter().find(|path| path.exists()) {
        return Some(found);
    }
    let mut controllers = std::fs::read_dir(base.join("device")).ok()?.flatten().filter(|entry| {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("nvme"));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    });
    // Which of several a command would take is the kernel's affair: then nothing is told.
    let only = controllers.next().filter(|_| controllers.next().is_none())?;
    Some(only.path().join("device/resource0")).filter(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        for file in files {
            let path = top.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, []).unwrap();
        }
        top
    }

    #[test]
    fn the_function_is_found_from_controllers_namespaces_and_heads_of_one_path() {
        for (files, found) in [
            (&["device/resource0"][..], Some("device/resource0")),
            (&["device/device/resource0"], Some("device/device/resource0")),
            (&["device/nvme3/device/resource0", "device/nvme3n1/x"], Some("device/nvme3/device/resource0")),
            (&["device/nvme3/device/resource0", "device/nvme4/device/resource0"], None),
            (&["device/nvme3/device/address"], None),
            (&["size"], None),
        ] {
            let top = tree(files);
            assert_eq!(memory_of(top.path()), found.map(|found| top.path().join(found)), "{files:?}");
        }
    }

    #[test]
    fn only_property_get_is_answered_here_and_no_file_has_properties() {
        let file = tempfile::tempfile().unwrap();
        let mut entry = [0; NVME_ENTRY_BYTES];
        entry[0] = 0x06;
        assert_eq!(answer(file.as_fd(), &entry), None);
        (entry[0], entry[4]) = (0x7F, 0x00);
        assert_eq!(answer(file.as_fd(), &entry), None, "Property Set");
        entry[4] = 0x04;
        let answered = answer(file.as_fd(), &entry);
        assert!(matches!(answered, Some(NvmeAnswer::NotCompleted { .. })), "{answered:?}");
    }
}
