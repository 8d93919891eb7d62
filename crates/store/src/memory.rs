//! The working set: the ordered map, the recent events and who watches. Knows no disk.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::change::{Batch, Change};
use crate::pack::Value;
use crate::ring::Ring;
use crate::watch::{Durability, Slot};
use crate::{Entry, Event, EventKind, Revision};

/// An entry as it is kept here.
#[derive(Clone)]
pub(crate) struct Kept {
    value: Value,
    created: Revision,
    modified: Revision,
}

impl Kept {
    /// The entry as everyone else knows it, one of many that are looked at.
    pub(crate) fn entry(&self, key: &Arc<str>) -> Entry {
        self.with(key, self.value.plain())
    }

    /// The entry, which somebody asks for by its key and may ask for again.
    fn read(&self, key: &Arc<str>) -> Entry {
        self.with(key, self.value.read())
    }

    fn with(&self, key: &Arc<str>, value: Bytes) -> Entry {
        Entry {
            key: Arc::clone(key),
            value,
            created: self.created,
            modified: self.modified,
        }
    }
}

/// A write that the recent events have left behind: if it was the last of its key, its value is cold.
pub(crate) struct Cold {
    pub(crate) key: Arc<str>,
    pub(crate) modified: Revision,
}

pub(crate) struct Memory {
    entries: BTreeMap<Arc<str>, Kept>,
    pub(crate) ring: Ring,
    /// The last write applied here.
    pub(crate) revision: Revision,
    /// The last write known to be on the disk.
    pub(crate) durable: Revision,
    pub(crate) slots: BTreeMap<u64, Arc<Slot>>,
    pub(crate) slots_made: u64,
    pub(crate) closed: bool,
    /// What is to be packed.
    cooling: VecDeque<Cold>,
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
            cooling: VecDeque::new(),
        }
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<Entry> {
        let (key, kept) = self.entries.get_key_value(key)?;
        Some(kept.read(key))
    }

    /// The entries under `prefix` in order of their keys, from the one after `after`.
    pub(crate) fn range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Kept)> + 'a {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.from(from)
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// All entries in order of their keys, from a bound on.
    pub(crate) fn from<'a>(
        &'a self,
        from: Bound<&'a str>,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Kept)> + 'a {
        self.entries.range::<str, _>((from, Bound::Unbounded))
    }

    /// Takes over an entry of a snapshot.
    pub(crate) fn load(&mut self, entry: Entry) {
        let kept = Kept {
            value: Value::Plain(entry.value),
            created: entry.created,
            modified: entry.modified,
        };
        self.entries.insert(entry.key, kept);
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
        while let Some(event) = self.ring.pop_excess() {
            self.cool(event);
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

    /// Drops the recent events up to `revision`.
    pub(crate) fn compact(&mut self, revision: Revision) {
        while let Some(event) = self.ring.pop_until(revision) {
            self.cool(event);
        }
    }

    /// Drops the oldest of the recent events until they take `bytes` at most.
    pub(crate) fn compact_to(&mut self, bytes: usize) {
        while let Some(event) = self.ring.pop_beyond(bytes) {
            self.cool(event);
        }
    }

    fn cool(&mut self, event: Event) {
        if event.kind == EventKind::Put {
            self.cooling.push_back(Cold {
                key: event.key,
                modified: event.revision,
            });
        }
    }

    /// What a store that has just been opened holds is cold.
    pub(crate) fn cool_all(&mut self) {
        let all = self.entries.iter().map(|(key, kept)| Cold {
            key: Arc::clone(key),
            modified: kept.modified,
        });
        self.cooling.extend(all);
    }

    /// Whether there are values to pack.
    pub(crate) fn is_cooling(&self) -> bool {
        !self.cooling.is_empty()
    }

    /// The next cold values, until they are `bytes_max` or enough was looked at. Most writes left behind are not the
    /// last of their keys.
    pub(crate) fn take_cold(&mut self, bytes_max: usize) -> Vec<(Cold, Bytes)> {
        const LOOKS_MAX: usize = 256;
        let (mut taken, mut bytes) = (Vec::new(), 0);
        let mut looks = 0;
        while looks < LOOKS_MAX
            && bytes < bytes_max
            && let Some(cold) = self.cooling.pop_front()
        {
            looks += 1;
            if let Some(value) = self.cold(&cold) {
                bytes += value.len();
                taken.push((cold, value));
            }
        }
        if self.cooling.is_empty() {
            self.cooling.shrink_to(LOOKS_MAX);
        }
        taken
    }

    /// A value that was not written since and is not packed.
    fn cold(&self, cold: &Cold) -> Option<Bytes> {
        let kept = self.entries.get(&cold.key)?;
        (kept.modified == cold.modified && kept.value.is_plain()).then(|| kept.value.plain())
    }

    /// Keeps a value in another form, unless it was written again.
    pub(crate) fn keep(&mut self, cold: &Cold, value: Value) {
        if let Some(kept) = self.entries.get_mut(&cold.key)
            && kept.modified == cold.modified
        {
            kept.value = value;
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
                let kept = Kept {
                    value: Value::Plain(value.clone()),
                    created: *created,
                    modified: revision,
                };
                let previous = self.entries.insert(Arc::clone(key), kept);
                Event {
                    kind: EventKind::Put,
                    key: Arc::clone(key),
                    value: value.clone(),
                    previous: previous.map(|kept| kept.value.plain()),
                    created: *created,
                    revision,
                }
            }
            Change::Delete { key, last } => {
                let previous = self.entries.remove(&**key);
                let created = previous.as_ref().map_or(revision, |kept| kept.created);
                let previous = previous.map(|kept| kept.value.plain());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::Packer;

    fn put(memory: &mut Memory, key: &str, value: &str) {
        let change = Change::Put {
            key: key.into(),
            value: value.to_owned().into(),
            created: memory.revision.next(),
        };
        memory.apply(&Batch {
            first: memory.revision.next(),
            changes: vec![change],
        });
    }

    /// Packs all that is cold; answers how many values that were.
    fn pack(memory: &mut Memory) -> usize {
        let mut packer = Packer::default();
        let mut packed = 0;
        for (cold, value) in memory.take_cold(usize::MAX) {
            if let Some(value) = packer.pack(&cold.key, &value) {
                memory.keep(&cold, value);
                packed += 1;
            }
        }
        packed
    }

    #[test]
    fn what_the_recent_events_leave_behind_is_packed_and_reads_as_before() {
        let mut memory = Memory::new(usize::MAX);
        let long = |word: &str| format!("{word} {}", "and so on, ".repeat(100));
        for key in ["/a/1", "/a/2", "/a/3"] {
            put(&mut memory, key, &long("old"));
            put(&mut memory, key, &long(key));
        }
        assert_eq!(pack(&mut memory), 0, "all are recent");
        memory.compact(Revision(4));
        assert_eq!(pack(&mut memory), 1, "the first is what the second leans on");
        memory.compact(Revision(6));
        put(&mut memory, "/a/3", &long("new"));
        assert_eq!(pack(&mut memory), 0, "written again");
        memory.compact_to(0);
        assert_eq!(pack(&mut memory), 0, "the newest event stays");
        let values = |memory: &Memory| -> Vec<Bytes> {
            let all = memory.range("/a/", None);
            all.map(|(key, kept)| kept.entry(key).value).collect()
        };
        assert_eq!(values(&memory), [long("/a/1"), long("/a/2"), long("new")]);
        let read = |memory: &Memory| memory.get("/a/2").unwrap().value;
        let first = read(&memory);
        assert_eq!(first, long("/a/2"));
        assert_eq!(first.as_ptr(), read(&memory).as_ptr(), "unpacked once");
        put(&mut memory, "/a/2", "short");
        assert_eq!(read(&memory), "short");
        let told = memory.ring.after(Revision(7)).unwrap().last().cloned().unwrap();
        assert_eq!(told.previous.unwrap(), long("/a/2"));
    }
}
