//! The model against the tables of the reference; all command bytes are written by hand.
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::io::{BlockRead, BlockWrite, Transfer};
use crate::sim::controller::quirk::{FailureMode, Quirk, Stale};
use crate::sim::controller::security::SecurityRefusal;
use crate::sim::controller::{Deed, Ending, Work};
use crate::unit::{BlockCount, Lba, LbaRange};

const LONG: Duration = Duration::from_secs(3600);
const DONE: NvmeAnswer = NvmeAnswer::Completed { result: 0 };

fn shape() -> Shape {
    Shape { command_ms: 0, ..Shape::small(512, 64).used() }
}

fn sim(quirks: &[Quirk]) -> NvmeSim {
    NvmeSim::new(NvmeSpec::new(Shape { quirks: quirks.to_vec(), ..shape() }))
}

/// Opcode, namespace, CDW10, CDW11.
fn entry(opcode: u8, nsid: u32, cdw10: u32, cdw11: u32) -> [u8; 64] {
    let mut entry = [0; 64];
    entry[0] = opcode;
    entry[4..8].copy_from_slice(&nsid.to_le_bytes());
    entry[40..44].copy_from_slice(&cdw10.to_le_bytes());
    entry[44..48].copy_from_slice(&cdw11.to_le_bytes());
    entry
}

fn send(sim: &NvmeSim, entry: &[u8; 64]) -> NvmeAnswer {
    sim.port().admin(entry, Data::None, LONG)
}

fn fetch(sim: &NvmeSim, entry: &[u8; 64], bytes: usize) -> Vec<u8> {
    let mut page = vec![0xAA; bytes];
    assert_eq!(sim.port().admin(entry, Data::FromDrive(&mut page), LONG), DONE);
    page
}

/// SPROG, SSTAT and SCDW10.
fn status(sim: &NvmeSim) -> (u16, u16, u32) {
    let page = fetch(sim, &entry(0x02, u32::MAX, 0x007F_8081, 0), 512);
    let word = |at: usize| u16::from_le_bytes([page[at], page[at + 1]]);
    (word(0), word(2), u32::from_le_bytes([page[4], page[5], page[6], page[7]]))
}

fn pass(sim: &NvmeSim, seconds: u64) {
    sim.pass_time(Duration::from_secs(seconds));
}

fn is_clean(sim: &NvmeSim) -> bool {
    let residue = sim.oracle().residue();
    residue.addressable.is_empty() && residue.unaddressable_cells == 0
}

#[test]
fn block_erase_runs_in_the_background_and_reaches_every_cell() {
    let sim = sim(&[]);
    let residue = sim.oracle().residue();
    assert_eq!((residue.addressable.count().0, residue.unaddressable_cells), (64, 10));
    assert_eq!(status(&sim), (0xFFFF, 0, 0));
    assert_eq!(send(&sim, &entry(0x84, 0, 2, 0)), DONE);
    pass(&sim, 30);
    assert_eq!(status(&sim), (0x4000, 2, 2));
    assert_eq!(send(&sim, &entry(0x84, 0, 2, 0)), NvmeAnswer::Status { field: 0x1D });
    assert_eq!(sim.read_blocks(1, 0, &mut [0; 512]), 0x1D);
    assert!(!is_clean(&sim));
    pass(&sim, 90);
    // Success with Global Data Erased: the value that a comparison with 1 fails on.
    assert_eq!(status(&sim), (0xFFFF, 0x101, 2));
    assert!(is_clean(&sim));
    let mut block = [1; 512];
    assert_eq!((sim.read_blocks(1, 63, &mut block), block), (0, [0; 512]));
    assert_eq!(sim.write_blocks(1, 63, &[5; 512]), 0);
    assert_eq!(status(&sim).1, 1, "something was written since");
    let deed = Deed { work: Work::BlockErase, ending: Ending::Succeeded, left: 0 };
    assert_eq!(sim.oracle().deeds(), [deed]);
    assert_eq!(sim.oracle().asked()[1].command, entry(0x84, 0, 2, 0));
}

#[test]
fn overwrite_has_sixteen_passes_for_zero_and_ends_by_parity() {
    // NDAS, two passes inverted, pattern 0F 00 FF 01.
    let sim = sim(&[]);
    assert_eq!(send(&sim, &entry(0x84, 0, 0x0000_0323, 0x01FF_000F)), DONE);
    pass(&sim, 900);
    assert_eq!(status(&sim), (0xC000, 2 | 1 << 3, 0x323));
    pass(&sim, 300);
    assert_eq!(status(&sim).1, 0x111);
    let mut block = [0; 512];
    assert_eq!(sim.read_blocks(1, 1, &mut block), 0);
    assert_eq!(block[..8], [0xF0, 0xFF, 0x00, 0xFE, 0xF0, 0xFF, 0x00, 0xFE]);
    assert_eq!(send(&sim, &entry(0x84, 0, 0x0000_0003, 0)), DONE);
    pass(&sim, 16 * 600 - 1);
    assert_eq!(status(&sim).1 & 7, 2);
    pass(&sim, 1);
    assert_eq!(status(&sim).1, 0x181);
}

#[test]
fn crypto_erase_leaves_noise_and_refuses_what_the_controller_does_not_have() {
    let erased = sim(&[]);
    erased.write_blocks(1, 5, b"CANARY OF TESTS!".repeat(32).as_slice());
    assert_eq!(erased.oracle().cells_with(b"CANARY OF TESTS!"), 1);
    assert_eq!(send(&erased, &entry(0x84, 0, 4, 0)), DONE);
    pass(&erased, 2);
    let mut block = [0; 512];
    assert_eq!((erased.read_blocks(1, 5, &mut block), status(&erased).1), (0, 0x101));
    assert!(block != [0; 512] && is_clean(&erased));
    assert_eq!(erased.oracle().cells_with(b"CANARY OF TESTS!"), 0);
    let zeros = sim(&[Quirk::ZerosAfterCrypto]);
    assert_eq!(send(&zeros, &entry(0x84, 0, 4, 0)), DONE);
    pass(&zeros, 2);
    assert_eq!((zeros.read_blocks(1, 5, &mut block), block), (0, [0; 512]));
    let invalid = NvmeAnswer::Status { field: 0x4002 };
    // EMVS and PREQ without VERS and SPRRS, a namespace, actions that do not exist.
    for (nsid, cdw10) in [(0, 0x402), (0, 0x802), (1, 2), (0, 0), (0, 6), (0, 7), (0, 5)] {
        assert_eq!(send(&zeros, &entry(0x84, nsid, cdw10, 0)), invalid, "{nsid} {cdw10:x}");
    }
    let none = NvmeSim::new(NvmeSpec { sanicap: 0, ..NvmeSpec::new(shape()) });
    assert_eq!(send(&none, &entry(0x84, 0, 2, 0)), NvmeAnswer::Status { field: 0x4001 });
}

#[test]
fn no_deallocate_that_is_inhibited_is_an_error_or_a_warning() {
    // As in a client drive that was seen: NDI and block erase alone.
    let spec = NvmeSpec { sanicap: 0xA000_0002, ..NvmeSpec::new(shape()) };
    let sim = NvmeSim::new(spec);
    assert_eq!(send(&sim, &entry(0x84, 0, 0x202, 0)), NvmeAnswer::Status { field: 0x4002 });
    assert_eq!(send(&sim, &entry(0x09, 0, 0x17, 1)), DONE);
    assert_eq!(send(&sim, &entry(0x0A, 0, 0x17, 0)), NvmeAnswer::Completed { result: 1 });
    assert_eq!(send(&sim, &entry(0x84, 0, 0x202, 0)), DONE);
    pass(&sim, 120);
    assert_eq!(status(&sim), (0xFFFF, 0x104, 0x202));
    assert!(is_clean(&sim));
}

#[test]
fn a_failure_is_left_by_the_road_that_its_mode_allows() {
    let fails = Quirk::Fails { at: 0x8000, times: 1 };
    let restricted = sim(&[fails]);
    assert_eq!(send(&restricted, &entry(0x84, 0, 2, 0)), DONE);
    pass(&restricted, 60);
    assert_eq!(status(&restricted), (0xFFFF, 3, 2));
    assert_eq!(restricted.read_blocks(1, 0, &mut [0; 512]), 0x1C);
    let failed = NvmeAnswer::Status { field: 0x401C };
    assert_eq!(send(&restricted, &entry(0x80, 1, 0x201, 0)), failed);
    assert_eq!(send(&restricted, &entry(0x84, 0, 1, 0)), failed, "exit failure mode");
    assert_eq!(send(&restricted, &entry(0x84, 0, 0x0A, 0)), failed, "unrestricted");
    assert_eq!(send(&restricted, &entry(0x84, 0, 2, 0)), DONE);
    pass(&restricted, 120);
    assert_eq!(status(&restricted).1, 0x101);
    let unrestricted = sim(&[fails]);
    assert_eq!(send(&unrestricted, &entry(0x84, 0, 0x0A, 0)), DONE);
    pass(&unrestricted, 60);
    assert_eq!(status(&unrestricted).1, 3);
    assert_eq!(send(&unrestricted, &entry(0x84, 0, 1, 0)), DONE);
    assert_eq!(unrestricted.read_blocks(1, 63, &mut [0; 512]), 0);
    assert!(!is_clean(&unrestricted));
}

#[test]
fn media_verification_shows_the_medium_before_the_map_is_forgotten() {
    let sim = NvmeSim::new(NvmeSpec { sanicap: 0x4000_002F, ..NvmeSpec::new(shape()) });
    assert_eq!(send(&sim, &entry(0x84, 0, 0xC02, 0)), DONE);
    pass(&sim, 120);
    let page = fetch(&sim, &entry(0x02, u32::MAX, 0x007F_0081, 0), 512);
    assert_eq!((page[36], page[2] & 7, page[3] & 8), (5, 2, 8));
    let mut block = [0; 512];
    assert_eq!((sim.read_blocks(1, 0, &mut block), block), (0, [0xFF; 512]));
    assert_eq!(sim.write_blocks(1, 0, &block), 0x1D);
    assert_eq!(send(&sim, &entry(0x84, 0, 5, 0)), DONE);
    assert_eq!((status(&sim).1, sim.read_blocks(1, 0, &mut block), block), (0x901, 0, [0; 512]));
}

#[test]
fn an_operation_survives_the_loss_of_power_and_no_time_passes_for_it_meanwhile() {
    let sim = sim(&[]);
    let mut port = sim.port();
    assert_eq!(send(&sim, &entry(0x84, 0, 2, 0)), DONE);
    pass(&sim, 30);
    sim.power_cut();
    pass(&sim, 4000);
    let dead = NvmeAnswer::NotCompleted { errno: 19 };
    let log = entry(0x02, u32::MAX, 0x007F_0081, 0);
    assert_eq!((port.admin(&log, Data::None, LONG), send(&sim, &log)), (dead, dead));
    sim.power_on();
    assert_eq!(port.admin(&log, Data::None, LONG), dead, "a port of the old node");
    assert_eq!(status(&sim), (0x4000, 2, 2));
    pass(&sim, 90);
    assert!(is_clean(&sim));
    let lost =
        self::sim(&[Quirk::NoResume, Quirk::PowerFails { at: 0x8000, back_ms: 5000, returns: Return::Same }]);
    assert_eq!(send(&lost, &entry(0x84, 0, 2, 0)), DONE);
    pass(&lost, 64);
    assert!(!lost.is_here());
    pass(&lost, 1);
    assert_eq!(status(&lost), (0xFFFF, 3, 2));
}

#[test]
fn a_node_that_drops_comes_back_with_the_operation_further_on() {
    let sim = sim(&[Quirk::NodeDrops { at: 0x4000, back_ms: 30_000 }]);
    let mut port = sim.port();
    assert_eq!(send(&sim, &entry(0x84, 0, 2, 0)), DONE);
    pass(&sim, 40);
    assert!(!sim.is_here() && sim.block_port(1).is_none());
    pass(&sim, 20);
    assert_eq!(status(&sim), (0x8000, 2, 2));
    let log = entry(0x02, u32::MAX, 0x007F_0081, 0);
    assert_eq!(port.admin(&log, Data::None, LONG), NvmeAnswer::NotCompleted { errno: 19 });
}

#[test]
fn progress_lies_are_told_and_the_oracle_knows_better() {
    let told = |quirk: Quirk, seconds: u64| {
        let sim = sim(&[quirk]);
        assert_eq!(send(&sim, &entry(0x84, 0, 2, 0)), DONE);
        pass(&sim, seconds);
        (status(&sim).0, status(&sim).1 & 7)
    };
    assert_eq!(told(Quirk::ProgressFreezes { at: 655 }, 60), (655, 2));
    assert_eq!(told(Quirk::ProgressFreezes { at: 655 }, 120), (0xFFFF, 1));
    assert_eq!(told(Quirk::ProgressJumps { at: 0x4000, to: 0xF000 }, 30), (0xF000, 2));
    assert_eq!(told(Quirk::ProgressFullWhileRunning, 1), (0xFFFF, 2));
    assert_eq!(told(Quirk::ProgressStepsBack { at: 0x8000 }, 60), (0x4000, 2));
    assert_eq!(told(Quirk::NeverEnds { at: 655 }, 86_400 * 30), (655, 2));
    assert_eq!(told(Quirk::NeverShown, 0), (0xFFFF, 1));
    for (quirk, left) in [
        (Quirk::ErasesNothing, (64, 10)),
        (Quirk::UnmapsOnly, (64, 10)),
        (Quirk::SkipsLastBlock, (1, 0)),
        (Quirk::SkipsNamespace { nsid: 1 }, (64, 0)),
        (Quirk::SkipsSpare, (0, 10)),
    ] {
        let sim = sim(&[quirk]);
        assert_eq!(send(&sim, &entry(0x84, 0, 2, 0)), DONE);
        pass(&sim, 120);
        assert_eq!(status(&sim).1, 0x101);
        let residue = sim.oracle().residue();
        assert_eq!((residue.addressable.count().0, residue.unaddressable_cells), left, "{quirk:?}");
        assert!(sim.oracle().deeds()[0].is_lie());
    }
}

#[test]
fn what_was_there_before_and_what_stands_in_the_way() {
    assert_eq!(status(&sim(&[Quirk::StaleEnd { end: Stale::Success }])), (0xFFFF, 1, 2));
    let failed = Quirk::StaleEnd { end: Stale::Failure(FailureMode::Unrestricted) };
    assert_eq!(status(&sim(&[failed])), (0xFFFF, 3, 0x0A));
    assert_eq!(status(&sim(&[Quirk::ForeignRunning])), (0, 2, 2));
    assert_eq!(status(&sim(&[Quirk::GlobalErasedBefore])).1, 0x100);
    for (quirk, field) in [
        (Quirk::FirmwarePending, 0x410B),
        (Quirk::MemoryRegionEnabled, 0x4123),
        (Quirk::WriteProtected, 0x4020),
        (Quirk::LockedUnknown, 0x4286),
    ] {
        let sim = sim(&[quirk]);
        assert_eq!(send(&sim, &entry(0x84, 0, 2, 0)), NvmeAnswer::Status { field }, "{quirk:?}");
        assert!(!is_clean(&sim));
    }
    let slow = sim(&[Quirk::SlowAdmin { millis: 90_000 }]);
    let answer = slow.port().admin(&entry(0x84, 0, 2, 0), Data::None, Duration::from_secs(60));
    assert_eq!(answer, NvmeAnswer::NotCompleted { errno: 4 });
    assert_eq!(status(&slow), (0x8000, 2, 2), "it was started all the same");
}

fn two_namespaces(fna: u8) -> NvmeSim {
    let namespace = |nsid, attached| Namespace { nsid, blocks: 20, attached, write_protected: false };
    let spec =
        NvmeSpec::new(shape()).namespaces(&[namespace(1, true), namespace(2, true), namespace(7, false)]);
    NvmeSim::new(NvmeSpec { fna, controllers: vec![3, 1], ..spec })
}

#[test]
fn identify_tells_of_controllers_and_namespaces() {
    let sim = two_namespaces(0b100);
    let controller = fetch(&sim, &entry(0x06, 0, 1, 0), 4096);
    assert_eq!(&controller[4..24], b"SIM000000000001     ");
    assert_eq!(controller[24..46], *b"Expunge Simulated NVMe");
    assert_eq!((controller[76], &controller[78..80], controller[524]), (2, &[3, 0][..], 4));
    assert_eq!(controller[328..332], [0x07, 0, 0, 0x40]);
    assert_eq!(controller[296..300], [0, 8, 0, 0], "four blocks are nobody's");
    let namespace = fetch(&sim, &entry(0x06, 2, 0, 0), 4096);
    assert_eq!((namespace[0], namespace[26], namespace[30], namespace[33]), (20, 1, 1, 1));
    assert_eq!(namespace[132..136], [0, 0, 9, 0]);
    assert_eq!(fetch(&sim, &entry(0x06, 7, 0, 0), 4096), [0; 4096], "not attached");
    assert_eq!(fetch(&sim, &entry(0x06, 7, 0x11, 0), 4096)[0], 20);
    assert_eq!(fetch(&sim, &entry(0x06, 0, 2, 0), 12), [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(fetch(&sim, &entry(0x06, 1, 0x10, 0), 12), [2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(fetch(&sim, &entry(0x06, 0, 0x13, 0), 8), [2, 0, 1, 0, 3, 0, 0, 0]);
    assert_eq!(send(&sim, &entry(0x06, 9, 0, 0)), NvmeAnswer::Status { field: 0x400B });
}

#[test]
fn format_reaches_the_namespace_or_all_by_fna_and_never_the_spare_cells() {
    let left = |fna: u8, nsid: u32, cdw10: u32| {
        let sim = two_namespaces(fna);
        let answer = send(&sim, &entry(0x80, nsid, cdw10, 0));
        (answer, sim.oracle().residue().addressable.count().0)
    };
    // SES 1 of namespace 2 in the format that it has, and with FNA bit 1.
    assert_eq!(left(0b000, 2, 0x201), (DONE, 44));
    assert_eq!(left(0b010, 2, 0x201), (DONE, 4));
    assert_eq!(left(0b100, 2, 0x401), (DONE, 44));
    assert_eq!(left(0b100, u32::MAX, 0x401), (DONE, 4));
    assert_eq!(left(0b000, 2, 0x001), (DONE, 64), "no secure erase");
    let refused = |field| (NvmeAnswer::Status { field }, 64);
    assert_eq!(left(0b000, 2, 0x401), refused(0x4002));
    assert_eq!(left(0b1000, u32::MAX, 0x201), refused(0x4002));
    assert_eq!(left(0b000, 2, 0x202), refused(0x410A));
    assert_eq!(left(0b000, 9, 0x201), refused(0x400B));
    let sim = two_namespaces(0);
    assert_eq!(send(&sim, &entry(0x80, 2, 0x201, 0)), DONE);
    assert_eq!(sim.clock().elapsed_ms(), 120_000, "it blocks until it is done");
    assert_eq!(sim.oracle().residue().unaddressable_cells, 10);
    assert_eq!(sim.port().admin(&entry(0x80, 2, 0x200, 0), Data::None, LONG), DONE);
    assert_eq!(
        fetch(&sim, &entry(0x06, 2, 0, 0), 4096)[..27],
        [[2, 0, 0, 0, 0, 0, 0, 0]; 3].concat().into_iter().chain([0, 1, 0]).collect::<Vec<u8>>()
    );
}

#[test]
fn a_format_that_takes_longer_than_the_timeout_goes_on() {
    let sim = two_namespaces(0);
    let answer = sim.port().admin(&entry(0x80, 1, 0x201, 0), Data::None, Duration::from_secs(60));
    assert_eq!(answer, NvmeAnswer::NotCompleted { errno: 4 });
    assert_eq!(fetch(&sim, &entry(0x06, 1, 0, 0), 64)[32], 0x80 | 50);
    assert_eq!(sim.read_blocks(1, 0, &mut [0; 512]), 0x84);
    assert_eq!(send(&sim, &entry(0x80, 1, 0x201, 0)), NvmeAnswer::Status { field: 0x84 });
    pass(&sim, 60);
    assert_eq!(fetch(&sim, &entry(0x06, 1, 0, 0), 64)[32], 0x80);
    assert_eq!(sim.read_blocks(1, 0, &mut [0; 512]), 0);
}

#[test]
fn the_persistent_event_log_has_start_and_completion() {
    let sim = sim(&[]);
    let read = |action: u32| entry(0x02, u32::MAX, 0x00FF_000D | action << 8, 0);
    assert_eq!(send(&sim, &read(0)), NvmeAnswer::Status { field: 0x0C }, "no context");
    assert_eq!(send(&sim, &entry(0x84, 0, 2, 0)), DONE);
    pass(&sim, 120);
    let page = fetch(&sim, &read(1), 1024);
    assert_eq!((page[0], page[4], page[16]), (0x0D, 2, 1));
    assert_eq!(page[8..16], (512_u64 + 24 + 8 + 24 + 12).to_le_bytes());
    assert_eq!((page[512], page[514], page[534]), (0x0A, 21, 8));
    assert_eq!(page[536..540], [0xFF, 0xFF, 0x01, 0x01]);
    assert_eq!((page[544], page[566]), (0x09, 12));
    assert_eq!(page[568..580], [7, 0, 0, 0x40, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(send(&sim, &read(1)), NvmeAnswer::Status { field: 0x0C }, "a second context");
    assert_eq!(send(&sim, &read(2)), DONE);
}

/// Gives back what it was sent.
struct Echo(Vec<u8>);

impl SecurityProtocol for Echo {
    fn receive(&mut self, protocol: u8, com_id: u16, buffer: &mut [u8]) -> Result<usize, SecurityRefusal> {
        if protocol != 1 || com_id != 0x07FE {
            return Err(SecurityRefusal::InvalidField);
        }
        buffer[..self.0.len()].copy_from_slice(&self.0);
        Ok(self.0.len())
    }

    fn send(&mut self, _protocol: u8, _com_id: u16, data: &[u8]) -> Result<(), SecurityRefusal> {
        self.0 = data.to_vec();
        Ok(())
    }

    fn power_cycle(&mut self) {
        self.0.clear();
    }
}

#[test]
fn security_commands_reach_the_tper_and_its_keys_the_medium() {
    let sim = sim(&[]);
    assert_eq!(send(&sim, &entry(0x82, 0, 0x0107_FE00, 512)), NvmeAnswer::Status { field: 0x4002 });
    sim.set_security(Box::new(Echo(Vec::new())));
    let sent = sim.port().admin(&entry(0x81, 0, 0x0107_FE00, 4), Data::ToDrive(&[1, 2, 3, 4]), LONG);
    assert_eq!(sent, DONE);
    assert_eq!(fetch(&sim, &entry(0x82, 0, 0x0107_FE00, 8), 8), [1, 2, 3, 4, 0, 0, 0, 0]);
    assert_eq!(send(&sim, &entry(0x82, 0, 0x0207_FE00, 8)), NvmeAnswer::Status { field: 0x4002 });
    sim.keys().destroy();
    assert!(is_clean(&sim));
    sim.keys().set_lock(crate::sim::controller::keys::Lock::Locked);
    assert_eq!(sim.read_blocks(1, 0, &mut [0; 512]), 0x286);
}

#[test]
fn the_block_port_reads_and_writes_a_namespace() {
    let sim = two_namespaces(0);
    let mut port = sim.block_port(2).unwrap();
    assert!(sim.block_port(7).is_none(), "not attached");
    assert_eq!(port.geometry().capacity, BlockCount(20));
    let mut buffer = port.take_buffers().remove(0);
    buffer.as_mut_slice()[..1024].fill(7);
    let range = LbaRange::new(Lba(18), BlockCount(2)).unwrap();
    assert!(port.submit_write(Transfer { range, buffer }).is_ok());
    let mut done = Vec::new();
    port.reap(&mut done).unwrap();
    assert_eq!(done[0].result, Ok(()));
    assert_eq!(port.flush(), Ok(()));
    let mut block = [0; 512];
    assert_eq!((sim.read_blocks(2, 19, &mut block), block), (0, [7; 512]));
    let mut transfer = done.remove(0).transfer;
    transfer.buffer.as_mut_slice().fill(0);
    sim.power_cut();
    sim.power_on();
    assert!(port.submit_read(transfer).is_ok());
    port.reap(&mut done).unwrap();
    assert_eq!(done[0].result.unwrap_err().errno, 19, "a port of the old node");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic(
        seed: u64,
        entries in prop::collection::vec((prop::array::uniform32(any::<u8>()), prop::array::uniform32(any::<u8>()), 0_u8..12), 1..12),
    ) {
        let quirks = crate::sim::controller::quirk::draw_menu(&mut crate::sim::Dice::new(seed));
        let sim = sim(&quirks);
        sim.set_security(Box::new(Echo(Vec::new())));
        for (low, high, known) in entries {
            let mut entry = [0; 64];
            entry[..32].copy_from_slice(&low);
            entry[32..].copy_from_slice(&high);
            // Mostly opcodes that lead somewhere.
            let opcodes = [0x02, 0x06, 0x09, 0x0A, 0x80, 0x81, 0x82, 0x84, 0x84];
            if let Some(opcode) = opcodes.get(usize::from(known)) {
                entry[0] = *opcode;
                entry[4..8].fill(0);
            }
            let mut page = vec![0; 700];
            sim.port().admin(&entry, Data::FromDrive(&mut page), Duration::from_secs(1));
            sim.port().admin(&entry, Data::ToDrive(&page), Duration::from_secs(1));
            sim.pass_time(Duration::from_secs(40));
        }
        sim.oracle().residue();
    }
}
