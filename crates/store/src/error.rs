//! What can go wrong, by kind, with its cause and what to do about it.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::Revision;

/// A result of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kinds of failure.
///
/// A write is refused before it changes anything with [`Full`](Self::Full) (the next segment of the log
/// does not fit on the disk; it works again once there is room) and [`TooLarge`](Self::TooLarge).
///
/// When a write or sync of the log fails, all that is not durable yet is never acknowledged: whoever waits
/// for it gets the error, and the store is read-only from then on, with
/// [`ReadOnly`](Self::ReadOnly) and the cause for every later write. Reads still answer with what was
/// appended, which may be more than the disk holds; opening the store again yields exactly the durable part
/// (or more, if the disk kept more than it said). There is no retry: after a failed sync nobody knows which
/// pages the disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Another process has the store open.
    InUse,
    /// The disk is full.
    Full,
    /// The operating system forbids it.
    Permission,
    /// The files hold something else than was written.
    Corrupt,
    /// The files are of a format that this version does not read.
    Format,
    /// The batch is larger than a record of the log may be.
    TooLarge,
    /// An earlier failure has made the store read-only.
    ReadOnly,
    /// The store was closed.
    Closed,
    /// Any other failure of the disk.
    Io,
}

/// A failure of the store. Cheap to clone: one failure may answer many waiting writers.
#[derive(Clone, Debug)]
pub struct Error(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::build(kind, message.into(), None)
    }

    /// A failure of the disk while doing `what`, as "cannot write the log".
    pub(crate) fn io(what: impl Into<String>, cause: io::Error) -> Self {
        let kind = match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Permission,
            _ => ErrorKind::Io,
        };
        Self::build(kind, what.into(), Some(Box::new(cause)))
    }

    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// What later writes get after this failure.
    pub(crate) fn read_only(&self) -> Self {
        let message = "the store is read-only after a failed write".to_owned();
        Self::build(ErrorKind::ReadOnly, message, Some(Box::new(self.clone())))
    }

    fn build(
        kind: ErrorKind,
        message: String,
        cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner { kind, message, cause }))
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What a user can do about it, if anything.
    pub fn hint(&self) -> Option<&'static str> {
        match self.0.kind {
            ErrorKind::InUse => Some("stop the other process or choose another directory"),
            ErrorKind::Full => Some("free some space on the disk"),
            ErrorKind::Permission => Some("check the owner and the mode of the directory"),
            ErrorKind::Corrupt => Some("restore the directory from a copy, or start with an empty one"),
            ErrorKind::Format => Some("use the version that wrote the directory, or a newer one"),
            ErrorKind::ReadOnly => Some("mend the cause and start again"),
            ErrorKind::TooLarge | ErrorKind::Closed | ErrorKind::Io => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Some(cause) => write!(f, "{}: {cause}", self.0.message),
            None => f.write_str(&self.0.message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_ref().map(|cause| &**cause as _)
    }
}

/// A watcher asked for events that the store no longer has: list again and watch from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too old resource version: {requested} ({oldest})")]
pub struct TooOld {
    /// The revision after which events were wanted.
    pub requested: Revision,
    /// The oldest revision from which a watch can start.
    pub oldest: Revision,
}
