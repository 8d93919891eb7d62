//! Committing a write: what was decided outside the store's lock becomes real inside it, or is decided again.

use bytes::Bytes;
use store::{Revision, Store, Tx};

use crate::status::ApiError;

/// How often a write is decided again because others were faster. Each time someone else has made progress.
pub(crate) const ATTEMPTS: usize = 64;

/// Why a transaction ends without writing.
pub(crate) enum Stop {
    /// It is refused.
    Refused(ApiError),
    /// The object changed since it was read: decide again.
    Stale,
    /// Nothing was to be written; this is what would have been.
    Rehearsed(Bytes),
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// A committed, or rehearsed, write.
pub(crate) struct Committed {
    pub(crate) object: Bytes,
    pub(crate) revision: Revision,
}

/// Runs `work` in a transaction; `None` means that it has to be decided again.
///
/// A dry run does everything but write.
pub(crate) fn commit(
    store: &Store,
    dry_run: bool,
    work: impl FnOnce(&mut Tx<'_>) -> Result<Bytes, Stop>,
) -> Result<Option<Committed>, ApiError> {
    let result = store.transact(|tx| {
        let object = work(tx)?;
        if dry_run {
            Err(Stop::Rehearsed(object))
        } else {
            Ok(object)
        }
    });
    match result {
        Ok((object, revision)) => Ok(Some(Committed { object, revision })),
        Err(Stop::Rehearsed(object)) => Ok(Some(Committed {
            object,
            revision: Revision::ZERO,
        })),
        Err(Stop::Stale) => Ok(None),
        Err(Stop::Refused(error)) => Err(error),
    }
}

/// Stops unless `key` is still as it was when `modified` was read.
pub(crate) fn unchanged(tx: &Tx<'_>, key: &str, modified: Revision) -> Result<(), Stop> {
    match tx.get(key) {
        Some(entry) if entry.modified == modified => Ok(()),
        _ => Err(Stop::Stale),
    }
}
