//! `expunge sanitize`: prepares all drives, asks, works on them side by side, and tells.
use std::io::{self, IsTerminal as _, Write as _};

use super::approval::Approval;
use super::args::SanitizeArgs;
use super::confirm::{counted, named};
use super::manifest::Row;
use super::plan::{as_text, refusal_text};
use super::progress::Style;
use super::report::{Fate, json_result, table};
use super::setup::{host, under_policy, wish};
use super::work::{Way, held_back, work};
use super::{complain, orders, secret, selftest};
use crate::certificate::provenance::{Given, SelfTest};
use crate::certificate::show::plain_lines;
use crate::job::Directories;
use crate::job::execute::Kept;
use crate::job::opening::keep_refusal;
use crate::job::prepare::{Host, Order, Prepared, Ready, prepare};
use crate::plan::Policy;
use crate::unit::term::Exit;
use crate::unit::{Reason, ReasonCode};

/// Sanitizes every drive named.
pub fn run(args: &SanitizeArgs) -> Exit {
    let place = host(&args.state).and_then(|(host, place)| Ok((under_policy(host, &args.request)?, place)));
    let (host, place) = match place {
        Ok(host) => host,
        Err(exit) => return exit,
    };
    let (orders, rows) = match orders::of(args) {
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
    let mut prepared = prepare(&host, &orders, args.waiting.wait());
    prepared = refuse_failed_self_test(prepared, &orders, &self_test);
    prepared = check_rows(prepared, &orders, &rows);
    let approval = Approval::of(args);
    prepared = check_each(prepared, &orders, |order, ready| approval.missing(&order.request, ready));
    prepared = check_each(prepared, &orders, |_, ready| secret::missing(&ready.plan, psid.as_ref()));
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

fn refuse_failed_self_test(prepared: Vec<Prepared>, orders: &[Order], self_test: &SelfTest) -> Vec<Prepared> {
    let Some(failed) = self_test.failed.first() else { return prepared };
    check_each(prepared, orders, |_, _| {
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
    check: impl Fn(&Order, &Ready) -> Option<Reason>,
) -> Vec<Prepared> {
    let judge = |(one, order): (Prepared, &Order)| {
        let reason = match &one {
            Prepared::Ready(ready) => check(order, ready),
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
