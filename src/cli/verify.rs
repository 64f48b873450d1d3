//! `expunge verify DEVICE --expect ...`: an inspection of a drive that somebody else overwrote.
use std::io::{self, IsTerminal as _, Write as _};

use serde_json::json;

use super::args::VerifyArgs;
use super::plan::reasons_text;
use super::progress::{Board, Style, print_json};
use super::setup::{given, host, signer, wish};
use super::work::STOP;
use super::{complain, selftest, signals};
use crate::certificate::show::{plain, plain_lines};
use crate::device::claim::Order;
use crate::device::{Claimed, StatePaths, claim, resolve};
use crate::job::inspect::{Inspected, Inspection, run as inspect};
use crate::job::prepare::{CLAIM_WAIT, Host};
use crate::plan::{PassPattern, VerificationChoice, decide};
use crate::unit::term::{Exit, word};
use crate::unit::{Geometry, Pattern, Reason, ReasonCode};

/// Schema of the final JSON object of `verify --json`.
pub const RESULT_SCHEMA: &str = "urn:expunge:verify-result:v1";

/// Inspects one drive.
pub fn run(args: &VerifyArgs) -> Exit {
    let (host, place) = match host(&args.state) {
        Ok(host) => host,
        Err(exit) => return exit,
    };
    let wish = match wish(args.tuning) {
        Ok(wish) => wish,
        Err(exit) => return exit,
    };
    if args.verification == Some(VerificationChoice::None) {
        complain("an inspection reads: choose full, sampled or sampled=CONFIDENCE,FRACTION");
        return Exit::Usage;
    }
    let self_test = selftest::everything();
    if let Some(failed) = self_test.failed.first() {
        complain(&format!("a self-test failed, so nothing was read: {failed}"));
        return Exit::Internal;
    }
    let inspection = match open(args, &host) {
        Ok(inspection) => inspection,
        Err(reasons) => {
            refuse(args, &reasons);
            return Exit::Refused;
        }
    };
    let signer = match signer(&host, place) {
        Ok(signer) => signer,
        Err(reason) => {
            refuse(args, &[reason]);
            return Exit::Refused;
        }
    };
    if let Err(error) = signals::watch(&STOP) {
        complain(&format!("signals could not be watched: {error}"));
        return Exit::Internal;
    }
    let style = match (args.json, io::stderr().is_terminal()) {
        (true, _) => Style::Json,
        (false, true) => Style::Terminal,
        (false, false) => Style::Plain,
    };
    let board = Board::new(style);
    let facts = inspection.claimed.facts();
    let mut listener =
        board.add(plain(&facts.title()), "inspection".to_owned(), 1, inspection.geometry.block_size);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| board.keep_drawing());
        let result = inspect(&host, &signer, &self_test, &inspection, wish, &STOP, &mut listener);
        board.finish();
        result
    });
    tell(args, &inspection, &result);
    result.exit
}

fn open(args: &VerifyArgs, host: &Host) -> Result<Inspection, Vec<Reason>> {
    let drive = resolve(&args.device, &host.root).map_err(|reason| vec![reason])?;
    let order = Order::new(drive, StatePaths(host.directories.all()));
    let claimed: Claimed = claim(&host.helper, &order, CLAIM_WAIT).map_err(|refusal| refusal.reasons)?;
    let geometry: Geometry = *claimed.facts().geometry().ok_or_else(|| {
        vec![Reason::new(ReasonCode::NoCapacity, "the drive has no blocks that can be read", "destroy it")]
    })?;
    let choice = args.verification.unwrap_or(VerificationChoice::Full);
    let expected = match &args.expect {
        PassPattern::Fixed { bytes } => Pattern::Fixed { bytes: bytes.clone() },
        // The flag's parser takes known bytes only.
        PassPattern::Keyed | PassPattern::Stamped { .. } | PassPattern::JobByte { .. } => {
            let text = "only known bytes can be expected";
            return Err(vec![Reason::new(ReasonCode::BadRequest, text, "give zero, ones or 0xHH")]);
        }
    };
    let verification = decide::verification(choice, &geometry);
    Ok(Inspection { claimed, geometry, expected, verification, given: given(&args.given) })
}

fn refuse(args: &VerifyArgs, reasons: &[Reason]) {
    if args.json {
        print_json(&json!({
            "schema": RESULT_SCHEMA,
            "event": "result",
            "device": args.device,
            "node": null,
            "serial": null,
            "outcome": "refused",
            "tally": null,
            "first_differing": null,
            "last_differing": null,
            "reasons": reasons,
            "exit_status": Exit::Refused.code(),
            "record": null,
        }));
    } else {
        let text = format!("{}: REFUSED, nothing was read\n{}", args.device, reasons_text(reasons));
        let _unread = io::stdout().write_all(plain_lines(&text).as_bytes());
    }
}

fn tell(args: &VerifyArgs, inspection: &Inspection, result: &Inspected) {
    let facts = inspection.claimed.facts();
    let record = result.record.as_ref().and_then(|record| record.as_ref().ok());
    if let Some(Err(fault)) = &result.record {
        complain(&fault.to_string());
    }
    let mismatched = result.tally.as_ref().map(|tally| &tally.mismatched);
    let (first, last) = mismatched.map(|set| (set.first(), set.last())).unwrap_or_default();
    if args.json {
        print_json(&json!({
            "schema": RESULT_SCHEMA,
            "event": "result",
            "device": args.device,
            "node": facts.node.display().to_string(),
            "serial": facts.identity.serial,
            "outcome": result.outcome.map_or_else(|| "unknown".to_owned(), word),
            "tally": result.tally,
            "first_differing": first,
            "last_differing": last,
            "reasons": result.reasons,
            "exit_status": result.exit.code(),
            "record": record.map(|record| json!({
                "path": record.path.display().to_string(), "sha256": record.sha256,
            })),
        }));
        return;
    }
    let mut text = format!("{}: ", plain(&facts.title()));
    match (&result.outcome, &result.tally) {
        (Some(outcome), Some(tally)) => {
            text.push_str(&format!(
                "{}: {} of {} blocks read match, {} differ, {} could not be read\n",
                word(*outcome),
                tally.matched,
                tally.wanted,
                tally.mismatched.count(),
                tally.unreadable.count()
            ));
            if let (Some(first), Some(last)) = (first, last) {
                text.push_str(&format!("  first block that differs: LBA {first}; last: LBA {last}\n"));
            }
        }
        (Some(_) | None, _) => text.push_str("the reading did not come to its end; nothing is known\n"),
    }
    text.push_str(&reasons_text(&result.reasons));
    if let Some(record) = record {
        text.push_str(&format!("  record: {}\n", record.path.display()));
    }
    text.push_str("  This is an inspection record, not a certificate of sanitization.\n");
    let _unread = io::stdout().write_all(plain_lines(&text).as_bytes());
}
