//! The first core: request + facts + policy to a plan or a refusal. Pure and total: no clock, no file, no
//! randomness, so one digest holds for approval, run and record.

pub mod request;
pub mod step;

pub use request::{PassChoice, Request, VerificationChoice};
pub use step::{
    Claim, Limit, LimitCode, PassPattern, PassSpec, Plan, PolicyRow, SchemeRef, VerificationPlan,
};
