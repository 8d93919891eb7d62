//! What is to be written when parts of nodes have changed.

use std::collections::{BTreeMap, BTreeSet};

use argo::{NodeStatus, ObjectMeta};
use serde_json::{Map, Value};

use super::places::At;
use super::{Ledger, Written};
use crate::layout::{self, INLINE_MAX, Manifest};
use crate::machine::diff::diff;
use crate::machine::nodes::{Changes, Nodes, Part};
use crate::phase;

impl Ledger {
    /// Writes what changed. `room` is given once the workflow is over: the bytes that its nodes may take
    /// where Argo looks for them.
    pub(in crate::machine) fn write(
        &mut self,
        nodes: &mut Nodes,
        metadata: &ObjectMeta,
        room: Option<usize>,
    ) -> Written {
        let mut changes = nodes.take_changes();
        let to_fold = room.is_some() && !self.folded;
        self.folded = room.is_some();
        if changes.is_empty() && !to_fold {
            return Written::default();
        }
        self.revive(&mut changes, room.is_some());
        let stored: BTreeSet<Part> = changes
            .keys()
            .copied()
            .filter(|p| self.places.is_inline(*p))
            .collect();
        for part in changes.keys() {
            let bytes = layout::size(&layout::slice(nodes.status(part.ix), part.nth));
            self.places.put(*part, At::Inline, bytes);
        }
        let update = Update {
            nodes,
            changes,
            stored,
        };
        let folded = room.and_then(|room| self.fold(&update, room));
        let mut written = folded.unwrap_or_else(|| self.spill(&update, metadata));
        self.name_chunks(&mut written);
        written
    }

    /// Adds what must be written again though it did not change: what still counts of sparse chunks, and what
    /// was compressed, once the workflow goes on.
    fn revive(&mut self, changes: &mut Changes, finished: bool) {
        for part in self.places.take_sparse() {
            changes.entry(part).or_insert(None);
        }
        if self.packed && !finished {
            for part in self.places.packed() {
                changes.entry(part).or_insert(None);
            }
        }
    }

    /// Leaves what changed in the Workflow as far as there is room, and moves the rest on into chunks.
    fn spill(&mut self, update: &Update<'_>, metadata: &ObjectMeta) -> Written {
        let moved = self.overflow(update.nodes);
        let mut patch = Map::new();
        for part in &moved {
            if self.was_inline(update, *part) {
                patch.insert(update.nodes.key(*part), Value::Null);
            }
        }
        let mut chunks = layout::Writer::new(metadata, self.next);
        for part in &moved {
            let json = layout::slice(update.nodes.status(part.ix), part.nth);
            let number = chunks.add(&update.nodes.key(*part), &json);
            self.places
                .put(*part, At::Chunk(number), self.places.bytes_of(*part));
        }
        for part in update.changes.keys().filter(|part| !moved.contains(part)) {
            let now = layout::slice(update.nodes.status(part.ix), part.nth);
            let change = self.change(update, *part, &now);
            patch.extend(change.map(|change| (update.nodes.key(*part), change)));
        }
        let mut written = Written {
            chunks: chunks.finish(),
            ..Written::default()
        };
        self.next += u32::try_from(written.chunks.len()).unwrap_or(u32::MAX);
        if !patch.is_empty() {
            written.status.insert("nodes".to_owned(), patch.into());
        }
        self.unpack(&mut written);
        written
    }

    /// What must leave the Workflow: the settled parts, or all if the others are too many.
    fn overflow(&self, nodes: &Nodes) -> BTreeSet<Part> {
        if self.places.inline_bytes() <= INLINE_MAX {
            return BTreeSet::new();
        }
        let inline = self.places.inline();
        let settled: BTreeSet<Part> = inline.iter().copied().filter(|p| is_settled(nodes, *p)).collect();
        let leaves: usize = settled.iter().map(|part| self.places.bytes_of(*part)).sum();
        // Half of the room must be free afterwards, or the next chunk would follow soon and be small.
        if self.places.inline_bytes() - leaves > INLINE_MAX / 2 {
            inline.clone()
        } else {
            settled
        }
    }

    /// Brings all nodes of a finished workflow where Argo looks for them, if there is room.
    fn fold(&mut self, update: &Update<'_>, room: usize) -> Option<Written> {
        let mut written = Written::default();
        if self.places.bytes() <= room {
            let patch = self.whole(update);
            if !patch.is_empty() {
                written.status.insert("nodes".to_owned(), patch.into());
            }
            self.unpack(&mut written);
            self.move_all(At::Inline);
            return Some(written);
        }
        let all = update
            .nodes
            .iter()
            .map(|(_, node)| (node.status.id.as_str(), &node.status));
        let sorted: BTreeMap<&str, &NodeStatus> = all.collect();
        // Nodes are JSON by their making; were one not, it stays where it is.
        let packed = layout::pack_nodes(sorted.into_iter(), room).ok().flatten()?;
        written.status.insert("nodes".to_owned(), Value::Null);
        written.status.insert("compressedNodes".to_owned(), packed.into());
        self.packed = true;
        self.move_all(At::Packed);
        Some(written)
    }

    /// The patch after which `status.nodes` holds all nodes, whole.
    fn whole(&self, update: &Update<'_>) -> Map<String, Value> {
        let mut patch = Map::new();
        for part in self.places.parts() {
            let change = match part.nth {
                0 => self.change(update, part, update.nodes.status(part.ix)),
                _ => self.was_inline(update, part).then_some(Value::Null),
            };
            patch.extend(change.map(|change| (update.nodes.key(part), change)));
        }
        patch
    }

    /// Whether a part is in `status.nodes` as stored. To be asked before parts are moved.
    fn was_inline(&self, update: &Update<'_>, part: Part) -> bool {
        if update.changes.contains_key(&part) {
            update.stored.contains(&part)
        } else {
            self.places.is_inline(part)
        }
    }

    /// The merge patch that makes `status.nodes` hold a part as `now`.
    fn change(&self, update: &Update<'_>, part: Part, now: &NodeStatus) -> Option<Value> {
        if !self.was_inline(update, part) {
            return Some(json(now));
        }
        let old = match update.changes.get(&part) {
            // Its lists stand there as far as they go in the first part.
            None if layout::count(now) == 1 => return None,
            None => json(&layout::slice(now, 0)),
            Some(Some(old)) => json(old),
            // Of a further part there is no older version: it is a list, which is replaced whole.
            Some(None) => return Some(json(now)),
        };
        diff(&old, &json(now))
    }

    fn move_all(&mut self, at: At) {
        let parts: Vec<Part> = self.places.parts().collect();
        for part in parts {
            self.places.put(part, at, self.places.bytes_of(part));
        }
    }

    fn unpack(&mut self, written: &mut Written) {
        if std::mem::take(&mut self.packed) {
            written.status.insert("compressedNodes".to_owned(), Value::Null);
        }
    }

    /// Names the chunks that count; the others are dropped, once a patch says so.
    fn name_chunks(&mut self, written: &mut Written) {
        let dead = self.places.take_dead();
        if !dead.is_empty() || !written.chunks.is_empty() {
            let manifest: Manifest = self.places.chunks().collect();
            let version = if manifest.is_empty() {
                Value::Null
            } else {
                manifest.to_string().into()
            };
            written
                .status
                .insert("offloadNodeStatusVersion".to_owned(), version);
        }
        self.strays.extend(dead);
        if !written.status.is_empty() {
            written.dropped = std::mem::take(&mut self.strays).into_iter().collect();
        }
    }
}

/// What changed.
struct Update<'n> {
    nodes: &'n Nodes,
    changes: Changes,
    /// The changed parts that are in `status.nodes` as stored.
    stored: BTreeSet<Part>,
}

/// Whether a part is not expected to change.
fn is_settled(nodes: &Nodes, part: Part) -> bool {
    let status = nodes.status(part.ix);
    let full = part.nth > 0 && part.nth + 1 < layout::count(status);
    full || phase::over(&status.phase) && !phase::daemoned(status)
}

fn json(node: &NodeStatus) -> Value {
    serde_json::to_value(node).unwrap_or_default()
}
