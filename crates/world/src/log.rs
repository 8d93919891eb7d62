//! The event log of a world: everything that happened, in order, one line each, and a hash over it.

use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct Inner {
    lines: Vec<String>,
}

/// The log; shared by all parts and lives of a world.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Inner>>);

impl Log {
    /// Writes a line, with the virtual time in milliseconds before it.
    pub(crate) fn line(&self, millis: u64, text: &str) {
        self.inner().lines.push(format!("{millis:>8} {text}"));
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.inner().lines.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hash that is the same in every process.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
