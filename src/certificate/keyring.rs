//! Whose signatures count: the checker's own list of keys, brought from elsewhere than the record.
//!
//! Either `keyring.json` (version 1, see `docs/certificate.md`) or a directory of public keys as PEM files.
//! Without trusted time a signature's age is only a claim, so a compromised key proves nothing at all, while a
//! key that was retired in good order still does.
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::encoding::{JsonFault, parse_json};
use super::key::{Algorithm, KeyId, PublicKey};
use super::time::UtcTime;

/// Version of `keyring.json` that is read and written.
pub const KEYRING_VERSION: u32 = 1;

/// Longest keyring or PEM file that is read, in bytes.
const KEYRING_BYTES_MAX: u64 = 8 << 20;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The host that did the work.
    Agent,
    /// The person who did it.
    Operator,
    /// A second person.
    Second,
}

/// Whether a key may still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyStatus {
    /// In use.
    Active,
    /// Replaced in good order: what it signed stays valid.
    Retired,
    /// Somebody else may have it: without trusted time nothing it signed can be told from a forgery.
    Compromised,
}

/// One key that the checker knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeyEntry {
    /// Name of the key; must be the one of `public_key`.
    pub keyid: KeyId,
    /// Algorithm of its signatures.
    pub alg: Algorithm,
    /// The key: PEM, or base64 of the DER `SubjectPublicKeyInfo`.
    #[serde(with = "public_key_text")]
    pub public_key: PublicKey,
    /// What it is for.
    pub role: Role,
    /// Whose it is, for people.
    pub name: String,
    /// Signatures that claim an earlier time do not count.
    pub not_before: Option<UtcTime>,
    /// Signatures that claim a later time do not count.
    pub not_after: Option<UtcTime>,
    /// Whether it may still be used.
    pub status: KeyStatus,
    /// Since when somebody else may have it. Kept for checking with trusted time; without it, not used.
    pub compromised_since: Option<UtcTime>,
}

mod public_key_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::PublicKey;

    pub(super) fn serialize<S: Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&key.to_pem())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PublicKey, D::Error> {
        PublicKey::from_text(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyringFile {
    version: u32,
    keys: Vec<KeyEntry>,
}

/// The keys that the checker knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring {
    keys: BTreeMap<KeyId, KeyEntry>,
}

/// Why a keyring cannot be used. A keyring with one bad entry is not used at all: the missing key might be
/// the one that was marked as compromised.
#[derive(Debug)]
pub enum KeyringFault {
    /// The file or directory could not be read.
    Io(PathBuf, io::Error),
    /// Longer than a keyring may be.
    TooLong(PathBuf),
    /// Not unambiguous JSON, or not a keyring.
    Content(JsonFault),
    /// Another version than [`KEYRING_VERSION`].
    Version(u32),
    /// The key id is not the one of the public key beside it.
    KeyIdMismatch(KeyId),
    /// The same key is listed twice.
    Twice(KeyId),
    /// A PEM file holds no public key that we know.
    NotAPublicKey(PathBuf),
    /// A directory without any PEM file.
    Empty(PathBuf),
}

impl fmt::Display for KeyringFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::TooLong(path) => write!(f, "{}: too long for a keyring", path.display()),
            Self::Content(fault) => write!(f, "not a keyring: {fault}"),
            Self::Version(version) => {
                write!(f, "keyring version {version} is not known here (known: {KEYRING_VERSION})")
            }
            Self::KeyIdMismatch(id) => write!(f, "the public key listed under {id} has another key id"),
            Self::Twice(id) => write!(f, "the key {id} is listed twice"),
            Self::NotAPublicKey(path) => write!(f, "{}: not an Ed25519 public key in PEM", path.display()),
            Self::Empty(path) => write!(f, "{}: no file ending in .pem", path.display()),
        }
    }
}

impl std::error::Error for KeyringFault {}

impl Keyring {
    /// A keyring without keys: every signer is unknown.
    pub const fn empty() -> Self {
        Self { keys: BTreeMap::new() }
    }

    /// Takes entries, each key once and under its own name.
    ///
    /// # Errors
    /// [`KeyringFault::KeyIdMismatch`] and [`KeyringFault::Twice`].
    pub fn from_entries(entries: Vec<KeyEntry>) -> Result<Self, KeyringFault> {
        let mut keys = BTreeMap::new();
        for entry in entries {
            let id = entry.public_key.id();
            if id != entry.keyid {
                return Err(KeyringFault::KeyIdMismatch(entry.keyid));
            }
            if keys.insert(id, entry).is_some() {
                return Err(KeyringFault::Twice(id));
            }
        }
        Ok(Self { keys })
    }

    /// Reads the text of a `keyring.json`.
    ///
    /// # Errors
    /// [`KeyringFault`], for unknown fields too: a field that this version does not know may restrict a key.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyringFault> {
        let value = parse_json(bytes).map_err(KeyringFault::Content)?;
        if let Some(version) = value.get("version").and_then(serde_json::Value::as_u64)
            && version != u64::from(KEYRING_VERSION)
        {
            return Err(KeyringFault::Version(u32::try_from(version).unwrap_or(u32::MAX)));
        }
        let file: KeyringFile =
            serde_json::from_value(value).map_err(|error| KeyringFault::Content(error.into()))?;
        Self::from_entries(file.keys)
    }

    /// Reads a `keyring.json`, or a directory of PEM files (`*.pem`), each an active agent key called as its
    /// file.
    ///
    /// # Errors
    /// [`KeyringFault`].
    pub fn load(path: &Path) -> Result<Self, KeyringFault> {
        let facts = std::fs::metadata(path).map_err(|error| KeyringFault::Io(path.to_owned(), error))?;
        if facts.is_dir() { Self::load_directory(path) } else { Self::parse(&read_bounded(path)?) }
    }

    fn load_directory(path: &Path) -> Result<Self, KeyringFault> {
        let io = |error| KeyringFault::Io(path.to_owned(), error);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(io)? {
            let file = entry.map_err(io)?.path();
            if file.extension().is_some_and(|extension| extension == "pem") {
                files.push(file);
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(KeyringFault::Empty(path.to_owned()));
        }
        let entries: Result<Vec<KeyEntry>, KeyringFault> = files.iter().map(|file| pem_entry(file)).collect();
        Self::from_entries(entries?)
    }

    /// What is known about a key.
    pub fn get(&self, id: &KeyId) -> Option<&KeyEntry> {
        self.keys.get(id)
    }

    /// The keyring as the text of a `keyring.json`.
    pub fn to_json(&self) -> String {
        let file = KeyringFile { version: KEYRING_VERSION, keys: self.keys.values().cloned().collect() };
        serde_json::to_string_pretty(&file).expect("a keyring serializes")
    }
}

impl KeyEntry {
    /// An active agent key without limits of time.
    pub fn active(key: PublicKey, name: impl Into<String>) -> Self {
        Self {
            keyid: key.id(),
            alg: Algorithm::Ed25519,
            public_key: key,
            role: Role::Agent,
            name: name.into(),
            not_before: None,
            not_after: None,
            status: KeyStatus::Active,
            compromised_since: None,
        }
    }

    /// Whether the time that a record claims for itself lies in this key's time.
    pub fn covers(&self, claimed: UtcTime) -> bool {
        self.not_before.is_none_or(|from| from <= claimed) && self.not_after.is_none_or(|to| claimed <= to)
    }

    /// Whether `signature` is this key's over `message`, by the algorithm of this entry.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.alg {
            Algorithm::Ed25519 => self.public_key.verifies(message, signature),
        }
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, KeyringFault> {
    use io::Read as _;
    let io = |error| KeyringFault::Io(path.to_owned(), error);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(KEYRING_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > KEYRING_BYTES_MAX {
        Err(KeyringFault::TooLong(path.to_owned()))
    } else {
        Ok(bytes)
    }
}

fn pem_entry(path: &Path) -> Result<KeyEntry, KeyringFault> {
    let not_a_key = || KeyringFault::NotAPublicKey(path.to_owned());
    // Of a directory every file is read unasked: a pipe among them would hold the check up for ever.
    let facts = std::fs::metadata(path).map_err(|error| KeyringFault::Io(path.to_owned(), error))?;
    if !facts.is_file() {
        return Err(not_a_key());
    }
    let text = String::from_utf8(read_bounded(path)?).map_err(|_| not_a_key())?;
    let key = PublicKey::from_text(&text).map_err(|_| not_a_key())?;
    let name = path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok(KeyEntry::active(key, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::key::SigningKey;

    fn entry(seed: u8) -> KeyEntry {
        KeyEntry::active(SigningKey::from_seed(&[seed; 32]).public(), format!("key {seed}"))
    }

    #[test]
    fn a_keyring_survives_its_file_and_tolerates_no_doubt() {
        let keyring = Keyring::from_entries(vec![entry(1), entry(2)]).unwrap();
        let text = keyring.to_json();
        assert_eq!(Keyring::parse(text.as_bytes()).unwrap(), keyring);
        let changed = |from: &str, to: &str| Keyring::parse(text.replacen(from, to, 1).as_bytes());
        assert!(matches!(changed("\"version\": 1", "\"version\": 2"), Err(KeyringFault::Version(2))));
        assert!(matches!(changed("\"role\"", "\"scope\""), Err(KeyringFault::Content(_))));
        assert!(matches!(changed("active", "trusted"), Err(KeyringFault::Content(_))));
        let (one, two) = (entry(1), entry(2));
        let swapped = changed(&one.keyid.to_string(), &two.keyid.to_string());
        assert!(matches!(swapped, Err(KeyringFault::KeyIdMismatch(_))));
        assert!(matches!(Keyring::from_entries(vec![one.clone(), one]), Err(KeyringFault::Twice(_))));
    }

    #[test]
    fn a_directory_of_pem_files_is_a_keyring() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(Keyring::load(directory.path()), Err(KeyringFault::Empty(_))));
        std::fs::write(directory.path().join("host-7.pem"), entry(7).public_key.to_pem()).unwrap();
        std::fs::write(directory.path().join("README"), "not a key").unwrap();
        let keyring = Keyring::load(directory.path()).unwrap();
        assert_eq!(keyring.get(&entry(7).keyid).unwrap().name, "host-7");
        std::fs::write(directory.path().join("bad.pem"), "not a key").unwrap();
        assert!(matches!(Keyring::load(directory.path()), Err(KeyringFault::NotAPublicKey(_))));
        std::fs::remove_file(directory.path().join("bad.pem")).unwrap();
        // Two keys in one file, or a key and something else: nobody can say which was meant.
        for rest in [entry(8).public_key.to_pem(), "and more\n".to_owned()] {
            std::fs::write(directory.path().join("two.pem"), entry(9).public_key.to_pem() + &rest).unwrap();
            assert!(matches!(Keyring::load(directory.path()), Err(KeyringFault::NotAPublicKey(_))));
        }
        std::fs::remove_file(directory.path().join("two.pem")).unwrap();
        nix::unistd::mkfifo(&directory.path().join("pipe.pem"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(Keyring::load(directory.path()), Err(KeyringFault::NotAPublicKey(_))));
    }
}
