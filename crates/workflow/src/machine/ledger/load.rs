//! Taking the nodes out of a stored Workflow, and noting where each part was found.

use std::collections::BTreeMap;

use argo::{NodeStatus, WorkflowStatus};

use super::Ledger;
use super::places::At;
use crate::layout::{self, Chunk, Manifest, Unreadable};
use crate::machine::nodes::{Nodes, Part};
use crate::phase;

/// Where each key was found, and the bytes of its node there; the uppermost place counts.
#[derive(Default)]
struct Found(BTreeMap<String, (At, usize)>);

impl Found {
    /// Notes what a place holds; answers its bytes.
    fn add(&mut self, at: At, nodes: &BTreeMap<String, NodeStatus>) -> usize {
        let mut bytes = 0;
        for (key, node) in nodes {
            let size = layout::size(node);
            bytes += size;
            self.0.insert(key.clone(), (at, size));
        }
        bytes
    }
}

impl Ledger {
    /// Takes the nodes out of a stored status.
    ///
    /// # Errors
    /// They cannot be read; the status is as it was but for its nodes.
    pub(in crate::machine) fn load(
        status: &mut WorkflowStatus,
        chunks: Vec<Chunk<NodeStatus>>,
        nodes: &mut Nodes,
    ) -> Result<Self, Unreadable> {
        let manifest = Manifest::of(&status.offload_node_status_version)?;
        status.offload_node_status_version.clear();
        let base: BTreeMap<String, NodeStatus> =
            layout::unpack(&std::mem::take(&mut status.compressed_nodes))?;
        let numbers = chunks.iter().map(|chunk| chunk.number);
        let mut ledger = Self {
            next: numbers.clone().max().map_or(0, |last| last.saturating_add(1)),
            folded: phase::completed(&status.phase),
            strays: numbers.filter(|number| !manifest.contains(*number)).collect(),
            packed: !base.is_empty(),
            ..Self::default()
        };
        let chunks = layout::named(&manifest, chunks)?;
        let inline = std::mem::take(&mut status.nodes);
        let mut found = Found::default();
        found.add(At::Packed, &base);
        let sizes: Vec<(u32, usize)> = chunks
            .iter()
            .map(|chunk| (chunk.number, found.add(At::Chunk(chunk.number), &chunk.nodes)))
            .collect();
        found.add(At::Inline, &inline);
        let chunks = chunks.into_iter().map(|chunk| chunk.nodes);
        for (_, node) in layout::overlay(base, chunks, inline) {
            nodes.load(node);
        }
        ledger.note(found, nodes, !phase::completed(&status.phase));
        for (number, bytes) in sizes {
            ledger.places.found_chunk(number, bytes);
        }
        Ok(ledger)
    }

    fn note(&mut self, found: Found, nodes: &mut Nodes, goes_on: bool) {
        for (key, (at, bytes)) in found.0 {
            let (id, nth) = layout::of_key(&key);
            if let Some(ix) = nodes.find(id) {
                self.places.put(Part { ix, nth }, at, bytes);
            }
        }
        // A finished workflow's nodes are whole; of one that goes on, long lists are in parts.
        let long = |nodes: &Nodes, part: &Part| part.nth == 0 && layout::count(nodes.status(part.ix)) > 1;
        let undivided = |part: &Part| !self.places.contains(Part { nth: 1, ..*part });
        let whole: Vec<Part> = self
            .places
            .parts()
            .filter(|p| long(nodes, p) && undivided(p))
            .collect();
        for part in whole.into_iter().filter(|_| goes_on) {
            nodes.divide(part.ix);
        }
    }
}
