//! A transaction: reads see the store and the transaction's own writes; nothing changes until it ends well.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use bytes::Bytes;

use crate::change::{Batch, Change};
use crate::memory::Memory;
use crate::sync::read;
use crate::{Entry, Revision};

/// A transaction under way. The store's other writers wait for it, its readers do not.
pub struct Tx<'a> {
    /// Locked for each read only, so that whoever runs in a transaction may read the store by other ways too.
    /// It does not change meanwhile: the transaction has the turn.
    memory: &'a RwLock<Memory>,
    /// The store's revision before the transaction.
    base: Revision,
    changes: Vec<Change>,
    /// What the transaction has written so far; `None` is a deletion.
    staged: BTreeMap<Arc<str>, Option<Entry>>,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(memory: &'a RwLock<Memory>) -> Self {
        Self {
            memory,
            base: read(memory).revision,
            changes: Vec::new(),
            staged: BTreeMap::new(),
        }
    }

    /// The revision that the next write will have.
    pub fn next_revision(&self) -> Revision {
        Revision(self.base.0 + self.changes.len() as u64 + 1)
    }

    /// The entry of `key`.
    pub fn get(&self, key: &str) -> Option<Entry> {
        match self.staged.get(key) {
            Some(staged) => staged.clone(),
            None => read(self.memory).get(key),
        }
    }

    /// The entries whose keys start with `prefix`, in order.
    pub fn range(&self, prefix: &str) -> Vec<Entry> {
        let memory = read(self.memory);
        let stored = memory.range(prefix, None);
        let mut found: BTreeMap<&str, Entry> = stored.map(|(key, kept)| (&**key, kept.entry(key))).collect();
        for (key, staged) in self.staged.iter().filter(|(key, _)| key.starts_with(prefix)) {
            match staged {
                Some(entry) => found.insert(key, entry.clone()),
                None => found.remove(&**key),
            };
        }
        found.into_values().collect()
    }

    /// An entry under `prefix` that is `wanted`; which of several is not said.
    pub fn find(&self, prefix: &str, mut wanted: impl FnMut(&Entry) -> bool) -> Option<Entry> {
        let staged = self.staged.iter().filter(|(key, _)| key.starts_with(prefix));
        let found = staged
            .filter_map(|(_, entry)| entry.as_ref())
            .find(|entry| wanted(entry));
        if let Some(found) = found {
            return Some(found.clone());
        }
        let memory = read(self.memory);
        let stored = memory.range(prefix, None);
        let mut stored = stored.filter(|(key, _)| !self.staged.contains_key(*key));
        stored.find_map(|(key, kept)| Some(kept.entry(key)).filter(|entry| wanted(entry)))
    }

    /// Sets `key` to `value` and returns the write's revision.
    pub fn put(&mut self, key: &str, value: impl Into<Bytes>) -> Revision {
        self.put_with(key, |_| value.into())
    }

    /// Sets `key` to the value that `make` makes, given the write's revision.
    pub fn put_with<V: Into<Bytes>>(&mut self, key: &str, make: impl FnOnce(Revision) -> V) -> Revision {
        let revision = self.next_revision();
        let value = make(revision).into();
        let existing = self.get(key);
        let created = existing.as_ref().map_or(revision, |entry| entry.created);
        let key = existing.map_or_else(|| Arc::from(key), |entry| entry.key);
        self.changes.push(Change::Put {
            key: Arc::clone(&key),
            value: value.clone(),
            created,
        });
        let entry = Entry {
            key: Arc::clone(&key),
            value,
            created,
            modified: revision,
        };
        self.staged.insert(key, Some(entry));
        revision
    }

    /// Removes `key` and returns the write's revision; `None` where there is no such key.
    pub fn delete(&mut self, key: &str) -> Option<Revision> {
        let entry = self.get(key)?;
        Some(self.remove(entry.key, None))
    }

    /// Removes `key`; watchers are told the final value that `make` makes, given the write's revision.
    pub fn delete_with<V: Into<Bytes>>(
        &mut self,
        key: &str,
        make: impl FnOnce(Revision) -> V,
    ) -> Option<Revision> {
        let entry = self.get(key)?;
        let last = make(self.next_revision()).into();
        Some(self.remove(entry.key, Some(last)))
    }

    fn remove(&mut self, key: Arc<str>, last: Option<Bytes>) -> Revision {
        let revision = self.next_revision();
        self.changes.push(Change::Delete {
            key: Arc::clone(&key),
            last,
        });
        self.staged.insert(key, None);
        revision
    }

    /// The batch to apply, or the revision that stays where nothing was written.
    pub(crate) fn into_batch(self) -> Result<Batch, Revision> {
        if self.changes.is_empty() {
            return Err(self.base);
        }
        Ok(Batch {
            first: self.base.next(),
            changes: self.changes,
        })
    }
}
