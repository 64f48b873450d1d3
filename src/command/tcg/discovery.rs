//! Level 0 discovery: what a TPer says about itself before any session.
//!
//! Layout after Linux `block/opal_proto.h` and sedutil's `DtaStructures.h`: a header of 48 bytes (length of what
//! follows the length field, revision), then features of four bytes and as many more as their fourth says. Feature
//! codes 0301h to 0304h and 0404h are from memory in the project's facts; sedutil has the same.

/// The ComID that discovery is asked on.
pub const COM_ID_DISCOVERY: u16 = 1;

const HEADER: usize = 48;

/// What a TPer told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Major and minor revision of the data structure, as one number.
    pub revision: u32,
    /// Features in order.
    pub features: Vec<Feature>,
}

/// One feature descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Which.
    pub code: u16,
    /// Version of the descriptor, upper half of its third byte.
    pub version: u8,
    /// What follows its four bytes.
    pub data: Vec<u8>,
}

/// Why TCG cannot be used on a drive that was asked for discovery. Such answers happen on drives in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotUsable {
    /// The length field is zero, or nothing came.
    Empty,
    /// Fewer bytes came than the header has.
    ShortHeader {
        /// How many.
        bytes: usize,
    },
    /// The length field does not fit what came.
    Length {
        /// Bytes of the whole structure, as it says.
        says: u64,
        /// Bytes that came.
        came: usize,
    },
    /// A feature is cut off.
    CutOff {
        /// Its code.
        code: u16,
    },
    /// There is no TPer feature.
    NoTper,
}

impl std::fmt::Display for NotUsable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("Level 0 discovery came back empty"),
            Self::ShortHeader { bytes } => write!(f, "Level 0 discovery came back with {bytes} bytes only"),
            Self::Length { says, came } => {
                write!(f, "Level 0 discovery says that it has {says} bytes, and {came} came")
            }
            Self::CutOff { code } => write!(f, "Level 0 discovery ends inside feature {code:04X}h"),
            Self::NoTper => f.write_str("Level 0 discovery names no TPer"),
        }
    }
}

/// A security subsystem class that a feature stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 0203h.
    Opal2,
    /// 0200h.
    Opal1,
    /// 0304h.
    Ruby,
    /// 0301h.
    Opalite,
    /// 0303h.
    Pyrite2,
    /// 0302h.
    Pyrite1,
    /// 0100h.
    Enterprise,
}

impl Class {
    /// All, the one first that is taken when a drive names several.
    const ALL: [Self; 7] =
        [Self::Opal2, Self::Opal1, Self::Ruby, Self::Opalite, Self::Pyrite2, Self::Pyrite1, Self::Enterprise];

    const fn code(self) -> u16 {
        match self {
            Self::Opal2 => 0x0203,
            Self::Opal1 => 0x0200,
            Self::Ruby => 0x0304,
            Self::Opalite => 0x0301,
            Self::Pyrite2 => 0x0303,
            Self::Pyrite1 => 0x0302,
            Self::Enterprise => 0x0100,
        }
    }
}

/// Feature 0002h, its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locking(u8);

impl Locking {
    /// Bit 0: there is a Locking SP.
    pub const fn supported(self) -> bool {
        self.0 & 1 != 0
    }

    /// Bit 1: it was activated.
    pub const fn enabled(self) -> bool {
        self.0 & 2 != 0
    }

    /// Bit 2: some range is locked.
    pub const fn locked(self) -> bool {
        self.0 & 4 != 0
    }

    /// Bit 3: the medium is encrypted.
    pub const fn media_encryption(self) -> bool {
        self.0 & 8 != 0
    }

    /// Bit 4: the shadow MBR is enabled.
    pub const fn mbr_enabled(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Bit 5: it is done.
    pub const fn mbr_done(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// Whether nothing stands between a host and the medium: not enabled, not locked, no shadow MBR.
    pub const fn is_open(self) -> bool {
        !self.enabled() && !self.locked() && !self.mbr_enabled()
    }
}

/// Feature 0402h (bits after sedutil).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSid(u8);

impl BlockSid {
    /// Bit 0: the SID is not its default value any more.
    pub const fn sid_is_changed(self) -> bool {
        self.0 & 1 != 0
    }

    /// Bit 1: nobody can be SID until the power is cycled.
    pub const fn is_blocked(self) -> bool {
        self.0 & 2 != 0
    }
}

impl Discovery {
    /// Reads the answer; bytes after the structure's own end mean nothing.
    ///
    /// # Errors
    /// Why TCG is not usable.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotUsable> {
        let Some(head) = bytes.first_chunk::<8>() else {
            return Err(if bytes.is_empty() {
                NotUsable::Empty
            } else {
                NotUsable::ShortHeader { bytes: bytes.len() }
            });
        };
        let [l0, l1, l2, l3, r0, r1, r2, r3] = *head;
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        if length == 0 {
            return Err(NotUsable::Empty);
        }
        if bytes.len() < HEADER {
            return Err(NotUsable::ShortHeader { bytes: bytes.len() });
        }
        let says = u64::from(length) + 4;
        let bad_length = NotUsable::Length { says, came: bytes.len() };
        let whole = usize::try_from(says).ok().and_then(|says| bytes.get(..says)).ok_or(bad_length)?;
        let mut rest = whole.get(HEADER..).ok_or(bad_length)?;
        let mut features = Vec::new();
        // Zeros up to the end are filling.
        while rest.iter().any(|byte| *byte != 0) {
            let (feature, tail) = one(rest)?;
            features.push(feature);
            rest = tail;
        }
        let discovery = Self { revision: u32::from_be_bytes([r0, r1, r2, r3]), features };
        if discovery.data(0x0001).is_some() { Ok(discovery) } else { Err(NotUsable::NoTper) }
    }

    /// What the first feature of this code holds.
    pub fn data(&self, code: u16) -> Option<&[u8]> {
        self.features.iter().find(|feature| feature.code == code).map(|feature| feature.data.as_slice())
    }

    fn flags(&self, code: u16) -> Option<u8> {
        self.data(code)?.first().copied()
    }

    /// Feature 0002h.
    pub fn locking(&self) -> Option<Locking> {
        self.flags(0x0002).map(Locking)
    }

    /// Feature 0402h.
    pub fn block_sid(&self) -> Option<BlockSid> {
        self.flags(0x0402).map(BlockSid)
    }

    /// Whether the TPer feature (0001h) says that a ComID can be reset (bit 6).
    pub fn manages_com_ids(&self) -> bool {
        self.flags(0x0001).is_some_and(|flags| flags & 0x40 != 0)
    }

    /// Feature 0404h: the mechanisms by which data is removed (bits of its third byte, from memory: 0 overwrite,
    /// 1 block erase, 2 cryptographic erase, 3 unmap, 4 reset write pointers, 5 vendor's own).
    pub fn data_removal(&self) -> Option<u8> {
        self.data(0x0404)?.get(2).copied()
    }

    /// Feature 0404h: whether the drive is still removing data (bit 0 of its second byte, after sedutil).
    pub fn is_removing(&self) -> bool {
        self.data(0x0404).and_then(|data| data.get(1)).is_some_and(|flags| flags & 1 != 0)
    }

    /// The class that the drive is of, with the first of its ComIDs.
    pub fn class(&self) -> Option<(Class, u16)> {
        Class::ALL.into_iter().find_map(|class| {
            let com_id: &[u8; 2] = self.data(class.code())?.first_chunk()?;
            Some((class, u16::from_be_bytes(*com_id)))
        })
    }
}

fn one(rest: &[u8]) -> Result<(Feature, &[u8]), NotUsable> {
    let Some((head, tail)) = rest.split_first_chunk::<4>() else { return Err(NotUsable::CutOff { code: 0 }) };
    let [code0, code1, version, length] = *head;
    let code = u16::from_be_bytes([code0, code1]);
    let Some((data, tail)) = tail.split_at_checked(usize::from(length)) else {
        return Err(NotUsable::CutOff { code });
    };
    Ok((Feature { code, version: version >> 4, data: data.to_vec() }, tail))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An Opal 2 drive with its Locking SP activated and a shadow MBR that is done, put together by hand after
    /// sedutil's structures.
    fn opal() -> Vec<u8> {
        let mut bytes = vec![0; 48];
        bytes.extend([0, 1, 0x10, 12, 0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0, 2, 0x10, 12, 0x3B, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([2, 3, 0x20, 16, 0x07, 0xFE, 0, 1, 0, 0, 4, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([4, 2, 0x10, 12, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes[3] = u8::try_from(bytes.len() - 4).unwrap();
        bytes[5] = 1;
        bytes.resize(2048, 0);
        bytes
    }

    #[test]
    fn an_opal_drive_is_read() {
        let discovery = Discovery::decode(&opal()).unwrap();
        assert_eq!(discovery.revision, 0x0001_0000);
        let codes: Vec<u16> = discovery.features.iter().map(|feature| feature.code).collect();
        assert_eq!(codes, [0x0001, 0x0002, 0x0203, 0x0402]);
        assert_eq!(discovery.class(), Some((Class::Opal2, 0x07FE)));
        let locking = discovery.locking().unwrap();
        assert!(locking.supported() && locking.enabled() && locking.media_encryption());
        assert!(!locking.locked() && locking.mbr_enabled() && locking.mbr_done());
        assert!(!locking.is_open());
        assert!(discovery.manages_com_ids());
        let sid = discovery.block_sid().unwrap();
        assert!(sid.sid_is_changed() && sid.is_blocked());
    }

    #[test]
    fn nothing_is_assumed_of_an_answer_that_is_not_one() {
        assert_eq!(Discovery::decode(&[]), Err(NotUsable::Empty));
        assert_eq!(Discovery::decode(&[0; 2048]), Err(NotUsable::Empty));
        assert_eq!(Discovery::decode(&opal()[..40]), Err(NotUsable::ShortHeader { bytes: 40 }));
        assert_eq!(Discovery::decode(&opal()[..60]), Err(NotUsable::Length { says: 116, came: 60 }));
        assert_eq!(
            Discovery::decode(&[0xFF; 512]),
            Err(NotUsable::Length { says: 0x1_0000_0003, came: 512 })
        );
        let mut short = opal();
        short[3] = 20;
        assert_eq!(Discovery::decode(&short), Err(NotUsable::Length { says: 24, came: 2048 }));
        let mut cut = opal();
        cut[3] = 70;
        assert_eq!(Discovery::decode(&cut), Err(NotUsable::CutOff { code: 2 }));
        let mut no_tper = opal();
        no_tper[49] = 0xEE;
        assert_eq!(Discovery::decode(&no_tper), Err(NotUsable::NoTper));
    }

    /// Feature 0404h after sedutil's structure: reserved, flags, mechanisms.
    #[test]
    fn data_removal_is_read() {
        let mut bytes = opal();
        assert!(!Discovery::decode(&bytes).unwrap().is_removing());
        bytes[116..123].copy_from_slice(&[4, 4, 0x10, 3, 0, 1, 0x06]);
        bytes[3] = 119;
        let discovery = Discovery::decode(&bytes).unwrap();
        assert!(discovery.is_removing());
        assert_eq!(discovery.data_removal(), Some(0x06), "block erase and cryptographic erase");
    }

    #[test]
    fn a_feature_without_content_says_nothing() {
        let mut bytes = opal();
        bytes[67] = 0; // Locking has no flags byte; what was its data is read as features.
        assert!(Discovery::decode(&bytes).ok().and_then(|discovery| discovery.locking()).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _discovery = Discovery::decode(&bytes);
        }

        #[test]
        fn any_broken_byte_is_read_without_a_panic(at in 0_usize..120, byte: u8) {
            let mut bytes = opal();
            bytes[at] = byte;
            if let Ok(discovery) = Discovery::decode(&bytes) {
                let _class = discovery.class();
                let _removal = discovery.data_removal();
            }
        }
    }
}
