//! From flags to what a job needs: the host with its places, the key, the tuning, and what people said.
use super::args::{GivenArgs, StateArgs, TuningArgs};
use super::asked::RequestArgs;
use super::{complain, policy_file};
use crate::certificate::provenance::{Given, Person};
use crate::job::conclude::{KeyPlace, SelfMade};
use crate::job::prepare::Host;
use crate::job::tuning::Wish;
use crate::job::{Directories, Signer};
use crate::unit::term::Exit;
use crate::unit::{Reason, ReasonCode};

/// Most MiB of buffers that may be asked for, for one drive: beyond it nothing gets faster.
const BUFFERS_MIB_MAX: u64 = 256;

/// The host with the places that were asked for.
pub fn host(state: &StateArgs) -> Result<(Host, KeyPlace), Exit> {
    let place = if state.key.is_some() { KeyPlace::Named } else { KeyPlace::Default };
    Directories::choose(state.state.as_deref(), state.out.as_deref(), state.key.as_deref())
        .map(|directories| (Host::own(directories), place))
        .map_err(|error| {
            complain(&error.to_string());
            Exit::Internal
        })
}

/// The same host with the site's own policy, where one was given.
///
/// # Errors
/// A usage error when the policy cannot be used: nothing is done under another one in its place.
pub fn under_policy(host: Host, request: &RequestArgs) -> Result<Host, Exit> {
    let (Some(file), Some(keys)) = (&request.policy, &request.policy_keys) else { return Ok(host) };
    match policy_file::load(file, keys) {
        Ok(signed) => Ok(Host { policy: signed.policy, ..host }),
        Err(fault) => {
            complain(&format!("--policy {}: {fault}; nothing was done", file.display()));
            Err(Exit::Usage)
        }
    }
}

/// The key, with a word about it when it was made just now.
///
/// # Errors
/// With the reason why no record could be signed; then nothing may be written to a drive.
pub fn signer(host: &Host, place: KeyPlace) -> Result<Signer, Reason> {
    let made = host
        .directories
        .create()
        .map_err(|error| error.to_string())
        .and_then(|()| Signer::load_or_make(&host.directories, place).map_err(|fault| fault.to_string()));
    let signer = made.map_err(|text| {
        Reason::new(
            ReasonCode::StateFailed,
            format!("no record could be signed: {text}"),
            "repair the key and its directory, or choose others with --key FILE and --state DIR",
        )
    })?;
    if signer.self_made == SelfMade::Now {
        complain(&format!(
            "made a signing key: {}\nexpunge: its fingerprint is {}\nexpunge: records say that it is not \
             enrolled; give auditors the output of: expunge key show",
            host.directories.key.display(),
            signer.fingerprint()
        ));
    }
    Ok(signer)
}

/// Flags as a wish for tuning.
///
/// # Errors
/// A usage error when the buffers of one drive would take more than 256 MiB.
pub fn wish(tuning: TuningArgs) -> Result<Wish, Exit> {
    if let (Some(depth), Some(kib)) = (tuning.depth, tuning.transfer_kib) {
        let mib = u64::from(depth) * u64::from(kib) / 1024;
        if mib > BUFFERS_MIB_MAX {
            complain(&format!(
                "--depth {depth} --transfer-kib {kib} are {mib} MiB of buffers for each drive; at most \
                 {BUFFERS_MIB_MAX} MiB"
            ));
            return Err(Exit::Usage);
        }
    }
    Ok(Wish {
        depth: tuning.depth,
        transfer_bytes: tuning.transfer_kib.map(|kib| kib << 10),
        adapter: tuning.adapter.map(Into::into),
    })
}

/// Flags as what people said.
pub fn given(args: &GivenArgs) -> Given {
    let person = |name: &Option<String>, title: &Option<String>, contact: &Option<String>| Person {
        name: name.clone(),
        title: title.clone(),
        contact: contact.clone(),
        ..Person::default()
    };
    Given {
        operator: person(&args.operator, &args.operator_title, &args.operator_contact),
        verifier: person(&args.verifier, &args.verifier_title, &args.verifier_contact),
        validator: person(&args.validator, &args.validator_title, &args.validator_contact),
        ticket: args.ticket.clone(),
        asset_tag: args.asset_tag.clone(),
        location: args.location.clone(),
        source: args.source.clone(),
        destination: args.destination.clone(),
        destination_details: args.destination_details.clone(),
        data_backed_up: args.backed_up.clone(),
        backup_location: args.backup_location.clone(),
        organization: args.organization.clone(),
        classification_before: args.classification_before.clone(),
        classification_after: args.classification_after.clone(),
        notes: args.notes.clone(),
        ..Given::default()
    }
}
