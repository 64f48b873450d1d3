//! `expunge key generate|show`: the key that signs records.
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::certificate::told;
use crate::certificate::key::{KeyFault, SigningKey};
use crate::unit::term::Exit;

/// Flags of `key generate` and `key show`.
#[derive(Args, Clone, Debug)]
pub struct KeyOptions {
    /// File of the private key
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Print the public key as JSON
    #[arg(long)]
    pub json: bool,
}

/// Makes a new key in the file given, or in `default`, with mode 0600, and prints its public half. A file that
/// is there already is never overwritten.
pub fn generate(options: &KeyOptions, default: &Path, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    told(try_generate(options, default, out, err), err)
}

fn try_generate(
    options: &KeyOptions,
    default: &Path,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let path = options.key.as_deref().unwrap_or(default);
    let key = match SigningKey::generate() {
        Ok(key) => key,
        Err(error) => {
            writeln!(err, "expunge: no random numbers: {error}")?;
            return Ok(Exit::Internal);
        }
    };
    if let Err(fault) = key.save(path) {
        return refused(&fault, err);
    }
    print_public(&key, path, options, out, err)
}

/// Prints the public half of the key in the file given, or in `default`.
pub fn show(options: &KeyOptions, default: &Path, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let path = options.key.as_deref().unwrap_or(default);
    let result = match SigningKey::load(path) {
        Ok(key) => print_public(&key, path, options, out, err),
        Err(fault) => refused(&fault, err),
    };
    told(result, err)
}

fn refused(fault: &KeyFault, err: &mut dyn Write) -> io::Result<Exit> {
    writeln!(err, "expunge: key {fault}")?;
    Ok(Exit::Usage)
}

fn print_public(
    key: &SigningKey,
    path: &Path,
    options: &KeyOptions,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let public = key.public();
    if options.json {
        let answer = json!({
            "schema": "urn:expunge:key:v1",
            "path": path,
            "keyid": public.id(),
            "alg": "ed25519",
            "publicKey": public.to_pem(),
        });
        writeln!(out, "{answer:#}")?;
    } else {
        // The answer is the PEM alone, so that it can be saved as a file of a keyring directory.
        writeln!(err, "key id {}", public.id())?;
        out.write_all(public.to_pem().as_bytes())?;
    }
    Ok(Exit::Success)
}
