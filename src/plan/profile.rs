//! Profiles: what a site intends with a drive, as data that fills in a request.
use std::fmt;

use serde::{Deserialize, Serialize};

use super::request::{Afterwards, Fallback, Request, VerificationChoice};
use crate::unit::term::{Method, Technique, word};

/// What is intended with a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// It stays in the house: clear, every block read back.
    Reuse,
    /// It goes back to its maker: purge, then a full keyed overwrite read back; else destroy.
    Rma,
    /// It is given up: purge or destroy.
    Retire,
}

/// A request that asks for something else than its profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The profile.
    pub profile: Profile,
    /// What does not go with it, as an option of the command line.
    pub option: String,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--profile {} does not go with {}", word(self.profile), self.option)
    }
}

impl std::error::Error for Contradiction {}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Reuse, Self::Rma, Self::Retire];

    /// The request with everything that the profile says.
    ///
    /// # Errors
    /// [`Contradiction`] when the request asks for something that the profile does not allow.
    pub fn fill_in(self, request: &Request) -> Result<Request, Contradiction> {
        let method = match self {
            Self::Reuse => Method::Clear,
            Self::Rma | Self::Retire => Method::Purge,
        };
        let mut wrong: Vec<String> = Vec::new();
        if let Some(other) = request.method.filter(|other| *other != method) {
            wrong.push(format!("--method {}", word(other)));
        }
        if request.fallback == Fallback::Clear {
            wrong.push("--or-clear".to_owned());
        }
        match self {
            Self::Reuse => {
                if let Some(other) = request.technique.filter(|other| *other != Technique::Overwrite) {
                    wrong.push(format!("--technique {}", word(other)));
                }
                if request.afterwards == Afterwards::Overwrite {
                    wrong.push("--overwrite-after".to_owned());
                }
            }
            Self::Rma | Self::Retire => {
                if request.technique == Some(Technique::Overwrite) {
                    wrong.push("--technique overwrite".to_owned());
                }
            }
        }
        let full = request.verification == VerificationChoice::Full;
        let reads_all = match self {
            Self::Reuse | Self::Rma => true,
            Self::Retire => request.verification == VerificationChoice::None,
        };
        if !full && reads_all {
            wrong.push(format!("--verify {}", super::command::verification_words(request.verification)));
        }
        if let Some(option) = wrong.into_iter().next() {
            return Err(Contradiction { profile: self, option });
        }
        let afterwards = match self {
            Self::Rma => Afterwards::Overwrite,
            Self::Reuse | Self::Retire => request.afterwards,
        };
        Ok(Request { method: Some(method), afterwards, profile: Some(self), ..request.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_fills_in_a_request_and_bears_no_contradiction() {
        let plain = Request::default();
        let reuse = Profile::Reuse.fill_in(&plain).unwrap();
        assert_eq!((reuse.method, reuse.afterwards), (Some(Method::Clear), Afterwards::Nothing));
        let rma = Profile::Rma.fill_in(&plain).unwrap();
        assert_eq!((rma.method, rma.afterwards), (Some(Method::Purge), Afterwards::Overwrite));
        let retire = Profile::Retire.fill_in(&plain).unwrap();
        assert_eq!((retire.method, retire.afterwards), (Some(Method::Purge), Afterwards::Nothing));
        let clear = Request { method: Some(Method::Clear), ..plain.clone() };
        let purge = Request { method: Some(Method::Purge), ..plain.clone() };
        let lower = Request { fallback: Fallback::Clear, ..plain.clone() };
        let blind = Request { verification: VerificationChoice::None, ..plain.clone() };
        let overwrite = Request { technique: Some(Technique::Overwrite), ..plain.clone() };
        let block = Request { technique: Some(Technique::BlockErase), ..plain.clone() };
        let sampled = Request { verification: VerificationChoice::SampledR1, ..plain };
        for (profile, good, bad) in [
            (Profile::Reuse, vec![&clear, &overwrite], vec![&purge, &lower, &blind, &block, &sampled]),
            (Profile::Rma, vec![&purge, &block], vec![&clear, &lower, &blind, &overwrite, &sampled]),
            (Profile::Retire, vec![&purge, &block, &sampled], vec![&clear, &lower, &blind, &overwrite]),
        ] {
            for request in good {
                assert!(profile.fill_in(request).is_ok(), "{profile:?} {request:?}");
            }
            for request in bad {
                assert!(profile.fill_in(request).is_err(), "{profile:?} {request:?}");
            }
        }
    }
}
