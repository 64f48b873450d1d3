//! The file system of the fault bed: a directory with the file `disk`, which obeys the rules, and the file
//! `ctl`, which takes rules and tells statistics.
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use fuser::{
    FileAttr, FileType, Filesystem, KernelConfig, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyWrite, Request, TimeOrNow, consts,
};
use nix::fcntl::{FallocateFlags, fallocate};

use crate::effects::Effects;
use crate::mechanics::Mechanics;
use crate::rules::{Medium, Operation, RuleBook};
use crate::waiting::{Waiting, When};

const ROOT: u64 = 1;
const DISK: u64 = 2;
const CTL: u64 = 3;
const FILES: [(u64, &str); 2] = [(DISK, "disk"), (CTL, "ctl")];

/// Names and attributes never change, so the kernel may keep them.
const FOREVER: Duration = Duration::from_secs(3600);

/// `FOPEN_PARALLEL_DIRECT_WRITES` of linux/fuse.h; fuser does not name it at this protocol version.
const PARALLEL_DIRECT_WRITES: u32 = 1 << 6;

/// Largest write that the kernel is asked to send in one piece, in bytes.
const LARGEST_WRITE: u32 = 1 << 20;

/// Requests that the kernel may leave unanswered: more than the loop driver sends at once (128), so that some
/// which hang do not hold up the others.
const MOST_UNANSWERED: u16 = 256;

/// Requests seen so far, before any rule acted on them.
#[derive(Debug, Default)]
struct Seen {
    reads: u64,
    writes: u64,
    fsyncs: u64,
    discards: u64,
    read_bytes: u64,
    write_bytes: u64,
}

impl Seen {
    const fn count(&mut self, operation: Operation, bytes: u64) {
        match operation {
            Operation::Read => {
                self.reads += 1;
                self.read_bytes += bytes;
            }
            Operation::Write => {
                self.writes += 1;
                self.write_bytes += bytes;
            }
            Operation::Fsync => self.fsyncs += 1,
            Operation::Discard => self.discards += 1,
        }
    }
}

#[derive(Debug)]
struct Control {
    book: RuleBook,
    seen: Seen,
    mechanics: Mechanics,
}

/// The file system over one backing file, whose length is fixed.
#[derive(Debug)]
pub(crate) struct FaultFs {
    backing: Arc<File>,
    size: u64,
    control: Mutex<Control>,
    waiting: Arc<Waiting>,
}

impl FaultFs {
    pub(crate) fn new(backing: File) -> io::Result<Self> {
        let size = backing.metadata()?.len();
        let (book, seen) = (RuleBook::default(), Seen::default());
        let control = Mutex::new(Control { book, seen, mechanics: Mechanics::new(size) });
        Ok(Self { backing: Arc::new(backing), size, control, waiting: Arc::default() })
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn effects(&self, operation: Operation, request: &Range<u64>) -> Effects {
        let mut control = self.control();
        control.seen.count(operation, request.end - request.start);
        let mut effects = control.book.apply(operation, request);
        if matches!(operation, Operation::Read | Operation::Write) {
            effects.delay = control.mechanics.delay(Instant::now(), request, &effects);
        }
        effects
    }

    /// Runs the answer now, or later on a thread of its own, so that other requests go on meanwhile.
    fn when_due(&self, when: When, answer: impl FnOnce() + Send + 'static) {
        if when.is_now() {
            return answer();
        }
        let waiting = Arc::clone(&self.waiting);
        let ticket = waiting.enter();
        thread::spawn(move || {
            waiting.wait(ticket, when);
            answer();
        });
    }

    fn statistics(&self) -> String {
        let Control { book, seen, mechanics: _ } = &*self.control();
        let Seen { reads, writes, fsyncs, discards, read_bytes, write_bytes } = seen;
        let (hits, delaying, waiting) = (book.hits(), book.delaying(), self.waiting.unanswered());
        format!(
            "reads {reads}\nread-bytes {read_bytes}\nwrites {writes}\nwrite-bytes {write_bytes}\n\
             fsyncs {fsyncs}\ndiscards {discards}\nhits {hits}\n\
             delaying {delaying}\nwaiting {waiting}\n{book}"
        )
    }

    fn command(&self, data: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
        let mut control = self.control();
        let before = control.book.releases();
        let medium = Backing { file: &self.backing, size: self.size };
        control.book.command(text, &medium).map_err(|error| error.to_string())?;
        if control.book.releases() > before {
            self.waiting.release();
        }
        Ok(())
    }

    fn attributes(&self, inode: u64) -> Option<FileAttr> {
        let (kind, size, perm) = match inode {
            ROOT => (FileType::Directory, 0, 0o700),
            DISK => (FileType::RegularFile, self.size, 0o600),
            CTL => (FileType::RegularFile, 0, 0o600),
            _ => return None,
        };
        let epoch = SystemTime::UNIX_EPOCH;
        Some(FileAttr {
            ino: inode,
            size,
            blocks: size.div_ceil(512),
            atime: epoch,
            mtime: epoch,
            ctime: epoch,
            crtime: epoch,
            kind,
            perm,
            nlink: 1,
            uid: nix::unistd::getuid().as_raw(),
            gid: nix::unistd::getgid().as_raw(),
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn reply_attributes(&self, inode: u64, reply: ReplyAttr) {
        match self.attributes(inode) {
            Some(attributes) => reply.attr(&FOREVER, &attributes),
            None => reply.error(libc::ENOENT),
        }
    }
}

/// The backing file, as rules see it.
struct Backing<'a> {
    file: &'a File,
    size: u64,
}

impl Medium for Backing<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn bytes(&self, range: &Range<u64>) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; index(range.end, range.start)];
        self.file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    }
}

fn span(offset: i64, length: u64) -> Range<u64> {
    let start = u64::try_from(offset).unwrap_or(0);
    start..start.saturating_add(length)
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

fn index(position: u64, offset: u64) -> usize {
    usize::try_from(position.saturating_sub(offset)).unwrap_or(usize::MAX)
}

fn flip(data: &mut [u8], offset: u64, flipped: &[u64]) {
    for position in flipped {
        if let Some(byte) = data.get_mut(index(*position, offset)) {
            *byte ^= 1;
        }
    }
}

fn fetch(file: &File, request: &Range<u64>, effects: &Effects) -> Result<Vec<u8>, i32> {
    if let Some(errno) = effects.error {
        return Err(errno);
    }
    let mut data = vec![0; index(request.end, request.start)];
    for piece in effects.placed(request) {
        let part = index(piece.range.start, request.start)..index(piece.range.end, request.start);
        let bytes = data.get_mut(part).ok_or(libc::EIO)?;
        file.read_exact_at(bytes, piece.at).map_err(|error| errno(&error))?;
    }
    for stale in &effects.stale {
        let start = index(stale.start, request.start);
        let old = &stale.bytes.0;
        data.get_mut(start..start + old.len()).ok_or(libc::EIO)?.copy_from_slice(old);
    }
    flip(&mut data, request.start, &effects.flipped);
    Ok(data)
}

fn store(file: &File, offset: u64, data: &[u8], effects: &Effects) -> Result<(), i32> {
    if let Some(errno) = effects.error {
        return Err(errno);
    }
    let mut data = data.to_vec();
    flip(&mut data, offset, &effects.flipped);
    for part in effects.stored(offset, data.len()) {
        for piece in effects.placed(&part) {
            let part = index(piece.range.start, offset)..index(piece.range.end, offset);
            let bytes = data.get(part).ok_or(libc::EIO)?;
            file.write_all_at(bytes, piece.at).map_err(|error| errno(&error))?;
        }
    }
    if effects.torn.is_some() { Err(libc::EIO) } else { Ok(()) }
}

impl Filesystem for FaultFs {
    fn init(&mut self, _: &Request<'_>, config: &mut KernelConfig) -> Result<(), i32> {
        config.set_max_write(LARGEST_WRITE).map_err(|_| libc::EINVAL)?;
        config.set_max_background(MOST_UNANSWERED).map_err(|_| libc::EINVAL)?;
        // Without it the loop driver waits for each request before it sends the next one.
        config.add_capabilities(consts::FUSE_ASYNC_DIO).map_err(|_| libc::ENOTSUP)?;
        Ok(())
    }

    fn lookup(&mut self, _: &Request<'_>, parent: u64, name: &OsStr, reply: ReplyEntry) {
        let found = FILES.iter().find(|(_, file)| parent == ROOT && name == *file);
        match found.and_then(|(inode, _)| self.attributes(*inode)) {
            Some(attributes) => reply.entry(&FOREVER, &attributes, 0),
            None => reply.error(libc::ENOENT),
        }
    }

    fn getattr(&mut self, _: &Request<'_>, inode: u64, _: Option<u64>, reply: ReplyAttr) {
        self.reply_attributes(inode, reply);
    }

    /// Truncating `ctl` is part of writing to it; `disk` keeps its length, like a drive.
    fn setattr(
        &mut self,
        _: &Request<'_>,
        inode: u64,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _handle: Option<u64>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<u32>,
        reply: ReplyAttr,
    ) {
        match size {
            Some(size) if inode == DISK && size != self.size => reply.error(libc::EPERM),
            _ => self.reply_attributes(inode, reply),
        }
    }

    fn open(&mut self, _: &Request<'_>, inode: u64, _: i32, reply: ReplyOpen) {
        let parallel = if inode == DISK { PARALLEL_DIRECT_WRITES } else { 0 };
        reply.opened(inode, consts::FOPEN_DIRECT_IO | parallel);
    }

    fn read(
        &mut self,
        _: &Request<'_>,
        inode: u64,
        _handle: u64,
        offset: i64,
        size: u32,
        _flags: i32,
        _lock: Option<u64>,
        reply: ReplyData,
    ) {
        if inode == CTL {
            let text = self.statistics();
            let rest = text.as_bytes().get(index(span(offset, 0).start, 0)..).unwrap_or_default();
            // More than was asked for would be an error to the kernel.
            return reply.data(&rest[..rest.len().min(index(u64::from(size), 0))]);
        }
        let asked = span(offset, u64::from(size));
        let request = asked.start.min(self.size)..asked.end.min(self.size);
        let effects = self.effects(Operation::Read, &request);
        let file = Arc::clone(&self.backing);
        self.when_due(When::of(&effects), move || match fetch(&file, &request, &effects) {
            Ok(data) => reply.data(&data),
            Err(errno) => reply.error(errno),
        });
    }

    fn write(
        &mut self,
        _: &Request<'_>,
        inode: u64,
        _handle: u64,
        offset: i64,
        data: &[u8],
        _write_flags: u32,
        _flags: i32,
        _lock: Option<u64>,
        reply: ReplyWrite,
    ) {
        let Ok(length) = u32::try_from(data.len()) else { return reply.error(libc::EINVAL) };
        if inode == CTL {
            return match self.command(data) {
                Ok(()) => reply.written(length),
                Err(_) => reply.error(libc::EINVAL),
            };
        }
        let request = span(offset, u64::from(length));
        if request.end > self.size {
            return reply.error(libc::ENOSPC);
        }
        let effects = self.effects(Operation::Write, &request);
        let file = Arc::clone(&self.backing);
        let data = data.to_vec();
        self.when_due(When::of(&effects), move || match store(&file, request.start, &data, &effects) {
            Ok(()) => reply.written(length),
            Err(errno) => reply.error(errno),
        });
    }

    fn flush(&mut self, _: &Request<'_>, _: u64, _: u64, _: u64, reply: ReplyEmpty) {
        reply.ok();
    }

    /// Nothing is made durable: the backing file is read only by the test that made it, on this machine.
    fn fsync(&mut self, _: &Request<'_>, _: u64, _: u64, _: bool, reply: ReplyEmpty) {
        let effects = self.effects(Operation::Fsync, &(0..0));
        self.when_due(When::of(&effects), move || match effects.error {
            Some(errno) => reply.error(errno),
            None => reply.ok(),
        });
    }

    fn fallocate(
        &mut self,
        _: &Request<'_>,
        inode: u64,
        _handle: u64,
        offset: i64,
        length: i64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        if inode != DISK {
            return reply.error(libc::EPERM);
        }
        let effects = self.effects(Operation::Discard, &span(offset, u64::try_from(length).unwrap_or(0)));
        let file = Arc::clone(&self.backing);
        self.when_due(When::of(&effects), move || {
            let result = match effects.error {
                Some(errno) => Err(errno),
                None if !effects.dropped.is_empty() => Ok(()),
                None => fallocate(&*file, FallocateFlags::from_bits_retain(mode), offset, length)
                    .map_err(|errno| errno as i32),
            };
            match result {
                Ok(()) => reply.ok(),
                Err(errno) => reply.error(errno),
            }
        });
    }

    fn readdir(&mut self, _: &Request<'_>, _: u64, _: u64, offset: i64, mut reply: ReplyDirectory) {
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        for ((inode, name), next) in FILES.iter().zip(1..).skip(skipped) {
            if reply.add(*inode, next, FileType::RegularFile, name) {
                break;
            }
        }
        reply.ok();
    }
}
