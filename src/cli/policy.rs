//! `expunge policy show|sign`: the table in force, and a site's own one in its signed envelope.
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::certificate::told;
use super::policy_file::{self, SignedPolicy};
use super::table::{self, Column};
use crate::certificate::durable::write_new;
use crate::certificate::key::SigningKey;
use crate::plan::Policy;
use crate::plan::policy::{Need, PassRule, Rule, Ruling};
use crate::plan::technique::overruled;
use crate::unit::term::{Exit, word};

/// `policy`
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show the table in force: what is accepted as which method, on what that rests, and where it comes from
    Show(ShowArgs),
    /// Put a site's own policy into a signed envelope
    Sign(SignArgs),
}

/// `policy show`
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// A site's own table, signed (with --policy-keys) [default: the one that Expunge brings along]
    #[arg(long, value_name = "FILE", requires = "policy_keys")]
    pub policy: Option<PathBuf>,
    /// Whose signature on the policy counts: keyring.json or a directory of public keys as PEM files
    #[arg(long, value_name = "PATH", requires = "policy")]
    pub policy_keys: Option<PathBuf>,
    /// Print JSON; its field `policy` is a file for `policy sign`
    #[arg(long)]
    pub json: bool,
}

/// `policy sign`
#[derive(Args, Debug)]
pub struct SignArgs {
    /// The policy as JSON
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// File of the private key of whoever answers for the policy
    #[arg(long, value_name = "KEY")]
    pub key: PathBuf,
    /// The envelope; a file that is there is never overwritten
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Carries out a command about policies.
pub fn run(command: &PolicyCommand, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let result = match command {
        PolicyCommand::Show(args) => show(args, out, err),
        PolicyCommand::Sign(args) => sign(args, out, err),
    };
    told(result, err)
}

fn show(args: &ShowArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let signed = match (&args.policy, &args.policy_keys) {
        (Some(file), Some(keys)) => match policy_file::load(file, keys) {
            Ok(signed) => signed,
            Err(fault) => {
                writeln!(err, "expunge: --policy {}: {fault}", file.display())?;
                return Ok(Exit::Usage);
            }
        },
        (None, _) | (_, None) => SignedPolicy { policy: Policy::builtin(), signers: Vec::new() },
    };
    if args.json {
        writeln!(out, "{:#}", as_json(&signed))?;
    } else {
        as_text(&signed, out)?;
    }
    Ok(Exit::Success)
}

fn as_json(signed: &SignedPolicy) -> Value {
    let overruled: Vec<Value> = signed
        .policy
        .rules
        .iter()
        .enumerate()
        .filter_map(|(row, rule)| Some(json!({"row": row, "why": overruled(rule)?})))
        .collect();
    json!({
        "schema": "urn:expunge:policy-show:v1",
        "digest": signed.policy.digest(),
        "signedBy": signed.signers,
        "overruled": overruled,
        "policy": signed.policy,
    })
}

const COLUMNS: [Column<Rule>; 8] = [
    ("STANDARD", |rule| word(rule.standard)),
    ("MEDIUM", |rule| word(rule.medium)),
    ("INTERFACE", |rule| rule.interface.map_or_else(|| "any".to_owned(), word)),
    ("TECHNIQUE", |rule| word(rule.technique)),
    ("METHOD", |rule| word(rule.method)),
    ("BASIS", |rule| word(rule.basis)),
    ("RULING", ruling),
    ("SOURCE", |rule| rule.source.clone()),
];

fn as_text(signed: &SignedPolicy, out: &mut dyn Write) -> io::Result<()> {
    let policy = &signed.policy;
    writeln!(out, "policy {}, digest {}", policy.name, policy.digest())?;
    for signer in &signed.signers {
        writeln!(out, "signed by {} ({})", signer.keyid.short(), signer.name)?;
    }
    if let Some(rule) = policy.defect_growth {
        writeln!(out, "defects that grow while a job runs: {}", rule.word())?;
    }
    writeln!(out)?;
    table::render(&COLUMNS, &policy.rules, out)?;
    writeln!(out, "\nA case without a row is not accepted. Of several rows for one case the first holds.")
}

fn ruling(rule: &Rule) -> String {
    if let Some(why) = overruled(rule) {
        return format!("NOT FOLLOWED: {why}");
    }
    match &rule.ruling {
        Ruling::Accepted { passes: PassRule::AnyPattern } => "accepted".to_owned(),
        Ruling::Accepted { passes: PassRule::PatternThenComplement } => {
            "accepted with a pattern and its complement".to_owned()
        }
        Ruling::ByDrive { needs } if needs.is_empty() => "accepted".to_owned(),
        Ruling::ByDrive { needs } => {
            let needs: Vec<&str> = needs.iter().map(|need| need_title(*need)).collect();
            format!("accepted with {}", needs.join(", "))
        }
        Ruling::NotReachable { why } => format!("no: {why}"),
    }
}

const fn need_title(need: Need) -> &'static str {
    match need {
        Need::CryptographicBasis => "a basis for cryptographic erase",
        Need::PurgeReported => "the drive's report of a purge",
        Need::MediaEncryption => "media encryption",
        Need::LockingActive => "an active Locking SP",
    }
}

fn sign(args: &SignArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let policy = match policy_file::load_unsigned(&args.file) {
        Ok(policy) => policy,
        Err(fault) => {
            writeln!(err, "expunge: {}: {fault}; nothing was signed", args.file.display())?;
            return Ok(Exit::Usage);
        }
    };
    let key = match SigningKey::load(&args.key) {
        Ok(key) => key,
        Err(fault) => {
            writeln!(err, "expunge: key {fault}; nothing was signed")?;
            return Ok(Exit::Usage);
        }
    };
    if let Err(error) = write_new(&args.out, &policy_file::seal(&policy, &key), 0o644) {
        writeln!(err, "expunge: {}: {error}", args.out.display())?;
        return Ok(Exit::Usage);
    }
    for (row, rule) in policy.rules.iter().enumerate() {
        if let Some(why) = overruled(rule) {
            writeln!(err, "expunge: row {} will not be followed: {why}", row + 1)?;
        }
    }
    writeln!(out, "{}", args.out.display())?;
    writeln!(out, "policy {}, digest {}, signed by {}", policy.name, policy.digest(), key.public().id())?;
    Ok(Exit::Success)
}
