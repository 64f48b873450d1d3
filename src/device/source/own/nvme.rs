//! What an NVMe controller and one namespace told.
use super::super::Facts;
use super::{listed, numbers, said};
use crate::device::capability::Support;
use crate::device::capability::nvme::{
    NamespaceFacts, NvmeFacts, NvmeSanitizeFacts, NvmeSanitizeState, SanitizeStatusFacts,
};

const CONTROLLER: &str = "Identify Controller";
const STATUS: &str = "log page 81h (Sanitize Status)";

/// Adds everything.
pub(super) fn facts(facts: &NvmeFacts, list: &mut Facts) {
    sanitize(facts, list);
    match &facts.format {
        Some(format) => {
            let erases = [("user data", Support::Yes), ("cryptographic", format.crypto_erase)];
            list.add(
                "format with secure erase",
                listed(&erases),
                format!("{CONTROLLER}, OACS bit 1, FNA bit 2"),
            );
            let all = |support: Support| if support.is_yes() { "all namespaces" } else { "one namespace" };
            let value =
                format!("format: {}, secure erase: {}", all(format.formats_all), all(format.erases_all));
            list.add("format reaches", value, format!("{CONTROLLER}, FNA bits 0 and 1"));
        }
        None => list.add("format with secure erase", "no", format!("{CONTROLLER}, OACS bit 1")),
    }
    list.add("security commands", said(facts.security), format!("{CONTROLLER}, OACS bit 0"));
    namespace(&facts.namespace, list);
    list.add("namespaces active", numbers(&facts.active), "Identify, CNS 02h");
    let allocated = facts.allocated.as_deref().map_or_else(|| "not told".to_owned(), numbers);
    list.add("namespaces allocated", allocated, "Identify, CNS 10h");
    let controllers = facts.controllers.as_deref().map_or_else(|| "not told".to_owned(), numbers);
    list.add("controllers", controllers, "Identify, CNS 13h");
    list.add("controller", facts.controller_id.to_string(), format!("{CONTROLLER}, CNTLID"));
    list.add("may have other controllers", said(facts.multi_controller), format!("{CONTROLLER}, CMIC bit 1"));
    let free = facts.unallocated_bytes.map_or_else(|| "not told".to_owned(), |bytes| bytes.to_string());
    list.add("bytes in no namespace", free, format!("{CONTROLLER}, UNVMCAP"));
    list.add("RPMB units", facts.rpmb_units.to_string(), format!("{CONTROLLER}, RPMBS bits 2:0"));
    list.add("boot partitions", said(facts.boot_partitions), "register CAP, BPS");
    let source = "registers CAP, PMRS, and PMRCTL, EN";
    list.add("persistent memory region enabled", said(facts.persistent_memory), source);
    list.add("firmware update waits", said(facts.firmware_waits), "log page 03h (Firmware Slots), AFI");
}

fn sanitize(facts: &NvmeFacts, list: &mut Facts) {
    let source = format!("{CONTROLLER}, SANICAP bits 2:0");
    let Some(told) = &facts.sanitize else {
        list.add("sanitize", "no", source);
        return;
    };
    let offers = [
        ("block erase", told.block_erase),
        ("overwrite", told.overwrite),
        ("crypto erase", told.crypto_erase),
    ];
    list.add("sanitize", listed(&offers), source);
    let modifies = match told.no_deallocate_modifies {
        1 => "the medium is not modified afterwards",
        2 => "the medium is modified afterwards",
        _ => "whether the medium is modified afterwards is not defined",
    };
    let inhibited = if told.no_deallocate_inhibited.is_yes() { "inhibited" } else { "taken" };
    list.add(
        "no-deallocate after sanitize",
        format!("{inhibited}; {modifies}"),
        format!("{CONTROLLER}, SANICAP bits 31:29"),
    );
    list.add("no-deallocate ends with a warning", said(told.no_deallocate_warns), "Get Features 17h, NODRM");
    list.add("media verification", said(told.media_verification), format!("{CONTROLLER}, SANICAP bit 3"));
    list.add("purge reporting", said(told.purge_reporting), format!("{CONTROLLER}, SANICAP bit 5"));
    list.add("sanitize time", times(told), format!("{STATUS}, ETBE, ETO, ETCE"));
    match &facts.status {
        Some(status) => list.add("last sanitize", last(status), format!("{STATUS}, SSTAT, SCDW10")),
        None => list.add("last sanitize", "not told", STATUS),
    }
}

fn times(told: &NvmeSanitizeFacts) -> String {
    let time = |seconds: Option<u32>| seconds.map_or_else(|| "not told".to_owned(), |s| format!("{s} s"));
    format!(
        "block erase {}, overwrite {}, crypto erase {}",
        time(told.block_erase_seconds),
        time(told.overwrite_seconds),
        time(told.crypto_erase_seconds)
    )
}

fn last(status: &SanitizeStatusFacts) -> String {
    let state = match status.state {
        NvmeSanitizeState::NeverSanitized => return "never sanitized".to_owned(),
        NvmeSanitizeState::Succeeded => "completed",
        NvmeSanitizeState::InProgress => "IN PROGRESS, and nobody here started it",
        NvmeSanitizeState::Failed => "FAILED",
        NvmeSanitizeState::SucceededDeallocated => "completed, deallocated although that was not wanted",
        NvmeSanitizeState::Reserved(_) => "a reserved state",
    };
    let action = match status.command_dword & 0x7 {
        1 => "exit failure mode",
        2 => "block erase",
        3 => "overwrite",
        4 => "crypto erase",
        _ => "unknown action",
    };
    let untouched =
        if status.global_data_erased.is_yes() { "nothing" } else { "something, or that is not told" };
    format!(
        "{state}: {action} (command dword 10 {:08X}h); {untouched} was written since",
        status.command_dword
    )
}

fn namespace(told: &NamespaceFacts, list: &mut Facts) {
    let at = |field: &str| format!("Identify Namespace {}, {field}", told.nsid);
    list.add("blocks told", told.blocks.to_string(), at("NSZE"));
    let place = if told.extended_metadata.is_yes() { " in each block" } else { "" };
    let format = format!(
        "{}, metadata {} bytes{place}, protection type {}",
        told.lba_format, told.metadata_bytes, told.protection
    );
    list.add("block format", format, at("FLBAS, LBAF, DPS"));
    let reads = match told.deallocated_reads {
        1 => "zeros",
        2 => "FFh",
        _ => "not told",
    };
    list.add("deallocated blocks read as", reads, at("DLFEAT"));
    list.add("write-protected", said(told.write_protected), at("NSATTR bit 0"));
    list.add("shared by controllers", said(told.shared), at("NMIC bit 0"));
    if let Some(left) = told.format_left_percent.filter(|left| *left > 0) {
        list.add("format running", format!("{left} % left"), at("FPI"));
    }
}
