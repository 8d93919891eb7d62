//! The recent events, bounded in bytes. Their revisions are consecutive, so one is found by subtraction.

use std::collections::VecDeque;

use crate::{Event, Revision, TooOld};

/// What an event costs beside its key and values.
const EVENT_BYTES: usize = std::mem::size_of::<Event>();

pub(crate) struct Ring {
    events: VecDeque<Event>,
    /// Events up to this revision are gone.
    compacted: Revision,
    bytes: usize,
    bytes_max: usize,
}

impl Ring {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            events: VecDeque::new(),
            compacted: Revision::ZERO,
            bytes: 0,
            bytes_max,
        }
    }

    /// Adds the next event.
    pub(crate) fn push(&mut self, event: Event) {
        debug_assert_eq!(event.revision, self.end().next(), "revisions are consecutive");
        self.bytes += cost(&event);
        self.events.push_back(event);
    }

    /// Drops the oldest event if there is more than the bound, but never the newest.
    pub(crate) fn pop_excess(&mut self) -> Option<Event> {
        self.pop_beyond(self.bytes_max)
    }

    /// Drops the oldest event if there are more than so many bytes, but never the newest.
    pub(crate) fn pop_beyond(&mut self, bytes: usize) -> Option<Event> {
        if self.is_beyond(bytes) { self.pop() } else { None }
    }

    /// Drops the oldest event if it is of `revision` or before.
    pub(crate) fn pop_until(&mut self, revision: Revision) -> Option<Event> {
        let oldest = self.events.front()?;
        if oldest.revision <= revision {
            self.pop()
        } else {
            None
        }
    }

    /// Whether more than so many bytes are kept, and not for one event.
    pub(crate) fn is_beyond(&self, bytes: usize) -> bool {
        self.bytes > bytes && self.events.len() > 1
    }

    /// Forgets everything; the next event will be the one after `revision`.
    pub(crate) fn restart(&mut self, revision: Revision) {
        self.events.clear();
        self.bytes = 0;
        self.compacted = revision;
    }

    /// Whether all events after `after` are here.
    pub(crate) fn check(&self, after: Revision) -> Result<(), TooOld> {
        if after >= self.compacted {
            return Ok(());
        }
        Err(TooOld {
            requested: after,
            oldest: self.compacted,
        })
    }

    /// The events after `after`, oldest first.
    pub(crate) fn after(&self, after: Revision) -> Result<impl Iterator<Item = &Event>, TooOld> {
        self.check(after)?;
        let skip = usize::try_from(after.0 - self.compacted.0).unwrap_or(usize::MAX);
        Ok(self.events.range(skip.min(self.events.len())..))
    }

    fn end(&self) -> Revision {
        Revision(self.compacted.0 + self.events.len() as u64)
    }

    fn pop(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.bytes -= cost(&event);
        self.compacted = event.revision;
        // Where a burst was, no room is kept for the next.
        if self.events.len() * 4 < self.events.capacity() {
            self.events.shrink_to(self.events.len() * 2);
        }
        Some(event)
    }
}

fn cost(event: &Event) -> usize {
    let previous = event.previous.as_ref().map_or(0, bytes::Bytes::len);
    EVENT_BYTES + event.key.len() + event.value.len() + previous
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventKind;

    fn event(revision: u64) -> Event {
        Event {
            kind: EventKind::Put,
            key: "k".into(),
            value: bytes::Bytes::from_static(b"0123456789"),
            previous: None,
            created: Revision(1),
            revision: Revision(revision),
        }
    }

    fn revisions(ring: &Ring, after: u64) -> Result<Vec<u64>, TooOld> {
        Ok(ring
            .after(Revision(after))?
            .map(|event| event.revision.0)
            .collect())
    }

    fn push(ring: &mut Ring, event: Event) {
        ring.push(event);
        while ring.pop_excess().is_some() {}
    }

    fn compact(ring: &mut Ring, revision: Revision) {
        while ring.pop_until(revision).is_some() {}
    }

    #[test]
    fn the_oldest_events_go_first_and_asking_for_them_is_told() {
        let mut ring = Ring::new(3 * cost(&event(1)));
        (1..=5).for_each(|n| push(&mut ring, event(n)));
        assert_eq!(revisions(&ring, 2), Ok(vec![3, 4, 5]));
        assert_eq!(revisions(&ring, 4), Ok(vec![5]));
        assert_eq!(revisions(&ring, 9), Ok(vec![]));
        let too_old = TooOld {
            requested: Revision(1),
            oldest: Revision(2),
        };
        assert_eq!(revisions(&ring, 1), Err(too_old));
    }

    #[test]
    fn an_event_larger_than_the_ring_is_still_told() {
        let mut ring = Ring::new(1);
        push(&mut ring, event(1));
        push(&mut ring, event(2));
        assert_eq!(revisions(&ring, 1), Ok(vec![2]));
    }

    #[test]
    fn compaction_drops_what_it_says() {
        let mut ring = Ring::new(usize::MAX);
        (1..=5).for_each(|n| push(&mut ring, event(n)));
        compact(&mut ring, Revision(3));
        assert!(revisions(&ring, 2).is_err());
        assert_eq!(revisions(&ring, 3), Ok(vec![4, 5]));
        compact(&mut ring, Revision(9));
        assert_eq!(revisions(&ring, 5), Ok(vec![]));
        push(&mut ring, event(6));
        assert_eq!(revisions(&ring, 5), Ok(vec![6]));
    }
}
