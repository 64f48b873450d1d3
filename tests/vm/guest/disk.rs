//! A SCSI disk of the kernel's target (`target_core_user` behind `tcm_loop`) whose commands are answered on the host.
use std::fs;
use std::io;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::ring::{Answer, Ring};
use crate::wire::{self, Way};

const TARGET: &str = "/sys/kernel/config/target";
const WAIT: Duration = Duration::from_secs(60);

/// Makes the disk and serves it until the host or the machine is gone.
pub(crate) fn serve(name: &str, host: &str, bytes: &str, block_bytes: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    // The numbers of targets have to differ between disks; the port does.
    let port = stream.peer_addr()?.port();
    let store = make_store(name, port, bytes, block_bytes)?;
    let mut ring = Ring::open(&uio_of(name)?)?;
    // Attaching asks the disk who it is, so somebody else has to do it.
    thread::spawn(move || {
        if let Err(error) = attach(&store, port) {
            eprintln!("vm-guest disk: {error}");
            std::process::abort();
        }
    });
    ring.serve(|ring, command| {
        let length = command.data_bytes();
        let way = Way::of(&command.block, length);
        let sent = if way == Way::ToDrive { ring.data(command)? } else { Vec::new() };
        let length = u32::try_from(length).map_err(io::Error::other)?.to_le_bytes();
        wire::send(&mut stream, &[&command.block, &[way.code()], &length, &sent])?;
        let [status, sense, data] = wire::receive(&mut stream)?;
        let status = *status.first().ok_or(io::ErrorKind::InvalidData)?;
        Ok(Answer { status, sense, data })
    })
}

fn make_store(name: &str, port: u16, bytes: &str, block_bytes: &str) -> io::Result<PathBuf> {
    let store = Path::new(TARGET).join(format!("core/user_{port}/{name}"));
    fs::create_dir_all(&store)?;
    // Nobody answers over netlink, so the kernel is not to wait for it (-1); commands never time out in the target.
    for setting in [
        format!("dev_size={bytes}"),
        format!("dev_config=lab/{name}"),
        format!("hw_block_size={block_bytes}"),
        "nl_reply_supported=-1".to_owned(),
    ] {
        fs::write(store.join("control"), setting)?;
    }
    fs::write(store.join("enable"), "1")?;
    fs::write(store.join("attrib/cmd_time_out"), "0")?;
    Ok(store)
}

/// The UIO device of the disk: its name ends with what was given as `dev_config`.
fn uio_of(name: &str) -> io::Result<String> {
    let end = Instant::now() + WAIT;
    loop {
        for entry in fs::read_dir("/sys/class/uio")? {
            let entry = entry?;
            let text = fs::read_to_string(entry.path().join("name"))?;
            if text.trim().ends_with(&format!("/lab/{name}")) {
                return entry.file_name().into_string().map_err(|_| io::ErrorKind::InvalidData.into());
            }
        }
        if Instant::now() > end {
            return Err(io::Error::other("no UIO device appeared"));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn attach(store: &Path, port: u16) -> io::Result<()> {
    let [target, initiator] = [0, 1].map(|side| format!("naa.6001405000{side:02x}{port:04x}"));
    let group = Path::new(TARGET).join(format!("loopback/{target}/tpgt_1"));
    fs::create_dir_all(group.join("lun/lun_0"))?;
    fs::write(group.join("nexus"), initiator)?;
    symlink(store, group.join("lun/lun_0/disk"))
}
