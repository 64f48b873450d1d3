//! Properties (registers) of a controller, as far as a sanitization depends on them. Offsets and bits as second-hand:
//! libnvme's `nvme_register_offsets`, `nvme_cap`, `nvme_pmrctl`.

/// Offset of the upper half of CAP, the controller's capabilities.
pub const CAPABILITIES_HIGH: u32 = 0x04;

/// Offset of PMRCTL, the control of the persistent memory region. Defined only where CAP tells that there is one.
pub const PERSISTENT_MEMORY_CONTROL: u32 = 0xE04;

/// What the upper half of CAP says. All ones is what a bus answers for a device that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapabilitiesHigh {
    /// BPS, bit 45 of CAP: boot partitions.
    pub boot_partitions: bool,
    /// PMRS, bit 56 of CAP: a persistent memory region.
    pub persistent_memory: bool,
}

impl CapabilitiesHigh {
    /// From the register; `None` when nothing answered.
    pub fn decode(register: u32) -> Option<Self> {
        let bit = |at: u32| register & (1 << (at - 32)) != 0;
        (register != u32::MAX).then(|| Self { boot_partitions: bit(45), persistent_memory: bit(56) })
    }
}

/// Whether the persistent memory region is enabled (PMRCTL bit 0, EN); `None` when nothing answered.
pub fn persistent_memory_enabled(register: u32) -> Option<bool> {
    (register != u32::MAX).then_some(register & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of CAP as `nvme show-regs` explains them: QEMU's controller has 0x0040200f01ffff, one with a boot
    /// partition 0x200000000000 more, one with a persistent memory region 0x0100000000000000 more.
    #[test]
    fn capabilities_are_those_of_nvme_cli() {
        let high = |capabilities: u64| CapabilitiesHigh::decode((capabilities >> 32) as u32).unwrap();
        let told = |capabilities| {
            let high = high(capabilities);
            (high.boot_partitions, high.persistent_memory)
        };
        assert_eq!(told(0x0000_0020_0F01_07FF), (false, false));
        assert_eq!(told(0x0000_2020_0F01_07FF), (true, false));
        assert_eq!(told(0x0100_0020_0F01_07FF), (false, true));
    }

    #[test]
    fn a_device_that_is_gone_tells_nothing() {
        assert_eq!(CapabilitiesHigh::decode(u32::MAX), None);
        assert_eq!(persistent_memory_enabled(u32::MAX), None);
        assert_eq!((persistent_memory_enabled(0), persistent_memory_enabled(1)), (Some(false), Some(true)));
    }
}
