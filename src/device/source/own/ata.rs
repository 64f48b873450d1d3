//! What an ATA drive told.
use super::super::Facts;
use super::{listed, said};
use crate::device::capability::Support;
use crate::device::capability::ata::{AreaFacts, AtaFacts, AtaSanitizeState, AtaSecurityFacts, EraseTime};

const IDENTIFY: &str = "IDENTIFY DEVICE";

/// Adds everything.
pub(super) fn facts(facts: &AtaFacts, list: &mut Facts) {
    let word = |words: &str| format!("{IDENTIFY}, {words}");
    match &facts.sanitize {
        Some(told) => {
            let offers = [
                ("block erase", told.block_erase),
                ("overwrite", told.overwrite),
                ("crypto scramble", told.crypto_scramble),
            ];
            list.add("sanitize", listed(&offers), word("word 59 bits 15:12"));
            list.add("sanitize antifreeze", said(told.antifreeze), word("word 59 bit 10"));
            let log = "READ LOG EXT 30h";
            list.add(
                "overwrite ends on its pattern",
                said(told.definitive_ending),
                format!("{log}, page 03h"),
            );
            let overrides = said(told.overrides_security);
            list.add("restricted sanitize works when locked", overrides, format!("{log}, page 06h"));
            list.add("last sanitize", state(facts.sanitize_state), "SANITIZE STATUS EXT");
        }
        None => list.add("sanitize", "no", word("word 59 bit 12")),
    }
    match &facts.security {
        Some(told) => security(told, list),
        None => list.add("security", "no", word("word 128 bit 0")),
    }
    areas(&facts.areas, list);
    list.add("encrypts all user data", said(facts.encrypts_all), word("word 69 bit 4; log 30h, page 06h"));
    list.add("trim", said(facts.trim), word("word 169 bit 0"));
    list.add(
        "reads after trim are always the same",
        said(facts.deterministic_after_trim),
        word("word 69 bit 14"),
    );
    list.add("reads after trim are zeros", said(facts.zeros_after_trim), word("word 69 bit 5"));
    let rotation = match facts.rotation {
        None => "not told".to_owned(),
        Some(1) => "none: solid state".to_owned(),
        Some(turns) => format!("{turns} per minute"),
    };
    list.add("rotation", rotation, word("word 217"));
    let translator = facts.translator.as_deref().unwrap_or("not told");
    list.add("translation layer", translator, "VPD page 89h");
}

fn state(state: Option<AtaSanitizeState>) -> &'static str {
    match state {
        Some(AtaSanitizeState::Idle) => "none known",
        Some(AtaSanitizeState::Completed) => "completed without error",
        Some(AtaSanitizeState::InProgress) => "IN PROGRESS, and nobody here started it",
        Some(AtaSanitizeState::Failed) => "FAILED",
        Some(AtaSanitizeState::Frozen) => "FROZEN until the power is cycled",
        Some(AtaSanitizeState::NotTold) | None => "not told",
    }
}

fn security(told: &AtaSecurityFacts, list: &mut Facts) {
    let source = format!("{IDENTIFY}, word 128");
    let states = [
        ("enabled", told.enabled),
        ("LOCKED", told.locked),
        ("FROZEN", told.frozen),
        ("too many wrong passwords", told.count_expired),
        ("master password can only erase", told.master_maximum),
    ];
    let states = match listed(&states) {
        none if none == "no" => "not enabled, not locked, not frozen".to_owned(),
        some => some,
    };
    list.add("security", states, source.as_str());
    let erases = [("normal", Support::Yes), ("enhanced", told.enhanced)];
    list.add("security erase", listed(&erases), source);
    let value = format!("normal {}, enhanced {}", time(told.normal_time), time(told.enhanced_time));
    list.add("security erase time", value, format!("{IDENTIFY}, words 89 and 90"));
}

fn time(time: EraseTime) -> String {
    match time {
        EraseTime::NotTold => "not told".to_owned(),
        EraseTime::Minutes { minutes } => format!("{minutes} min"),
        EraseTime::MoreThan { minutes } => format!("more than {minutes} min"),
    }
}

/// The three numbers, and what they leave out of sight.
fn areas(told: &AreaFacts, list: &mut Facts) {
    let number =
        |blocks: Option<u64>| blocks.map_or_else(|| "not told".to_owned(), |blocks| blocks.to_string());
    list.add(
        "sectors presented",
        told.presented.to_string(),
        format!("{IDENTIFY}, words 60-61, 100-103, 230-233"),
    );
    let native = if told.ama.is_yes() { "GET NATIVE MAX ADDRESS EXT" } else { "READ NATIVE MAX ADDRESS EXT" };
    list.add("sectors native", number(told.native), native);
    list.add("sectors made", number(told.factory), "DEVICE CONFIGURATION IDENTIFY");
    let most = told.native.max(told.factory).unwrap_or(told.presented);
    if most > told.presented {
        let hidden = format!("{} sectors are HIDDEN from reading and writing", most - told.presented);
        list.add("hidden area", hidden, "the three numbers above");
    }
    let ways = [("HPA", told.hpa), ("HPA security", told.hpa_security), ("DCO", told.dco), ("AMA", told.ama)];
    list.add("can hide capacity by", listed(&ways), format!("{IDENTIFY}, words 82, 83, 119"));
}
