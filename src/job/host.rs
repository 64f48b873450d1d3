//! What this host says about itself and about who started the job. None of it is proof; all of it helps.
use std::fs;
use std::sync::OnceLock;

use nix::unistd::{Uid, geteuid, isatty, ttyname};

use super::clock::Clock;
use crate::certificate::provenance::{Authorisation, Clock as ClockFacts, Environment, Observed, Tool};
use crate::sys::clock::synchronized;
use crate::unit::Digest;

/// This program, with the digest of the running file. The file is read once.
pub fn tool() -> Tool {
    static BINARY: OnceLock<Option<Digest>> = OnceLock::new();
    Tool::this(*BINARY.get_or_init(|| fs::read("/proc/self/exe").ok().map(|bytes| Digest::of(&bytes))))
}

/// The host and its clock, at the end of a job.
pub fn environment(clock: &Clock) -> Environment {
    let kernel_release = nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_else(|error| format!("unknown ({error})"));
    Environment {
        kernel_release,
        hostname: nix::unistd::gethostname().ok().map(|name| name.to_string_lossy().into_owned()),
        boot_id: read_word("/proc/sys/kernel/random/boot_id"),
        clock: ClockFacts {
            boottime_start: Some(clock.boottime_at_start()),
            boottime_end: Some(Clock::boottime_now()),
            synchronized: synchronized(),
        },
    }
}

/// What was seen of who started this process.
pub fn observed() -> Observed {
    // The audit user is 2^32 - 1 when nobody logged in, as for a service.
    let loginuid = read_word("/proc/self/loginuid").and_then(|text| text.parse().ok());
    let input = std::io::stdin();
    let tty = isatty(&input).is_ok_and(|yes| yes).then(|| ttyname(&input).ok()).flatten();
    Observed {
        loginuid: loginuid.filter(|uid| *uid != u32::MAX),
        sudo_user: std::env::var("SUDO_USER").ok().filter(|user| !user.is_empty()),
        uid: Some(Uid::current().as_raw()),
        tty: tty.map(|path| path.display().to_string()),
    }
}

/// On whose authority this process acts.
pub fn authorisation() -> Authorisation {
    if geteuid().is_root() { Authorisation::LocalRoot } else { Authorisation::LocalUser }
}

fn read_word(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
