//! IDENTIFY DEVICE (ECh).
use super::Erase;
use super::areas::seal;
use crate::sim::controller::bytes::{low32, put};
use crate::sim::controller::scsi::state::Unit;

/// Text in words, each with its bytes swapped.
fn put_swapped(words: &mut [u8], first: usize, count: usize, text: &str) {
    let mut field = text.as_bytes().to_vec();
    field.resize(count * 2, b' ');
    for (at, pair) in field.chunks_exact(2).enumerate() {
        put(words, (first + at) * 2, &[pair[1], pair[0]]);
    }
}

fn put_word(words: &mut [u8], at: usize, value: u16) {
    put(words, at * 2, &value.to_le_bytes());
}

impl Unit {
    pub(super) fn identify(&self) -> Vec<u8> {
        let mut words = vec![0; 512];
        let Some(traits) = self.traits() else { return words };
        put_word(&mut words, 0, 0x0040);
        put_swapped(&mut words, 10, 10, &self.serial());
        put_swapped(&mut words, 23, 4, "1.0");
        put_swapped(&mut words, 27, 20, "Expunge Simulated ATA Drive");
        put_word(&mut words, 49, 0x0F00);
        if self.security.is_some() {
            put_word(&mut words, 48, 0x4001);
        }
        // Words 64 to 70 and 88 are valid.
        put_word(&mut words, 53, 0x0006);
        put_word(&mut words, 59, traits.word_59);
        let sectors = self.core.presented;
        put(&mut words, 120, &low32(sectors.min(0x0FFF_FFFF)).to_le_bytes());
        put(&mut words, 200, &sectors.to_le_bytes());
        let solid = traits.rotation == 1;
        let mut word_69 = if solid { 1 << 14 | 1 << 5 } else { 0 };
        word_69 |= u16::from(traits.encrypts_all) << 4;
        put_word(&mut words, 69, word_69);
        put_word(&mut words, 76, 0x000E);
        put_word(&mut words, 80, 0x0FF0);
        self.put_sets(&mut words);
        self.put_security(&mut words);
        if self.core.shape.block_bytes == 4096 {
            // Logical sectors of 2,048 words.
            put_word(&mut words, 106, 0x5000);
            put(&mut words, 234, &2048_u32.to_le_bytes());
        }
        for (at, pair) in self.world_wide_name().chunks_exact(2).enumerate() {
            put(&mut words, (108 + at) * 2, &[pair[1], pair[0]]);
        }
        put_word(&mut words, 169, u16::from(solid));
        put_word(&mut words, 217, traits.rotation);
        put_word(&mut words, 222, 0x107F);
        seal(&mut words);
        words
    }

    /// Feature sets: 82 to 84 supported, 85 to 87 enabled, 119 and 120 more of them.
    fn put_sets(&self, words: &mut [u8]) {
        let Some(traits) = self.traits() else { return };
        let bit = |set: bool, place: u32| u16::from(set) << place;
        let has_security = traits.security != Erase::None;
        let common = 1 | 1 << 5 | bit(traits.hpa, 10);
        put_word(words, 82, common | bit(has_security, 1));
        put_word(words, 85, common | bit(self.ata.passwords.enabled, 1));
        let second = 1 << 10 | 1 << 12 | 1 << 13 | bit(traits.dco, 11);
        put_word(words, 83, 0x4000 | second);
        put_word(words, 86, 0x8000 | second);
        // General purpose logging, world wide name.
        put_word(words, 84, 0x4000 | 1 << 5 | 1 << 8);
        put_word(words, 87, 0x4000 | 1 << 5 | 1 << 8);
        put_word(words, 119, 0x4000 | bit(traits.ama, 8));
        put_word(words, 120, 0x4000 | bit(traits.ama, 8));
    }

    fn put_security(&self, words: &mut [u8]) {
        let Some(traits) = self.traits() else { return };
        if traits.security == Erase::None {
            return;
        }
        let bit = |set: bool, place: u32| u16::from(set) << place;
        let passwords = &self.ata.passwords;
        put_word(words, 89, traits.times[0]);
        put_word(words, 90, traits.times[1]);
        put_word(words, 92, passwords.master_id);
        let state = 1
            | bit(passwords.enabled, 1)
            | bit(passwords.locked, 2)
            | bit(passwords.frozen, 3)
            | bit(passwords.expired, 4)
            | bit(traits.security == Erase::Enhanced, 5)
            | bit(passwords.maximum && passwords.enabled, 8);
        put_word(words, 128, state);
    }

    /// VPD page 89h after its head: the translation layer, the first frame of the drive, its command and IDENTIFY data.
    pub(in crate::sim::controller) fn ata_information(&self) -> Vec<u8> {
        use crate::sim::controller::bytes::put_text;
        let mut body = vec![0; 568];
        put_text(&mut body, 4, 8, "EXPUNGE");
        put_text(&mut body, 12, 16, "Sim SATL");
        put_text(&mut body, 28, 4, "1.0");
        // A frame from device to host: status 50h, signature of a SATA drive.
        put(&mut body, 32, &[0x34, 0x00, 0x50, 0x01, 0x01, 0, 0, 0]);
        body[52] = 0xEC;
        put(&mut body, 56, &self.identify());
        body
    }
}
