//! The tree that people have in mind, from the graph that `status.nodes` is.
//!
//! ```text
//! status.nodes (a graph: `children` are what comes next)      the tree shown
//!
//!   wf -> etl -> train(0) -+-> select                         wf
//!                train(1) -+                                  ├─ etl
//!                                                             ├─ train      (a fan-out)
//!   a node belongs to its boundary; an expanded item or       │  ├─ train(0)
//!   an attempt to the node whose name it extends              │  └─ train(1)
//!                                                             └─ select
//! ```
//!
//! Nodes come in the order in which a walk along `children` meets them, which is the order of the manifest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use super::phase::{Counts, Phase};
use super::view::{NodeView, StatusView};

/// What an item of the tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It does the work: a pod, a pause, a request.
    Leaf,
    /// Steps or a graph of tasks.
    Group,
    /// One step or task for many items.
    FanOut,
    /// The attempts at one step.
    Retry,
}

/// One row of the tree.
#[derive(Clone, Debug)]
pub struct Item {
    /// Id of the node, or of the first item where several nodes have no node above them.
    pub id: String,
    /// What it is called where it stands, below its parent.
    pub label: String,
    /// What it is called anywhere in the workflow: the node's display name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Its phase.
    pub phase: Phase,
    /// Why.
    pub message: String,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// What lies below it.
    pub children: Vec<usize>,
    /// The leaves below it (or itself), by phase. A retried leaf counts once.
    pub counts: Counts,
}

/// The trees of one workflow: its nodes, then its exit handlers and hooks.
#[derive(Clone, Debug, Default)]
pub struct Forest {
    /// All items; indices are stable within one forest only.
    pub items: Vec<Item>,
    /// The topmost.
    pub roots: Vec<usize>,
}

impl Forest {
    /// The forest of a status.
    #[must_use]
    pub fn new(status: &StatusView) -> Self {
        let mut builder = Builder::new(status);
        builder.link();
        builder.finish()
    }

    /// The leaves of the whole forest, by phase.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for root in &self.roots {
            counts.merge(&self.items[*root].counts);
        }
        counts
    }
}

struct Builder<'a> {
    nodes: Vec<&'a NodeView>,
    by_name: BTreeMap<&'a str, usize>,
    by_id: BTreeMap<&'a str, usize>,
    below: Vec<Vec<usize>>,
    roots: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn new(status: &'a StatusView) -> Self {
        let nodes = in_order(status);
        let by_name = nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (node.name.as_str(), at))
            .collect();
        let by_id = nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (node.id.as_str(), at))
            .collect();
        let below = vec![Vec::new(); nodes.len()];
        Self {
            nodes,
            by_name,
            by_id,
            below,
            roots: Vec::new(),
        }
    }

    /// Puts every node below the one it belongs to. Step groups are left out: their steps say as much.
    fn link(&mut self) {
        for at in 0..self.nodes.len() {
            if self.nodes[at].kind == "StepGroup" {
                continue;
            }
            match self.parent(at) {
                Some(parent) => self.below[parent].push(at),
                None => self.roots.push(at),
            }
        }
    }

    fn parent(&self, at: usize) -> Option<usize> {
        let node = self.nodes[at];
        self.extended(&node.name)
            .or_else(|| self.by_id.get(node.boundary_id.as_str()).copied())
            .filter(|parent| *parent != at)
    }

    /// The fan-out or retry node whose name this one extends by `(...)`.
    fn extended(&self, name: &str) -> Option<usize> {
        if !name.ends_with(')') {
            return None;
        }
        // The longest such name: attempts extend the name of an expanded item, which has brackets of its own.
        let opens = name.rmatch_indices('(').map(|(at, _)| &name[..at]);
        opens
            .filter_map(|stem| self.by_name.get(stem).copied())
            .find(|parent| matches!(self.nodes[*parent].kind.as_str(), "TaskGroup" | "Retry"))
    }

    fn finish(self) -> Forest {
        let mut forest = Forest::default();
        forest.roots = self.place(&self.roots, &mut forest.items, 0);
        forest
    }

    /// Makes items of `nodes` and of all below them. The depth is bounded: a hostile status may be circular.
    fn place(&self, nodes: &[usize], items: &mut Vec<Item>, depth: usize) -> Vec<usize> {
        const MAX_DEPTH: usize = 100;
        if depth > MAX_DEPTH {
            return Vec::new();
        }
        let mut placed: Vec<usize> = Vec::new();
        for run in runs(nodes, |at| self.stem(at)) {
            let mut members: Vec<usize> = run.iter().map(|at| self.item(*at, items, depth)).collect();
            if run.len() > 1 {
                let stem = self.stem(run[0]).unwrap_or_default();
                items.push(fan_out(stem, &members, items));
                members = vec![items.len() - 1];
            }
            placed.extend(members);
        }
        placed
    }

    /// The name that the items of a steps' loop share: `step` of `step(3:x)`. Below a fan-out or retry node there
    /// is nothing left to share.
    fn stem(&self, at: usize) -> Option<&'a str> {
        let node = self.nodes[at];
        if !node.name.ends_with(')') || self.extended(&node.name).is_some() {
            return None;
        }
        node.display_name.split_once('(').map(|(stem, _)| stem)
    }

    fn item(&self, at: usize, items: &mut Vec<Item>, depth: usize) -> usize {
        let node = self.nodes[at];
        let children = self.place(&self.below[at], items, depth + 1);
        let role = role(node);
        let phase = Phase::parse(&node.phase);
        let counts = if role == Role::Retry || children.is_empty() {
            one(phase)
        } else {
            sum(&children, items)
        };
        items.push(Item {
            id: node.id.clone(),
            label: self.label(node),
            name: display(node).to_owned(),
            role,
            phase,
            message: node.message.clone(),
            started: node.started_at,
            finished: node.finished_at,
            children,
            counts,
        });
        items.len() - 1
    }
}

impl<'a> Builder<'a> {
    /// What the node is called where it stands: an item of a fan-out by what tells it from the others, an exit handler
    /// without the workflow's name.
    fn label(&self, node: &'a NodeView) -> String {
        let full = display(node);
        let root = self
            .nodes
            .first()
            .map(|root| root.name.as_str())
            .unwrap_or_default();
        let above = self.extended(&node.name).map(|at| self.nodes[at]);
        let stem = above.filter(|above| above.kind == "TaskGroup").map(display);
        let stem = stem.or_else(|| self.by_name.get(node.name.as_str()).and_then(|at| self.stem(*at)));
        let item = stem.and_then(|stem| full.strip_prefix(stem)?.strip_prefix('(')?.strip_suffix(')'));
        match item {
            // `3: rate:0.1`: the index, then what the item is.
            Some(item) => item.replacen(':', ": ", 1),
            None => full
                .strip_prefix(root)
                .and_then(|rest| rest.strip_prefix('.'))
                .unwrap_or(full)
                .to_owned(),
        }
    }
}

fn display(node: &NodeView) -> &str {
    if node.display_name.is_empty() {
        &node.name
    } else {
        &node.display_name
    }
}

fn role(node: &NodeView) -> Role {
    match node.kind.as_str() {
        "Steps" | "DAG" => Role::Group,
        "TaskGroup" => Role::FanOut,
        "Retry" => Role::Retry,
        _ => Role::Leaf,
    }
}

fn one(phase: Phase) -> Counts {
    let mut counts = Counts::default();
    counts.add(phase);
    counts
}

fn sum(children: &[usize], items: &[Item]) -> Counts {
    let mut counts = Counts::default();
    for child in children {
        counts.merge(&items[*child].counts);
    }
    counts
}

/// The item that stands above the items of a steps' loop, for which there is no node.
fn fan_out(stem: &str, members: &[usize], items: &[Item]) -> Item {
    let of = |at: &usize| &items[*at];
    let phases = || members.iter().map(|at| of(at).phase);
    let phase = if phases().all(Phase::is_done) {
        phases().max().unwrap_or_default()
    } else {
        Phase::Running
    };
    let finished = members.iter().map(|at| of(at).finished).max().flatten();
    Item {
        id: members.first().map(|at| of(at).id.clone()).unwrap_or_default(),
        label: stem.to_owned(),
        name: stem.to_owned(),
        role: Role::FanOut,
        phase,
        message: String::new(),
        started: members.iter().filter_map(|at| of(at).started).min(),
        finished: finished.filter(|_| phase.is_done()),
        children: members.to_vec(),
        counts: sum(members, items),
    }
}

/// Splits into runs of neighbours that share a name; a node without one stands alone.
fn runs<'n>(nodes: &'n [usize], stem: impl Fn(usize) -> Option<&'n str>) -> Vec<&'n [usize]> {
    nodes
        .chunk_by(|a, b| stem(*a).is_some_and(|name| stem(*b) == Some(name)))
        .collect()
}

/// All nodes, in the order in which a walk along `children` from the topmost ones meets them.
#[must_use]
pub fn in_order(status: &StatusView) -> Vec<&NodeView> {
    let mut tops: Vec<&NodeView> = status
        .nodes
        .values()
        .filter(|node| node.boundary_id.is_empty())
        .collect();
    tops.sort_by_key(|node| (node.started_at, node.name.len(), &node.name));
    let mut queue: VecDeque<&NodeView> = VecDeque::new();
    let mut seen = BTreeSet::new();
    let mut found = Vec::with_capacity(status.nodes.len());
    let rest = status.nodes.values();
    for start in tops.into_iter().chain(rest) {
        queue.push_back(start);
        while let Some(node) = queue.pop_front() {
            if seen.insert(node.id.as_str()) {
                found.push(node);
                queue.extend(node.children.iter().filter_map(|id| status.nodes.get(id)));
            }
        }
    }
    found
}
