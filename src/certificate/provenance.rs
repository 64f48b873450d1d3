//! Who says so, with what, when and on whose behalf: the part that every record has.
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::key::{Algorithm, KeyId, PublicKey};
use super::keyring::Role;
use super::time::UtcTime;
use crate::unit::Digest;
use crate::unit::digest::to_hex;

/// Who made a record, with what and when. Everything here is what the signing host says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// Names this record (UUID version 7).
    pub certificate_id: Uuid,
    /// Names the job.
    pub job_id: String,
    /// 128 random bits in hexadecimal digits, so that a digest of the record does not give away what it says.
    pub nonce: String,
    /// When the work began.
    pub started: UtcTime,
    /// When the work ended.
    pub ended: UtcTime,
    /// The program.
    pub tool: Tool,
    /// The host.
    pub environment: Environment,
    /// The self-test that ran before the drive was armed.
    pub self_test: Option<SelfTest>,
    /// What people said; nothing of it was checked.
    pub given: Given,
    /// What was seen of who started the job.
    pub observed: Observed,
    /// On whose authority the job ran.
    pub authorisation: Authorisation,
    /// Digest of the job's journal up to the verdict.
    pub journal_digest: Option<Digest>,
    /// Whose signatures this record must carry: taking one away shows.
    pub expected_signers: Vec<ExpectedSigner>,
    /// What is to be known about the signing key, such as [`KEY_SELF_MADE`].
    pub key_note: Option<String>,
}

/// Note on a key that nobody has enrolled.
pub const KEY_SELF_MADE: &str = "self-made, not enrolled";

/// 128 fresh random bits as hexadecimal digits.
///
/// # Errors
/// When the kernel gives no random numbers.
pub fn new_nonce() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(to_hex(&bytes))
}

/// A signature that a record must carry. The public key lets anyone see that a record is unaltered even when
/// they do not know the signer; that it is the signer's own key only a keyring can say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedSigner {
    /// In which role.
    pub role: Role,
    /// By which algorithm.
    pub alg: Algorithm,
    /// By which key.
    pub keyid: KeyId,
    /// The key: base64 of the DER `SubjectPublicKeyInfo`.
    pub public_key: String,
}

impl ExpectedSigner {
    /// The host that did the work, by its key.
    pub fn agent(key: &PublicKey) -> Self {
        Self { role: Role::Agent, alg: Algorithm::Ed25519, keyid: key.id(), public_key: key.to_base64() }
    }
}

/// The program that did the work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The source it was built from (commit), or `unknown`.
    pub build: String,
    /// Digest of the running binary.
    pub binary_sha256: Option<Digest>,
}

impl Tool {
    /// This program. The build is taken from `EXPUNGE_BUILD` at compile time; `binary` is the digest of the
    /// running file, where it could be read.
    pub fn this(binary: Option<Digest>) -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: option_env!("EXPUNGE_BUILD").unwrap_or("unknown").to_owned(),
            binary_sha256: binary,
        }
    }
}

/// The host on which the work was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    /// Release of the running kernel.
    pub kernel_release: String,
    /// Name of the host.
    pub hostname: Option<String>,
    /// The kernel's name for this boot.
    pub boot_id: Option<String>,
    /// What is known about the clock.
    pub clock: Clock,
}

/// What is known about the host's clock. None of it is trusted time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clock {
    /// Seconds of `CLOCK_BOOTTIME` at the start, as decimal text: it goes on when the wall clock is set.
    pub boottime_start: Option<String>,
    /// The same at the end.
    pub boottime_end: Option<String>,
    /// Whether the kernel says that the clock is synchronized; `None`: not recorded.
    pub synchronized: Option<bool>,
}

/// The self-test before arming.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SelfTest {
    /// Names of the checks that passed.
    pub passed: Vec<String>,
    /// Names of the checks that failed; a job is never armed while there are any.
    pub failed: Vec<String>,
}

/// A person, as far as they were named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Person {
    /// Name, or a pseudonym.
    pub name: Option<String>,
    /// Position or title.
    pub title: Option<String>,
    /// Organization.
    pub organization: Option<String>,
    /// Where they were.
    pub location: Option<String>,
    /// Telephone or other contact.
    pub contact: Option<String>,
    /// Date that they state for their part.
    pub date: Option<String>,
}

/// What people said about the drive and the job. It is carried along, never checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Given {
    /// Who performed the sanitization.
    pub operator: Person,
    /// Who answers for the verification.
    pub verifier: Person,
    /// Who is to validate the outcome.
    pub validator: Person,
    /// Who is to concur (Rev. 2 form).
    pub concurrence: Person,
    /// Ticket or order.
    pub ticket: Option<String>,
    /// Property number of the drive or of what it came out of.
    pub asset_tag: Option<String>,
    /// Where the work was done.
    pub location: Option<String>,
    /// User or computer that the drive came from.
    pub source: Option<String>,
    /// Where the drive goes.
    pub destination: Option<String>,
    /// More about the destination.
    pub destination_details: Option<String>,
    /// Organization that owns the drive or the data.
    pub organization: Option<String>,
    /// Confidentiality categorization before.
    pub classification_before: Option<String>,
    /// Confidentiality categorization after.
    pub classification_after: Option<String>,
    /// Whether the data was backed up (yes, no, unknown).
    pub data_backed_up: Option<String>,
    /// Where the backup is.
    pub backup_location: Option<String>,
    /// Profile of the site.
    pub profile: Option<String>,
    /// Anything else.
    pub notes: Option<String>,
}

/// What was seen of who started the job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Observed {
    /// User that logged in (audit), which `sudo` and `su` do not change.
    pub loginuid: Option<u32>,
    /// `SUDO_USER` of the environment.
    pub sudo_user: Option<String>,
    /// Effective user.
    pub uid: Option<u32>,
    /// Terminal.
    pub tty: Option<String>,
}

/// On whose authority a job ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authorisation {
    /// Whoever is root on the host.
    LocalRoot,
    /// Somebody without privileges, on files of their own.
    LocalUser,
}
