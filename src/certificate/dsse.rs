//! DSSE envelopes (protocol and envelope 1.0.2): a payload of a stated type, and signatures over both.
//!
//! The signed bytes are [`pae`], never the JSON around them, so nothing depends on how JSON is written. An
//! envelope is nevertheless read strictly: what is not exactly an envelope is rejected with a reason, and one
//! that is written otherwise than [`Envelope::to_bytes`] writes it is reported by the checker.
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoding::{JsonFault, from_base64, parse_json, to_base64};
use super::key::KeyId;
use crate::unit::Digest;
use crate::unit::digest::canonical_json;

/// The only payload type we sign and accept: an in-toto Statement as JSON.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Longest envelope that is read, in bytes. A record with a hundred thousand failed ranges fits.
pub const ENVELOPE_BYTES_MAX: usize = 16 << 20;

/// Most signatures that an envelope may carry.
pub const SIGNATURES_MAX: usize = 16;

/// Pre-authentication encoding: the bytes that are signed.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// One signature over the payload, with a hint by which key. The hint is not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Whose signature it says it is.
    pub keyid: KeyId,
    /// The signature's bytes, in the form of the key's algorithm.
    pub bytes: Vec<u8>,
}

/// A payload and the signatures over it. Its payload type is always [`PAYLOAD_TYPE`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawEnvelope {
    payload_type: String,
    payload: String,
    signatures: Vec<RawSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignature {
    keyid: String,
    sig: String,
}

/// Why some bytes are not an envelope that we accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvelopeFault {
    /// Longer than [`ENVELOPE_BYTES_MAX`].
    TooLong(usize),
    /// Not JSON, or JSON that readers understand differently.
    Json(JsonFault),
    /// JSON, but a field is missing, unknown or of another type.
    Shape(JsonFault),
    /// Another payload type than [`PAYLOAD_TYPE`].
    PayloadType(String),
    /// The payload is not strict base64.
    PayloadEncoding,
    /// The signature with this position is not strict base64.
    SignatureEncoding(usize),
    /// The key id of the signature with this position is not 64 lowercase hexadecimal digits.
    KeyId(usize),
    /// No signature at all.
    Unsigned,
    /// More than [`SIGNATURES_MAX`] signatures.
    TooManySignatures(usize),
}

impl fmt::Display for EnvelopeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => write!(f, "{bytes} bytes are more than an envelope may have"),
            Self::Json(fault) => write!(f, "not unambiguous JSON: {fault}"),
            Self::Shape(fault) => write!(f, "not a DSSE envelope: {fault}"),
            Self::PayloadType(found) => {
                write!(f, "the payload type is {found:?} instead of {PAYLOAD_TYPE:?}")
            }
            Self::PayloadEncoding => f.write_str("the payload is not strict base64"),
            Self::SignatureEncoding(index) => write!(f, "signature {index} is not strict base64"),
            Self::KeyId(index) => {
                write!(f, "the key id of signature {index} is not 64 lowercase hexadecimal digits")
            }
            Self::Unsigned => f.write_str("the envelope carries no signature"),
            Self::TooManySignatures(count) => write!(f, "the envelope carries {count} signatures"),
        }
    }
}

impl std::error::Error for EnvelopeFault {}

impl Envelope {
    /// An envelope around a payload, with its signatures.
    pub const fn new(payload: Vec<u8>, signatures: Vec<Signature>) -> Self {
        Self { payload, signatures }
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// [`EnvelopeFault`] for anything that is not exactly an envelope; never panics.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeFault> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(EnvelopeFault::TooLong(bytes.len()));
        }
        let value = parse_json(bytes).map_err(EnvelopeFault::Json)?;
        Self::from_value(value)
    }

    fn from_value(value: Value) -> Result<Self, EnvelopeFault> {
        let raw: RawEnvelope =
            serde_json::from_value(value).map_err(|error| EnvelopeFault::Shape(error.into()))?;
        if raw.payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeFault::PayloadType(raw.payload_type));
        }
        let payload = from_base64(&raw.payload).ok_or(EnvelopeFault::PayloadEncoding)?;
        match raw.signatures.len() {
            0 => return Err(EnvelopeFault::Unsigned),
            count if count > SIGNATURES_MAX => return Err(EnvelopeFault::TooManySignatures(count)),
            _ => {}
        }
        let mut signatures = Vec::with_capacity(raw.signatures.len());
        for (index, signature) in raw.signatures.iter().enumerate() {
            let keyid = KeyId::parse(&signature.keyid).ok_or(EnvelopeFault::KeyId(index))?;
            let bytes = from_base64(&signature.sig).ok_or(EnvelopeFault::SignatureEncoding(index))?;
            signatures.push(Signature { keyid, bytes });
        }
        Ok(Self { payload, signatures })
    }

    /// The payload. To be parsed only after a signature over this very buffer was found good.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signatures, in the order of the envelope.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The bytes that every signature must be over.
    pub fn pae(&self) -> Vec<u8> {
        pae(PAYLOAD_TYPE, &self.payload)
    }

    /// SHA-256 of [`Self::pae`]: names what was signed, however the envelope is written.
    pub fn pae_digest(&self) -> Digest {
        Digest::of(&self.pae())
    }

    /// The envelope as one line of JSON with sorted keys and a line feed at its end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let raw = RawEnvelope {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: to_base64(&self.payload),
            signatures: self
                .signatures
                .iter()
                .map(|signature| RawSignature {
                    keyid: signature.keyid.to_string(),
                    sig: to_base64(&signature.bytes),
                })
                .collect(),
        };
        let mut bytes = canonical_json(&raw);
        bytes.push(b'\n');
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pae_is_the_one_of_the_specification() {
        // secure-systems-lab/dsse, protocol.md, test vectors.
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        // Lengths count bytes, not characters, and an empty payload is one.
        assert_eq!(pae("é", b""), "DSSEv1 2 é 0 ".as_bytes());
    }

    fn envelope_text(payload_type: &str, payload: &str, signatures: &str) -> String {
        format!(r#"{{"payload":"{payload}","payloadType":"{payload_type}","signatures":{signatures}}}"#)
    }

    #[test]
    fn whatever_is_not_exactly_an_envelope_has_a_reason() {
        let id = "a".repeat(64);
        let good = format!(r#"[{{"keyid":"{id}","sig":"AAAA"}}]"#);
        assert!(Envelope::parse(envelope_text(PAYLOAD_TYPE, "e30=", &good).as_bytes()).is_ok());
        let many = format!("[{}]", vec![good.trim_matches(['[', ']']); 17].join(","));
        for (text, fault) in [
            (envelope_text("text/plain", "e30=", &good), EnvelopeFault::PayloadType("text/plain".into())),
            (envelope_text(PAYLOAD_TYPE, "e30", &good), EnvelopeFault::PayloadEncoding),
            (envelope_text(PAYLOAD_TYPE, "e30=", "[]"), EnvelopeFault::Unsigned),
            (envelope_text(PAYLOAD_TYPE, "e30=", &many), EnvelopeFault::TooManySignatures(17)),
            (
                envelope_text(PAYLOAD_TYPE, "e30=", &good.replace("AAAA", "AAA")),
                EnvelopeFault::SignatureEncoding(0),
            ),
            (
                envelope_text(PAYLOAD_TYPE, "e30=", &good.replace(&id, &id.to_uppercase())),
                EnvelopeFault::KeyId(0),
            ),
        ] {
            assert_eq!(Envelope::parse(text.as_bytes()), Err(fault), "{text}");
        }
        let extra = envelope_text(PAYLOAD_TYPE, "e30=", &good).replacen('{', r#"{"note":1,"#, 1);
        assert!(matches!(Envelope::parse(extra.as_bytes()), Err(EnvelopeFault::Shape(_))));
        let long = vec![b' '; ENVELOPE_BYTES_MAX + 1];
        assert_eq!(Envelope::parse(&long), Err(EnvelopeFault::TooLong(ENVELOPE_BYTES_MAX + 1)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Envelope::parse(&bytes).is_err());
        }

        #[test]
        fn no_json_like_text_makes_the_reader_panic(
            text in r#"[{}\[\]",:a-zA-Z0-9+/=\\ -]{0,200}"#,
            payload in any::<Vec<u8>>(),
        ) {
            prop_assert!(Envelope::parse(text.as_bytes()).is_err());
            let signature = Signature { keyid: KeyId::of_spki(&payload), bytes: text.into_bytes() };
            let envelope = Envelope::new(payload, vec![signature]);
            prop_assert_eq!(Envelope::parse(&envelope.to_bytes()), Ok(envelope));
        }
    }
}
