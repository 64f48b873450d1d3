//! Signed records from outside: vectors of other programs, every one-byte change, contradictions under a
//! genuine signature, plain openssl, the published schema.

#![allow(clippy::unwrap_used, reason = "a helper of a test that unwraps fails the test, as it should")]

mod contradictions;
mod envelopes;
mod firmware;
mod forgeries;
mod lies;
mod other_programs;
mod people;
mod purges;
mod schema;
mod support;
mod vectors;
mod zones;
