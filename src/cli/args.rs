//! Every flag in one place.
use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::asked::RequestArgs;
use super::waiting::WaitArgs;
use crate::device::ContentType;
use crate::io::Adapter;
use crate::plan::request::Ratio;
use crate::plan::scheme::{SCHEMES, Scheme};
use crate::plan::{PassPattern, VerificationChoice};
use crate::unit::Digest;
use crate::unit::term::{Method, Standard};

/// Sanitize storage media and prove it.
#[derive(Debug, Parser)]
#[command(name = "expunge", version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "Exit codes: 0 done, 1 internal error, 2 usage, 3 refused (nothing written), 4 not \
    sanitized, 5 read-back failed, 6 stopped, 7 outcome unknown. See README.md.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every drive, and what was left out and why
    List {
        /// What to show.
        #[command(flatten)]
        args: super::list::ListArgs,
        /// Where records are.
        #[command(flatten)]
        state: StateArgs,
    },
    /// Show everything known about one drive, and where each fact came from
    Inspect {
        /// What to show.
        #[command(flatten)]
        args: super::inspect::InspectArgs,
        /// Where records are.
        #[command(flatten)]
        state: StateArgs,
    },
    /// Show exactly what would be done to drives, or every reason why not; changes nothing
    Plan(Box<PlanArgs>),
    /// Sanitize drives, read them back, and write a signed record of each
    Sanitize(Box<SanitizeArgs>),
    /// Go on with jobs that were interrupted, where they stopped
    Resume(ResumeArgs),
    /// Bring back an ATA drive that an interrupted erase left locked: finish the erase, or take the password away
    Recover(RecoverArgs),
    /// Show the jobs of this host
    #[command(subcommand)]
    Job(JobCommand),
    /// Read a drive that somebody else overwrote, and write a signed inspection record
    Verify(Box<VerifyArgs>),
    /// Check or show records, offline
    #[command(subcommand)]
    Certificate(CertificateCommand),
    /// Make or show the key that signs records
    #[command(subcommand)]
    Key(KeyCommand),
    /// Cycle the power of a frozen drive's bay, where its enclosure can, so that it takes commands again
    Unfreeze(super::unfreeze::UnfreezeArgs),
    /// Show the table of what is accepted as which method, or sign a table of your own
    #[command(subcommand)]
    Policy(super::policy::PolicyCommand),
    /// Run the known-answer tests that run before every job
    Selftest(SelftestArgs),
    /// Practice drives: loop devices (as root) or files with known content
    #[command(subcommand)]
    Lab(super::lab::LabCommand),
}

/// Where journals, records and the key are.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Where things are kept")]
pub struct StateArgs {
    /// Directory of journals and state [default: /var/lib/expunge as root, else below the XDG state directory]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Directory of records [default: records below the state directory]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Signing key; made when absent [default: signing-key.pem below the state directory]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// `plan`
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Nodes, /dev/disk/by-* links, serial:..., wwn:..., bay:... or plain files
    #[arg(required = true, value_name = "DEVICE")]
    pub devices: Vec<String>,
    /// What to do.
    #[command(flatten)]
    pub request: RequestArgs,
    /// What to do with a drive that is busy with itself.
    #[command(flatten)]
    pub waiting: WaitArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where state would be kept.
    #[command(flatten)]
    pub state: StateArgs,
}

/// `sanitize`
#[derive(Args, Debug)]
pub struct SanitizeArgs {
    /// Nodes, /dev/disk/by-* links, serial:..., wwn:..., bay:... or plain files
    #[arg(value_name = "DEVICE", required_unless_present = "manifest", conflicts_with = "manifest")]
    pub devices: Vec<String>,
    /// A list of drives: CSV or JSON with serial or wwn, asset_tag, ticket, source, location, destination,
    /// known_content
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// What to do.
    #[command(flatten)]
    pub request: RequestArgs,
    /// Serial number of a drive, or what `inspect` shows under "Confirm with"; once for each drive, in any order;
    /// with --manifest the number of drives. On a terminal it is asked for
    #[arg(long, value_name = "TEXT")]
    pub confirm: Vec<String>,
    /// Refuse if today's plan has another digest; once for each drive, in any order. A purge without a terminal needs it
    #[arg(long, value_name = "DIGEST")]
    pub plan: Vec<Digest>,
    /// Go on with the other drives when one is refused
    #[arg(long)]
    pub each: bool,
    /// What to do with a drive that is busy with itself.
    #[command(flatten)]
    pub waiting: WaitArgs,
    /// A file with the PSID that is printed on the drive, for a revert; - is standard input (one drive only)
    #[arg(long, value_name = "FILE")]
    pub psid_file: Option<PathBuf>,
    /// Print events as JSON lines and end with one JSON object
    #[arg(long)]
    pub json: bool,
    /// What people say about the job; carried into the record.
    #[command(flatten)]
    pub given: GivenArgs,
    /// Where state is kept.
    #[command(flatten)]
    pub state: StateArgs,
    /// How the drive is driven.
    #[command(flatten)]
    pub tuning: TuningArgs,
    /// How fast and how warm drives may be.
    #[command(flatten)]
    pub pace: PaceArgs,
}

/// `recover`
#[derive(Args, Debug)]
pub struct RecoverArgs {
    /// A node, /dev/disk/by-*, serial:..., wwn:... or bay:...
    #[arg(value_name = "DEVICE")]
    pub device: String,
    /// Only take the password away: nothing is erased
    #[arg(long, conflicts_with = "enhanced")]
    pub unlock_only: bool,
    /// Erase in enhanced mode [default: the mode of the job that was interrupted, else normal]
    #[arg(long)]
    pub enhanced: bool,
    /// Serial number of the drive, or what `inspect` shows under "Confirm with". On a terminal it is asked for
    #[arg(long, value_name = "TEXT")]
    pub confirm: Vec<String>,
    /// Where state is kept.
    #[command(flatten)]
    pub state: StateArgs,
}

/// `resume`
#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// Names of jobs, as `job list --local` shows them [default: the only one that can go on]
    #[arg(value_name = "JOB")]
    pub jobs: Vec<String>,
    /// Content that the drive carries and did not when the job began
    #[arg(long, value_name = "TYPE,...", value_delimiter = ',', value_parser = parse_content)]
    pub known_content: Vec<ContentType>,
    /// A file with the PSID that is printed on the drive, for a revert; - is standard input (one drive only)
    #[arg(long, value_name = "FILE")]
    pub psid_file: Option<PathBuf>,
    /// Print events as JSON lines and end with one JSON object
    #[arg(long)]
    pub json: bool,
    /// Where state is kept.
    #[command(flatten)]
    pub state: StateArgs,
    /// How the drive is driven.
    #[command(flatten)]
    pub tuning: TuningArgs,
    /// How fast and how warm drives may be.
    #[command(flatten)]
    pub pace: PaceArgs,
}

/// `job`
#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// List jobs, how far they came, and whether they can go on
    List(JobListArgs),
}

/// `job list`
#[derive(Args, Debug)]
pub struct JobListArgs {
    /// The jobs whose journals lie in the state directory of this host
    #[arg(long, required = true)]
    pub local: bool,
    /// Only those that can go on
    #[arg(long)]
    pub unfinished: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where state is kept.
    #[command(flatten)]
    pub state: StateArgs,
}

/// What people say about the job.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Carried into the record")]
pub struct GivenArgs {
    /// Who performs the sanitization
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    /// Title or position of the operator
    #[arg(long, value_name = "TEXT")]
    pub operator_title: Option<String>,
    /// Telephone or other contact of the operator
    #[arg(long, value_name = "TEXT")]
    pub operator_contact: Option<String>,
    /// Who answers for the verification
    #[arg(long, value_name = "NAME")]
    pub verifier: Option<String>,
    /// Title or position of the verifier
    #[arg(long, value_name = "TEXT")]
    pub verifier_title: Option<String>,
    /// Telephone or other contact of the verifier
    #[arg(long, value_name = "TEXT")]
    pub verifier_contact: Option<String>,
    /// Who is to validate the outcome
    #[arg(long, value_name = "NAME")]
    pub validator: Option<String>,
    /// Title or position of the validator
    #[arg(long, value_name = "TEXT")]
    pub validator_title: Option<String>,
    /// Telephone or other contact of the validator
    #[arg(long, value_name = "TEXT")]
    pub validator_contact: Option<String>,
    /// Organization that owns the drive
    #[arg(long, value_name = "NAME")]
    pub organization: Option<String>,
    /// Ticket or order
    #[arg(long, value_name = "TEXT")]
    pub ticket: Option<String>,
    /// Property number of the drive
    #[arg(long, value_name = "TEXT")]
    pub asset_tag: Option<String>,
    /// Where the work is done
    #[arg(long, value_name = "TEXT")]
    pub location: Option<String>,
    /// Computer or user that the drive came from
    #[arg(long, value_name = "TEXT")]
    pub source: Option<String>,
    /// Where the drive goes
    #[arg(long, value_name = "TEXT")]
    pub destination: Option<String>,
    /// More about the destination
    #[arg(long, value_name = "TEXT")]
    pub destination_details: Option<String>,
    /// Whether the data was backed up: yes, no or unknown
    #[arg(long, value_name = "ANSWER", value_parser = ["yes", "no", "unknown"])]
    pub backed_up: Option<String>,
    /// Where the backup is
    #[arg(long, value_name = "TEXT")]
    pub backup_location: Option<String>,
    /// Confidentiality before
    #[arg(long, value_name = "TEXT")]
    pub classification_before: Option<String>,
    /// Confidentiality after
    #[arg(long, value_name = "TEXT")]
    pub classification_after: Option<String>,
    /// Anything else
    #[arg(long, value_name = "TEXT")]
    pub notes: Option<String>,
}

/// How a drive is driven.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Tuning")]
pub struct TuningArgs {
    /// Transfers in flight, 1 to 256 [default: by the queue's limits]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub depth: Option<u16>,
    /// KiB of one transfer, 64 to 16384 [default: by the queue's limits]
    #[arg(long, value_name = "KIB", value_parser = clap::value_parser!(u32).range(64..=16_384))]
    pub transfer_kib: Option<u32>,
    /// How transfers reach the drive [default: io_uring where the kernel has it]
    #[arg(long, value_enum)]
    pub adapter: Option<AdapterArg>,
}

/// How fast and how warm drives may be.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Pace")]
pub struct PaceArgs {
    /// Most bytes a second for each drive, such as 100MB/s
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub bandwidth: Option<NonZeroU64>,
    /// Most bytes a second for all drives on one controller, shared fairly
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub bandwidth_bus: Option<NonZeroU64>,
    /// Most bytes a second for all drives of this command, shared fairly
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub bandwidth_host: Option<NonZeroU64>,
    /// A file in which somebody keeps the drive's temperature in thousandths of a degree Celsius, instead of the
    /// kernel's sensor (one drive only)
    #[arg(long, value_name = "FILE")]
    pub temperature_file: Option<PathBuf>,
}

/// `verify`
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// Node, /dev/disk/by-* link, serial:..., wwn:..., bay:... or plain file
    #[arg(value_name = "DEVICE")]
    pub device: String,
    /// What every byte is expected to be: zero, ones or 0xHH...
    #[arg(long, value_name = "PATTERN", value_parser = parse_expected)]
    pub expect: PassPattern,
    /// How much to read: full, sampled or sampled=CONFIDENCE,FRACTION [default: full]
    #[arg(long = "verify", value_name = "CHOICE", value_parser = parse_verification)]
    pub verification: Option<VerificationChoice>,
    /// Print events as JSON lines and end with one JSON object
    #[arg(long)]
    pub json: bool,
    /// What people say about the job; carried into the record.
    #[command(flatten)]
    pub given: GivenArgs,
    /// Where state is kept.
    #[command(flatten)]
    pub state: StateArgs,
    /// How the drive is driven.
    #[command(flatten)]
    pub tuning: TuningArgs,
}

/// `certificate`
#[derive(Debug, Subcommand)]
pub enum CertificateCommand {
    /// Verify a record offline and recompute what can be recomputed
    Check(super::certificate::CheckOptions),
    /// Show what a record says, and what its check came to
    Show(super::certificate::ShowOptions),
}

/// `key`
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a new signing key
    Generate(KeyArgs),
    /// Print the public key in PEM, for auditors' keyrings
    Show(KeyArgs),
}

/// Which key.
#[derive(Args, Debug)]
pub struct KeyArgs {
    /// The key file and the form of the answer.
    #[command(flatten)]
    pub options: super::key::KeyOptions,
    /// Directory of journals and state, below which the key is by default
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// `selftest`
#[derive(Args, Debug)]
pub struct SelftestArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `--method`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MethodArg {
    /// Overwrite everything that an address reaches
    Clear,
    /// Infeasible to recover even in a laboratory
    Purge,
}

impl From<MethodArg> for Method {
    fn from(method: MethodArg) -> Self {
        match method {
            MethodArg::Clear => Self::Clear,
            MethodArg::Purge => Self::Purge,
        }
    }
}

/// `--standard`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StandardArg {
    /// NIST SP 800-88 Rev. 2 (2025)
    #[default]
    #[value(name = "nist-800-88r2")]
    NistR2,
    /// NIST SP 800-88 Rev. 1 (2014, withdrawn)
    #[value(name = "nist-800-88r1")]
    NistR1,
    /// IEEE 2883-2022 (its text was not read)
    #[value(name = "ieee-2883-2022")]
    Ieee2883,
}

impl From<StandardArg> for Standard {
    fn from(standard: StandardArg) -> Self {
        match standard {
            StandardArg::NistR2 => Self::NistR2,
            StandardArg::NistR1 => Self::NistR1,
            StandardArg::Ieee2883 => Self::Ieee2883,
        }
    }
}

/// `--adapter`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AdapterArg {
    /// Several transfers in flight
    IoUring,
    /// One after the other
    Sync,
}

impl From<AdapterArg> for Adapter {
    fn from(adapter: AdapterArg) -> Self {
        match adapter {
            AdapterArg::IoUring => Self::IoUring,
            AdapterArg::Sync => Self::Sync,
        }
    }
}

/// A rate with its unit, as makers count: 1 MB is 1,000,000 bytes.
fn parse_rate(text: &str) -> Result<NonZeroU64, String> {
    let units = [("kB/s", 1_000), ("MB/s", 1_000_000), ("GB/s", 1_000_000_000)];
    let read = units.into_iter().find_map(|(unit, factor): (&str, u64)| {
        text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(factor).and_then(NonZeroU64::new)
    });
    read.ok_or_else(|| "expected a whole number with kB/s, MB/s or GB/s, such as 100MB/s".to_owned())
}

pub(super) fn parse_pass(text: &str) -> Result<PassPattern, String> {
    PassPattern::parse(text).map_err(|error| error.to_string())
}

pub(super) fn parse_scheme(text: &str) -> Result<String, String> {
    match Scheme::named(text) {
        Some(scheme) => Ok(scheme.name.to_owned()),
        None => {
            let names: Vec<&str> = SCHEMES.iter().map(|scheme| scheme.name).collect();
            Err(format!("choose one of: {}", names.join(", ")))
        }
    }
}

fn parse_expected(text: &str) -> Result<PassPattern, String> {
    match parse_pass(text)? {
        fixed @ PassPattern::Fixed { .. } => Ok(fixed),
        PassPattern::Keyed | PassPattern::Stamped { .. } | PassPattern::JobByte { .. } => {
            Err("only known bytes can be expected: zero, ones or 0xHH...".to_owned())
        }
    }
}

pub(super) fn parse_verification(text: &str) -> Result<VerificationChoice, String> {
    match text {
        "full" => Ok(VerificationChoice::Full),
        "sampled" => Ok(VerificationChoice::SampledR1),
        "none" => Ok(VerificationChoice::None),
        _ => {
            let numbers = text.strip_prefix("sampled=").and_then(|rest| rest.split_once(','));
            let (confidence, fraction) =
                numbers.ok_or("expected full, sampled, sampled=CONFIDENCE,FRACTION or none")?;
            let ratio = |text: &str| text.parse::<Ratio>().map_err(|error| error.to_string());
            Ok(VerificationChoice::Sampled { confidence: ratio(confidence)?, fraction: ratio(fraction)? })
        }
    }
}

/// A content type by its word.
pub fn parse_content(text: &str) -> Result<ContentType, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| format!("{text:?} is no type of content; `plan` prints the exact option"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn rates_are_read_with_their_unit() {
        assert_eq!(parse_rate("100MB/s").map(NonZeroU64::get), Ok(100_000_000));
        assert_eq!(parse_rate("1kB/s").map(NonZeroU64::get), Ok(1000));
        for bad in ["", "100", "0MB/s", "-1MB/s", "1.5MB/s", "100 MB/s", "100MiB/s", "99999999999999GB/s"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn verification_choices_are_read_or_refused() {
        assert_eq!(parse_verification("sampled"), Ok(VerificationChoice::SampledR1));
        assert!(matches!(
            parse_verification("sampled=0.99,0.001"),
            Ok(VerificationChoice::Sampled { confidence, fraction })
                if confidence.to_string() == "0.99" && fraction.to_string() == "0.001"
        ));
        for bad in ["", "Full", "sampled=", "sampled=0.99", "sampled=99,1", "sampled=1,0.1", "half"] {
            assert!(parse_verification(bad).is_err(), "{bad}");
        }
        assert!(parse_expected("random").is_err());
        assert!(parse_expected("stamped-zero").is_err());
    }
}
