//! Why an artifact could not be moved.

use std::io;
use std::path::{Path, PathBuf};

/// The result of moving artifacts.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a store's client says.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error and what caused it in turn, each said once: clients keep the reason for themselves.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

/// Why an artifact could not be moved. Each text is a full clause that can follow a colon.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb: "read", "create".
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing lies at the key.
    #[error("nothing is kept under the key {key:?}")]
    NotFound {
        /// The key.
        key: String,
    },
    /// A key that would leave its repository.
    #[error("the key {key:?} is not a relative path of plain names")]
    BadKey {
        /// The key.
        key: String,
    },
    /// An archive that does not hold what it must, or tries to leave its destination.
    #[error("the archive is refused: {reason}")]
    BadArchive {
        /// What is wrong with it.
        reason: String,
    },
    /// The destination belongs to the machine, not to the step.
    #[error("{} exists already on this machine, and an input does not replace what is not the step's own; use a path under /tmp or a volume", path.display())]
    Occupied {
        /// The destination.
        path: PathBuf,
    },
    /// A place or form that this version does not handle.
    #[error("{what} is not supported by this version")]
    Unsupported {
        /// What was asked for.
        what: String,
    },
    /// A store that cannot be reached with what is known of it.
    #[error("the artifact's store cannot be used: {}", chain(source.as_ref()))]
    NoStore {
        /// Why.
        source: Source,
    },
    /// A store refuses, or cannot be reached.
    #[error("{key:?} cannot be had from its store or put there: {}", chain(source.as_ref()))]
    Store {
        /// The key, or the address.
        key: String,
        /// What it said.
        source: Source,
    },
    /// A secret that is not where it should be.
    #[error("the key {key:?} of the secret {name:?} cannot be read: {source}")]
    Secret {
        /// The Secret's name.
        name: String,
        /// The key in it.
        key: String,
        /// What the system said.
        source: io::Error,
    },
    /// No thread for connections.
    #[error("no thread for connections: {source}")]
    NoThread {
        /// What the system said.
        source: io::Error,
    },
    /// A declared file is not there.
    #[error("{}: no such file or directory", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    /// Wraps what the system said when `action` was tried on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the disk is full or the quota used up.
    pub fn is_disk_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }
}
