//! When nodes are to be looked at again.
//!
//! A node's timers are those of its last look: each look starts by taking them off and sets the ones that still
//! have a cause, so that what is set always follows from what is known.

use std::collections::{BTreeMap, BTreeSet};

use meta::Timestamp;

use super::nodes::Ix;

/// The timers of all nodes.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Timestamp, Ix)>,
    by_node: BTreeMap<Ix, BTreeSet<Timestamp>>,
}

impl Timers {
    /// Looks at a node again at this time.
    pub(super) fn set(&mut self, at: Timestamp, ix: Ix) {
        self.by_time.insert((at, ix));
        self.by_node.entry(ix).or_default().insert(at);
    }

    /// Takes a node's timers off.
    pub(super) fn clear(&mut self, ix: Ix) {
        for at in self.by_node.remove(&ix).unwrap_or_default() {
            self.by_time.remove(&(at, ix));
        }
    }

    /// Takes all timers off.
    pub(super) fn clear_all(&mut self) {
        self.by_time.clear();
        self.by_node.clear();
    }

    /// The earliest time.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The earliest time of a node.
    pub(super) fn of(&self, ix: Ix) -> Option<Timestamp> {
        self.by_node.get(&ix)?.first().copied()
    }

    /// All timers, the earliest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Timestamp, Ix)> {
        self.by_time.iter().copied()
    }

    /// A node whose time has come; its timers are off.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Ix> {
        let (at, ix) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.clear(ix);
        Some(ix)
    }
}
