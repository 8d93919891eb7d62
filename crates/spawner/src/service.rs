//! Becoming the spawner: the first thing a program does, when it was started as one.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::process::Signal;

use crate::journal::Journal;
use crate::machine;
use crate::server::Server;
use crate::sys::{self, Side};

/// The name (`argv[0]`) by which a program is asked to be the spawner; its first argument is the directory.
pub const ARGV0: &str = "plimsoll-spawner";

pub(crate) const SOCKET: &str = "spawner.sock";
const LOCK: &str = "spawner.lock";
const JOURNAL: &str = "journal";
/// How often and at which interval the lock is tried.
const LOCK_TRIES: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Becomes the spawner if `args` (with the program's name) ask for it, and returns how that ended.
///
/// To be called first in `main`, while there is one thread. The call returns in the process that was started as soon as
/// the spawner accepts connections, or if one runs already; the spawner itself is a child of it, in its own session.
pub fn run_if_asked(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter();
    if args.next()? != ARGV0 {
        return None;
    }
    let directory = args.next()?;
    arm(args);
    Some(match serve(Path::new(&directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads our standard error; this file is what remains.
            drop(std::fs::write(
                Path::new(&directory).join("spawner.error"),
                format!("{error}\n"),
            ));
            ExitCode::FAILURE
        }
    })
}

/// For tests: `--crash NAME NTH` kills the spawner at a named place.
fn arm(mut args: impl Iterator<Item = OsString>) {
    let mut text = || args.next().and_then(|arg| arg.into_string().ok());
    if text().as_deref() != Some("--crash") {
        return;
    }
    if let (Some(name), Some(nth)) = (text(), text().and_then(|nth| nth.parse().ok())) {
        meta::crash::arm(&name, nth, || {
            machine::kill(rustix::process::getpid().as_raw_pid(), Signal::KILL, false);
        });
    }
}

/// Relative names from here on: a socket's path may have 107 bytes, and data directories may be deep.
fn serve(directory: &Path) -> io::Result<()> {
    std::env::set_current_dir(directory)?;
    let Some(lock) = lock()? else { return Ok(()) };
    std::fs::create_dir_all("stage")?;
    drop(std::fs::remove_file(SOCKET));
    let listener = UnixListener::bind(SOCKET)?;
    if let Side::Parent = sys::fork()? {
        return Ok(());
    }
    rustix::process::setsid()?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let result = open(listener).and_then(|mut server| server.run());
    drop(std::fs::remove_file(SOCKET));
    drop(lock);
    result
}

fn open(listener: UnixListener) -> io::Result<Server> {
    let (journal, left) = Journal::open(Path::new(JOURNAL))?;
    Server::new(listener, journal, left)
}

/// The lock of the directory, or nothing if another spawner serves it. A lock belongs to the open file, so the child
/// of `fork` keeps it. Whoever holds it without serving is starting or ending, and is waited for.
fn lock() -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(LOCK)?;
    for _ in 0..LOCK_TRIES {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(errno) => return Err(errno.into()),
        }
        if UnixStream::connect(SOCKET).is_ok() {
            return Ok(None);
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    Err(io::Error::other(
        "another spawner holds the directory and does not answer",
    ))
}
