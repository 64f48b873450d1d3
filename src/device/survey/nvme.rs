//! The survey of an NVMe controller, its subsystem and one namespace.
use std::time::Duration;

use crate::command::nvme::identify::{IDENTIFY_BYTES, decode_controllers};
use crate::command::nvme::log::{LOG_BYTES, firmware_waits};
use crate::command::nvme::property::{self, CapabilitiesHigh};
use crate::command::nvme::{
    self as command, IdentifyController, IdentifyNamespace, NamespaceList, SanitizeState, SanitizeStatus,
    SmartLog, StatusField,
};
use crate::device::capability::nvme::{
    NamespaceFacts, NvmeFormatFacts, NvmeSanitizeFacts, NvmeSanitizeState, SanitizeStatusFacts,
};
use crate::device::capability::{Capability, Health, Interface, NvmeFacts, Page, Support};
use crate::io::channel::{Data, NVME_ENTRY_BYTES, NvmeAnswer, NvmePort};
use crate::unit::digest::to_hex;
use crate::unit::{Digest, Reason, ReasonCode};

/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most lists of 1024 namespaces that are read.
const LISTS: usize = 64;

/// Asks the controller, and the namespace `nsid` of it. TCG is not asked for here.
///
/// # Errors
/// A controller that does not answer Identify, or not with a whole data structure.
pub fn survey(port: &mut dyn NvmePort, nsid: u32) -> Result<Capability, Reason> {
    let mut asking = Asking { port, pages: Vec::new(), gaps: Vec::new() };
    let identify = command::identify_controller();
    let controller = asking.read("nvme identify controller", &identify, IDENTIFY_BYTES).map_err(silent)?;
    let short = || silent("its data structure is incomplete".to_owned());
    let controller = IdentifyController::decode(&controller).ok_or_else(short)?;
    let namespace = asking.namespace(nsid);
    let active = asking.list("nvme active namespaces", command::identify_active).unwrap_or_default();
    let (allocated, controllers) = asking.subsystem(&controller);
    let status = asking.sanitize_status(&controller);
    let sanitize = controller.has_sanitize().then(|| asking.sanitize(&controller, status.as_ref()));
    let health = asking.health();
    let firmware_waits = asking.firmware_waits();
    let (boot_partitions, persistent_memory) = asking.registers();
    let unallocated_bytes = match (controller.total_bytes, u64::try_from(controller.unallocated_bytes)) {
        (0, _) | (_, Err(_)) => None,
        (_, Ok(bytes)) => Some(bytes),
    };
    let facts = NvmeFacts {
        controller_id: controller.controller_id,
        multi_controller: Support::from_bit(controller.may_have_siblings()),
        sanitize,
        format: controller.has_format().then(|| format(&controller)),
        security: Support::from_bit(controller.has_security()),
        namespace,
        active,
        allocated,
        controllers,
        unallocated_bytes,
        rpmb_units: u8::try_from(controller.rpmb & 0x7).unwrap_or_default(),
        boot_partitions,
        persistent_memory,
        firmware_waits,
        status: status.map(|status| status_facts(&status)),
    };
    let (pages, gaps) = (asking.pages, asking.gaps);
    Ok(Capability { interface: Interface::Nvme(Box::new(facts)), tcg: None, health, pages, gaps })
}

fn silent(why: String) -> Reason {
    Reason::new(
        ReasonCode::NotAnswering,
        format!("the NVMe controller does not identify itself: {why}"),
        "power it off and on or try another slot; if it does not answer there either, destroy the drive",
    )
}

/// One drive that is asked, and what came of it.
struct Asking<'a> {
    port: &'a mut dyn NvmePort,
    pages: Vec<Page>,
    gaps: Vec<String>,
}

impl Asking<'_> {
    /// Reads one page and keeps it; else says why not.
    fn read(&mut self, name: &str, entry: &[u8; NVME_ENTRY_BYTES], bytes: usize) -> Result<Vec<u8>, String> {
        let mut page = vec![0; bytes];
        match self.port.admin(entry, Data::FromDrive(&mut page), PATIENCE) {
            NvmeAnswer::Completed { .. } => {
                let (sha256, hex) = (Digest::of(&page), to_hex(&page));
                self.pages.push(Page { name: name.to_owned(), sha256, hex });
                Ok(page)
            }
            NvmeAnswer::Status { field } => Err(StatusField(field).to_string()),
            NvmeAnswer::NotCompleted { errno } => {
                Err(format!("the kernel did not complete it (errno {errno})"))
            }
        }
    }

    /// Reads and decodes one page; a page that cannot be had is a gap.
    fn page<T>(
        &mut self,
        name: &str,
        entry: &[u8; NVME_ENTRY_BYTES],
        bytes: usize,
        decode: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let incomplete = || "it does not add up".to_owned();
        let value = self.read(name, entry, bytes).and_then(|page| decode(&page).ok_or_else(incomplete));
        value.map_err(|why| self.gaps.push(format!("{name} could not be read: {why}"))).ok()
    }

    fn namespace(&mut self, nsid: u32) -> NamespaceFacts {
        let name = format!("nvme identify namespace {nsid}");
        let entry = command::identify_namespace(nsid);
        let told = self.page(&name, &entry, IDENTIFY_BYTES, IdentifyNamespace::decode);
        let bit = |value: fn(&IdentifyNamespace) -> bool| {
            told.as_ref().map_or(Support::NotTold, |told| Support::from_bit(value(told)))
        };
        NamespaceFacts {
            nsid,
            blocks: told.map_or(0, |told| told.blocks),
            lba_format: told.map_or(0, |told| told.lba_format),
            extended_metadata: bit(|told| told.extended_metadata),
            metadata_bytes: told.map_or(0, |told| told.metadata_bytes),
            protection: told.map_or(0, |told| told.protection),
            protection_place: told.map_or(0, |told| told.protection_place),
            deallocated_reads: told.map_or(0, |told| told.deallocated_reads),
            write_protected: bit(|told| told.write_protected),
            shared: bit(|told| told.shared),
            format_left_percent: told.and_then(|told| told.format_left_percent),
        }
    }

    /// A list of namespaces, in as many pieces as it has.
    fn list(&mut self, name: &str, entry: fn(u32) -> [u8; NVME_ENTRY_BYTES]) -> Option<Vec<u32>> {
        let mut numbers: Vec<u32> = Vec::new();
        for _ in 0..LISTS {
            let after = numbers.last().copied().unwrap_or_default();
            let piece = self.page(name, &entry(after), IDENTIFY_BYTES, NamespaceList::decode)?.0;
            let full = piece.len() == NamespaceList::FULL;
            if piece.first().is_some_and(|first| *first <= after) {
                self.gaps.push(format!("{name} could not be read: its pieces overlap"));
                return None;
            }
            numbers.extend(piece);
            if !full {
                return Some(numbers);
            }
        }
        self.gaps.push(format!("{name}: more than {} were not read", numbers.len()));
        Some(numbers)
    }

    /// Allocated namespaces and the controllers of the subsystem. That only controllers with namespace management
    /// have these lists is from memory; the others are not asked, since each refusal would fill their error log.
    fn subsystem(&mut self, controller: &IdentifyController) -> (Option<Vec<u32>>, Option<Vec<u16>>) {
        let manages = controller.has_namespace_management();
        if !manages && controller.namespaces != 1 {
            self.gaps
                .push("no namespace management: namespaces that are not active cannot be listed".to_owned());
        }
        // Numbers of namespaces are never above NN (from memory): where that is 1, this is all there is.
        let allocated = if manages {
            self.list("nvme allocated namespaces", command::identify_allocated)
        } else {
            (controller.namespaces == 1).then(|| vec![1])
        };
        let entry = command::identify_controllers(0);
        let asks = manages || controller.may_have_siblings();
        let controllers =
            asks.then(|| self.page("nvme controllers", &entry, IDENTIFY_BYTES, decode_controllers)).flatten();
        (allocated, controllers)
    }

    fn sanitize_status(&mut self, controller: &IdentifyController) -> Option<SanitizeStatus> {
        let entry = command::sanitize_status_log();
        let read = || self.page("nvme sanitize status", &entry, LOG_BYTES, SanitizeStatus::decode);
        controller.has_sanitize().then(read).flatten()
    }

    fn sanitize(
        &mut self,
        controller: &IdentifyController,
        status: Option<&SanitizeStatus>,
    ) -> NvmeSanitizeFacts {
        let bit = |at: u32| Support::from_bit(controller.sanitize & (1 << at) != 0);
        NvmeSanitizeFacts {
            crypto_erase: bit(0),
            block_erase: bit(1),
            overwrite: bit(2),
            media_verification: bit(3),
            purge_reporting: bit(5),
            no_deallocate_inhibited: bit(29),
            no_deallocate_modifies: u8::try_from(controller.sanitize >> 30).unwrap_or_default(),
            no_deallocate_warns: self.no_deallocate_warns(),
            block_erase_seconds: status.and_then(|status| status.block_erase_seconds),
            overwrite_seconds: status.and_then(|status| status.overwrite_seconds),
            crypto_erase_seconds: status.and_then(|status| status.crypto_erase_seconds),
        }
    }

    /// Dword 0 of a completion, which is in no page.
    fn result(&mut self, what: &str, entry: &[u8; NVME_ENTRY_BYTES]) -> Option<u32> {
        let why = match self.port.admin(entry, Data::None, PATIENCE) {
            NvmeAnswer::Completed { result } => return Some(result),
            NvmeAnswer::Status { field } => StatusField(field).to_string(),
            NvmeAnswer::NotCompleted { errno } => format!("the kernel did not complete it (errno {errno})"),
        };
        self.gaps.push(format!("{what} could not be read: {why}"));
        None
    }

    /// NODRM of feature 17h.
    fn no_deallocate_warns(&mut self) -> Support {
        let told = self.result("the sanitize configuration (feature 17h)", &command::get_sanitize_config());
        told.map_or(Support::NotTold, |result| Support::from_bit(result & 1 != 0))
    }

    fn firmware_waits(&mut self) -> Support {
        let entry = command::firmware_slot_log();
        let told = self.page("nvme firmware slots", &entry, LOG_BYTES, firmware_waits);
        told.map_or(Support::NotTold, Support::from_bit)
    }

    /// Whether there are boot partitions, and whether the persistent memory region is enabled.
    fn registers(&mut self) -> (Support, Support) {
        let what = "the registers that tell of boot partitions and of the persistent memory region";
        let capabilities = self.result(what, &command::property_get(property::CAPABILITIES_HIGH));
        let Some(told) = capabilities.and_then(CapabilitiesHigh::decode) else {
            return (Support::NotTold, Support::NotTold);
        };
        let boot_partitions = Support::from_bit(told.boot_partitions);
        if !told.persistent_memory {
            return (boot_partitions, Support::No);
        }
        let entry = command::property_get(property::PERSISTENT_MEMORY_CONTROL);
        let control = self.result("the control register of the persistent memory region", &entry);
        let enabled = control.and_then(property::persistent_memory_enabled);
        (boot_partitions, enabled.map_or(Support::NotTold, Support::from_bit))
    }

    fn health(&mut self) -> Health {
        let log = self.page("nvme smart log", &command::smart_log(), LOG_BYTES, SmartLog::decode);
        let Some(log) = log else { return Health::default() };
        Health {
            passed: Some(log.critical_warning == 0),
            media_errors: u64::try_from(log.media_errors).ok(),
            critical_warning: Some(log.critical_warning),
            spare_percent: Some(log.spare_percent),
            used_percent: Some(log.used_percent),
            power_on_hours: u64::try_from(log.power_on_hours).ok(),
            written_bytes: u64::try_from(log.units_written).ok().and_then(|units| units.checked_mul(512_000)),
            ..Health::default()
        }
    }
}

fn format(controller: &IdentifyController) -> NvmeFormatFacts {
    let bit = |at: u32| controller.format & (1 << at) != 0;
    NvmeFormatFacts {
        formats_all: Support::from_bit(bit(0)),
        erases_all: Support::from_bit(bit(1)),
        crypto_erase: Support::from_bit(bit(2)),
        broadcast: Support::from_bit(!bit(3)),
    }
}

fn status_facts(status: &SanitizeStatus) -> SanitizeStatusFacts {
    let state = match status.state {
        SanitizeState::NeverSanitized => NvmeSanitizeState::NeverSanitized,
        SanitizeState::Succeeded => NvmeSanitizeState::Succeeded,
        SanitizeState::InProgress => NvmeSanitizeState::InProgress,
        SanitizeState::Failed => NvmeSanitizeState::Failed,
        SanitizeState::SucceededDeallocated => NvmeSanitizeState::SucceededDeallocated,
        SanitizeState::Reserved(bits) => NvmeSanitizeState::Reserved(bits),
    };
    let global_data_erased = Support::from_bit(status.global_data_erased);
    SanitizeStatusFacts { state, command_dword: status.command_dword, global_data_erased }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers by opcode and the lowest byte of command dword 10.
    struct Scripted(Vec<(u8, u8, Result<Vec<u8>, NvmeAnswer>)>);

    impl NvmePort for Scripted {
        fn admin(&mut self, entry: &[u8; NVME_ENTRY_BYTES], data: Data<'_>, _: Duration) -> NvmeAnswer {
            let row = self.0.iter().find(|row| row.0 == entry[0] && row.1 == entry[40]);
            match row.map(|row| row.2.clone()) {
                None => NvmeAnswer::Status { field: 0x4002 },
                Some(Err(answer)) => answer,
                Some(Ok(bytes)) => {
                    if let Data::FromDrive(buffer) = data {
                        buffer[..bytes.len()].copy_from_slice(&bytes);
                    }
                    NvmeAnswer::Completed { result: 0 }
                }
            }
        }
    }

    fn page(bytes: usize, fields: &[(usize, &[u8])]) -> Vec<u8> {
        let mut page = vec![0; bytes];
        for (at, field) in fields {
            page[*at..at + field.len()].copy_from_slice(field);
        }
        page
    }

    /// SANICAP A0000002h of a Kingston SNV2S250G: block erase only, no-deallocate inhibited, media modified.
    fn kingston() -> Vec<u8> {
        page(
            4096,
            &[(76, &[2]), (256, &[0x1F, 0]), (280, &[1]), (312, &[2]), (328, &[2, 0, 0, 0xA0]), (524, &[4])],
        )
    }

    fn facts(capability: &Capability) -> &NvmeFacts {
        match &capability.interface {
            Interface::Nvme(facts) => facts,
            Interface::Ata(_) | Interface::Scsi(_) => panic!("not NVMe"),
        }
    }

    #[test]
    fn a_drive_that_tells_everything() {
        let status = page(512, &[(0, &[0xFF, 0xFF, 1, 1, 2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 9])]);
        let namespace = page(4096, &[(0, &[0, 1]), (26, &[1]), (30, &[1]), (33, &[1]), (132, &[0, 0, 12])]);
        let mut port = Scripted(vec![
            (0x06, 0x01, Ok(kingston())),
            (0x06, 0x00, Ok(namespace)),
            (0x06, 0x02, Ok(page(4096, &[(0, &[1])]))),
            (0x06, 0x10, Ok(page(4096, &[(0, &[1, 0, 0, 0, 2])]))),
            (0x06, 0x13, Ok(page(4096, &[(0, &[2, 0, 1, 0, 5])]))),
            (0x02, 0x81, Ok(status)),
            (0x02, 0x02, Ok(page(512, &[(0, &[1, 0, 0, 99, 0, 3]), (48, &[2]), (160, &[7])]))),
            (0x02, 0x03, Ok(page(512, &[(0, &[0x21])]))),
            (0x0A, 0x17, Err(NvmeAnswer::Completed { result: 1 })),
        ]);
        let capability = survey(&mut port, 1).unwrap();
        let facts = facts(&capability);
        let sanitize = facts.sanitize.as_ref().unwrap();
        assert_eq!((sanitize.block_erase, sanitize.crypto_erase), (Support::Yes, Support::No));
        assert_eq!((sanitize.overwrite, sanitize.media_verification), (Support::No, Support::No));
        assert_eq!((sanitize.no_deallocate_inhibited, sanitize.no_deallocate_modifies), (Support::Yes, 2));
        assert_eq!((sanitize.block_erase_seconds, sanitize.overwrite_seconds), (Some(9), None));
        assert_eq!(sanitize.no_deallocate_warns, Support::Yes);
        assert_eq!((&facts.active, &facts.allocated), (&vec![1], &Some(vec![1, 2])));
        assert_eq!((&facts.controllers, facts.unallocated_bytes), (&Some(vec![1, 5]), Some(0)));
        assert_eq!((facts.rpmb_units, facts.multi_controller), (2, Support::Yes));
        assert_eq!((facts.namespace.blocks, facts.namespace.lba_format), (256, 1));
        assert_eq!((facts.namespace.shared, facts.namespace.deallocated_reads), (Support::Yes, 1));
        let format = facts.format.unwrap();
        assert_eq!(
            (format.crypto_erase, format.erases_all, format.broadcast),
            (Support::Yes, Support::No, Support::Yes)
        );
        let status = facts.status.unwrap();
        assert_eq!((status.state, status.command_dword), (NvmeSanitizeState::Succeeded, 2));
        assert_eq!(status.global_data_erased, Support::Yes);
        assert_eq!((capability.health.passed, capability.health.media_errors), (Some(false), Some(7)));
        assert_eq!(capability.health.written_bytes, Some(1_024_000));
        assert_eq!(facts.firmware_waits, Support::Yes);
        assert_eq!(capability.pages.len(), 8);
        assert_eq!(capability.gaps.len(), 1, "{:?}", capability.gaps);
        let controller = &capability.pages[0];
        assert_eq!(controller.sha256, Digest::of(&kingston()));
        assert_eq!(controller.hex.len(), 8192);
    }

    /// Registers by their offsets: CAP from 0, PMRCTL at E04h.
    struct WithRegisters(u64, u32);

    impl NvmePort for WithRegisters {
        fn admin(&mut self, entry: &[u8; NVME_ENTRY_BYTES], data: Data<'_>, _: Duration) -> NvmeAnswer {
            if let Data::FromDrive(buffer) = data {
                buffer[..4].copy_from_slice(&kingston()[..4]);
                return NvmeAnswer::Completed { result: 0 };
            }
            match (entry[0], entry[4], &entry[44..48]) {
                (0x7F, 4, [4, 0, 0, 0]) => NvmeAnswer::Completed { result: (self.0 >> 32) as u32 },
                (0x7F, 4, [4, 0x0E, 0, 0]) if self.0 >> 56 & 1 == 1 => {
                    NvmeAnswer::Completed { result: self.1 }
                }
                _ => NvmeAnswer::Status { field: 0x4002 },
            }
        }
    }

    #[test]
    fn what_stands_in_registers_is_told_and_what_a_lost_device_answers_is_not() {
        use Support::{No, NotTold, Yes};
        for (capabilities, control, boot, memory) in [
            (0x0000_0020_0F01_07FF, 1, No, No),
            (0x0000_2020_0F01_07FF, 1, Yes, No),
            (0x0100_2020_0F01_07FF, 0, Yes, No),
            (0x0100_0020_0F01_07FF, 1, No, Yes),
            (0x0100_0020_0F01_07FF, u32::MAX, No, NotTold),
            (u64::MAX, 1, NotTold, NotTold),
        ] {
            let capability = survey(&mut WithRegisters(capabilities, control), 1).unwrap();
            let facts = facts(&capability);
            let told = (facts.boot_partitions, facts.persistent_memory);
            assert_eq!(told, (boot, memory), "{capabilities:016X}h {control:X}h");
        }
    }

    #[test]
    fn pages_that_cannot_be_read_are_gaps() {
        let mut port = Scripted(vec![(0x06, 0x01, Ok(kingston()))]);
        let capability = survey(&mut port, 3).unwrap();
        let facts = facts(&capability);
        assert_eq!((facts.namespace.nsid, facts.namespace.write_protected), (3, Support::NotTold));
        assert_eq!((&facts.allocated, &facts.controllers, facts.status), (&None, &None, None));
        assert_eq!(capability.health, Health::default());
        for name in [
            "namespace 3",
            "active",
            "allocated",
            "controllers",
            "sanitize status",
            "feature 17h",
            "smart",
            "firmware slots",
            "registers",
        ] {
            let told = capability.gaps.iter().any(|gap| gap.contains(name) && gap.contains("invalid field"));
            assert!(told, "{name}: {:?}", capability.gaps);
        }
    }

    /// OACS without bit 3, and NN.
    #[test]
    fn a_controller_without_namespace_management_has_no_more_namespaces_than_it_can_number() {
        for (most, allocated) in [(1, Some(vec![1])), (2, None), (0, None)] {
            let mut port = Scripted(vec![(0x06, 0x01, Ok(page(4096, &[(256, &[0x06, 0]), (516, &[most])])))]);
            let capability = survey(&mut port, 1).unwrap();
            assert_eq!(facts(&capability).allocated, allocated, "{most}");
            let told = capability.gaps.iter().any(|gap| gap.contains("no namespace management"));
            assert_eq!(told, allocated.is_none());
        }
    }

    #[test]
    fn only_a_controller_that_does_not_identify_itself_is_an_error() {
        let mut port = Scripted(vec![(0x06, 0x01, Err(NvmeAnswer::NotCompleted { errno: 19 }))]);
        let reason = survey(&mut port, 1).unwrap_err();
        assert_eq!(reason.code, ReasonCode::NotAnswering);
        assert!(reason.text.contains("errno 19"));
    }

    /// 1024 namespaces and one more: the list has two pieces.
    #[test]
    fn a_full_list_is_read_on() {
        struct Many;
        impl NvmePort for Many {
            fn admin(&mut self, entry: &[u8; NVME_ENTRY_BYTES], data: Data<'_>, _: Duration) -> NvmeAnswer {
                let after = u32::from_le_bytes(entry[4..8].try_into().unwrap());
                if let Data::FromDrive(buffer) = data {
                    let numbers = (after + 1..=1025).take(1024);
                    for (slot, number) in buffer.chunks_exact_mut(4).zip(numbers) {
                        slot.copy_from_slice(&number.to_le_bytes());
                    }
                }
                NvmeAnswer::Completed { result: 0 }
            }
        }
        let mut asking = Asking { port: &mut Many, pages: Vec::new(), gaps: Vec::new() };
        let list = asking.list("nvme active namespaces", command::identify_active).unwrap();
        assert_eq!((list.len(), list.last(), asking.pages.len()), (1025, Some(&1025), 2));
    }
}
