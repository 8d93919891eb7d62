//! Nodes that a limit on parallelism keeps from starting children, and when they are looked at again.
//!
//! ```text
//!   the workflow is full   ──► one after the other, deepest first, once something ended, until it is full again
//!   a boundary is full     ──► once something within that boundary ended
//! ```
//!
//! So an end costs what it starts, however many wait.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::nodes::Ix;
use super::{Machine, Note};

/// Who waits for a free place, and where places became free.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    by_workflow: BTreeSet<(Reverse<u32>, Ix)>,
    within: BTreeMap<Ix, BTreeSet<Ix>>,
    /// Whether anything ended that counts against the workflow's limit.
    freed: bool,
    /// Boundaries in which anything ended that counts.
    freed_within: BTreeSet<Ix>,
    /// The limit that stood against the last call: a boundary's, or the workflow's.
    last: Option<Ix>,
}

impl Blocked {
    /// Notes which limit stands against a call: that of a boundary, or of the workflow.
    pub(super) fn hit(&mut self, boundary: Option<Ix>) {
        self.last = boundary;
    }

    /// Notes that a place became free.
    pub(super) fn free(&mut self, boundary: Option<Ix>) {
        self.freed = true;
        self.freed_within.extend(boundary);
    }

    /// Whether a node waits for a place.
    pub(super) fn contains(&self, ix: Ix, depth: u32) -> bool {
        self.by_workflow.contains(&(Reverse(depth), ix))
            || self.within.values().any(|waiting| waiting.contains(&ix))
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Machine {
    /// A node waits for the limit that stood against its last call.
    pub(super) fn block(&mut self, ix: Ix) {
        match self.blocked.last {
            Some(boundary) => drop(self.blocked.within.entry(boundary).or_default().insert(ix)),
            None => {
                let depth = self.nodes.get(ix).depth;
                self.blocked.by_workflow.insert((Reverse(depth), ix));
            }
        }
    }

    /// Looks again at nodes for which there may be a place now.
    pub(super) fn unblock(&mut self) {
        for boundary in std::mem::take(&mut self.blocked.freed_within) {
            for ix in self.blocked.within.remove(&boundary).unwrap_or_default() {
                self.enqueue(ix, Note::Own);
            }
        }
        if !self.blocked.freed || self.workflow_is_full() {
            return;
        }
        // One only: the next is looked at when this one has taken what it needs.
        match self.blocked.by_workflow.pop_first() {
            Some((_, ix)) => self.enqueue(ix, Note::Own),
            None => self.blocked.freed = false,
        }
    }
}
