//! What the signing host says about itself, read from procfs: for [`super::Provenance`].
//!
//! What cannot be read is `None` and later "not recorded"; nothing is guessed.
use std::fs::File;
use std::io::{self, Read as _};

use sha2::{Digest as _, Sha256};

use super::provenance::{Authorisation, Clock, Environment, Observed};
use crate::unit::Digest;

/// Login uid of a process that nobody logged in for: the kernel's `(uid_t) -1`.
const NO_LOGIN: u32 = u32::MAX;

/// SHA-256 of the running binary: of the file that was started, even when another has its name by now.
///
/// # Errors
/// When `/proc/self/exe` cannot be read.
pub fn binary_digest() -> io::Result<Digest> {
    let mut file = File::open("/proc/self/exe")?;
    let mut sum = Sha256::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(Digest(sum.finalize().into())),
            read => sum.update(&chunk[..read]),
        }
    }
}

/// Seconds of `CLOCK_BOOTTIME` as decimal text: time since the start of the host, sleep included, which goes on
/// when somebody sets the wall clock.
pub fn boottime() -> Option<String> {
    std::fs::read_to_string("/proc/uptime").ok()?.split_whitespace().next().map(str::to_owned)
}

/// The host as it is now. `boottime_start` is what [`boottime`] said when the work began. Whether the clock is
/// synchronized is left open here.
///
/// # Errors
/// When the kernel does not tell its release.
pub fn environment(boottime_start: Option<String>) -> io::Result<Environment> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(Environment {
        kernel_release: release.trim().to_owned(),
        hostname: line_of("/proc/sys/kernel/hostname"),
        boot_id: line_of("/proc/sys/kernel/random/boot_id"),
        clock: Clock { boottime_start, boottime_end: boottime(), synchronized: None },
    })
}

/// Who started this process, as far as the host can see. `SUDO_USER` is a word of the environment: it may be
/// forged by whoever is root, like everything here.
pub fn observed() -> Observed {
    let login = line_of("/proc/self/loginuid").and_then(|text| text.parse().ok());
    let tty = std::fs::read_link("/proc/self/fd/0").ok().map(|path| path.display().to_string());
    Observed {
        loginuid: login.filter(|uid| *uid != NO_LOGIN),
        sudo_user: std::env::var("SUDO_USER").ok().filter(|user| !user.is_empty()),
        uid: Some(nix::unistd::geteuid().as_raw()),
        tty: tty.filter(|path| path.starts_with("/dev/pts/") || path.starts_with("/dev/tty")),
    }
}

/// On whose authority this process acts.
pub fn authorisation() -> Authorisation {
    if nix::unistd::geteuid().is_root() { Authorisation::LocalRoot } else { Authorisation::LocalUser }
}

fn line_of(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn answer(program: &str, argument: &str) -> String {
        let output = Command::new(program).arg(argument).output().expect("coreutils are needed");
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn the_host_is_described_as_other_programs_describe_it() {
        let environment = environment(boottime()).unwrap();
        assert_eq!(environment.kernel_release, answer("uname", "-r"));
        assert_eq!(environment.hostname, Some(answer("uname", "-n")));
        assert_eq!(environment.boot_id.unwrap().len(), 36);
        let seconds = |text: Option<String>| text.unwrap().parse::<f64>().unwrap();
        assert!(seconds(environment.clock.boottime_start) <= seconds(environment.clock.boottime_end));
        assert_eq!(observed().uid.unwrap().to_string(), answer("id", "-u"));
        let itself = std::env::current_exe().unwrap();
        let sum = answer("sha256sum", itself.to_str().unwrap());
        assert!(sum.starts_with(&binary_digest().unwrap().to_string()));
    }
}
