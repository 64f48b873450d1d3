//! The first core: request + facts + policy to a plan or a refusal. Pure and total: no clock, no file, no
//! randomness, so one digest holds for approval, run and record.

mod choose;
pub mod command;
pub mod crypto;
pub mod decide;
pub mod estimate;
pub mod firmware;
pub mod growth;
pub mod hidden;
pub mod keys;
pub mod limit;
pub mod policy;
pub mod profile;
mod purge;
pub mod render;
pub mod request;
pub mod rules;
pub mod sampling;
pub mod scheme;
pub mod step;
pub mod technique;

pub use command::command_line;
pub use crypto::CryptoBasis;
pub use decide::{Decision, decide};
pub use estimate::{Estimate, Rates};
pub use firmware::FirmwarePlan;
pub use policy::Policy;
pub use profile::Profile;
pub use request::{PassChoice, Request, VerificationChoice};
pub use rules::{RuleName, RuleSetting, Rules};
pub use step::{
    Claim, Limit, LimitCode, NotAPattern, PassPattern, PassSpec, Plan, PolicyRow, SchemeRef, VerificationPlan,
};
pub use technique::{Candidate, ranked};
