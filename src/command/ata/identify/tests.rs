use proptest::prelude::*;

use super::*;

/// A page with these words and a right sum.
fn page(words: &[(usize, u16)]) -> [u8; 512] {
    let mut page = [0; 512];
    for (index, word) in words {
        page[2 * index..2 * index + 2].copy_from_slice(&word.to_le_bytes());
    }
    page[510] = 0xa5;
    let sum = page.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    page[511] = sum.wrapping_neg();
    page
}

fn identify(words: &[(usize, u16)]) -> Identify {
    Identify::decode(&page(words)).unwrap()
}

#[test]
fn a_page_is_told_from_other_bytes() {
    assert_eq!(Identify::decode(&[0; 511]), Err(NotIdentify::Short));
    assert_eq!(Identify::decode(&[0; 512]), Err(NotIdentify::Blank));
    assert_eq!(Identify::decode(&[0xff; 512]), Err(NotIdentify::Blank));
    let mut bytes = page(&[(0, 0x0040)]);
    assert!(Identify::decode(&bytes).unwrap().has_checksum());
    bytes[0] ^= 1;
    assert_eq!(Identify::decode(&bytes), Err(NotIdentify::Checksum));
    bytes[510] = 0;
    assert!(!Identify::decode(&bytes).unwrap().has_checksum(), "old drives have no sum");
}

#[test]
fn names_have_their_bytes_swapped_in_each_word() {
    let text = |text: &[u8; 8], at: usize| -> Vec<(usize, u16)> {
        let pairs = text.chunks_exact(2).enumerate();
        pairs.map(|(index, pair)| (at + index, u16::from_be_bytes([pair[0], pair[1]]))).collect()
    };
    let words = [text(b"  WD-123", 10), text(b"01.A\xff \0\0", 23), text(b"MODEL X ", 27)].concat();
    let identify = identify(&words);
    assert_eq!((identify.serial(), identify.firmware()), ("WD-123".into(), "01.A?".into()));
    assert_eq!(identify.model(), "MODEL X");
}

#[test]
fn the_sanitize_word_counts_only_with_bit_12() {
    // QEMU sets word 59 to 0100h and a number: the multiple sector setting (firmware-purge.md 3.1).
    for word in [0x0000, 0xffff, 0x0110, 0xe000, 0xe110] {
        assert_eq!(identify(&[(59, word)]).sanitize(), None, "{word:04x}");
    }
    let expected =
        SanitizeWord { block_erase: true, overwrite: false, crypto_scramble: true, antifreeze: false };
    assert_eq!(identify(&[(59, 0xb110)]).sanitize(), Some(expected));
    let expected =
        SanitizeWord { block_erase: false, overwrite: true, crypto_scramble: false, antifreeze: true };
    assert_eq!(identify(&[(59, 0x5400)]).sanitize(), Some(expected));
}

#[test]
fn security_is_word_128() {
    assert_eq!(identify(&[(128, 0)]).security(), None);
    assert_eq!(identify(&[(128, 0xffff)]).security(), None);
    assert_eq!(identify(&[(128, 0x0020)]).security(), None, "without bit 0");
    let locked = identify(&[(89, 60), (90, 0x8100), (92, 0xfffe), (128, 0x0127)]).security().unwrap();
    let expected = SecurityWords {
        enabled: true,
        locked: true,
        frozen: false,
        count_expired: false,
        enhanced: true,
        master_maximum: true,
        normal_time: EraseTime::Minutes { minutes: 120 },
        enhanced_time: EraseTime::Minutes { minutes: 512 },
        master_id: Some(0xfffe),
    };
    assert_eq!(locked, expected);
    let frozen = identify(&[(128, 0x0019)]).security().unwrap();
    assert!(frozen.frozen && frozen.count_expired && !frozen.enabled && frozen.master_id.is_none());
}

#[test]
fn sectors_are_taken_from_the_widest_valid_words() {
    // 976,773,168 = 3A386030h; 28-bit addresses end at 268,435,455 = 0FFFFFFFh.
    let old = [(60, 0xffff), (61, 0x0fff)];
    let wide = [(83, 0x4400), (100, 0x6030), (101, 0x3a38)];
    assert_eq!(identify(&old).sectors(), 268_435_455);
    assert_eq!(identify(&[old.to_vec(), wide.to_vec()].concat()).sectors(), 976_773_168);
    let invalid = [(83, 0x0400), (100, 0x6030), (101, 0x3a38)];
    assert_eq!(identify(&[old.to_vec(), invalid.to_vec()].concat()).sectors(), 268_435_455);
    let extended = [(53, 2), (69, 8), (230, 1), (232, 1)];
    assert_eq!(identify(&[wide.to_vec(), extended.to_vec()].concat()).sectors(), (1 << 32) + 1);
}

#[test]
fn block_sizes_follow_word_106() {
    assert_eq!((identify(&[]).logical_bytes(), identify(&[]).physical_bytes()), (512, 512));
    let emulated = identify(&[(106, 0x6003)]);
    assert_eq!((emulated.logical_bytes(), emulated.physical_bytes()), (512, 4096));
    let native = identify(&[(106, 0x5000), (117, 2048)]);
    assert_eq!((native.logical_bytes(), native.physical_bytes()), (4096, 4096));
    assert_eq!(identify(&[(106, 0x1000), (117, 2048)]).logical_bytes(), 512, "not valid");
}

#[test]
fn features_count_only_where_their_words_are_valid() {
    let all =
        [(82, 0x0401), (83, 0x4d00), (84, 0x4020), (85, 0x0001), (86, 0x8000), (87, 0x4100), (119, 0x4100)];
    let has = |identify: &Identify| {
        [
            identify.has_hpa(),
            identify.has_hpa_security(),
            identify.has_dco(),
            identify.has_48_bit(),
            identify.has_smart(),
            identify.has_logs(),
            identify.has_ama(),
        ]
    };
    assert_eq!(has(&identify(&all)), [true; 7]);
    let unmarked: Vec<_> = all.iter().map(|(index, word)| (*index, word & !0x4000)).collect();
    assert_eq!(has(&identify(&unmarked)), [false; 7]);
}

#[test]
fn trim_encryption_rotation_and_name() {
    let bits = identify(&[(53, 2), (69, 0x4030), (169, 1), (217, 1)]);
    assert!(
        bits.encrypts_all() && bits.deterministic_after_trim() && bits.zeros_after_trim() && bits.has_trim()
    );
    assert_eq!(bits.rotation(), Some(1));
    let not_valid = identify(&[(69, 0x4030)]);
    assert!(!not_valid.encrypts_all() && !not_valid.deterministic_after_trim());
    assert!(!identify(&[(53, 2), (69, 0x0020)]).zeros_after_trim(), "zeros only when deterministic");
    assert_eq!(identify(&[(217, 7200)]).rotation(), Some(7200));
    assert_eq!(identify(&[(217, 0x0400)]).rotation(), None);
    let named = identify(&[(87, 0x4100), (108, 0x5000), (109, 0xc500), (110, 0x1234), (111, 0xabcd)]);
    assert_eq!(named.world_wide_name(), Some(0x5000_c500_1234_abcd));
    assert_eq!(identify(&[(222, 0x107e)]).transport(), Some(1));
}

proptest! {
    #[test]
    fn any_page_is_read_without_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..700)) {
        if let Some(signature) = bytes.get_mut(510) {
            *signature = 0;
        }
        if let Ok(identify) = Identify::decode(&bytes) {
            let texts = [identify.serial(), identify.model(), identify.firmware()];
            prop_assert!(texts.iter().all(|text| text.is_ascii() && text.trim() == text));
            let _numbers = (identify.sectors(), identify.physical_bytes(), identify.world_wide_name());
            let _facts = (identify.security(), identify.sanitize(), identify.rotation());
            prop_assert!(identify.logical_bytes() > 0);
        }
    }
}
