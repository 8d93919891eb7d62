//! What the store holds and what it tells watchers.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// The number of a write. The first write of a store has revision 1; zero is the empty store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// Before every write.
    pub const ZERO: Self = Self(0);

    /// The revision after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key and its value. Cheap to clone: both are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Arc<str>,
    /// The value as it was put.
    pub value: Bytes,
    /// The revision of the write that made the key, not counting lives before its last deletion.
    pub created: Revision,
    /// The revision of the write that put this value.
    pub modified: Revision,
}

/// Whether a write set or removed its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The key has a new value; it is new itself where the event's `created` equals its `revision`.
    Put,
    /// The key is gone.
    Delete,
}

/// One write, as watchers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Put or delete.
    pub kind: EventKind,
    /// The key.
    pub key: Arc<str>,
    /// The new value; of a deletion the final value, by default the one the key had.
    pub value: Bytes,
    /// The value before, if the key existed.
    pub previous: Option<Bytes>,
    /// The revision of the write that made the key.
    pub created: Revision,
    /// The revision of this write.
    pub revision: Revision,
}
