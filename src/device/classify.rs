//! What kind of medium it is and how it is attached, from names and attributes; pure. In doubt the answer is
//! unknown, which counts as flash.
use super::sysfs::Rotation;
use super::{DriveFacts, Fact};
use crate::unit::term::{DriveKind, word};

/// What the kernel shows about one device, as far as it tells the kind.
#[derive(Clone, Debug)]
pub struct Signs<'a> {
    /// Kernel name.
    pub name: &'a str,
    /// Vendor, where there is one.
    pub vendor: &'a str,
    /// Model, where there is one.
    pub model: &'a str,
    /// As [`transport`] gives it.
    pub transport: Option<&'a str>,
    /// `queue/rotational`.
    pub rotational: Option<u64>,
    /// From VPD page B1h.
    pub rotation: Rotation,
    /// `raid_level` of Smart Array drivers (`hpsa`, `smartpqi`).
    pub raid_level: Option<&'a str>,
}

/// What sysfs says of how a device is attached, besides its path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attachment<'a> {
    /// `transport` of an NVMe controller.
    pub nvme: Option<&'a str>,
    /// `type` of a card: `MMC`, `SD`.
    pub card: Option<&'a str>,
    /// `proc_name` of the SCSI host, the name of its driver.
    pub host: Option<&'a str>,
}

/// Transport from the resolved path of the device folder and its attributes.
pub fn transport(name: &str, path: &str, attachment: Attachment<'_>) -> Option<String> {
    let Attachment { nvme, card, host } = attachment;
    if name.starts_with("nvme") {
        return Some(match nvme {
            None | Some("pcie") => "nvme".to_owned(),
            Some(fabric) => format!("nvme-{fabric}"),
        });
    }
    if name.starts_with("mmcblk") {
        // Embedded MMC and MMC cards say the same; cards of that kind are hardly to be found any more.
        return Some(match card {
            Some("MMC") => "emmc".to_owned(),
            Some("SD") => "sd".to_owned(),
            _ => "mmc".to_owned(),
        });
    }
    if name.starts_with("pmem") {
        // The root of CXL decoders is the ACPI device ACPI0017 (Linux drivers/cxl/acpi.c, from memory).
        let cxl = path.contains("/ACPI0017") || path.contains("/cxl");
        return Some(if cxl { "cxl".to_owned() } else { "pmem".to_owned() });
    }
    // Linux drivers/ufs/core/ufshcd.c, from memory; platform devices are named so, too.
    if host == Some("ufshcd") || path.contains(".ufshc/") {
        return Some("ufs".to_owned());
    }
    let named = [("loop", "loop"), ("zram", "memory"), ("vd", "virtio"), ("xvd", "xen")];
    if let Some((_, transport)) = named.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        return Some((*transport).to_owned());
    }
    // From the most specific: a USB bridge, a SAS expander and a SATA port all hang below a PCI device.
    let parts = [
        ("/usb", "usb"),
        ("/end_device-", "sas"),
        ("/rport-", "fc"),
        ("/session", "iscsi"),
        ("/virtio", "virtio"),
        ("/ata", "sata"),
        ("/vmbus", "hyper-v"),
    ];
    parts.iter().find(|(part, _)| path.contains(part)).map(|(_, transport)| (*transport).to_owned())
}

/// The kind of medium.
pub fn kind(signs: &Signs<'_>) -> DriveKind {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| signs.name.starts_with(prefix));
    if starts(&["loop", "zram", "ram", "nullb"]) || signs.model == "scsi_debug" {
        return DriveKind::TestObject;
    }
    if starts(&["vd", "xvd", "nbd", "rbd", "drbd", "ublk", "dasd"]) || is_logical(signs) {
        return DriveKind::LogicalVolume;
    }
    if starts(&["mmcblk"]) {
        return DriveKind::Flash;
    }
    match (signs.rotation, signs.rotational, signs.transport) {
        (Rotation::PerMinute(_), _, _) => DriveKind::Rotating,
        (Rotation::None, _, _) | (Rotation::NotReported, Some(0), _) => DriveKind::Flash,
        // The kernel takes silence for rotation, and bridges and unknown attachments are often silent. So are
        // early flash drives, which at least say so in their names, and the volumes of arrays behind Fibre Channel.
        (Rotation::NotReported, Some(1), Some("sata" | "sas")) if !names_flash(signs.model) => {
            DriveKind::Rotating
        }
        (Rotation::NotReported, _, _) => DriveKind::Unknown,
    }
}

/// The kind of medium after the drive was asked itself: word 217 of IDENTIFY DEVICE, or VPD page B1h. `told` is its
/// nominal rotation rate, 1 for none. Where it contradicts what the kernel showed, nothing is known.
pub fn agreed(kind: DriveKind, told: Option<u16>) -> DriveKind {
    let still = told == Some(1);
    let turns = told.is_some_and(|rate| (0x0401..=0xFFFE).contains(&rate));
    match kind {
        DriveKind::Rotating if still => DriveKind::Unknown,
        DriveKind::Flash if turns => DriveKind::Unknown,
        // Nothing spoke for platters before, and the drive says that there are none.
        DriveKind::Unknown if still => DriveKind::Flash,
        DriveKind::Rotating
        | DriveKind::Flash
        | DriveKind::Unknown
        | DriveKind::LogicalVolume
        | DriveKind::TestObject => kind,
    }
}

/// Lets the drive's own word on its rotation count beside what the kernel shows; a note where that changes the kind.
pub fn heed(facts: &mut DriveFacts, sources: &mut [Fact]) -> Option<String> {
    let told = facts.capability.as_ref().and_then(|capability| capability.rotation());
    let shown = facts.kind;
    let agreed = agreed(shown, told);
    if agreed == shown {
        return None;
    }
    facts.kind = agreed;
    for fact in sources.iter_mut().filter(|fact| fact.name == "kind") {
        fact.value = word(agreed);
        fact.source.push_str(", and the rotation rate that the drive tells when asked");
    }
    Some(format!(
        "the kind of {} is {}: the kernel shows {}, and the drive tells the rotation rate {} (1 is none)",
        facts.title(),
        word(agreed),
        word(shown),
        told.unwrap_or_default()
    ))
}

/// Whether a model's name says that there is flash in it, alone or beside platters.
fn names_flash(model: &str) -> bool {
    let model = model.to_ascii_uppercase();
    ["SSD", "SSHD", "SOLID STATE", "FLASH"].iter().any(|part| model.contains(part))
}

/// Volumes of RAID controllers, hypervisors and clouds, by the names they give. From memory of drivers and
/// field reports; a name missing here ends as an ordinary drive, so the list is generous.
fn is_logical(signs: &Signs<'_>) -> bool {
    if signs.raid_level.is_some_and(|level| !matches!(level, "N/A" | "HBA")) {
        return true;
    }
    if matches!(signs.transport, Some("virtio" | "xen" | "hyper-v" | "iscsi")) {
        return true;
    }
    let vendor = signs.vendor.to_ascii_uppercase();
    let model = signs.model.to_ascii_uppercase();
    let vendors = ["AVAGO", "BROADCOM", "LSI", "LSILOGIC", "ADAPTEC", "3WARE", "AMCC", "ARECA", "SERVERA"];
    let virtual_vendors = ["QEMU", "VMWARE", "VBOX", "MSFT", "GOOGLE", "NUTANIX", "XENSRC"];
    let models = [
        "LOGICAL VOLUME",
        "PERC",
        "MEGARAID",
        "SERVERAID",
        "SMART ARRAY",
        "VIRTUAL DISK",
        "QEMU",
        "VBOX",
        "VMWARE",
        "PERSISTENTDISK",
        "AMAZON ELASTIC BLOCK STORE",
        "AMAZON EC2 NVME INSTANCE STORAGE",
        "RAID ",
        "BOSS VD",
        "DELLBOSS",
        "MARVELL_NVME_RAID",
    ];
    vendors.contains(&vendor.as_str())
        || virtual_vendors.contains(&vendor.as_str())
        || models.iter().any(|part| model.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs<'a>(name: &'a str, vendor: &'a str, model: &'a str, transport: Option<&'a str>) -> Signs<'a> {
        let (rotational, rotation) = (Some(1), Rotation::NotReported);
        Signs { name, vendor, model, transport, rotational, rotation, raid_level: None }
    }

    #[test]
    fn volumes_that_are_no_drive_are_told_from_drives() {
        let logical = [
            signs("sda", "HP", "LOGICAL VOLUME", None),
            signs("sda", "DELL", "PERC H730P Mini", None),
            signs("sda", "AVAGO", "MR9361-8i", None),
            signs("sda", "QEMU", "QEMU HARDDISK", None),
            signs("vda", "", "", Some("virtio")),
            signs("nvme0n1", "", "Amazon Elastic Block Store", Some("nvme")),
            Signs { raid_level: Some("RAID 5"), ..signs("sda", "HPE", "VOLUME", Some("sas")) },
        ];
        for sign in logical {
            assert_eq!(kind(&sign), DriveKind::LogicalVolume, "{sign:?}");
        }
        let through = Signs { raid_level: Some("N/A"), ..signs("sdb", "HPE", "MB4000JVYZQ", Some("sas")) };
        assert_eq!(kind(&through), DriveKind::Rotating);
        assert_eq!(kind(&signs("sda", "ATA", "ST4000NM0035-1V4", Some("sata"))), DriveKind::Rotating);
    }

    #[test]
    fn silence_behind_a_bridge_is_not_taken_for_platters() {
        let stick = signs("sdc", "SanDisk", "Ultra", Some("usb"));
        assert_eq!(kind(&stick), DriveKind::Unknown);
        assert_eq!(kind(&Signs { rotational: Some(0), ..stick.clone() }), DriveKind::Flash);
        assert_eq!(kind(&Signs { rotation: Rotation::PerMinute(5400), ..stick }), DriveKind::Rotating);
        assert_eq!(kind(&signs("pmem0", "", "", None)), DriveKind::Unknown);
        assert_eq!(kind(&signs("sda", "ATA", "OCZ-VERTEX SSD", Some("sata"))), DriveKind::Unknown);
        assert_eq!(kind(&signs("sdb", "NETAPP", "LUN C-Mode", Some("fc"))), DriveKind::Unknown);
    }

    #[test]
    fn the_drives_own_word_on_rotation_is_heard() {
        for (kind, told, agreed_on) in [
            (DriveKind::Rotating, Some(1), DriveKind::Unknown),
            (DriveKind::Rotating, Some(7200), DriveKind::Rotating),
            (DriveKind::Rotating, None, DriveKind::Rotating),
            (DriveKind::Flash, Some(5400), DriveKind::Unknown),
            (DriveKind::Flash, Some(1), DriveKind::Flash),
            (DriveKind::Flash, Some(0x0400), DriveKind::Flash),
            (DriveKind::Unknown, Some(1), DriveKind::Flash),
            (DriveKind::Unknown, Some(7200), DriveKind::Unknown),
            (DriveKind::LogicalVolume, Some(1), DriveKind::LogicalVolume),
            (DriveKind::TestObject, Some(7200), DriveKind::TestObject),
        ] {
            assert_eq!(agreed(kind, told), agreed_on, "{kind:?} {told:?}");
        }
    }

    #[test]
    fn transports_are_read_from_the_path() {
        let of = |name: &str, path: &str| transport(name, path, Attachment::default()).unwrap_or_default();
        let pci = "/sys/devices/pci0000:00/0000:00:1f.2";
        assert_eq!(of("sda", &format!("{pci}/ata1/host0/target0:0:0/0:0:0:0")), "sata");
        assert_eq!(of("sdb", &format!("{pci}/usb2/2-1/2-1:1.0/host7/target7:0:0/7:0:0:0")), "usb");
        let sas = format!("{pci}/host1/port-1:0/end_device-1:0/target1:0:0/1:0:0:0");
        assert_eq!(of("sdc", &sas), "sas");
        let tcp = Attachment { nvme: Some("tcp"), ..Attachment::default() };
        assert_eq!(transport("nvme0n1", pci, tcp).unwrap(), "nvme-tcp");
        assert_eq!(transport("sdd", pci, Attachment::default()), None);
    }
}
