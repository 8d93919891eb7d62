//! Watching: a watcher has a place in the ring of recent events and is woken when there is more for it.
//!
//! There is no queue per watcher, so a slow one costs nothing: when the ring has moved past its place it is
//! told [`TooOld`]. A watcher is woken only for keys under its prefix. What lies between its place and the
//! first revision noted for it concerns others, so a quiet watcher does not become too old.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::memory::Memory;
use crate::store::Shared;
use crate::sync::{read, write};
use crate::{Event, Revision, TooOld};

/// Events taken from the ring at once: bounds what a watcher holds beside the ring.
const GULP: usize = 256;

/// Which writes a watcher sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// All, as soon as they are made.
    Appended,
    /// Those that are on the disk.
    Durable,
}

/// What the store knows of a watcher.
pub(crate) struct Slot {
    pub(crate) prefix: Box<str>,
    pub(crate) durability: Durability,
    /// The first revision not looked at that concerns the watcher; 0 is none. Written under the memory's lock.
    pending: AtomicU64,
    pub(crate) notify: Notify,
}

impl Slot {
    pub(crate) fn mark(&self, revision: Revision) {
        let _ = self
            .pending
            .compare_exchange(0, revision.0, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// A stream of events under a prefix, in order and without gaps.
pub struct Watcher {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    id: u64,
    /// Every event up to here was returned or is in `buffer`.
    cursor: Revision,
    buffer: VecDeque<Event>,
    ended: bool,
}

impl Watcher {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        prefix: &str,
        after: Revision,
        durability: Durability,
    ) -> Result<Self, TooOld> {
        let mut memory = write(&shared.memory);
        memory.ring.check(after)?;
        let slot = Arc::new(Slot {
            prefix: prefix.into(),
            durability,
            pending: AtomicU64::new(after.next().0),
            notify: Notify::new(),
        });
        memory.slots_made += 1;
        let id = memory.slots_made;
        memory.slots.insert(id, Arc::clone(&slot));
        drop(memory);
        Ok(Self {
            shared: Arc::clone(shared),
            slot,
            id,
            cursor: after,
            buffer: VecDeque::new(),
            ended: false,
        })
    }

    /// The next event; waits for one. After an error, or once the store is closed, there are no more.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Event, TooOld>> {
        loop {
            if let Some(result) = self.try_next() {
                return Some(result);
            }
            if self.ended || read(&self.shared.memory).closed {
                return None;
            }
            self.slot.notify.notified().await;
        }
    }

    /// The next event, if there is one now.
    pub fn try_next(&mut self) -> Option<Result<Event, TooOld>> {
        if self.buffer.is_empty()
            && !self.ended
            && let Err(too_old) = self.fill()
        {
            self.ended = true;
            return Some(Err(too_old));
        }
        self.buffer.pop_front().map(Ok)
    }

    /// The revision up to which everything was returned: what a bookmark may say.
    pub fn progress(&self) -> Revision {
        if let Some(event) = self.buffer.front() {
            return Revision(event.revision.0 - 1);
        }
        let memory = read(&self.shared.memory);
        match self.slot.pending.load(Ordering::Acquire) {
            0 => self.limit(&memory).max(self.cursor),
            pending => self.cursor.max(Revision(pending - 1)),
        }
    }

    /// Takes what there is from the ring, up to a gulp.
    fn fill(&mut self) -> Result<(), TooOld> {
        let memory = read(&self.shared.memory);
        let pending = self.slot.pending.swap(0, Ordering::AcqRel);
        if pending == 0 {
            return Ok(());
        }
        let from = self.cursor.max(Revision(pending - 1));
        let limit = self.limit(&memory);
        self.cursor = from.max(limit);
        for event in memory
            .ring
            .after(from)?
            .take_while(|event| event.revision <= limit)
        {
            if event.key.starts_with(&*self.slot.prefix) {
                if self.buffer.len() == GULP {
                    self.cursor = Revision(event.revision.0 - 1);
                    self.slot.pending.store(event.revision.0, Ordering::Release);
                    break;
                }
                self.buffer.push_back(event.clone());
            }
        }
        Ok(())
    }

    fn limit(&self, memory: &Memory) -> Revision {
        match self.slot.durability {
            Durability::Appended => memory.revision,
            Durability::Durable => memory.durable,
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        write(&self.shared.memory).slots.remove(&self.id);
    }
}
