//! Ed25519 keys: making, keeping, naming, signing, verifying.
//!
//! A key's name is the SHA-256 of its DER `SubjectPublicKeyInfo`, so two programs that hold the same key call it
//! the same. For Ed25519 (RFC 8410) that DER is a fixed head and the 32 bytes of the key.
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _};
use ed25519_dalek::pkcs8::{EncodePublicKey as _, KeypairBytes};
use ed25519_dalek::{Signer as _, SigningKey as Ed25519Signing, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::durable::write_new;
use super::encoding::{from_base64, to_base64};
use crate::unit::Digest;

/// DER of an Ed25519 `SubjectPublicKeyInfo` up to the key's 32 bytes (RFC 8410, section 10.1).
const SPKI_HEAD: [u8; 12] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Longest key file that is read, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 16 << 10;

/// Name of a public key: lowercase hexadecimal SHA-256 of its DER `SubjectPublicKeyInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Digest);

impl KeyId {
    /// The name of the key with this `SubjectPublicKeyInfo`.
    pub fn of_spki(der: &[u8]) -> Self {
        Self(Digest::of(der))
    }

    /// Exactly 64 lowercase hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digest: Digest = text.parse().ok()?;
        (digest.to_string() == text).then_some(Self(digest))
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Algorithms of signatures. Which one a key uses is said by the keyring, never by an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Pure Ed25519 (RFC 8032), 64 bytes.
    Ed25519,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Text or bytes that are no Ed25519 public key that we accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPublicKey;

impl fmt::Display for NotAPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an Ed25519 public key: expected PEM, or base64 of the DER SubjectPublicKeyInfo")
    }
}

impl std::error::Error for NotAPublicKey {}

impl PublicKey {
    /// From a DER `SubjectPublicKeyInfo`. Keys of small order, for which one signature fits many messages, are
    /// not accepted.
    ///
    /// # Errors
    /// Anything that is not exactly one sound Ed25519 key.
    pub fn from_spki(der: &[u8]) -> Result<Self, NotAPublicKey> {
        let bytes = der.strip_prefix(&SPKI_HEAD).ok_or(NotAPublicKey)?;
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| NotAPublicKey)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| NotAPublicKey)?;
        if key.is_weak() { Err(NotAPublicKey) } else { Ok(Self(key)) }
    }

    /// From PEM (`BEGIN PUBLIC KEY`), or from base64 of the DER.
    ///
    /// # Errors
    /// As [`Self::from_spki`].
    pub fn from_text(text: &str) -> Result<Self, NotAPublicKey> {
        let text = text.trim();
        if text.starts_with("-----") {
            let key = VerifyingKey::from_public_key_pem(text).map_err(|_| NotAPublicKey)?;
            return Self::from_spki(&Self(key).spki());
        }
        from_base64(text).ok_or(NotAPublicKey).and_then(|der| Self::from_spki(&der))
    }

    /// The DER `SubjectPublicKeyInfo`, 44 bytes.
    pub fn spki(&self) -> Vec<u8> {
        [SPKI_HEAD.as_slice(), self.0.as_bytes()].concat()
    }

    /// Base64 of [`Self::spki`], as it stands in records.
    pub fn to_base64(&self) -> String {
        to_base64(&self.spki())
    }

    /// The key as PEM, which `openssl pkeyutl -pubin` reads.
    pub fn to_pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).expect("32 bytes of key always encode")
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        KeyId::of_spki(&self.spki())
    }

    /// Whether `signature` is this key's over `message`, by the strict rules: canonical numbers, no points of
    /// small order.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

/// A private key, which `Debug` does not show and which is cleared from memory when it is dropped.
pub struct SigningKey(Ed25519Signing);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id().short())
    }
}

/// Why a key file cannot be used.
#[derive(Debug)]
pub enum KeyFault {
    /// The file could not be opened, read, written or made durable.
    Io(PathBuf, io::Error),
    /// Not a regular file, or longer than a key can be.
    NotAKeyFile(PathBuf),
    /// Others than the owner may read, write or execute it; these are its permission bits.
    Exposed(PathBuf, u32),
    /// It belongs to another user, whose number this is.
    ForeignOwner(PathBuf, u32),
    /// Not an Ed25519 private key in PKCS#8 PEM.
    NotAPrivateKey(PathBuf),
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NotAKeyFile(path) => write!(f, "{}: not a regular file of a key's size", path.display()),
            Self::Exposed(path, mode) => write!(
                f,
                "{}: mode {mode:04o} lets others use the key; make a new key, or if nobody else could \
                 read it: chmod 600",
                path.display()
            ),
            Self::ForeignOwner(path, uid) => {
                write!(f, "{}: belongs to user {uid}, who could have replaced or copied it", path.display())
            }
            Self::NotAPrivateKey(path) => {
                write!(f, "{}: not an Ed25519 private key in PKCS#8 PEM", path.display())
            }
        }
    }
}

impl std::error::Error for KeyFault {}

impl SigningKey {
    /// A new key from the kernel's random numbers.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self::from_seed(&seed))
    }

    /// The key that belongs to 32 secret bytes (RFC 8032, 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Ed25519Signing::from_bytes(seed))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message: 64 bytes.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).to_vec()
    }

    /// Reads a key. What is judged is the opened file, not its name.
    ///
    /// # Errors
    /// [`KeyFault`]: not readable, readable by others, of another owner, or not a key.
    pub fn load(path: &Path) -> Result<Self, KeyFault> {
        let at = || path.to_owned();
        let io = |error| KeyFault::Io(at(), error);
        // O_NONBLOCK: a FIFO in place of the key must not make us wait for ever.
        let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(io)?;
        let facts = file.metadata().map_err(io)?;
        if !facts.is_file() || facts.len() > KEY_FILE_BYTES_MAX {
            return Err(KeyFault::NotAKeyFile(at()));
        }
        if facts.mode() & 0o077 != 0 {
            return Err(KeyFault::Exposed(at(), facts.mode() & 0o7777));
        }
        if facts.uid() != nix::unistd::geteuid().as_raw() {
            return Err(KeyFault::ForeignOwner(at(), facts.uid()));
        }
        let mut text = String::new();
        file.by_ref().take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
        let key = Ed25519Signing::from_pkcs8_pem(&text).map_err(|_| KeyFault::NotAPrivateKey(at()))?;
        Ok(Self(key))
    }

    /// Writes the key to a new file with mode 0600, durably; never over a file that is there.
    ///
    /// # Errors
    /// [`KeyFault::Io`], also when the name is taken.
    pub fn save(&self, path: &Path) -> Result<(), KeyFault> {
        // Without the public half: OpenSSL 3.0 reads only the first version of PKCS#8.
        let pair = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let pem = pair.to_pkcs8_pem(LineEnding::LF).expect("32 bytes of key always encode");
        write_new(path, pem.as_bytes(), 0o600).map_err(|error| KeyFault::Io(path.to_owned(), error))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// RFC 8410, section 10.1 and 10.3.
    const RFC_8410_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    const RFC_8410_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

    #[test]
    fn keys_are_read_and_written_as_rfc_8410_shows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        write_new(&path, RFC_8410_PRIVATE.as_bytes(), 0o600).unwrap();
        let key = SigningKey::load(&path).unwrap();
        assert_eq!(key.public().to_pem(), RFC_8410_PUBLIC);
        assert_eq!(PublicKey::from_text(RFC_8410_PUBLIC).unwrap(), key.public());
        assert_eq!(PublicKey::from_text(&key.public().to_base64()).unwrap(), key.public());
        let copy = directory.path().join("copy.pem");
        key.save(&copy).unwrap();
        assert_eq!(std::fs::read_to_string(&copy).unwrap(), RFC_8410_PRIVATE);
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o7777, 0o600);
        assert!(matches!(key.save(&copy), Err(KeyFault::Io(..))), "a key was overwritten");
    }

    #[test]
    fn key_files_that_others_could_use_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        write_new(&path, RFC_8410_PRIVATE.as_bytes(), 0o600).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(SigningKey::load(&path), Err(KeyFault::Exposed(_, found)) if found == mode));
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        SigningKey::load(&path).unwrap();
        assert!(matches!(SigningKey::load(directory.path()), Err(KeyFault::NotAKeyFile(_))));
        assert!(matches!(SigningKey::load(&directory.path().join("none")), Err(KeyFault::Io(..))));
        let text = directory.path().join("text");
        write_new(&text, b"no key", 0o600).unwrap();
        assert!(matches!(SigningKey::load(&text), Err(KeyFault::NotAPrivateKey(_))));
    }

    /// Only root can make a file that belongs to somebody else; the suite runs as root.
    #[test]
    fn a_key_file_of_another_owner_is_refused() {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root to give a file away");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.pem");
        write_new(&path, RFC_8410_PRIVATE.as_bytes(), 0o600).unwrap();
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        assert!(matches!(SigningKey::load(&path), Err(KeyFault::ForeignOwner(_, 65_534))));
    }

    #[test]
    fn keys_of_small_order_are_not_accepted() {
        // The neutral point (y = 1) verifies a fixed signature over any message by the loose rules.
        let neutral = [SPKI_HEAD.as_slice(), &[1], &[0; 31]].concat();
        assert_eq!(PublicKey::from_spki(&neutral), Err(NotAPublicKey));
    }

    #[test]
    fn debug_output_never_shows_a_private_key() {
        let text = format!("{:?}", SigningKey::from_seed(&[0xAB; 32]));
        assert!(!text.to_lowercase().contains("abab") && !text.contains("171"));
    }
}
