//! What lies on a drive: images made by the tools of each format, and by hand from the documented layout where
//! no tool can run here. `blkid` is the second witness for every image it knows.
#![allow(clippy::unwrap_used, reason = "a failure of the test bed fails the test")]

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use expunge::device::probe::{ReadAt, probe, probe_file};
use expunge::device::{Content, ContentType};
use expunge::sys::open::{Access, open_plain};
use tempfile::TempDir;

struct Image {
    path: PathBuf,
    _folder: TempDir,
}

impl Image {
    fn new(mebibytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        File::create(&path).unwrap().set_len(mebibytes << 20).unwrap();
        Self { path, _folder: folder }
    }

    fn made(mebibytes: u64, program: &str, arguments: &[&str]) -> Self {
        let image = Self::new(mebibytes);
        let out = Command::new(program)
            .args(arguments)
            .arg(&image.path)
            .output()
            .unwrap_or_else(|error| panic!("the test needs {program}: {error}"));
        assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
        image
    }

    fn put(self, offset: u64, bytes: &[u8]) -> Self {
        File::options().write(true).open(&self.path).unwrap().write_all_at(bytes, offset).unwrap();
        self
    }

    fn content(&self) -> Vec<Content> {
        let opened = open_plain(&self.path, Access::Look).unwrap();
        probe_file(&opened.file, std::fs::metadata(&self.path).unwrap().len()).unwrap()
    }

    fn types(&self) -> Vec<ContentType> {
        let set: BTreeSet<ContentType> = self.content().iter().map(|found| found.content_type).collect();
        set.into_iter().collect()
    }
}

/// What `blkid` says about an image: `TYPE` or `PTTYPE`, and `LABEL`.
fn blkid(path: &Path) -> (Option<String>, Option<String>) {
    let out = Command::new("blkid")
        .args(["-p", "-o", "export"])
        .arg(path)
        .output()
        .expect("the test needs blkid of util-linux");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(ToOwned::to_owned);
    (value("TYPE=").or_else(|| value("PTTYPE=")), value("LABEL="))
}

fn agrees(image: &Image, expected: ContentType, theirs: &str, label: Option<&str>) {
    let content = image.content();
    let types: BTreeSet<ContentType> = content.iter().map(|found| found.content_type).collect();
    assert_eq!(types, [expected].into(), "{content:#?}");
    if let Some(label) = label {
        assert_eq!(content[0].label.as_deref(), Some(label));
    }
    let (found, found_label) = blkid(&image.path);
    assert_eq!(found.as_deref(), Some(theirs), "blkid disagrees on {expected:?}");
    if let Some(label) = label {
        assert_eq!(found_label.as_deref(), Some(label));
    }
}

#[test]
fn file_systems_made_by_their_own_tools_are_known_by_type_and_label() {
    agrees(
        &Image::made(16, "mkfs.ext4", &["-q", "-F", "-L", "four"]),
        ContentType::Ext,
        "ext4",
        Some("four"),
    );
    agrees(&Image::made(16, "mkfs.ext2", &["-q", "-F"]), ContentType::Ext, "ext2", None);
    agrees(&Image::made(512, "mkfs.xfs", &["-q", "-L", "exefess"]), ContentType::Xfs, "xfs", Some("exefess"));
    agrees(
        &Image::made(128, "mkfs.btrfs", &["-q", "-L", "butter"]),
        ContentType::Btrfs,
        "btrfs",
        Some("butter"),
    );
    agrees(
        &Image::made(64, "mkfs.vfat", &["-F", "32", "-n", "STICK"]),
        ContentType::Vfat,
        "vfat",
        Some("STICK"),
    );
    agrees(&Image::made(4, "mkfs.vfat", &["-F", "12"]), ContentType::Vfat, "vfat", None);
    agrees(&Image::made(16, "mkswap", &["-q", "-L", "pages"]), ContentType::Swap, "swap", Some("pages"));
}

/// Superblocks by hand, as far as the layout is documented; where blkid checks no sum it must agree.
#[test]
fn members_of_sets_are_known_and_need_repeating() {
    let size = 64_u64 << 20;
    let md1 = |offset: u64| {
        let mut block = vec![0; 256];
        block[..4].copy_from_slice(&[0xFC, 0x4E, 0x2B, 0xA9]);
        block[4] = 1;
        block[32..38].copy_from_slice(b"host:0");
        Image::new(64).put(offset, &block)
    };
    let md090 = Image::new(64).put(size - (64 << 10), &[0xFC, 0x4E, 0x2B, 0xA9, 0, 0, 0, 0, 90, 0, 0, 0]);
    let mut lvm = b"LABELONE".to_vec();
    lvm.resize(24, 0);
    lvm.extend(b"LVM2 001");
    lvm.extend(b"abcdefghijklmnopqrstuvwxyz012345");
    let bcache =
        [0xC6, 0x85, 0x73, 0xF6, 0x4E, 0x1A, 0x45, 0xCA, 0x82, 0x65, 0xF5, 0x7F, 0x48, 0xBA, 0x6D, 0x81];
    let table = [
        (md1(0), ContentType::LinuxRaidMember),
        (md1(4096), ContentType::LinuxRaidMember),
        (md1(size - 8192), ContentType::LinuxRaidMember),
        (md090, ContentType::LinuxRaidMember),
        (Image::new(64).put(512, &lvm), ContentType::Lvm2Member),
        (Image::new(64).put(4096 + 24, &bcache), ContentType::Bcache),
        (Image::new(64).put(0, b"bluestore block device\n"), ContentType::CephBluestore),
        (Image::new(64).put(size - 4096 + 60, &[0x83, 0x74, 0x02, 0x6B]), ContentType::Drbd),
        (Image::new(64).put(516, b"!Stra0tis\x86\xFF\x02^\x41rh"), ContentType::StratisMember),
        (Image::new(64).put(4612, b"!Stra0tis\x86\xFF\x02^\x41rh"), ContentType::StratisMember),
        (Image::new(64).put(size - 1024, b"Intel Raid ISM Cfg Sig. 1.1.00"), ContentType::FirmwareRaidMember),
        (Image::new(64).put(size - 512, &[0xDE, 0x11, 0xDE, 0x11]), ContentType::FirmwareRaidMember),
        (Image::new(64).put(65536, &[0x01, 0x16, 0x19, 0x70, 0, 0, 0, 1]), ContentType::Gfs2),
        (Image::new(64).put(8192, b"OCFSV2"), ContentType::Ocfs2),
        (Image::new(64).put(1 << 20, &[0x0D, 0xD0, 0x01, 0xC0]), ContentType::VmfsMember),
    ];
    for (image, expected) in table {
        assert_eq!(image.types(), [expected], "{expected:?}");
        assert!(expected.needs_repeating());
    }
    let named = md1(4096).content();
    assert_eq!(named[0].label.as_deref(), Some("host:0"));
}

#[test]
fn any_one_of_the_four_zfs_labels_is_enough() {
    let size = 64_u64 << 20;
    for label in [0, 256 << 10, size - (512 << 10), size - (256 << 10)] {
        for magic in [0x00BA_B10C_u64.to_le_bytes(), 0x00BA_B10C_u64.to_be_bytes()] {
            let image = Image::new(64).put(label + (128 << 10) + 5 * 1024, &magic);
            let content = image.content();
            assert_eq!(image.types(), [ContentType::ZfsMember]);
            assert_eq!(content[0].offset, label);
        }
    }
}

#[test]
fn the_other_formats_are_known_by_their_documented_places() {
    let table: [(u64, &[u8], ContentType); 10] = [
        (3, b"NTFS    ", ContentType::Ntfs),
        (3, b"EXFAT   ", ContentType::Exfat),
        (32769, b"CD001", ContentType::Iso9660),
        (0, b"hsqs", ContentType::Squashfs),
        (1024, &[0x10, 0x20, 0xF5, 0xF2], ContentType::F2fs),
        (65526, b"SWAPSPACE2", ContentType::Swap),
        (0, b"LUKS\xBA\xBE\x00\x01", ContentType::Luks),
        (0, b"LUKS\xBA\xBE\x00\x02", ContentType::Luks),
        (16384, b"SKUL\xBA\xBE\x00\x02", ContentType::Luks),
        (65600, b"_BHRfS_M", ContentType::Btrfs),
    ];
    for (offset, bytes, expected) in table {
        assert_eq!(Image::new(8).put(offset, bytes).types(), [expected], "{expected:?} at {offset}");
    }
    let many = Image::new(8).put(65600, b"_BHRfS_M").put(65536 + 136, &[2]);
    assert_eq!(many.types(), [ContentType::BtrfsMember]);
    assert_eq!(Image::new(8).types(), [], "a blank drive carries nothing");
}

/// A GPT with one entry, its header where `header` says and the entries after or before it.
fn gpt(image: Image, header: u64, entries: u64, block: u64, first: u64, last: u64) -> Image {
    let mut bytes = vec![0; 92];
    bytes[..8].copy_from_slice(b"EFI PART");
    bytes[72..80].copy_from_slice(&entries.to_le_bytes());
    bytes[80..84].copy_from_slice(&128_u32.to_le_bytes());
    bytes[84..88].copy_from_slice(&128_u32.to_le_bytes());
    let mut entry = vec![0; 128];
    entry[..16].copy_from_slice(&[0xAF; 16]);
    entry[32..40].copy_from_slice(&first.to_le_bytes());
    entry[40..48].copy_from_slice(&last.to_le_bytes());
    // The second entry, so that the number is not the position in some list.
    image.put(header, &bytes).put(entries * block + 128, &entry)
}

#[test]
fn partitions_of_either_copy_of_a_gpt_are_looked_into() {
    let size = 64_u64 << 20;
    let inner = std::fs::read(&Image::made(16, "mkfs.ext4", &["-q", "-F", "-L", "inner"]).path).unwrap();
    for block in [512, 4096] {
        let (first, last) = ((1 << 20) / block, (17 << 20) / block - 1);
        let primary = gpt(Image::new(64), block, 2, block, first, last);
        let backup = gpt(Image::new(64), size - block, size / block - 33, block, first, last);
        for image in [primary, backup] {
            let image = image.put(1 << 20, &inner);
            let content = image.content();
            let found: Vec<_> =
                content.iter().map(|found| (found.content_type, found.partition, found.offset)).collect();
            let at = if found[0].2 == block { block } else { size - block };
            assert_eq!(
                found,
                [(ContentType::Gpt, None, at), (ContentType::Ext, Some(2), (1 << 20) + 1080)],
                "block size {block}"
            );
            assert_eq!(content[1].label.as_deref(), Some("inner"));
        }
    }
}

#[test]
fn logical_partitions_of_a_dos_table_are_looked_into() {
    let entry = |kind: u8, first: u32, count: u32| {
        let mut entry = vec![0, 0, 0, 0, kind, 0, 0, 0];
        entry.extend(first.to_le_bytes());
        entry.extend(count.to_le_bytes());
        entry
    };
    let image = Image::new(64)
        .put(446, &entry(0x05, 2048, 100_000))
        .put(510, &[0x55, 0xAA])
        .put((2048 * 512) + 446, &[entry(0x83, 64, 1000), entry(0x05, 4096, 8192)].concat())
        .put((2048 * 512) + 510, &[0x55, 0xAA])
        .put((6144 * 512) + 446, &entry(0x83, 64, 4000))
        .put((6144 * 512) + 510, &[0x55, 0xAA])
        .put((6144 + 64) * 512, b"XFSB");
    let found: Vec<_> = image.content().iter().map(|found| (found.content_type, found.partition)).collect();
    assert_eq!(found, [(ContentType::Dos, None), (ContentType::Xfs, Some(6))]);
    assert_eq!(blkid(&image.path).0.as_deref(), Some("dos"));
}

/// A drive of zeroes on which reading some bytes fails with an errno.
struct Faulty {
    bad: std::ops::Range<u64>,
    errno: i32,
}

impl ReadAt for Faulty {
    fn bytes(&self) -> u64 {
        64 << 20
    }

    fn read_exact_at(&self, offset: u64, piece: &mut [u8]) -> io::Result<()> {
        piece.fill(0);
        if offset < self.bad.end && offset + piece.len() as u64 > self.bad.start {
            return Err(io::Error::from_raw_os_error(self.errno));
        }
        Ok(())
    }
}

#[test]
fn a_medium_error_is_content_of_its_own_and_any_other_error_no_answer() {
    // EIO and ENODATA (asm-generic/errno.h) are the medium's own; 13 is EACCES, 110 ETIMEDOUT, 6 ENXIO.
    for errno in [5, 61] {
        let found = probe(&Faulty { bad: 4096..4608, errno }).unwrap();
        assert!(found.iter().all(|found| found.content_type == ContentType::Unreadable), "{found:?}");
        assert!(!found.is_empty());
    }
    for errno in [13, 110, 6] {
        assert_eq!(probe(&Faulty { bad: 4096..4608, errno }).unwrap_err().raw_os_error(), Some(errno));
    }
    // A bad place where no signature stands is no obstacle.
    assert_eq!(probe(&Faulty { bad: 30 << 20..31 << 20, errno: 5 }).unwrap(), []);
}

/// Garbage must neither panic nor loop: tables with wild counts, offsets and chains.
#[test]
fn garbage_is_survived() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut drive = vec![0_u8; 4 << 20];
    for round in 0..20 {
        for byte in &mut drive {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_le_bytes()[3];
        }
        let at = 510;
        drive[at..at + 2].copy_from_slice(&[0x55, 0xAA]);
        drive[446] = 0;
        drive[512..520].copy_from_slice(b"EFI PART");
        drive[512 + 84..512 + 88].copy_from_slice(&128_u32.to_le_bytes());
        let end = drive.len() - usize::try_from(round).unwrap() * 100;
        let slice: &[u8] = &drive[..end];
        probe(&Slice(slice)).unwrap();
    }
}

struct Slice<'a>(&'a [u8]);

impl ReadAt for Slice<'_> {
    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, offset: u64, piece: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(offset, piece)
    }
}
