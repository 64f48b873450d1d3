//! Admin commands: which is which, which may come when, and how long they take.
use std::time::Duration;

use super::sanitize::Stand;
use super::state::Nvme;
use crate::io::{Data, NvmeAnswer};
use crate::sim::controller::bytes::{array, byte, index, le16, le32};
use crate::sim::controller::job::Work;
use crate::sim::controller::quirk::{Quirk, QuirkName};
use crate::sim::controller::security::SecurityRefusal;

/// A status field that is no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) u16);

/// Do Not Retry.
const DNR: u16 = 1 << 14;

impl Refusal {
    pub(super) const INVALID_OPCODE: Self = Self(0x01 | DNR);
    pub(super) const INVALID_FIELD: Self = Self(0x02 | DNR);
    pub(super) const INVALID_NAMESPACE: Self = Self(0x0B | DNR);
    const SEQUENCE: Self = Self(0x0C | DNR);
    pub(super) const SANITIZE_FAILED: Self = Self(0x1C | DNR);
    const SANITIZE_IN_PROGRESS: Self = Self(0x1D);
    pub(super) const WRITE_PROTECTED: Self = Self(0x20 | DNR);
    const FORMAT_IN_PROGRESS: Self = Self(0x84);
    pub(super) const ACCESS_DENIED: Self = Self(0x286 | DNR);
}

/// A command-specific status.
pub(super) const fn specific(code: u8) -> Refusal {
    let [low, _] = (code as u16).to_le_bytes();
    Refusal(u16::from_le_bytes([low, 1]) | DNR)
}

/// What a command that succeeds gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) result: u32,
    pub(super) data: Vec<u8>,
    /// Virtual milliseconds until it completes.
    pub(super) wait_ms: u64,
    /// It completes with the end of the format operation that it started.
    pub(super) ends_format: bool,
}

impl Reply {
    pub(super) fn with(data: Vec<u8>) -> Self {
        Self { data, ..Self::default() }
    }
}

const GET_LOG: u8 = 0x02;
const IDENTIFY: u8 = 0x06;
const ABORT: u8 = 0x08;
const SET_FEATURES: u8 = 0x09;
const GET_FEATURES: u8 = 0x0A;
const EVENT_REQUEST: u8 = 0x0C;
const KEEP_ALIVE: u8 = 0x18;
const FORMAT: u8 = 0x80;
const SECURITY_SEND: u8 = 0x81;
const SECURITY_RECEIVE: u8 = 0x82;
const SANITIZE: u8 = 0x84;
const FABRICS: u8 = 0x7F;

impl Nvme {
    pub(super) fn admin(
        &mut self,
        controller: u16,
        attachment: u64,
        entry: &[u8],
        data: Data<'_>,
        timeout: Duration,
    ) -> NvmeAnswer {
        let gone = NvmeAnswer::NotCompleted { errno: libc::ENODEV };
        self.bring_up_to_date();
        if !self.core.answers(attachment) || !self.spec.controllers.contains(&controller) {
            return gone;
        }
        let sent: &[u8] = if let Data::ToDrive(sent) = &data { sent } else { &[] };
        self.core.ask(entry, sent);
        self.bring_up_to_date();
        if !self.core.answers(attachment) {
            return gone;
        }
        let reply = match self.carry_out(controller, entry, sent) {
            Ok(reply) => reply,
            Err(Refusal(field)) => return NvmeAnswer::Status { field },
        };
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.core.clock.advance_ms(reply.wait_ms.min(timeout_ms));
        self.bring_up_to_date();
        if !self.core.answers(attachment) {
            return gone;
        }
        if reply.wait_ms > timeout_ms || (reply.ends_format && self.formatting.is_some()) {
            // A request that the driver cancelled (from memory: -EINTR).
            return NvmeAnswer::NotCompleted { errno: libc::EINTR };
        }
        if reply.ends_format && self.format_failed() {
            return NvmeAnswer::Status { field: 0x06 };
        }
        if let Data::FromDrive(out) = data {
            let length = out.len().min(reply.data.len());
            out[..length].copy_from_slice(&reply.data[..length]);
        }
        NvmeAnswer::Completed { result: reply.result }
    }

    /// Whether the format operation that ended last failed.
    fn format_failed(&self) -> bool {
        use crate::sim::controller::core::Ending;
        let last = self.core.deeds.iter().rev().find(|deed| deed.work == Work::Format);
        last.is_some_and(|deed| deed.ending != Ending::Succeeded)
    }

    /// What the admin command that starts an operation takes.
    pub(super) fn slow_ms(&self) -> u64 {
        match self.core.quirk(QuirkName::SlowAdmin) {
            Some(Quirk::SlowAdmin { millis }) => millis,
            Some(_) | None => 0,
        }
    }

    fn carry_out(&mut self, controller: u16, entry: &[u8], sent: &[u8]) -> Result<Reply, Refusal> {
        let opcode = byte(entry, 0);
        self.may_come_now(opcode)?;
        match opcode {
            IDENTIFY => self.identify(controller, entry),
            GET_LOG => self.get_log(entry),
            GET_FEATURES => self.get_features(entry),
            SET_FEATURES => self.set_features(entry),
            ABORT | EVENT_REQUEST | KEEP_ALIVE => Ok(Reply::default()),
            SANITIZE if self.spec.sanicap & 7 != 0 => self.sanitize(entry),
            FORMAT => self.format(entry),
            SECURITY_SEND | SECURITY_RECEIVE => self.security(entry, sent),
            // Property Get, the only one: a register of the controller.
            FABRICS if byte(entry, 4) == 0x04 => {
                Ok(Reply { result: self.register(le32(entry, 44))?, ..Reply::default() })
            }
            _ => Err(Refusal::INVALID_OPCODE),
        }
    }

    /// Commands that are let through while a sanitize runs or has failed (the list is from memory).
    fn may_come_now(&self, opcode: u8) -> Result<(), Refusal> {
        let always = matches!(
            opcode,
            GET_LOG | IDENTIFY | ABORT | SET_FEATURES | GET_FEATURES | EVENT_REQUEST | KEEP_ALIVE | FABRICS
        );
        if always {
            return Ok(());
        }
        match self.status.stand {
            Stand::Running => return Err(Refusal::SANITIZE_IN_PROGRESS),
            Stand::Failed if opcode != SANITIZE => return Err(Refusal::SANITIZE_FAILED),
            Stand::Verifying if opcode != SANITIZE => return Err(Refusal::SANITIZE_IN_PROGRESS),
            Stand::Failed
            | Stand::Verifying
            | Stand::Never
            | Stand::Succeeded
            | Stand::SucceededDeallocated => {}
        }
        if self.core.busy_with() == Some(Work::Format) {
            return Err(Refusal::FORMAT_IN_PROGRESS);
        }
        Ok(())
    }

    /// Half of a register: CAP with a persistent memory region (bit 56) where one is enabled, and PMRCTL.
    fn register(&self, offset: u32) -> Result<u32, Refusal> {
        let enabled = self.core.has(QuirkName::MemoryRegionEnabled);
        match offset {
            0x0 => Ok(0x0F01_07FF),
            0x4 => Ok(0x0000_0020 | (u32::from(enabled) << 24)),
            0xE04 if enabled => Ok(1),
            _ => Err(Refusal::INVALID_FIELD),
        }
    }

    fn get_features(&self, entry: &[u8]) -> Result<Reply, Refusal> {
        let result = match byte(entry, 40) {
            // Volatile write cache: none.
            0x06 => 0,
            // Number of queues: 64 of each, counted from 0.
            0x07 => 0x003F_003F,
            0x17 if self.spec.sanicap & 7 != 0 => u32::from(self.warns),
            _ => return Err(Refusal::INVALID_FIELD),
        };
        Ok(Reply { result, ..Reply::default() })
    }

    fn set_features(&mut self, entry: &[u8]) -> Result<Reply, Refusal> {
        match byte(entry, 40) {
            0x07 => Ok(Reply { result: 0x003F_003F, ..Reply::default() }),
            0x0B => Ok(Reply::default()),
            0x17 if self.spec.sanicap & 7 != 0 => {
                self.warns = le32(entry, 44) & 1 != 0;
                Ok(Reply::default())
            }
            _ => Err(Refusal::INVALID_FIELD),
        }
    }

    /// Security Send and Receive: protocol in CDW10 31:24, its field in 23:8, length in CDW11.
    fn security(&mut self, entry: &[u8], sent: &[u8]) -> Result<Reply, Refusal> {
        let (protocol, com_id) = (byte(entry, 43), le16(entry, 41));
        let length = index(u64::from(u32::from_le_bytes(array(entry, 44)))).min(1 << 20);
        if self.spec.oacs & 1 == 0 {
            return Err(Refusal::INVALID_OPCODE);
        }
        let security = self.security.as_mut().ok_or(Refusal::INVALID_FIELD)?;
        let mut data = Vec::new();
        let done = if byte(entry, 0) == SECURITY_SEND {
            security.send(protocol, com_id, &sent[..length.min(sent.len())])
        } else {
            data = vec![0; length];
            security.receive(protocol, com_id, &mut data).map(drop)
        };
        self.bring_up_to_date();
        match done {
            Ok(()) => Ok(Reply::with(data)),
            Err(SecurityRefusal::InvalidField) => Err(Refusal::INVALID_FIELD),
            Err(SecurityRefusal::Sequence) => Err(Refusal::SEQUENCE),
        }
    }
}
