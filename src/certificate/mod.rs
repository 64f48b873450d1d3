//! Signed records: what they say, how they are signed and kept, and how anyone checks them offline.
//!
//! A record is an in-toto Statement in a DSSE envelope, signed with Ed25519. [`build`] makes the statement of a
//! finished job, [`inspect`] the one of an inspection, [`sign`](sign::sign) signs it, [`store`](store::store)
//! keeps it, [`check`](check::check) checks the bytes of a file with the keys one knows, and
//! [`show`](show::show) puts it in words. `docs/certificate.md` describes the format for people,
//! `docs/schema/record-v1.json` for programs.

pub mod check;
pub mod dsse;
pub(crate) mod durable;
pub mod encoding;
pub mod host;
pub mod inspection;
pub mod key;
pub mod keyring;
pub mod provenance;
pub mod record;
pub mod show;
pub mod sign;
pub mod statement;
pub mod store;
pub mod time;
mod told;

pub use check::{CheckReport, CheckStatus, check};
pub use dsse::Envelope;
pub use inspection::{Inspection, InspectionInput, InspectionOutcome};
pub use key::{KeyFault, KeyId, PublicKey, SigningKey};
pub use keyring::{Keyring, KeyringFault};
pub use provenance::{
    Authorisation, Clock, Environment, ExpectedSigner, Given, KEY_SELF_MADE, Observed, Person, Provenance,
    SelfTest, Tool,
};
pub use record::{DriveRecord, PassRecord, Record, VerificationRecord};
pub use sign::sign;
pub use statement::{BuildFault, PredicateType, RecordInput, Statement, build, inspect};
pub use store::{StoredRecord, store};
pub use time::UtcTime;
pub use told::recordable;
