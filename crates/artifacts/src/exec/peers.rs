//! Containers of one pod that wait for each other, by files in a folder that they share.
//!
//! ```text
//!   after    FOLDER/a/exitcode is there and 0  --> the command starts
//!   until    FOLDER/main/exitcode is there     --> the command is asked to end
//!   always   FOLDER/NAME/exitcode is written as the last thing
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use argo::exec::Peers;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::Failure;

/// How often the folder is looked at, at first and at last: containers of a pod start together, and then
/// may run for long.
const LOOK: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));
/// The exit code of a process that was asked to end.
const TERMINATED: i32 = 143;

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
        let code = exit_code(&file(peers, name)).await;
        if code != 0 {
            return Err(Failure(format!(
                "dependency \"{name}\" exited with non-zero code: {code}"
            )));
        }
    }
    Ok(())
}

/// Resolves once the containers that this one serves have ended; never where it serves none.
pub(super) async fn served(peers: Option<&Peers>) {
    let Some(peers) = peers.filter(|p| !p.until.is_empty()) else {
        return std::future::pending().await;
    };
    for name in &peers.until {
        exit_code(&file(peers, name)).await;
    }
}

/// Tells the others how this container ended. A file appears with its content, or not at all.
pub(super) fn tell(peers: &Peers, code: i32) -> io::Result<()> {
    let file = file(peers, &peers.name);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let draft = file.with_extension("new");
    fs::write(&draft, code.to_string())?;
    fs::rename(draft, file)
}

fn file(peers: &Peers, name: &str) -> PathBuf {
    Path::new(&peers.folder).join(name).join("exitcode")
}

async fn exit_code(file: &Path) -> i32 {
    let mut pause = LOOK.0;
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if let Ok(code) = text.trim().parse() {
            return code;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LOOK.1);
    }
}
