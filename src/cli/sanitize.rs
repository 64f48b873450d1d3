//! `expunge sanitize`: prepares all drives, asks, works on them side by side, and tells.
use std::io::{self, IsTerminal as _, Write as _};

use super::args::SanitizeArgs;
use super::confirm::{counted, named};
use super::manifest::{self, Row};
use super::plan::{as_text, refusal_text};
use super::progress::Style;
use super::report::{Fate, json_result, table};
use super::setup::{given, host, under_policy, wish};
use super::work::{Way, held_back, work};
use super::{complain, secret, selftest};
use crate::certificate::provenance::{Given, SelfTest};
use crate::certificate::show::plain_lines;
use crate::job::Directories;
use crate::job::execute::Kept;
use crate::job::opening::keep_refusal;
use crate::job::prepare::{Host, Order, Prepared, Ready, check_plan_digest, prepare};
use crate::plan::{Policy, Request};
use crate::unit::term::Exit;
use crate::unit::{Reason, ReasonCode};

/// Sanitizes every drive named.
pub fn run(args: &SanitizeArgs) -> Exit {
    let place = host(&args.state).and_then(|(host, place)| Ok((under_policy(host, &args.request)?, place)));
    let (host, place) = match place {
        Ok(host) => host,
        Err(exit) => return exit,
    };
    let (orders, rows) = match orders(args) {
        Ok(orders) => orders,
        Err(exit) => return exit,
    };
    let wish = match wish(args.tuning) {
        Ok(wish) => wish,
        Err(exit) => return exit,
    };
    let psid = match secret::psid(args.psid_file.as_deref()) {
        Ok(psid) => psid,
        Err(exit) => return exit,
    };
    let self_test = selftest::everything();
    let mut prepared = prepare(&host, &orders);
    prepared = refuse_failed_self_test(prepared, &orders, &self_test);
    prepared = check_rows(prepared, &orders, &rows);
    if let Some(digest) = args.plan {
        prepared = check_each(prepared, &orders, |ready| check_plan_digest(ready, digest).err());
    }
    prepared = check_each(prepared, &orders, |ready| secret::missing(&ready.plan, psid.as_ref()));
    if !args.json {
        show(&prepared, &orders, &host.policy);
    }
    // What is refused already is not asked about, and nothing is asked when one refusal refuses all.
    if args.each || !any_refused(&prepared) {
        prepared = confirm(args, prepared, &orders);
    }
    let form = if args.json { Form::Json } else { Form::Text };
    let stopped_by_one = !args.each && any_refused(&prepared);
    let fates = if stopped_by_one {
        prepared.into_iter().map(held_back).collect()
    } else {
        let (style, secret) = (style(form), psid.as_ref());
        let way = Way { host: &host, place, self_test: &self_test, wish, style, pace: &args.pace, secret };
        work(&way, prepared)
    };
    keep_refusals(&host, &orders, &fates);
    let given: Vec<Given> = orders.iter().map(|order| order.given.clone()).collect();
    finish(&fates, &given, form, &host.directories)
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A table.
    Text,
    /// One JSON object.
    Json,
}

/// Tells what became of every drive, and the gravest exit of them.
pub fn finish(fates: &[Fate], given: &[Given], form: Form, places: &Directories) -> Exit {
    let exit = fates.iter().map(Fate::exit).fold(Exit::Success, Exit::gravest);
    match tell(fates, given, form, exit, places) {
        Ok(()) => exit,
        // A reader that went away early got what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(error) => {
            complain(&format!("the answer could not be written: {error}; the records hold it"));
            exit.gravest(Exit::Internal)
        }
    }
}

/// The orders, and the rows of the manifest that they came from.
fn orders(args: &SanitizeArgs) -> Result<(Vec<Order>, Vec<Row>), Exit> {
    let usage = |text: String| {
        complain(&text);
        Exit::Usage
    };
    let request = args.request.request().map_err(usage)?;
    let Some(manifest) = &args.manifest else {
        let several = args.devices.len() > 1;
        if several && args.plan.is_some() {
            return Err(usage("--plan names the plan of one drive; give one drive".to_owned()));
        }
        if several && args.pace.temperature_file.is_some() {
            return Err(usage("--temperature-file belongs to one drive; give one drive".to_owned()));
        }
        if several && args.psid_file.is_some() {
            return Err(usage("--psid-file belongs to one drive; give one drive".to_owned()));
        }
        if several && (args.given.asset_tag.is_some() || args.given.ticket.is_some()) {
            let text = "--asset-tag and --ticket belong to one drive; for several give --manifest FILE";
            return Err(usage(text.to_owned()));
        }
        let order = |device: &String| Order {
            device: device.clone(),
            request: request.clone(),
            given: given(&args.given),
        };
        return Ok((args.devices.iter().map(order).collect(), Vec::new()));
    };
    if args.pace.temperature_file.is_some() {
        return Err(usage("--temperature-file belongs to one drive; give one drive".to_owned()));
    }
    if args.psid_file.is_some() {
        return Err(usage("--psid-file belongs to one drive; give one drive".to_owned()));
    }
    let rows = manifest::read(manifest)
        .map_err(|fault| usage(format!("{}: {fault}; nothing was done", manifest.display())))?;
    Ok((rows.iter().map(|row| order_of(args, &request, row)).collect(), rows))
}

/// Every fact that a row gives must be the drive's: a list is confirmed by its number alone, so nothing else
/// would find a row whose serial number and world wide name belong to two drives (P1).
fn check_rows(prepared: Vec<Prepared>, orders: &[Order], rows: &[Row]) -> Vec<Prepared> {
    let judge = |(index, (one, order)): (usize, (Prepared, &Order))| {
        let reason = rows.get(index).zip(one.facts()).and_then(|(row, facts)| row.contradiction(facts));
        match (reason, &one) {
            (Some(reason), Prepared::Ready(_) | Prepared::Dead(_)) => one.refuse(&order.device, vec![reason]),
            (Some(_), Prepared::Refused(_)) | (None, _) => one,
        }
    };
    prepared.into_iter().zip(orders).enumerate().map(judge).collect()
}

fn order_of(args: &SanitizeArgs, request: &Request, row: &Row) -> Order {
    let mut request = request.clone();
    // The manifest was read with this check before.
    request.known_content.extend(row.content().unwrap_or_default());
    let common = given(&args.given);
    let or = |own: &Option<String>, common: Option<String>| own.clone().or(common);
    let given = Given {
        asset_tag: or(&row.asset_tag, common.asset_tag.clone()),
        ticket: or(&row.ticket, common.ticket.clone()),
        source: or(&row.source, common.source.clone()),
        location: or(&row.location, common.location.clone()),
        destination: or(&row.destination, common.destination.clone()),
        profile: row.profile.clone(),
        ..common
    };
    Order { device: row.name().unwrap_or_default(), request, given }
}

fn refuse_failed_self_test(prepared: Vec<Prepared>, orders: &[Order], self_test: &SelfTest) -> Vec<Prepared> {
    let Some(failed) = self_test.failed.first() else { return prepared };
    check_each(prepared, orders, |_| {
        Some(Reason::new(
            ReasonCode::SelfTestFailed,
            format!("a self-test failed: {failed}"),
            "see all of them with: expunge selftest",
        ))
    })
}

fn check_each(
    prepared: Vec<Prepared>,
    orders: &[Order],
    check: impl Fn(&Ready) -> Option<Reason>,
) -> Vec<Prepared> {
    let judge = |(one, order): (Prepared, &Order)| {
        let reason = match &one {
            Prepared::Ready(ready) => check(ready),
            Prepared::Dead(_) | Prepared::Refused(_) => None,
        };
        match reason {
            Some(reason) => one.refuse(&order.device, vec![reason]),
            None => one,
        }
    };
    prepared.into_iter().zip(orders).map(judge).collect()
}

fn any_refused(prepared: &[Prepared]) -> bool {
    prepared.iter().any(|one| matches!(one, Prepared::Refused(_)))
}

fn show(prepared: &[Prepared], orders: &[Order], policy: &Policy) {
    for (one, order) in prepared.iter().zip(orders) {
        let text = match one {
            Prepared::Refused(refused) if refused.facts.is_none() => refusal_text(refused),
            Prepared::Ready(_) | Prepared::Dead(_) | Prepared::Refused(_) => {
                as_text(one, &order.request, policy)
            }
        };
        let _unseen = writeln!(io::stderr(), "{}", plain_lines(&text));
    }
}

fn confirm(args: &SanitizeArgs, prepared: Vec<Prepared>, orders: &[Order]) -> Vec<Prepared> {
    let reasons = if args.manifest.is_some() {
        let reason = counted(&prepared, &args.confirm);
        let ready = |one: &Prepared| matches!(one, Prepared::Ready(_));
        prepared.iter().map(|one| if ready(one) { reason.clone() } else { None }).collect()
    } else {
        named(&prepared, &args.confirm)
    };
    let judge = |((one, order), reason): ((Prepared, &Order), Option<Reason>)| match reason {
        Some(reason) => one.refuse(&order.device, vec![reason]),
        None => one,
    };
    prepared.into_iter().zip(orders).zip(reasons).map(judge).collect()
}

/// How progress is shown.
pub fn style(form: Form) -> Style {
    match form {
        Form::Json => Style::Json,
        Form::Text if io::stderr().is_terminal() => Style::Terminal,
        Form::Text => Style::Plain,
    }
}

/// What was refused is kept as loudly as what worked (P9); when even that fails, it is said.
fn keep_refusals(host: &Host, orders: &[Order], fates: &[Fate]) {
    for (order, fate) in orders.iter().zip(fates) {
        let reasons = match fate {
            Fate::Refused(refused) => &refused.reasons,
            Fate::NotBegun(not_begun) if not_begun.kept == Kept::Nowhere => &not_begun.reasons,
            Fate::NotBegun(_)
            | Fate::Finished(_)
            | Fate::HeldBack(_)
            | Fate::NotResumed(_)
            | Fate::Lost(..) => continue,
        };
        if let Err(reason) = keep_refusal(host, &order.device, reasons) {
            complain(&format!("the refusal could not be kept: {}", reason.text));
        }
    }
}

fn tell(fates: &[Fate], given: &[Given], form: Form, exit: Exit, places: &Directories) -> io::Result<()> {
    let text = match form {
        Form::Json => format!("{}\n", json_result(fates, given, exit)),
        Form::Text => plain_lines(&table(fates, &places.option())),
    };
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}
