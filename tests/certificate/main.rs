//! Signed records from outside: vectors of other programs, every one-byte change, contradictions under a
//! genuine signature, plain openssl, the published schema.

mod contradictions;
mod envelopes;
mod other_programs;

mod people;
mod schema;
mod support;
mod vectors;
