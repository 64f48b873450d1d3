//! What a drive behind a network says of itself and a drive in a slot does not: filled in where the drive left zeroes
//! or says what only holds in a slot. Offsets as in the Identify Controller structure of `linux/nvme.h`.

/// Size of any Identify structure.
pub(super) const BYTES: usize = 4096;

/// Identifier of the only controller.
pub(super) const CONTROLLER: u16 = 1;

/// Fills in what the transport needs.
pub(super) fn for_fabrics(data: &mut [u8], name: &str) {
    if data.len() < BYTES {
        return;
    }
    let mut put = |at: usize, bytes: &[u8]| data[at..at + bytes.len()].copy_from_slice(bytes);
    // MDTS: 2^7 pages, 512 KiB. CNTLID: the one that Connect gave.
    put(77, &[7]);
    put(78, &CONTROLLER.to_le_bytes());
    // VER at least 1.3, KAS in units of 100 ms, CNTRLTYPE: I/O controller.
    put(80, &0x0001_0400_u32.to_le_bytes());
    put(111, &[1]);
    put(320, &10_u16.to_le_bytes());
    // SQES, CQES: 64 and 16 bytes. MAXCMD.
    put(512, &[0x66, 0x44]);
    put(514, &128_u16.to_le_bytes());
    // SGLS: SGLs, keyed ones and offsets in capsules not needed by TCP.
    put(536, &0x0010_0001_u32.to_le_bytes());
    put(768, &[0; 256]);
    put(768, name.as_bytes());
    // IOCCSZ and IORCSZ in units of 16 bytes (no data in capsules), ICDOFF, FCATT, MSDBD.
    put(1792, &4_u32.to_le_bytes());
    put(1796, &1_u32.to_le_bytes());
    put(1800, &[0, 0, 0, 1]);
}

/// The descriptor list of a namespace (CNS 03h) for a drive that has none: an NGUID (type 2) made of its number.
pub(super) fn descriptors(name: &str, nsid: u32) -> Vec<u8> {
    let mut data = vec![0; BYTES];
    (data[0], data[1]) = (2, 16);
    // FNV-1a, so that drives differ.
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    data[4..12].copy_from_slice(&hash.to_be_bytes());
    data[16..20].copy_from_slice(&nsid.to_be_bytes());
    data
}
