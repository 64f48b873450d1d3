//! All drives of this machine from sysfs, and what was left out and why.
use super::root::SysRoot;
use super::{DriveFacts, Identity, Reach, gather, guard, multipath, stack};
use crate::unit::Reason;

/// One drive as `list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Facts from sysfs; content is not looked at.
    pub facts: DriveFacts,
    /// What the kernel says about the attachment (`running`, `offline`, `live`), where it says anything.
    pub state: Option<String>,
    /// What uses it.
    pub usage: Vec<Reason>,
    /// Why it did not answer, filled in by whoever asked it.
    pub silence: Option<Reason>,
    /// The last record about it, filled in by whoever knows the records.
    pub last_record: Option<String>,
}

/// A device that is not listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Kernel name, or the address of a controller.
    pub name: String,
    /// Why, in plain words.
    pub why: String,
}

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Drives, in the order of their names.
    pub drives: Vec<Listed>,
    /// What was left out.
    pub left_out: Vec<LeftOut>,
    /// What a person must know before trusting names.
    pub warnings: Vec<String>,
}

/// Why a device of this name is never a drive, or `None`.
pub fn not_a_drive(name: &str) -> Option<&'static str> {
    let kinds = [
        ("dm-", "a device-mapper volume"),
        ("md", "an md array"),
        ("bcache", "a bcache device"),
        ("drbd", "a DRBD device"),
        ("zd", "a ZFS volume"),
        ("ram", "a memory disk"),
        ("sr", "an optical drive"),
        ("fd", "a floppy drive"),
        ("mtdblock", "raw flash behind the MTD layer"),
    ];
    let digit = |rest: &str| rest.starts_with(|letter: char| letter.is_ascii_digit());
    kinds.iter().find(|(prefix, _)| name.strip_prefix(prefix).is_some_and(digit)).map(|(_, why)| *why)
}

/// Finds everything. No drive is opened; loop devices are, to ask what they stand on.
pub fn discover(root: &SysRoot) -> Discovery {
    let (mut units, mut found) = (Vec::new(), Discovery::default());
    let mut unbound = 0;
    for name in root.names(&root.sys.join("block")) {
        let Some(folder) = root.block_folder(&name) else { continue };
        let hidden = root.number(&folder.join("hidden")) == Some(1);
        let mut leave = |why: String| found.left_out.push(LeftOut { name: name.clone(), why });
        let whole_map = multipath::is_map(root, &name).then(|| multipath::paths(root, &name));
        if let Some(Err(why)) = &whole_map {
            leave(why.clone());
        } else if let Some(why) = not_a_drive(&name).filter(|_| whole_map.is_none()) {
            let below = root.names(&folder.join("slaves"));
            match below.as_slice() {
                [] if name.starts_with("ram") => {}
                [] => leave(why.to_owned()),
                below => leave(format!("{why}, on {}", below.join(", "))),
            }
        } else if hidden {
            leave("a path of a drive that is listed under its own name (NVMe multipath)".to_owned());
        } else if name.starts_with("loop") && !folder.join("loop/backing_file").exists() {
            unbound += 1;
        } else if let Some(below) =
            stack::bound_loop(root, &name).filter(|bound| bound.device(root).is_some())
        {
            leave(format!("a loop device over {}, not over a file", below.backing.display()));
        } else if let Some(facts) = gather::drive_facts(root, &name) {
            match (&facts.reach, facts.removable) {
                (Reach::Dead(_), true) => leave("no medium in it (size 0)".to_owned()),
                (Reach::Dead(_), false) if name.starts_with("zram") => {
                    leave("not set up (size 0)".to_owned());
                }
                (Reach::Dead(reason), false) => {
                    leave(format!("listed, but cannot be addressed: {}", reason.text));
                    units.push(facts);
                }
                (Reach::Addressable(_) | Reach::ByCommand(_), _) => units.push(facts),
            }
        }
    }
    if unbound > 0 {
        let why = format!("{unbound} loop devices without a backing file");
        found.left_out.push(LeftOut { name: "loop".to_owned(), why });
    }
    found.warnings = doubtful_names(&units);
    for facts in merge(units, &mut found.left_out) {
        let listed = listed(root, facts);
        found.drives.push(listed);
    }
    found.left_out.extend(hiding_controllers(root));
    found
}

/// Facts of one device with its other paths and units; `None` when it is not there.
pub fn facts_with_siblings(root: &SysRoot, name: &str) -> Option<DriveFacts> {
    let mut facts = gather::drive_facts(root, name)?;
    let mut units: Vec<Identity> = Vec::new();
    for other in root.names(&root.sys.join("block")) {
        // The paths of a drive under native NVMe multipath have no nodes.
        let hidden = root.block_folder(&other).and_then(|folder| root.number(&folder.join("hidden")));
        let plain =
            not_a_drive(&other).is_none() && !other.starts_with("loop") && other != name && hidden != Some(1);
        if let Some(sibling) = plain.then(|| gather::drive_facts(root, &other)).flatten() {
            relate(&mut facts, &sibling);
            // Another path to another unit makes no more units: as in the list, the first node stands for it.
            let hidden = root.block_folder(&other).and_then(|folder| root.number(&folder.join("hidden")));
            let again = |known: &Identity| {
                is_same_unit(known, &sibling.identity)
                    || (known.nsid.is_some() && known.nsid == sibling.identity.nsid)
            };
            if facts.other_units.last() == Some(&other) {
                if hidden == Some(1) || units.iter().any(again) {
                    facts.other_units.pop();
                } else {
                    units.push(sibling.identity);
                }
            }
        }
    }
    Some(facts)
}

/// Other nodes that lead to the same unit as `name`.
pub fn other_paths(root: &SysRoot, name: &str) -> Vec<String> {
    facts_with_siblings(root, name).map(|facts| facts.other_paths).unwrap_or_default()
}

fn relate(facts: &mut DriveFacts, sibling: &DriveFacts) {
    if is_same_unit(&facts.identity, &sibling.identity) {
        facts.other_paths.push(sibling.kernel_name.clone());
    } else if is_same_drive(&facts.identity, &sibling.identity) {
        facts.other_units.push(sibling.kernel_name.clone());
    }
}

/// Two nodes lead to one unit only if serial number *and* world wide name agree: makers repeat either.
pub fn is_same_unit(one: &Identity, other: &Identity) -> bool {
    let name = |identity: &Identity| {
        identity.wwn.clone().or_else(|| identity.nguid.clone()).or_else(|| identity.eui64.clone())
    };
    one.serial.is_some()
        && one.serial == other.serial
        && name(one).is_some()
        && name(one) == name(other)
        && one.nsid == other.nsid
}

/// Units of one drive: same maker's serial number and model, but another unit.
fn is_same_drive(one: &Identity, other: &Identity) -> bool {
    let different =
        one.nsid != other.nsid || (one.wwn.is_some() && other.wwn.is_some() && one.wwn != other.wwn);
    one.serial.is_some()
        && one.serial == other.serial
        && one.model == other.model
        && one.vendor == other.vendor
        && different
}

/// Keeps the first path to each unit; the others are told as left out.
fn merge(units: Vec<DriveFacts>, left_out: &mut Vec<LeftOut>) -> Vec<DriveFacts> {
    let mut kept: Vec<DriveFacts> = Vec::new();
    for mut facts in units {
        let first = kept.iter_mut().find(|first| is_same_unit(&first.identity, &facts.identity));
        if let Some(first) = first {
            let why = format!("another path to {}", first.kernel_name);
            first.other_paths.push(facts.kernel_name.clone());
            left_out.push(LeftOut { name: facts.kernel_name, why });
            continue;
        }
        for other in &mut kept {
            if is_same_drive(&other.identity, &facts.identity) {
                other.other_units.push(facts.kernel_name.clone());
                facts.other_units.push(other.kernel_name.clone());
            }
        }
        kept.push(facts);
    }
    kept
}

/// The same world wide name on different serial numbers: RAID controllers lend theirs, some makers repeat it.
fn doubtful_names(units: &[DriveFacts]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (index, one) in units.iter().enumerate() {
        for other in units.get(index + 1..).unwrap_or_default() {
            let (a, b) = (&one.identity, &other.identity);
            if a.wwn.is_some() && a.wwn == b.wwn && a.serial != b.serial {
                let (one, other) = (&one.kernel_name, &other.kernel_name);
                let wwn = a.wwn.clone().unwrap_or_default();
                warnings.push(format!(
                    "{one} and {other} have the same world wide name {wwn} but different serial numbers: \
                     they are treated as two drives; name them by serial number"
                ));
            }
        }
    }
    warnings
}

fn listed(root: &SysRoot, facts: DriveFacts) -> Listed {
    let folder = root.block_folder(&facts.kernel_name);
    let state = folder.and_then(|folder| root.text(&folder.join("device/state")));
    let usage = facts.device.map(|number| guard::usage(root, &facts.kernel_name, number)).unwrap_or_default();
    Listed { facts, state, usage, silence: None, last_record: None }
}

/// RAID controllers present drives of their own making and hide the real ones (PCI class 0104h).
fn hiding_controllers(root: &SysRoot) -> Vec<LeftOut> {
    let folder = root.sys.join("bus/pci/devices");
    let raid = |address: &String| {
        let class = root.text(&folder.join(address).join("class"))?;
        class.starts_with("0x0104").then_some(())?;
        let driver = std::fs::read_link(folder.join(address).join("driver"));
        let driver = driver.ok().and_then(|path| super::root::file_name(&path));
        let driver = driver.unwrap_or_else(|| "no driver".to_owned());
        let why = format!(
            "a RAID controller ({driver}): drives behind it may be hidden; make each one visible (HBA or JBOD mode) \
             to sanitize it"
        );
        Some(LeftOut { name: format!("PCI {address}"), why })
    };
    root.names(&folder).iter().filter_map(raid).collect()
}
