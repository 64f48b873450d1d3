//! IDENTIFY DEVICE and the IDENTIFY DEVICE DATA log (30h).
//!
//! Sources: openSeaChest and hdparm, second-hand in the project's facts (standards.md 6.1, firmware-purge.md 3.1);
//! the words that are marked there as from memory are compared with hdparm's reading by a test.

use super::sat::{AtaCommand, Protocol, SECTOR_BYTES, Wanted, Width};
use super::security::EraseTime;

/// IDENTIFY DEVICE (ECh).
pub const IDENTIFY_DEVICE: AtaCommand = AtaCommand {
    feature: 0,
    count: 1,
    lba: 0,
    device: 0,
    command: 0xec,
    protocol: Protocol::PioIn,
    width: Width::Bits28,
    wanted: Wanted::Outcome,
};

/// Low byte of word 255 when its high byte makes the sum of the page zero.
pub(super) const CHECKSUM_SIGNATURE: u8 = 0xa5;

/// The sum of all bytes of a page, modulo 256.
pub(super) fn sum(page: &[u8; SECTOR_BYTES]) -> u8 {
    page.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Why bytes are no IDENTIFY DEVICE page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotIdentify {
    /// Fewer than 512 bytes.
    Short,
    /// All zero or all ones: made up on the way.
    Blank,
    /// Word 255 has its signature, and the sum is wrong.
    Checksum,
}

/// An IDENTIFY DEVICE page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identify {
    words: [u16; 256],
}

/// Whether a word reports: 0000h and FFFFh do not.
const fn reports(word: u16) -> bool {
    !matches!(word, 0x0000 | 0xffff)
}

/// Whether bits 15:14 are 01b, by which words 83, 84, 87, 106, 119, 120 and 209 say that they are valid.
const fn is_marked(word: u16) -> bool {
    word >> 14 == 0b01
}

impl Identify {
    /// From the data of IDENTIFY DEVICE.
    ///
    /// # Errors
    /// When the bytes cannot be such a page.
    pub fn decode(data: &[u8]) -> Result<Self, NotIdentify> {
        let page: &[u8; SECTOR_BYTES] =
            data.get(..SECTOR_BYTES).and_then(|page| page.try_into().ok()).ok_or(NotIdentify::Short)?;
        if page.iter().all(|byte| *byte == 0) || page.iter().all(|byte| *byte == 0xff) {
            return Err(NotIdentify::Blank);
        }
        if page[510] == CHECKSUM_SIGNATURE && sum(page) != 0 {
            return Err(NotIdentify::Checksum);
        }
        let mut words = [0; 256];
        for (word, pair) in words.iter_mut().zip(page.chunks_exact(2)) {
            *word = u16::from_le_bytes([pair[0], pair[1]]);
        }
        Ok(Self { words })
    }

    /// A word, 0 to 255; 0 beyond.
    pub fn word(&self, index: usize) -> u16 {
        self.words.get(index).copied().unwrap_or(0)
    }

    fn bit(&self, index: usize, bit: u32) -> bool {
        self.word(index) & (1 << bit) != 0
    }

    /// Whether word 255 protects the page: when it does, the sum was right.
    pub fn has_checksum(&self) -> bool {
        self.word(255).to_be_bytes()[1] == CHECKSUM_SIGNATURE
    }

    /// Two characters a word, the first in the high byte; what is no printing ASCII becomes `?`.
    fn text(&self, words: std::ops::Range<usize>) -> String {
        let bytes = self.words[words].iter().flat_map(|word| word.to_be_bytes());
        let text: String = bytes
            .map(|byte| match byte {
                0 => ' ',
                b' '..=b'~' => char::from(byte),
                _ => '?',
            })
            .collect();
        text.trim().to_owned()
    }

    /// Serial number (words 10 to 19), trimmed.
    pub fn serial(&self) -> String {
        self.text(10..20)
    }

    /// Firmware revision (words 23 to 26), trimmed.
    pub fn firmware(&self) -> String {
        self.text(23..27)
    }

    /// Model number (words 27 to 46), trimmed.
    pub fn model(&self) -> String {
        self.text(27..47)
    }

    fn number(&self, words: std::ops::Range<usize>) -> u64 {
        self.words[words].iter().rev().fold(0, |number, word| (number << 16) | u64::from(*word))
    }

    /// Words 82 and 83 are valid.
    fn features_are_valid(&self) -> bool {
        is_marked(self.word(83))
    }

    /// Words 85 to 87 are valid.
    fn enabled_are_valid(&self) -> bool {
        is_marked(self.word(87))
    }

    fn supports(&self, word: usize, bit: u32) -> bool {
        self.features_are_valid() && reports(self.word(word)) && self.bit(word, bit)
    }

    /// 48-bit addresses (word 83 bit 10).
    pub fn has_48_bit(&self) -> bool {
        self.supports(83, 10)
    }

    /// Sectors that it presents: words 230 to 233 where word 69 bit 3 says so, else 100 to 103 with 48-bit
    /// addresses, else 60 and 61.
    pub fn sectors(&self) -> u64 {
        let (wide, extended) = (self.number(100..104), self.number(230..234));
        if self.word_69_bit(3) && extended != 0 {
            extended
        } else if self.has_48_bit() && wide != 0 {
            wide
        } else {
            self.number(60..62)
        }
    }

    /// Bytes of a logical sector: words 117 and 118 where word 106 bit 12 says so, else 512.
    pub fn logical_bytes(&self) -> u64 {
        let told = 2 * self.number(117..119);
        if is_marked(self.word(106)) && self.bit(106, 12) && told != 0 { told } else { 512 }
    }

    /// Bytes of a physical sector.
    pub fn physical_bytes(&self) -> u64 {
        let exponent = if is_marked(self.word(106)) && self.bit(106, 13) { self.word(106) & 0x0f } else { 0 };
        self.logical_bytes() << exponent
    }

    /// World wide name (words 108 to 111), where word 87 bit 8 says that there is one.
    pub fn world_wide_name(&self) -> Option<u64> {
        let name = self.words[108..112].iter().fold(0, |name, word| (name << 16) | u64::from(*word));
        (self.enabled_are_valid() && self.bit(87, 8) && name != 0 && name != u64::MAX).then_some(name)
    }

    /// Word 69 is valid when word 53 bit 1 is set.
    fn word_69_bit(&self, bit: u32) -> bool {
        self.bit(53, 1) && reports(self.word(69)) && self.bit(69, bit)
    }

    /// The words that TRIM and encryption stand in are valid (word 53 bit 1).
    pub fn has_additional(&self) -> bool {
        self.bit(53, 1)
    }

    /// Everything that users write is encrypted (word 69 bit 4).
    pub fn encrypts_all(&self) -> bool {
        self.word_69_bit(4)
    }

    /// Reads after TRIM are always the same (word 69 bit 14).
    pub fn deterministic_after_trim(&self) -> bool {
        self.word_69_bit(14)
    }

    /// Reads after TRIM are zeros (word 69 bit 5, which counts only with bit 14).
    pub fn zeros_after_trim(&self) -> bool {
        self.word_69_bit(14) && self.word_69_bit(5)
    }

    /// TRIM (word 169 bit 0).
    pub fn has_trim(&self) -> bool {
        reports(self.word(169)) && self.bit(169, 0)
    }

    /// Nominal rotation rate (word 217): 1 for none, else turns per minute from 401h on; `None` when not told.
    pub fn rotation(&self) -> Option<u16> {
        let word = self.word(217);
        matches!(word, 0x0001 | 0x0401..=0xfffe).then_some(word)
    }

    /// Transport (word 222 bits 15:12): 1 for SATA; `None` when not told.
    pub fn transport(&self) -> Option<u16> {
        let word = self.word(222);
        reports(word).then_some(word >> 12)
    }

    /// SMART is there and enabled (words 82 and 85, bit 0).
    pub fn has_smart(&self) -> bool {
        self.supports(82, 0) && self.enabled_are_valid() && self.bit(85, 0)
    }

    /// General purpose logging (word 84 bit 5): READ LOG EXT.
    pub fn has_logs(&self) -> bool {
        is_marked(self.word(84)) && self.bit(84, 5)
    }

    /// Host protected area (word 82 bit 10).
    pub fn has_hpa(&self) -> bool {
        self.supports(82, 10)
    }

    /// SET MAX security extension (word 83 bit 8).
    pub fn has_hpa_security(&self) -> bool {
        self.supports(83, 8)
    }

    /// Device configuration overlay (word 83 bit 11).
    pub fn has_dco(&self) -> bool {
        self.supports(83, 11)
    }

    /// Accessible max address configuration (word 119 bit 8), where word 86 bit 15 says that word 119 counts.
    pub fn has_ama(&self) -> bool {
        self.enabled_are_valid() && self.bit(86, 15) && is_marked(self.word(119)) && self.bit(119, 8)
    }

    /// The SANITIZE DEVICE feature set (word 59); `None` without bit 12. The word has no validity of its own, and
    /// its bit 8 has nothing to do with it.
    pub fn sanitize(&self) -> Option<SanitizeWord> {
        (reports(self.word(59)) && self.bit(59, 12)).then(|| SanitizeWord {
            block_erase: self.bit(59, 15),
            overwrite: self.bit(59, 14),
            crypto_scramble: self.bit(59, 13),
            antifreeze: self.bit(59, 10),
        })
    }

    /// The Security feature set (word 128); `None` without bit 0.
    pub fn security(&self) -> Option<SecurityWords> {
        (reports(self.word(128)) && self.bit(128, 0)).then(|| SecurityWords {
            enabled: self.bit(128, 1),
            locked: self.bit(128, 2),
            frozen: self.bit(128, 3),
            count_expired: self.bit(128, 4),
            enhanced: self.bit(128, 5),
            master_maximum: self.bit(128, 8),
            normal_time: EraseTime::decode(self.word(89)),
            enhanced_time: EraseTime::decode(self.word(90)),
            master_id: reports(self.word(92)).then(|| self.word(92)),
        })
    }
}

/// Word 59.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SanitizeWord {
    /// BLOCK ERASE EXT (bit 15).
    pub block_erase: bool,
    /// OVERWRITE EXT (bit 14).
    pub overwrite: bool,
    /// CRYPTO SCRAMBLE EXT (bit 13).
    pub crypto_scramble: bool,
    /// ANTIFREEZE LOCK EXT (bit 10).
    pub antifreeze: bool,
}

/// Words 89, 90, 92 and 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityWords {
    /// A user password is set.
    pub enabled: bool,
    /// Locked.
    pub locked: bool,
    /// Frozen.
    pub frozen: bool,
    /// Too many wrong passwords since power-on.
    pub count_expired: bool,
    /// Enhanced erase.
    pub enhanced: bool,
    /// The master password can only erase.
    pub master_maximum: bool,
    /// Word 89.
    pub normal_time: EraseTime,
    /// Word 90.
    pub enhanced_time: EraseTime,
    /// Word 92; `None` when not told.
    pub master_id: Option<u16>,
}

#[cfg(test)]
mod tests;
