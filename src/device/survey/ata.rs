//! Asks an ATA drive behind a translation layer. Nothing is changed on it.
use std::time::Duration;

use crate::command::ata::areas::{
    self, Capacity, DCO_IDENTIFY, GET_NATIVE_MAX, LastAddress, READ_NATIVE_MAX,
};
use crate::command::ata::identify::{IDENTIFY_DEVICE, Identify, SecurityWords};
use crate::command::ata::log;
use crate::command::ata::results::{self, Abridged};
use crate::command::ata::sanitize::{self, AbortReason, ClearFailure, Status};
use crate::command::ata::sat::{self, AtaCommand, Registers, Reply, SECTOR_BYTES};
use crate::command::ata::smart::{self, Attributes};
use crate::device::capability::ata::{
    AreaFacts, AtaFacts, AtaSanitizeFacts, AtaSanitizeState, AtaSecurityFacts,
};
use crate::device::capability::{Capability, Health, Interface, Page, Support};
use crate::io::{Data, ScsiAnswer, ScsiPort};
use crate::unit::digest::to_hex;
use crate::unit::{Digest, Reason, ReasonCode};

/// How long a question may take.
const ASK: Duration = Duration::from_secs(30);
/// How often a question is repeated that met a unit attention.
const ATTEMPTS: u32 = 5;
const UNIT_ATTENTION: u8 = 6;

/// Asks an ATA drive for all that planning needs. `translator` names a translation layer other than the kernel's.
///
/// # Errors
/// When it does not answer IDENTIFY DEVICE. Everything else that it does not tell is a gap.
pub fn survey(port: &mut dyn ScsiPort, translator: Option<String>) -> Result<Capability, Reason> {
    let mut asker = Asker { port, pages: Vec::new(), gaps: Vec::new() };
    let page = asker.page("ata identify device", &IDENTIFY_DEVICE);
    let identify = page.and_then(|page| Identify::decode(&page).ok()).ok_or_else(|| {
        Reason::new(
            ReasonCode::NotAnswering,
            "the drive did not answer IDENTIFY DEVICE",
            "connect it to a SATA port or an adapter that passes ATA commands on",
        )
    })?;
    let state = identify.sanitize().map(|_| asker.sanitize_state());
    let is_busy = state == Some(AtaSanitizeState::InProgress);
    if is_busy {
        asker.gaps.push("logs, capacity and health: not asked while a sanitize operation runs".into());
    }
    let security_log = if is_busy {
        None
    } else {
        asker.log(&identify, log::SECURITY_PAGE).and_then(|page| log::security(&page))
    };
    let ending = if is_busy || identify.sanitize().is_none() {
        None
    } else {
        asker.log(&identify, log::CAPABILITIES_PAGE).and_then(|page| log::definitive_ending(&page))
    };
    let told = |bit: Option<bool>| bit.map_or(Support::NotTold, Support::from_bit);
    let facts = AtaFacts {
        sanitize: identify.sanitize().map(|word| AtaSanitizeFacts {
            block_erase: Support::from_bit(word.block_erase),
            overwrite: Support::from_bit(word.overwrite),
            crypto_scramble: Support::from_bit(word.crypto_scramble),
            antifreeze: Support::from_bit(word.antifreeze),
            definitive_ending: told(ending),
            overrides_security: told(security_log.map(|page| page.overrides_security)),
        }),
        sanitize_state: state.filter(|state| *state != AtaSanitizeState::NotTold),
        security: identify.security().map(security),
        areas: if is_busy { presented(&identify) } else { asker.areas(&identify) },
        encrypts_all: encrypts_all(&identify, security_log),
        trim: Support::from_bit(identify.has_trim()),
        deterministic_after_trim: Support::from_bit(identify.deterministic_after_trim()),
        zeros_after_trim: Support::from_bit(identify.zeros_after_trim()),
        rotation: identify.rotation(),
        translator,
    };
    let health = if is_busy { Health::default() } else { asker.health(&identify) };
    let Asker { pages, gaps, .. } = asker;
    Ok(Capability { interface: Interface::Ata(Box::new(facts)), tcg: None, health, pages, gaps })
}

/// Either place that says so is enough; a "no" needs a place that can say it.
fn encrypts_all(identify: &Identify, log: Option<log::SecurityPage>) -> Support {
    match log {
        _ if identify.encrypts_all() => Support::Yes,
        Some(page) => Support::from_bit(page.encrypts_all),
        None if identify.has_additional() => Support::No,
        None => Support::NotTold,
    }
}

fn security(words: SecurityWords) -> AtaSecurityFacts {
    AtaSecurityFacts {
        enabled: Support::from_bit(words.enabled),
        locked: Support::from_bit(words.locked),
        frozen: Support::from_bit(words.frozen),
        count_expired: Support::from_bit(words.count_expired),
        enhanced: Support::from_bit(words.enhanced),
        master_maximum: Support::from_bit(words.master_maximum),
        normal_time: words.normal_time,
        enhanced_time: words.enhanced_time,
        master_id: words.master_id,
    }
}

/// What IDENTIFY DEVICE alone says of capacity.
fn presented(identify: &Identify) -> AreaFacts {
    AreaFacts {
        presented: identify.sectors(),
        native: None,
        factory: None,
        hpa: Support::from_bit(identify.has_hpa()),
        hpa_security: Support::from_bit(identify.has_hpa_security()),
        dco: Support::from_bit(identify.has_dco()),
        ama: Support::from_bit(identify.has_ama()),
    }
}

/// A port, and what came of asking.
struct Asker<'a> {
    port: &'a mut dyn ScsiPort,
    pages: Vec<Page>,
    gaps: Vec<String>,
}

impl Asker<'_> {
    fn ask(&mut self, command: &AtaCommand, sector: Option<&mut [u8; SECTOR_BYTES]>) -> Reply {
        sat::reply(&self.answer(command, sector))
    }

    fn answer(&mut self, command: &AtaCommand, mut sector: Option<&mut [u8; SECTOR_BYTES]>) -> ScsiAnswer {
        let mut answer = ScsiAnswer::NotCompleted { errno: libc::EIO };
        for _ in 0..ATTEMPTS {
            let data = match &mut sector {
                Some(sector) => Data::FromDrive(sector.as_mut_slice()),
                None => Data::None,
            };
            answer = self.port.execute(&command.block(), data, ASK);
            match sat::reply(&answer) {
                Reply::Sense(codes) if codes.key == UNIT_ATTENTION => {}
                _ => break,
            }
        }
        answer
    }

    /// The registers that an answer left out, from the translation layer's log.
    fn whole_registers(&mut self, answer: &ScsiAnswer) -> Option<Registers> {
        let abridged = Abridged::of(answer)?;
        let mut page = vec![0; usize::from(results::ROOM)];
        match self.port.execute(&abridged.question(), Data::FromDrive(&mut page), ASK) {
            ScsiAnswer::Answered { status: 0, moved, .. } => {
                page.truncate(usize::try_from(moved).unwrap_or(0));
                abridged.whole(&page)
            }
            ScsiAnswer::Answered { .. } | ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => {
                None
            }
        }
    }

    /// A page, kept when it came, a gap when it did not.
    fn page(&mut self, name: &str, command: &AtaCommand) -> Option<[u8; SECTOR_BYTES]> {
        let mut sector = [0; SECTOR_BYTES];
        let reply = self.ask(command, Some(&mut sector));
        if !matches!(reply, Reply::Done { .. }) {
            self.gaps.push(format!("{name}: {}", words(reply)));
            return None;
        }
        self.pages.push(Page { name: name.into(), sha256: Digest::of(&sector), hex: to_hex(&sector) });
        Some(sector)
    }

    fn log(&mut self, identify: &Identify, page: u8) -> Option<[u8; SECTOR_BYTES]> {
        if !identify.has_logs() {
            return None;
        }
        let name = format!("ata log 30h page {page:02x}h");
        self.page(&name, &log::read(log::IDENTIFY_DEVICE_DATA, page))
    }

    fn sanitize_state(&mut self) -> AtaSanitizeState {
        let answer = self.answer(&sanitize::status(ClearFailure::No), None);
        let reply = sat::reply(&answer);
        let status = match Status::decode(reply) {
            Status::NotRunning => {
                self.whole_registers(&answer).map_or(Status::NotRunning, Status::of_success)
            }
            status => status,
        };
        match status {
            Status::Idle => AtaSanitizeState::Idle,
            Status::Completed => AtaSanitizeState::Completed,
            Status::Running { .. } => AtaSanitizeState::InProgress,
            Status::Failed { reason: AbortReason::NotTold | AbortReason::SectorsRemain } => {
                AtaSanitizeState::Failed
            }
            Status::Frozen => AtaSanitizeState::Frozen,
            Status::Failed { .. } | Status::NotRead | Status::Unavailable | Status::NotRunning => {
                self.gaps.push(format!("ata sanitize status: {}", words(reply)));
                AtaSanitizeState::NotTold
            }
        }
    }

    fn areas(&mut self, identify: &Identify) -> AreaFacts {
        let native = if identify.has_ama() {
            self.address("ata native max address (AMA)", &GET_NATIVE_MAX)
        } else if identify.has_hpa() && identify.has_48_bit() {
            self.address("ata native max address", &READ_NATIVE_MAX)
        } else {
            None
        };
        let factory = if identify.has_dco() {
            let page = self.page("ata device configuration", &DCO_IDENTIFY);
            let told = page.and_then(|page| areas::configured(&page));
            if page.is_some() && told.is_none() {
                self.gaps.push("ata device configuration: its checksum or its number cannot be right".into());
            }
            told
        } else {
            None
        };
        let sectors = |last: LastAddress| last.capacity();
        AreaFacts {
            native: native.map(sectors).map(Capacity::get),
            factory: factory.map(sectors).map(Capacity::get),
            ..presented(identify)
        }
    }

    fn address(&mut self, name: &str, command: &AtaCommand) -> Option<LastAddress> {
        let reply = self.ask(command, None);
        let told = areas::address(reply);
        if told.is_none() {
            self.gaps.push(format!("{name}: {}", words(reply)));
        }
        told
    }

    fn health(&mut self, identify: &Identify) -> Health {
        if !identify.has_smart() {
            self.gaps.push("ata smart: the drive does not have it, or it is switched off".into());
            return Health::default();
        }
        let reply = self.ask(&smart::RETURN_STATUS, None);
        let passed = match reply {
            Reply::Done { registers: Some(registers) } => smart::passed(&registers),
            Reply::Done { registers: None }
            | Reply::Aborted { .. }
            | Reply::Unavailable
            | Reply::Refused(_)
            | Reply::Sense(_)
            | Reply::Status(_)
            | Reply::Lost => None,
        };
        if passed.is_none() {
            self.gaps.push(format!("ata smart status: {}", words(reply)));
        }
        let page = self.page("ata smart data", &smart::READ_DATA);
        let attributes = page.and_then(|page| Attributes::decode(&page)).unwrap_or_default();
        Health {
            passed,
            reallocated: attributes.reallocated,
            pending: attributes.pending,
            uncorrectable: attributes.uncorrectable,
            power_on_hours: attributes.power_on_hours,
            // Attribute 241 counts in a unit of the maker's choice: it is no number of bytes.
            ..Health::default()
        }
    }
}

/// Why nothing was told.
fn words(reply: Reply) -> String {
    match reply {
        Reply::Done { registers: Some(_) } => "the registers that came do not tell it".into(),
        Reply::Done { registers: None } => "no registers came".into(),
        Reply::Aborted { .. } => "the drive aborted the command".into(),
        Reply::Unavailable => "registers came that no drive has".into(),
        Reply::Refused(codes) => {
            format!("the translation layer refused ({:x}h/{:02x}h/{:02x}h)", codes.key, codes.asc, codes.ascq)
        }
        Reply::Sense(codes) => format!("sense {:x}h/{:02x}h/{:02x}h", codes.key, codes.asc, codes.ascq),
        Reply::Status(status) => format!("status {status:02x}h"),
        Reply::Lost => "no answer came".into(),
    }
}

#[cfg(all(test, feature = "sim"))]
#[path = "ata_tests.rs"]
mod tests;
