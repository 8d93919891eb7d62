//! A batch: the unit of atomicity, one record of the log.

use std::sync::Arc;

use bytes::Bytes;

use crate::Revision;

/// One write of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Put {
        key: Arc<str>,
        value: Bytes,
        /// Told rather than found out at replay: a snapshot may already hold a later life of the key.
        created: Revision,
    },
    Delete {
        key: Arc<str>,
        /// The final value, where it is another than the key had.
        last: Option<Bytes>,
    },
}

impl Change {
    pub(crate) fn key(&self) -> &Arc<str> {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } => key,
        }
    }
}

/// The writes of one transaction; the n-th has revision `first + n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) first: Revision,
    pub(crate) changes: Vec<Change>,
}

impl Batch {
    /// The revision of the last write.
    pub(crate) fn last(&self) -> Revision {
        Revision(self.first.0 + self.changes.len() as u64 - 1)
    }
}
