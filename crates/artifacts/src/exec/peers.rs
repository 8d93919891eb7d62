//! Containers of one pod that wait for each other, by files in a folder that they share.
//!
//! ```text
//!   after    FOLDER/a/exitcode is there and 0  --> the command starts
//!   until    FOLDER/main/exitcode is there     --> the command is asked to end
//!   gather   FOLDER/b/exitcode is there        --> the outputs are collected
//!   always   FOLDER/NAME/running is locked as long as this process lives
//!            FOLDER/NAME/exitcode is written when the command has ended, or cannot start
//! ```
//!
//! A container that was killed with its executor tells nothing: its lock is free then, and no exit code is there.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use argo::exec::Peers;
use rustix::fs::{FlockOperation, flock};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::Failure;

/// How often the folder is looked at, at first and at last: containers of a pod start together, and then
/// may run for long.
const LOOK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));
/// The exit code of a process that was asked to end.
const TERMINATED: i32 = 143;
/// The exit code of a process that was made to end.
const KILLED: i32 = 137;

/// The files of a container's folder.
const RUNNING: &str = "running";
const EXIT_CODE: &str = "exitcode";

/// Why the command is not started.
pub(super) enum Unmet {
    /// This container was asked to end while it waited; its exit code.
    Ended(i32),
    /// What it waited for ended badly.
    Failed(Failure),
}

/// Waits until the containers that this one depends on have ended well.
pub(super) async fn dependencies(peers: &Peers) -> Result<(), Unmet> {
    if peers.after.is_empty() {
        return Ok(());
    }
    let watch = |kind| signal(kind).map_err(|error| Unmet::Failed(Failure(format!("no signals: {error}"))));
    let mut term = watch(SignalKind::terminate())?;
    tokio::select! {
        _ = term.recv() => Err(Unmet::Ended(TERMINATED)),
        met = all_well(peers) => met.map_err(Unmet::Failed),
    }
}

async fn all_well(peers: &Peers) -> Result<(), Failure> {
    for name in &peers.after {
        let code = exit_code(&folder(peers, name)).await;
        if code != 0 {
            return Err(Failure(format!(
                "dependency \"{name}\" exited with non-zero code: {code}"
            )));
        }
    }
    Ok(())
}

/// Resolves once the containers that write to the same volumes have ended, however they did.
pub(super) async fn gathered(peers: &Peers) {
    for name in &peers.gather {
        exit_code(&folder(peers, name)).await;
    }
}

/// Resolves once the containers that this one serves have ended; never where it serves none.
pub(super) async fn served(peers: Option<&Peers>) {
    let Some(peers) = peers.filter(|p| !p.until.is_empty()) else {
        return std::future::pending().await;
    };
    for name in &peers.until {
        exit_code(&folder(peers, name)).await;
    }
}

/// Shows the others that this container is there, for as long as the result lives. The file appears locked.
pub(super) fn appear(peers: &Peers) -> io::Result<File> {
    let folder = folder(peers, &peers.name);
    fs::create_dir_all(&folder)?;
    let draft = folder.join("running.new");
    let lock = File::create(&draft)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    fs::rename(draft, folder.join(RUNNING))?;
    Ok(lock)
}

/// Tells the others how this container ended; what was told stays. A file appears with its content, or not at all.
pub(super) fn tell(peers: &Peers, code: i32) -> io::Result<()> {
    let folder = folder(peers, &peers.name);
    if folder.join(EXIT_CODE).exists() {
        return Ok(());
    }
    let draft = folder.join("exitcode.new");
    fs::write(&draft, code.to_string())?;
    fs::rename(draft, folder.join(EXIT_CODE))
}

fn folder(peers: &Peers, name: &str) -> PathBuf {
    Path::new(&peers.folder).join(name)
}

async fn exit_code(folder: &Path) -> i32 {
    let mut pause = LOOK.0;
    loop {
        // In this order: who told how it ended may be gone since.
        let gone = is_gone(folder);
        let text = fs::read_to_string(folder.join(EXIT_CODE)).unwrap_or_default();
        match text.trim().parse() {
            Ok(code) => return code,
            Err(_) if gone => return KILLED,
            Err(_) => {}
        }
        sleep(pause).await;
        pause = (pause * 2).min(LOOK.1);
    }
}

/// Whether a container appeared and lives no more.
fn is_gone(folder: &Path) -> bool {
    let running = File::open(folder.join(RUNNING));
    running.is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_ok())
}
