//! `expunge selftest`: the known-answer tests that run before every job.
use std::io::Write;

use serde_json::json;

use super::args::SelftestArgs;
use super::complain;
use crate::certificate::provenance::SelfTest;
use crate::device::{Helper, SysRoot, guard_self_test};
use crate::job::selftest;
use crate::unit::term::Exit;

/// Name of the check of the guard over open files, as on the records.
const GUARD_CHECK: &str = "the guard over open files sees a file that another process holds";

/// Runs everything that is checked before arming.
pub fn everything() -> SelfTest {
    let mut result = selftest::run();
    match guard_self_test(&SysRoot::host(), &Helper::own()) {
        Ok(()) => result.passed.push(GUARD_CHECK.to_owned()),
        Err(reason) => result.failed.push(format!("{GUARD_CHECK}: {}", reason.text)),
    }
    result
}

/// Runs and shows it.
pub fn run(args: &SelftestArgs, out: &mut dyn Write) -> Exit {
    let result = everything();
    let written = if args.json {
        writeln!(out, "{}", json!({"schema": "urn:expunge:selftest:v1", "selfTest": result}))
    } else {
        let lines = result.passed.iter().map(|name| format!("ok      {name}"));
        let mut lines = lines.chain(result.failed.iter().map(|name| format!("FAILED  {name}")));
        lines.try_for_each(|line| writeln!(out, "{line}"))
    };
    if let Err(error) = written {
        complain(&error.to_string());
        return Exit::Internal;
    }
    if result.failed.is_empty() { Exit::Success } else { Exit::Internal }
}
