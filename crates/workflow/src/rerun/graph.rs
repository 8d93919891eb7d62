//! The nodes of a workflow as a graph: one parent each, chosen as Argo chooses it, and everything below.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use argo::NodeStatus;

use crate::phase::SUCCEEDED;

/// The nodes, and how they hang together.
pub(super) struct Graph<'a> {
    nodes: &'a BTreeMap<String, NodeStatus>,
    /// One parent of each node that has any: the last by id.
    parents: BTreeMap<&'a str, &'a str>,
}

impl<'a> Graph<'a> {
    /// The graph of all nodes.
    ///
    /// # Errors
    /// A node names a child that there is not.
    pub(super) fn new(nodes: &'a BTreeMap<String, NodeStatus>) -> Result<Self, String> {
        let mut parents = BTreeMap::new();
        for (id, node) in nodes {
            for child in &node.children {
                if !nodes.contains_key(child) {
                    return Err(format!("couldn't obtain child {child}"));
                }
                parents.insert(child.as_str(), id.as_str());
            }
        }
        Ok(Self { nodes, parents })
    }

    /// A node that is there.
    pub(super) fn get(&self, id: &str) -> Option<&'a NodeStatus> {
        self.nodes.get(id)
    }

    /// The node's parent.
    pub(super) fn parent(&self, id: &str) -> Option<&'a NodeStatus> {
        self.nodes.get(*self.parents.get(id)?)
    }

    /// The node and its parents up to the top. A status whose nodes go round in circles ends too.
    pub(super) fn upwards(&self, id: &str) -> Vec<&'a NodeStatus> {
        let first = self.nodes.get(id);
        let path = std::iter::successors(first, |node| self.parent(&node.id));
        path.take(self.nodes.len()).collect()
    }

    /// The ids of all nodes from here on, the first included, level by level.
    pub(super) fn from(&self, id: &str) -> Vec<&'a str> {
        let mut seen = BTreeSet::new();
        let mut order = Vec::new();
        let mut queue: VecDeque<&NodeStatus> = self.nodes.get(id).into_iter().collect();
        while let Some(node) = queue.pop_front() {
            if seen.insert(node.id.as_str()) {
                order.push(node.id.as_str());
                queue.extend(node.children.iter().filter_map(|child| self.nodes.get(child)));
            }
        }
        order
    }

    /// The nodes below which one succeeded that is not among `but`.
    pub(super) fn above_success(&self, but: &BTreeSet<String>) -> BTreeSet<&'a str> {
        let mut above: BTreeMap<&str, Vec<&'a str>> = BTreeMap::new();
        for (id, node) in self.nodes {
            for child in &node.children {
                above.entry(child).or_default().push(id);
            }
        }
        let good = |node: &&NodeStatus| node.phase == SUCCEEDED && !but.contains(&node.id);
        let mut queue: Vec<&str> = self
            .nodes
            .values()
            .filter(good)
            .map(|node| node.id.as_str())
            .collect();
        let mut found = BTreeSet::new();
        while let Some(id) = queue.pop() {
            for parent in above.get(id).into_iter().flatten() {
                if found.insert(*parent) {
                    queue.push(parent);
                }
            }
        }
        found
    }
}
