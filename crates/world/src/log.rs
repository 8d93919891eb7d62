//! The event log of a world: everything that happened, in order, one line each, and a hash over it.

use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct Inner {
    /// Kept only where somebody wants to read them.
    lines: Option<Vec<String>>,
    count: u64,
    hasher: DefaultHasher,
}

/// The log; shared by all parts and lives of a world.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Inner>>);

impl Log {
    /// A log that keeps its lines, or only counts and hashes them.
    pub(crate) fn new(keeps: bool) -> Self {
        let log = Self::default();
        log.inner().lines = keeps.then(Vec::new);
        log
    }

    /// Writes a line, with the virtual time in milliseconds before it.
    pub(crate) fn line(&self, millis: i128, text: &str) {
        let inner = &mut *self.inner();
        inner.count += 1;
        let line = format!("{millis:>8} {text}");
        inner.hasher.write(line.as_bytes());
        if let Some(lines) = &mut inner.lines {
            lines.push(line);
        }
    }

    /// All lines so far, if they are kept.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.inner().lines.clone().unwrap_or_default()
    }

    /// How many there are, and the hash over them.
    pub(crate) fn digest(&self) -> (u64, u64) {
        let inner = self.inner();
        (inner.count, inner.hasher.finish())
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
