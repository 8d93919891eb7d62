//! The working set: the ordered map, the recent events and who watches. Knows no disk.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::change::{Batch, Change};
use crate::ring::Ring;
use crate::watch::{Durability, Slot};
use crate::{Entry, Event, EventKind, Revision};

pub(crate) struct Memory {
    pub(crate) entries: BTreeMap<Arc<str>, Entry>,
    pub(crate) ring: Ring,
    /// The last write applied here.
    pub(crate) revision: Revision,
    /// The last write known to be on the disk.
    pub(crate) durable: Revision,
    pub(crate) slots: BTreeMap<u64, Arc<Slot>>,
    pub(crate) slots_made: u64,
    pub(crate) closed: bool,
}

impl Memory {
    pub(crate) fn new(ring_bytes: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            ring: Ring::new(ring_bytes),
            revision: Revision::ZERO,
            durable: Revision::ZERO,
            slots: BTreeMap::new(),
            slots_made: 0,
            closed: false,
        }
    }

    /// The entries under `prefix` in order of their keys, from the one after `after`.
    pub(crate) fn range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Entry> + 'a {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.entries
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(_, entry)| entry)
            .take_while(move |entry| entry.key.starts_with(prefix))
    }

    /// Applies a batch that follows the last one; the events of the batch become visible.
    pub(crate) fn apply(&mut self, batch: &Batch) {
        debug_assert_eq!(batch.first, self.revision.next(), "batches are consecutive");
        for change in &batch.changes {
            let revision = self.revision.next();
            let event = self.change(change, revision);
            self.ring.push(event);
            self.revision = revision;
        }
    }

    /// Applies a batch that the map may hold already, wholly or in part, without telling anyone.
    pub(crate) fn reapply(&mut self, batch: &Batch) {
        for change in &batch.changes {
            let revision = self.revision.next();
            self.change(change, revision);
            self.revision = revision;
            self.ring.restart(revision);
        }
    }

    /// Notes which watchers of `durability` have something to see; they are to be woken after the lock.
    pub(crate) fn mark(&self, durability: Durability, batch: &Batch) -> Vec<Arc<Slot>> {
        let mut woken = Vec::new();
        for slot in self.slots.values().filter(|slot| slot.durability == durability) {
            let seen = (batch.first.0..)
                .zip(&batch.changes)
                .find(|(_, change)| change.key().starts_with(&*slot.prefix));
            if let Some((revision, _)) = seen {
                slot.mark(Revision(revision));
                woken.push(Arc::clone(slot));
            }
        }
        woken
    }

    fn change(&mut self, change: &Change, revision: Revision) -> Event {
        match change {
            Change::Put { key, value, created } => {
                let entry = Entry {
                    key: Arc::clone(key),
                    value: value.clone(),
                    created: *created,
                    modified: revision,
                };
                let previous = self.entries.insert(Arc::clone(key), entry);
                Event {
                    kind: EventKind::Put,
                    key: Arc::clone(key),
                    value: value.clone(),
                    previous: previous.map(|entry| entry.value),
                    created: *created,
                    revision,
                }
            }
            Change::Delete { key, last } => {
                let previous = self.entries.remove(&**key);
                let created = previous.as_ref().map_or(revision, |entry| entry.created);
                let previous = previous.map(|entry| entry.value);
                Event {
                    kind: EventKind::Delete,
                    key: Arc::clone(key),
                    value: last.clone().or_else(|| previous.clone()).unwrap_or_default(),
                    previous,
                    created,
                    revision,
                }
            }
        }
    }
}
