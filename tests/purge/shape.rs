//! Which drive, and what is asked of it: everything that a seed decides.
use expunge::device::ContentType;
use expunge::plan::Request;
use expunge::plan::firmware::Scope;
use expunge::plan::request::{
    Afterwards, CanaryChoice, CryptoGiven, Fallback, HiddenChoice, PsidGiven, Ratio, VerificationChoice,
};
use expunge::plan::{PassChoice, Profile};
use expunge::sim::controller::nvme::Namespace;
use expunge::sim::controller::opal::{Activation, SimClass, TperQuirk, TperSpec};
use expunge::sim::controller::quirk::{self, QuirkName, draw_menu};
use expunge::sim::controller::{AtaTraits, Erase, NvmeSpec, Quirk, ScsiSpec, Shape as Cells};
use expunge::sim::{Dice, Wear};
use expunge::unit::term::{Method, Standard, Technique};

use crate::drive::{DriveSpec, Model};
use crate::link::Between;

/// A job before it is planned.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) drive: DriveSpec,
    pub(crate) request: Request,
    pub(crate) between: Between,
}

/// A drive that was used: with over-provisioned and retired cells that hold old data.
pub(crate) fn used(blocks: u64, wear: Wear) -> Cells {
    Cells { wear, ..Cells::small(512, blocks).used() }
}

/// Somebody who answers for every condition of a cryptographic erase.
pub(crate) fn declared() -> Option<CryptoGiven> {
    Some(CryptoGiven { statement: None, declaration: Some("the keys are the drive's own".to_owned()) })
}

/// A request for a purge.
pub(crate) fn purge(standard: Standard, technique: Option<Technique>) -> Request {
    let psid = PsidGiven::Yes;
    Request {
        method: Some(Method::Purge),
        standard,
        technique,
        crypto: declared(),
        psid,
        ..Request::default()
    }
}

impl Shape {
    /// A job in which nothing comes between.
    pub(crate) const fn of(drive: DriveSpec, request: Request) -> Self {
        Self { drive, request, between: Between::Nothing }
    }

    /// The job of a seed.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x0F1E_2D3C);
        if !seed.is_multiple_of(2) {
            let turn = usize::try_from(seed / 2).expect("64 bits") % QuirkName::ALL.len();
            return Self::with_quirk(QuirkName::ALL[turn], &mut dice);
        }
        let speaks = [Speaks::Nvme, Speaks::Ata, Speaks::Scsi][dice.index(3)];
        let quirks = draw_menu(&mut dice);
        Self::speaking(speaks, quirks, &mut dice)
    }

    /// A job on a drive that has this quirk, and speaks what it is a quirk of.
    pub(crate) fn with_quirk(name: QuirkName, dice: &mut Dice) -> Self {
        let fits = speakers(name);
        let speaks = fits[dice.index(fits.len())];
        let quirk = quirk::draw(name, dice);
        let mut shape = Self::speaking(speaks, vec![quirk], dice);
        if name == QuirkName::SkipsNamespace {
            // The lie is one only where the command reaches both namespaces.
            shape.request.scope = Scope::Drive;
            shape.request.technique = None;
        }
        shape
    }

    fn speaking(speaks: Speaks, quirks: Vec<Quirk>, dice: &mut Dice) -> Self {
        let mut dice = Dice::new(dice.bits());
        let mut cells = cells(&mut dice, quirks);
        // Dice of their own, so that the drives stay those that the seeds always drew.
        let mut more = Dice::new(cells.seed);
        let growth = more.chance(1, 6);
        if growth {
            cells.dying = vec![0, cells.blocks - 1];
        }
        let model = match speaks {
            Speaks::Nvme => Model::Nvme(nvme(&mut dice, cells)),
            Speaks::Ata => Model::Scsi(ata(&mut dice, cells)),
            Speaks::Scsi => Model::Scsi(scsi(&mut dice, cells)),
        };
        let tper = dice.chance(1, 5).then(|| tper(&mut dice));
        let mut request = request(&mut dice, speaks, tper.is_some());
        if !model.shape().block_bytes.is_power_of_two() {
            request.known_content.insert(ContentType::Unreadable);
        }
        if request.canaries == CanaryChoice::Planted && more.chance(1, 3) {
            request.canaries = CanaryChoice::Fingerprints;
        }
        if growth && more.chance(1, 2) {
            request.rules.extend("defect-growth=fail".parse());
        }
        let between = match dice.below(16) {
            0 => Between::Stop(dice.below(12)),
            1 => Between::StopForGood(dice.below(6)),
            2 => Between::ForeignBeforeLook,
            3 => Between::ForeignBeforeCommand,
            _ => Between::Nothing,
        };
        Self { drive: DriveSpec { model, tper }, request, between }
    }

    /// The credential that is printed on the drive.
    pub(crate) fn psid(&self) -> Option<Vec<u8>> {
        self.drive.tper.as_ref().map(|tper| tper.psid.clone())
    }
}

/// What a drive speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Nvme,
    Ata,
    Scsi,
}

/// Which drives can have a quirk that changes anything.
const fn speakers(name: QuirkName) -> &'static [Speaks] {
    match name {
        QuirkName::SkipsNamespace
        | QuirkName::MemoryRegionEnabled
        | QuirkName::SlowAdmin
        | QuirkName::FormatDoesNothing
        | QuirkName::NeverGlobalErased
        | QuirkName::GlobalErasedBefore
        | QuirkName::AnyNamespaceTaken => &[Speaks::Nvme],
        QuirkName::SkipsHidden
        | QuirkName::FrozenByFirmware
        | QuirkName::CountExpired
        | QuirkName::ZeroRegisters
        | QuirkName::NoRegisters
        | QuirkName::SecurityStays
        | QuirkName::Interloper => &[Speaks::Ata],
        QuirkName::FixedSense | QuirkName::ReservedByOther | QuirkName::UnitAttention => {
            &[Speaks::Ata, Speaks::Scsi]
        }
        _ => &[Speaks::Nvme, Speaks::Ata, Speaks::Scsi],
    }
}

fn cells(dice: &mut Dice, quirks: Vec<Quirk>) -> Cells {
    let wear = if dice.chance(1, 2) { Wear::Moving } else { Wear::InPlace };
    let block_bytes = if dice.chance(1, 4) { 4096 } else { 512 };
    let blocks = dice.between(8, 160);
    let mut cells = Cells::small(block_bytes, blocks).used();
    cells.seed = dice.bits();
    cells.wear = wear;
    cells.command_ms = dice.between(0, 20);
    cells.erase_ms = dice.between(0, 600_000);
    cells.crypto_ms = dice.between(0, 8_000);
    cells.pass_ms = dice.between(1_000, 4_000_000);
    cells.quirks = quirks;
    cells
}

fn nvme(dice: &mut Dice, cells: Cells) -> NvmeSpec {
    let blocks = cells.blocks;
    let mut spec = NvmeSpec::new(cells);
    if dice.chance(1, 3) {
        // No-deallocate inhibited (bit 29), and which of the three operations there are.
        let inhibited = if dice.chance(1, 2) { 1 << 29 } else { 0 };
        spec.sanicap = 0x4000_0000 | inhibited | u32::try_from(dice.below(8)).expect("three bits");
    }
    spec.fna = u8::try_from(dice.below(16)).expect("four bits");
    spec.dlfeat = u8::try_from(dice.below(3)).expect("at most 2");
    spec.persistent_log = dice.chance(3, 4);
    spec.no_deallocate_warns = dice.chance(1, 2);
    spec.rpmb_units = u8::from(dice.chance(1, 8));
    // A drive that skips a namespace lies only where there is a second one.
    let skips = spec.shape.quirks.iter().any(|quirk| quirk.name() == QuirkName::SkipsNamespace);
    if blocks > 16 && (dice.chance(1, 4) || skips) {
        let one = |nsid, blocks, attached| Namespace { nsid, blocks, attached, write_protected: false };
        // One that the kernel presents is worked on by a worker of its own, which tests/units.rs tries.
        spec = spec.namespaces(&[one(1, blocks / 2, true), one(2, blocks / 3, false)]);
    }
    spec
}

fn ata(dice: &mut Dice, cells: Cells) -> ScsiSpec {
    let blocks = cells.blocks;
    let mut traits = if dice.chance(1, 2) { AtaTraits::solid() } else { AtaTraits::magnetic() };
    if dice.chance(1, 3) {
        traits.word_59 = 0x1000 | u16::try_from(dice.below(8)).expect("three bits") << 13;
    }
    if dice.chance(1, 8) {
        traits.word_59 = 0;
    }
    traits.definitive_ending = dice.chance(1, 2);
    traits.overrides_security = dice.chance(1, 3);
    traits.security = [Erase::None, Erase::Normal, Erase::Enhanced, Erase::Enhanced][dice.index(4)];
    if blocks > 16 && (traits.ama || traits.hpa) && dice.chance(1, 6) {
        traits.presented = Some(blocks - dice.between(1, 8));
    }
    ScsiSpec::ata(cells, traits)
}

fn scsi(dice: &mut Dice, cells: Cells) -> ScsiSpec {
    use expunge::sim::controller::{Personality, ScsiTraits};
    let mut traits = ScsiTraits::default();
    if dice.chance(1, 3) {
        traits.sanitize.retain(|_| dice.chance(2, 3));
    }
    traits.reports_codes = dice.chance(7, 8);
    traits.unmaps = dice.chance(1, 2);
    traits.rotation = if dice.chance(1, 2) { 1 } else { 10_000 };
    // Blocks that the kernel does not present; by a seed of its own, so that what other seeds draw stays the same.
    let mut cells = cells;
    let mut odd = Dice::new(cells.seed);
    if odd.chance(1, 4) {
        cells.block_bytes = [520, 524, 528, 4104, 4160, 4224][odd.index(6)];
    }
    ScsiSpec { shape: cells, personality: Personality::Scsi(traits) }
}

fn tper(dice: &mut Dice) -> TperSpec {
    let menu = [
        TperQuirk::KeepsKeysWhenInactive,
        TperQuirk::RevertDoesNothing,
        TperQuirk::RevertKeepsKeys,
        TperQuirk::LosesRevertAnswer,
        TperQuirk::RevertDies,
        TperQuirk::RevertClosesSession,
        TperQuirk::RevertTakes { polls: 3 },
        TperQuirk::RemovesData { discoveries: 2 },
        TperQuirk::RevertFails { status: 0x3F },
        TperQuirk::SidUnknownAfterRevert,
        TperQuirk::EmptyDiscovery,
    ];
    let mut spec = TperSpec::default();
    if dice.chance(1, 4) {
        spec.class = if dice.chance(1, 2) { SimClass::Pyrite2 } else { SimClass::Enterprise };
    }
    if dice.chance(1, 2) {
        spec.activation = Activation::Inactive;
        spec.sid = spec.msid.clone();
    }
    if dice.chance(1, 2) {
        spec.quirks = vec![menu[dice.index(menu.len())]];
    }
    spec
}

/// Techniques that a drive may have by its own commands.
const fn techniques(speaks: Speaks) -> &'static [Technique] {
    use Technique::{
        BlockErase, CryptoErase, Format, FormatCrypto, Overwrite, SanitizeOverwrite, SecurityErase,
        SecurityEraseEnhanced,
    };
    match speaks {
        Speaks::Nvme => &[BlockErase, CryptoErase, SanitizeOverwrite, Format, FormatCrypto, Overwrite],
        Speaks::Ata => {
            &[BlockErase, CryptoErase, SanitizeOverwrite, SecurityErase, SecurityEraseEnhanced, Overwrite]
        }
        Speaks::Scsi => &[BlockErase, CryptoErase, SanitizeOverwrite, Overwrite],
    }
}

fn request(dice: &mut Dice, speaks: Speaks, has_tper: bool) -> Request {
    let standards =
        [Standard::NistR2, Standard::NistR2, Standard::NistR1, Standard::NistR1, Standard::Ieee2883];
    let mut request = purge(standards[dice.index(5)], None);
    if dice.chance(1, 2) {
        let all = techniques(speaks);
        request.technique = Some(all[dice.index(all.len())]);
    } else if has_tper && dice.chance(1, 2) {
        request.technique = Some(Technique::OpalRevert);
    }
    if dice.chance(1, 5) {
        request.method = Some(Method::Clear);
    }
    if dice.chance(1, 4) {
        request.crypto = None;
    }
    request.fallback = if dice.chance(1, 4) { Fallback::Clear } else { Fallback::None };
    request.profile =
        [None, None, Some(Profile::Reuse), Some(Profile::Rma), Some(Profile::Retire)][dice.index(5)];
    request.canaries = if dice.chance(1, 6) { CanaryChoice::None } else { CanaryChoice::Planted };
    request.afterwards = if dice.chance(1, 8) { Afterwards::Overwrite } else { Afterwards::Nothing };
    request.scope = if dice.chance(2, 3) { Scope::Drive } else { Scope::Unit };
    request.hidden = HiddenChoice::Leave;
    request.passes = PassChoice::Default;
    request.verification = verification(dice);
    request
}

fn verification(dice: &mut Dice) -> VerificationChoice {
    let ratio = |billionths| Ratio::from_billionths(billionths).expect("between 0 and 1");
    match dice.below(10) {
        0 => VerificationChoice::None,
        1 => VerificationChoice::Sampled { confidence: ratio(900_000_000), fraction: ratio(300_000_000) },
        _ => VerificationChoice::Full,
    }
}
