//! What a SCSI logical unit told.
use super::super::Facts;
use super::{listed, numbers, said};
use crate::device::capability::scsi::{ScsiFacts, ScsiState};

/// Adds everything.
pub(super) fn facts(facts: &ScsiFacts, list: &mut Facts) {
    let told = &facts.sanitize;
    let offers = [
        ("overwrite", told.overwrite),
        ("block erase", told.block_erase),
        ("crypto erase", told.crypto_erase),
    ];
    let operations = "REPORT SUPPORTED OPERATION CODES";
    list.add("sanitize", listed(&offers), format!("{operations}, 48h/01h to 03h"));
    list.add("sanitize exit failure mode", said(told.exit_failure), format!("{operations}, 48h/1Fh"));
    list.add("format unit", said(facts.format_unit), format!("{operations}, 04h"));
    let state = match facts.state {
        ScsiState::Ready => "nothing out of the ordinary",
        ScsiState::Sanitizing => "SANITIZING, and nobody here started it",
        ScsiState::Formatting => "FORMATTING",
        ScsiState::SelfTesting => "testing itself",
        ScsiState::SanitizeFailed => "its last sanitize FAILED",
        ScsiState::FormatCorrupted => "a FORMAT UNIT was INTERRUPTED",
        ScsiState::Other => "not ready, or not told",
    };
    list.add("doing", state, "REQUEST SENSE");
    let characteristics = "VPD page B1h";
    list.add(
        "reads after block erase",
        after(facts.after_block_erase),
        format!("{characteristics}, WABEREQ"),
    );
    list.add(
        "reads after crypto erase",
        after(facts.after_crypto_erase),
        format!("{characteristics}, WACEREQ"),
    );
    let unmapped = match facts.unmapped_reads {
        0 => "not told",
        odd if odd % 2 == 1 => "zeros",
        _ => "a pattern of the vendor's",
    };
    list.add("unmapped blocks read as", unmapped, "VPD page B2h, LBPRZ");
    list.add("blocks told", facts.blocks.to_string(), "READ CAPACITY(16)");
    list.add("block bytes told", facts.block_bytes.to_string(), "READ CAPACITY(16)");
    list.add("protection information", facts.protection.to_string(), "READ CAPACITY(16), P_TYPE");
    if let Some(unusual) = facts.unusual_format() {
        list.add("unusual format", unusual, "READ CAPACITY(16)");
    }
    list.add("write-protected", said(facts.write_protected), "MODE SENSE, WP");
    list.add("reserved", said(facts.reserved), "PERSISTENT RESERVE IN, READ RESERVATION");
    if !facts.other_units.is_empty() {
        list.add("units of the target", numbers(&facts.other_units), "REPORT LUNS");
    }
    let rotation = match facts.rotation {
        None => "not told".to_owned(),
        Some(1) => "none: solid state".to_owned(),
        Some(turns) => format!("{turns} per minute"),
    };
    list.add("rotation", rotation, characteristics);
    let zoned = match facts.zoned {
        0 => "none told",
        1 => "host-aware",
        2 => "device-managed",
        _ => "host-managed",
    };
    list.add("zones", zoned, format!("{characteristics}, ZONED; INQUIRY device type"));
}

const fn after(code: u8) -> &'static str {
    match code {
        1 => "succeed",
        2 => "end with medium errors until written",
        3 => "fail until written",
        _ => "not told",
    }
}
