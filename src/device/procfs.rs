//! Pure parsers of procfs.
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::{DeviceNumber, sysfs};

/// One line of `mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The kernel's number of this mount, the same in whatever process's table it is seen.
    pub id: u64,
    /// Device number of the file system; major 0 where it stands on no device or on several.
    pub device: DeviceNumber,
    /// Mount point, as that namespace sees it.
    pub point: PathBuf,
    /// Type of the file system.
    pub kind: String,
    /// What was mounted, as given to `mount`.
    pub source: String,
}

/// Undoes the octal escapes for space, tab, newline and backslash (proc(5)).
pub fn unescape(text: &str) -> PathBuf {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let octal = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        plain.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    PathBuf::from(OsString::from_vec(plain))
}

/// All mounts of a `mountinfo` file; lines that do not parse are left out.
pub fn mounts(text: &str) -> Vec<Mount> {
    text.lines().filter_map(mount).collect()
}

/// Whether every line of a `mountinfo` file is understood.
pub fn is_complete(text: &str) -> bool {
    text.lines().all(|line| mount(line).is_some())
}

fn mount(line: &str) -> Option<Mount> {
    // id parent MAJ:MIN root point options [optional fields] - type source options
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ');
    let id = left.next()?.parse().ok()?;
    let device = sysfs::device_number(left.nth(1)?)?;
    let point = unescape(left.nth(1)?);
    let mut right = right.split(' ');
    let kind = right.next()?.to_owned();
    let source = unescape(right.next()?).to_string_lossy().into_owned();
    Some(Mount { id, device, point, kind, source })
}

/// Paths of the swap areas in `/proc/swaps`.
pub fn swaps(text: &str) -> Vec<PathBuf> {
    let first = |line: &str| line.split_whitespace().next().map(unescape);
    text.lines().skip(1).filter_map(first).collect()
}

/// Types of file systems behind which stands a server that may not answer.
pub fn may_hang(kind: &str) -> bool {
    let remote = ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "gfs2", "ocfs2", "glusterfs", "lustre"];
    kind.starts_with("fuse") || remote.contains(&kind)
}

/// What a process is seen to be doing, in words: its gravest state over all threads, and where in the kernel it
/// waits, where that is told. `None` when there is no such process.
pub fn process_state(process: u32) -> Option<String> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let states: Vec<(char, String)> = tasks
        .flatten()
        .filter_map(|task| {
            let state = task_state(&read(task.path().join("stat")))?;
            Some((state, read(task.path().join("wchan"))))
        })
        .collect();
    let (state, place) =
        states.iter().find(|(state, _)| *state == 'D').or_else(|| states.first()).cloned()?;
    let word = match state {
        'D' => "stuck in the kernel, which no signal can end",
        'S' | 'I' => "waiting for the drive",
        'R' => "running",
        'T' | 't' => "stopped by somebody",
        'Z' | 'X' => "ended",
        _ => "in an unknown state",
    };
    let place = place.trim();
    Some(if place.is_empty() || place == "0" { word.to_owned() } else { format!("{word}, in {place}") })
}

/// The state letter of a line of `/proc/PID/stat`: the field after the name, which may hold anything.
fn task_state(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of proc_pid_mountinfo(5), and lines as this kernel writes them.
    #[test]
    fn mountinfo_lines_parse_with_optional_fields_and_escapes() {
        let text = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n\
                    40 35 0:37 / /srv/a\\040b rw shared:1 master:2 - btrfs /dev/sdb rw\n\
                    junk\n";
        let parsed = mounts(text);
        assert!(!is_complete(text) && is_complete(text.trim_end_matches("junk\n")));
        assert_eq!(parsed.len(), 2);
        assert_eq!(parsed[0].device, DeviceNumber { major: 98, minor: 0 });
        assert_eq!(parsed[0].point, PathBuf::from("/mnt2"));
        assert_eq!((parsed[0].kind.as_str(), parsed[0].source.as_str()), ("ext3", "/dev/root"));
        assert_eq!(parsed[1].point, PathBuf::from("/srv/a b"));
        assert_eq!(parsed[1].source, "/dev/sdb");
    }

    #[test]
    fn swap_areas_are_listed_without_the_heading() {
        let text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda3  partition\t1\t0\t-2\n/a\\040b file 1 0 -3\n";
        assert_eq!(swaps(text), [PathBuf::from("/dev/sda3"), PathBuf::from("/a b")]);
    }

    #[test]
    fn only_complete_octal_escapes_are_undone() {
        assert_eq!(unescape("a\\134b"), PathBuf::from("a\\b"));
        assert_eq!(unescape("a\\9\\04"), PathBuf::from("a\\9\\04"));
    }

    #[test]
    fn the_state_of_a_process_is_found_behind_any_name() {
        assert_eq!(task_state("17 (a) D (b) S 1 2 3"), Some('S'));
        assert_eq!(task_state("17 (kworker) D 2 0"), Some('D'));
        assert_eq!(task_state("17 (cut"), None);
        let own = process_state(std::process::id()).unwrap();
        // Other tests run in this process, some of them in the middle of a write.
        let known = ["running", "waiting", "stuck"];
        assert!(known.iter().any(|word| own.starts_with(word)), "{own}");
        assert_eq!(process_state(u32::MAX), None);
    }
}
