//! Which attempts write their logs now: shared between the agent, which knows, and readers, who wait.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use spawner::protocol::Key;
use tokio::sync::watch;

/// The set of attempts that are starting or running.
#[derive(Clone)]
pub(crate) struct Active(Arc<Inner>);

struct Inner {
    keys: Mutex<BTreeSet<Key>>,
    changed: watch::Sender<()>,
}

impl Active {
    /// The empty set.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            keys: Mutex::default(),
            changed: watch::Sender::new(()),
        }))
    }

    /// An attempt starts.
    pub(crate) fn insert(&self, key: Key) {
        self.keys().insert(key);
    }

    /// An attempt has ended: nothing more is written to its log.
    pub(crate) fn remove(&self, key: &Key) {
        self.keys().remove(key);
        self.0.changed.send_replace(());
    }

    /// Whether an attempt may still write.
    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.keys().contains(key)
    }

    /// Tells of every removal.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, BTreeSet<Key>> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Active {
    fn default() -> Self {
        Self::new()
    }
}
