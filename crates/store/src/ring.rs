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

    /// Adds the next event and drops the oldest beyond the bound, but never the newest.
    pub(crate) fn push(&mut self, event: Event) {
        debug_assert_eq!(event.revision, self.end().next(), "revisions are consecutive");
        self.bytes += cost(&event);
        self.events.push_back(event);
        while self.bytes > self.bytes_max && self.events.len() > 1 {
            self.pop();
        }
    }

    /// Drops events up to and including `revision`.
    pub(crate) fn compact(&mut self, revision: Revision) {
        while self
            .events
            .front()
            .is_some_and(|event| event.revision <= revision)
        {
            self.pop();
        }
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

    fn pop(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.bytes -= cost(&event);
            self.compacted = event.revision;
        }
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

    #[test]
    fn the_oldest_events_go_first_and_asking_for_them_is_told() {
        let mut ring = Ring::new(3 * cost(&event(1)));
        (1..=5).for_each(|n| ring.push(event(n)));
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
        ring.push(event(1));
        ring.push(event(2));
        assert_eq!(revisions(&ring, 1), Ok(vec![2]));
    }

    #[test]
    fn compaction_drops_what_it_says() {
        let mut ring = Ring::new(usize::MAX);
        (1..=5).for_each(|n| ring.push(event(n)));
        ring.compact(Revision(3));
        assert!(revisions(&ring, 2).is_err());
        assert_eq!(revisions(&ring, 3), Ok(vec![4, 5]));
        ring.compact(Revision(9));
        assert_eq!(revisions(&ring, 5), Ok(vec![]));
        ring.push(event(6));
        assert_eq!(revisions(&ring, 5), Ok(vec![6]));
    }
}
