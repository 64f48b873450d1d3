//! From the flags of `sanitize`, and a manifest, to one order for each drive.
use super::args::SanitizeArgs;
use super::complain;
use super::manifest::{self, Row};
use super::setup::given;
use crate::certificate::provenance::Given;
use crate::job::prepare::Order;
use crate::unit::term::{Exit, word};

/// The orders, and the rows of the manifest that they came from.
///
/// # Errors
/// A usage error, told.
pub fn of(args: &SanitizeArgs) -> Result<(Vec<Order>, Vec<Row>), Exit> {
    orders(args).map_err(|text| {
        complain(&text);
        Exit::Usage
    })
}

fn orders(args: &SanitizeArgs) -> Result<(Vec<Order>, Vec<Row>), String> {
    let several = args.manifest.is_some() || args.devices.len() > 1;
    if several && args.pace.temperature_file.is_some() {
        return Err("--temperature-file belongs to one drive; give one drive".to_owned());
    }
    if several && args.psid_file.is_some() {
        return Err("--psid-file belongs to one drive; give one drive".to_owned());
    }
    let Some(manifest) = &args.manifest else {
        return Ok((by_name(args)?, Vec::new()));
    };
    let asked = args.request.without_profile()?;
    let rows = manifest::read(manifest)
        .map_err(|fault| format!("{}: {fault}; nothing was done", manifest.display()))?;
    more_plans_than(rows.len(), args)?;
    let order = |(index, row): (usize, &Row)| {
        let request = row
            .request(&asked, args.request.profile())
            .map_err(|text| format!("{}: row {}: {text}; nothing was done", manifest.display(), index + 1))?;
        let given = given_of(args, row);
        let given = Given { profile: request.profile.as_ref().map(word), ..given };
        Ok(Order { device: row.name().unwrap_or_default(), request, given })
    };
    let orders: Result<Vec<Order>, String> = rows.iter().enumerate().map(order).collect();
    Ok((orders?, rows))
}

fn by_name(args: &SanitizeArgs) -> Result<Vec<Order>, String> {
    let request = args.request.request()?;
    if args.devices.len() > 1 && (args.given.asset_tag.is_some() || args.given.ticket.is_some()) {
        return Err(
            "--asset-tag and --ticket belong to one drive; for several give --manifest FILE".to_owned()
        );
    }
    more_plans_than(args.devices.len(), args)?;
    let profile = request.profile.as_ref().map(word);
    let given = Given { profile, ..given(&args.given) };
    let order =
        |device: &String| Order { device: device.clone(), request: request.clone(), given: given.clone() };
    Ok(args.devices.iter().map(order).collect())
}

fn more_plans_than(drives: usize, args: &SanitizeArgs) -> Result<(), String> {
    let plans = args.plan.len();
    if plans > drives {
        return Err(format!("{plans} plans were given with --plan for {drives} drives; one for each drive"));
    }
    Ok(())
}

fn given_of(args: &SanitizeArgs, row: &Row) -> Given {
    let common = given(&args.given);
    let or = |own: &Option<String>, common: Option<String>| own.clone().or(common);
    Given {
        asset_tag: or(&row.asset_tag, common.asset_tag.clone()),
        ticket: or(&row.ticket, common.ticket.clone()),
        source: or(&row.source, common.source.clone()),
        location: or(&row.location, common.location.clone()),
        destination: or(&row.destination, common.destination.clone()),
        ..common
    }
}
