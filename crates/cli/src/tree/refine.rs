//! Times finer than the whole seconds that a status carries, from when a watcher saw each change.
//!
//! A status says 12:00:03 for anything from 12:00:03.0 to 12:00:03.999. A watcher who sees the change at 12:00:03.4
//! knows more; one who sees it later does not.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::view::StatusView;

/// When each change of each node was first seen.
#[derive(Debug, Default)]
pub struct Observed {
    started: BTreeMap<String, Timestamp>,
    finished: BTreeMap<String, Timestamp>,
}

impl Observed {
    /// Makes the times of `status`, which was seen at `now`, as fine as is known.
    pub fn refine(&mut self, status: &mut StatusView, now: Timestamp) {
        for (id, node) in &mut status.nodes {
            note(&mut self.started, id, &mut node.started_at, now);
            note(&mut self.finished, id, &mut node.finished_at, now);
        }
        note(&mut self.started, "", &mut status.started_at, now);
        note(&mut self.finished, "", &mut status.finished_at, now);
    }
}

fn note(seen: &mut BTreeMap<String, Timestamp>, id: &str, time: &mut Option<Timestamp>, now: Timestamp) {
    let Some(said) = *time else { return };
    let known = match seen.get(id) {
        // The node was retried, say: what was seen belongs to another change.
        Some(known) if fits(said, *known) => *known,
        _ => {
            let finer = if fits(said, now) { now } else { said };
            seen.insert(id.to_owned(), finer);
            finer
        }
    };
    *time = Some(known);
}

/// Whether `fine` lies in the second that `said` names.
fn fits(said: Timestamp, fine: Timestamp) -> bool {
    let after = fine.duration_since(said);
    !after.is_negative() && after < SignedDuration::from_secs(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::view::NodeView;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).expect("a time")
    }

    #[test]
    fn a_change_seen_within_its_second_is_known_to_that_instant() {
        let mut observed = Observed::default();
        let mut refined = |said: i64, now: i64| {
            let node = NodeView {
                started_at: Some(at(said)),
                ..NodeView::default()
            };
            let mut status = StatusView {
                nodes: [("a".to_owned(), node)].into(),
                ..StatusView::default()
            };
            observed.refine(&mut status, at(now));
            status.nodes["a"].started_at.map(Timestamp::as_millisecond)
        };
        assert_eq!(refined(3000, 3400), Some(3400));
        assert_eq!(refined(3000, 9000), Some(3400), "what was seen first stays");
        assert_eq!(refined(20_000, 25_000), Some(20_000), "another change, seen late");
    }
}
