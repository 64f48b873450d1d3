//! Carries out what the host asks for, one thing after another, until the host is gone.
use std::fs::{self, File};
use std::io;
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use crate::wire;

const OUT: &str = "/run/agent.out";
const ERR: &str = "/run/agent.err";

pub(crate) fn serve(host: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    loop {
        let order = match wire::receive::<3>(&mut stream) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        };
        let [kind, name, bytes] = &order;
        let done = match (&kind[..], std::str::from_utf8(name)) {
            (b"run", Ok(script)) => run(script),
            (b"push", Ok(path)) => fs::write(path, bytes).map(|()| Default::default()),
            (b"pull", Ok(path)) => fs::read(path).map(|bytes| (0, bytes, Vec::new())),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        match done {
            Ok((code, out, err)) => wire::send(&mut stream, &[b"done", &code.to_le_bytes(), &out, &err])?,
            Err(error) => wire::send(&mut stream, &[b"failed", &[], &[], error.to_string().as_bytes()])?,
        }
    }
}

/// What it says goes to files, not pipes: something that it leaves running would keep a pipe open.
fn run(script: &str) -> io::Result<(i32, Vec<u8>, Vec<u8>)> {
    let status = Command::new("/bin/sh")
        .args(["-c", script])
        .stdin(Stdio::null())
        .stdout(File::create(OUT)?)
        .stderr(File::create(ERR)?)
        .status()?;
    // As a shell has it: 128 and the signal.
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    let code = code.ok_or(io::ErrorKind::Other)?;
    Ok((code, fs::read(OUT)?, fs::read(ERR)?))
}
