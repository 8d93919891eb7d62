//! The nodes of a workflow: statuses in an arena, with what is counted over them.
//!
//! Every change of a status goes through [`Nodes::change`], which remembers what the status was when it was
//! last written, keeps the counts, and says whom to tell. It knows nothing of what nodes mean.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use argo::NodeStatus;

use super::plan::Plan;
use crate::layout;
use crate::phase::{self, PENDING, RUNNING, kind};

/// A node's place in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ix(pub(crate) u32);

/// A part of a node as it is stored ([`layout`]): 0 is the node itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    /// The node.
    pub(crate) ix: Ix,
    /// Which part of it.
    pub(crate) nth: u32,
}

impl Part {
    fn head(ix: Ix) -> Self {
        Self { ix, nth: 0 }
    }
}

/// Parts that changed since they were last written; of nodes themselves what they were then, if they were.
pub(crate) type Changes = BTreeMap<Part, Option<Box<NodeStatus>>>;

/// A node: what is written of it, and what only this machine knows.
#[derive(Debug)]
pub(crate) struct Node {
    /// As in `status.nodes`.
    pub(crate) status: NodeStatus,
    /// The node that started it and is told of its changes.
    pub(crate) parent: Option<Ix>,
    /// How deep below the root: deeper nodes are evaluated first.
    pub(crate) depth: u32,
    /// What it is doing.
    pub(crate) plan: Plan,
}

/// Counts over the children of a steps or dag node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Pods that are pending or running and wait for no lock.
    pub(crate) active_pods: i64,
    /// Pods, steps and dags that are pending or running.
    pub(crate) active_children: i64,
    /// Pods, steps and dags that failed.
    pub(crate) unsuccessful: i64,
    /// Pods that are running.
    pub(crate) running_pods: i64,
    /// Sum of progress done.
    pub(crate) done: i64,
    /// Sum of progress to be done.
    pub(crate) total: i64,
    /// The same two, of steps and dag nodes that are over: their own sums, for those around them.
    pub(crate) inner: (i64, i64),
}

impl Counts {
    /// Whether fewer are active.
    pub(crate) fn is_less_busy_than(self, other: Self) -> bool {
        self.active_children < other.active_children || self.active_pods < other.active_pods
    }
}

/// All nodes of a workflow.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    list: Vec<Node>,
    by_id: HashMap<String, Ix>,
    edges: HashSet<(Ix, Ix)>,
    /// By boundary; `None` is all of them.
    counts: HashMap<Option<Ix>, Counts>,
    /// Nodes that failed.
    failed: BTreeSet<Ix>,
    changes: Changes,
    /// Whether any of the changes is more than progress of nodes that go on.
    decided: bool,
    /// How often a node was looked at.
    visits: AtomicU64,
}

impl Nodes {
    /// Takes over a stored status.
    pub(crate) fn load(&mut self, status: NodeStatus) -> Ix {
        self.push(status)
    }

    /// Completes what needs all nodes to be loaded.
    pub(crate) fn loaded(&mut self) {
        for i in 0..self.list.len() {
            let parent = Ix(u32::try_from(i).unwrap_or(u32::MAX));
            let children = self.list[i].status.children.clone();
            self.edges.extend(
                children
                    .iter()
                    .filter_map(|c| self.by_id.get(c))
                    .map(|c| (parent, *c)),
            );
            self.count(parent, 1);
        }
    }

    /// Adds a new node.
    pub(crate) fn insert(&mut self, status: NodeStatus) -> Ix {
        let ix = self.push(status);
        self.changes.insert(Part::head(ix), None);
        self.decided = true;
        self.count(ix, 1);
        ix
    }

    fn push(&mut self, status: NodeStatus) -> Ix {
        let ix = Ix(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.by_id.insert(status.id.clone(), ix);
        self.list.push(Node {
            status,
            parent: None,
            depth: 0,
            plan: Plan::Idle,
        });
        ix
    }

    /// The node of an id.
    pub(crate) fn find(&self, id: &str) -> Option<Ix> {
        self.by_id.get(id).copied()
    }

    /// How often a node was looked at, by anyone for anything.
    pub(crate) fn visits(&self) -> u64 {
        self.visits.load(Relaxed)
    }

    /// A node.
    pub(crate) fn get(&self, ix: Ix) -> &Node {
        // One machine is used by one task at a time: this counts exactly, and costs as much as a plain number.
        self.visits.store(self.visits.load(Relaxed) + 1, Relaxed);
        &self.list[ix.0 as usize]
    }

    /// A node, but for its status.
    pub(crate) fn get_mut(&mut self, ix: Ix) -> &mut Node {
        &mut self.list[ix.0 as usize]
    }

    /// A node's status.
    pub(crate) fn status(&self, ix: Ix) -> &NodeStatus {
        &self.get(ix).status
    }

    /// All nodes in the order of their making.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ix, &Node)> {
        (0..).map(Ix).zip(&self.list)
    }

    /// Changes a status. Answers whether the change matters to others: another phase, or daemon or not.
    pub(crate) fn change(&mut self, ix: Ix, change: impl FnOnce(&mut NodeStatus)) -> bool {
        self.touch(ix);
        self.count(ix, -1);
        let status = &mut self.list[ix.0 as usize].status;
        let (phase, daemoned, ends) = (status.phase.clone(), status.daemoned, status.outbound_nodes.len());
        let lock = status.synchronization_status.clone();
        change(status);
        let matters = phase != status.phase || daemoned != status.daemoned;
        // That a node is over decides nothing by itself: what follows from it does.
        self.decided |= daemoned != status.daemoned || lock != status.synchronization_status;
        if status.outbound_nodes.len() != ends {
            self.touch_tails(ix);
        }
        self.count(ix, 1);
        matters
    }

    /// Remembers what a node was when it was last written.
    fn touch(&mut self, ix: Ix) {
        let status = &self.list[ix.0 as usize].status;
        let as_written = || Some(Box::new(layout::slice(status, 0).into_owned()));
        self.changes.entry(Part::head(ix)).or_insert_with(as_written);
    }

    fn touch_tails(&mut self, ix: Ix) {
        for nth in 1..layout::count(self.status(ix)) {
            self.changes.insert(Part { ix, nth }, None);
        }
    }

    /// A node that was stored whole is from now on stored in parts.
    pub(crate) fn divide(&mut self, ix: Ix) {
        let whole = Box::new(self.status(ix).clone());
        self.changes.insert(Part::head(ix), Some(whole));
        self.touch_tails(ix);
    }

    /// Makes a node another's child; nothing happens if it is already.
    pub(crate) fn link(&mut self, parent: Ix, child: Ix) {
        if !self.edges.insert((parent, child)) {
            return;
        }
        match layout::holding(self.status(parent).children.len()) {
            0 => self.touch(parent),
            nth => drop(self.changes.insert(Part { ix: parent, nth }, None)),
        }
        self.decided = true;
        let id = self.status(child).id.clone();
        self.list[parent.0 as usize].status.children.push(id);
    }

    /// The steps or dag node that a node belongs to.
    pub(crate) fn boundary(&self, ix: Ix) -> Option<Ix> {
        self.find(&self.status(ix).boundary_id)
    }

    /// The nodes around a node, from the inside out: not more than there are, as the boundaries of a status that
    /// others wrote may go round in circles.
    pub(crate) fn around(&self, ix: Ix) -> impl Iterator<Item = Ix> {
        std::iter::successors(self.boundary(ix), |ix| self.boundary(*ix)).take(self.list.len())
    }

    /// The counts of a boundary, or of all.
    pub(crate) fn counts(&self, boundary: Option<Ix>) -> Counts {
        self.counts.get(&boundary).copied().unwrap_or_default()
    }

    /// Adds or takes away a node's part in the counts.
    fn count(&mut self, ix: Ix, sign: i64) {
        let status = &self.list[ix.0 as usize].status;
        if sign > 0 && phase::failed(&status.phase) {
            self.failed.insert(ix);
        } else {
            self.failed.remove(&ix);
        }
        let part = part(status);
        if part == Counts::default() {
            return;
        }
        let boundary = self.boundary(ix);
        let mut add = |key: Option<Ix>| {
            let counts = self.counts.entry(key).or_default();
            counts.active_pods += sign * part.active_pods;
            counts.active_children += sign * part.active_children;
            counts.unsuccessful += sign * part.unsuccessful;
            counts.running_pods += sign * part.running_pods;
            counts.done += sign * part.done;
            counts.total += sign * part.total;
            counts.inner.0 += sign * part.inner.0;
            counts.inner.1 += sign * part.inner.1;
        };
        add(None);
        if boundary.is_some() {
            add(boundary);
        }
    }

    /// The nodes that failed, in the order of their making.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &Node> {
        self.failed.iter().map(|ix| self.get(*ix))
    }

    /// The key under which a part is stored.
    pub(crate) fn key(&self, part: Part) -> String {
        layout::key(&self.status(part.ix).id, part.nth)
    }

    /// Whether anything changed since the last [`Nodes::take_changes`].
    pub(crate) fn is_changed(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Whether any of that is more than progress of nodes that go on: a new node, an end, an edge.
    pub(crate) fn is_decided(&self) -> bool {
        self.decided
    }

    /// What changed since the last call. A node that is again what it was is among it.
    pub(crate) fn take_changes(&mut self) -> Changes {
        self.decided = false;
        std::mem::take(&mut self.changes)
    }
}

fn part(status: &NodeStatus) -> Counts {
    let counted = matches!(status.r#type.as_str(), kind::POD | kind::STEPS | kind::DAG);
    let active = matches!(status.phase.as_str(), PENDING | RUNNING);
    let waits = status
        .synchronization_status
        .as_ref()
        .is_some_and(|s| !s.waiting.is_empty());
    let (done, total) = progress(status).unwrap_or_default();
    let composite = matches!(status.r#type.as_str(), kind::STEPS | kind::DAG);
    let inner = numbers(&status.progress).filter(|_| composite);
    Counts {
        inner: inner.unwrap_or_default(),
        running_pods: i64::from(status.phase == RUNNING && status.r#type == kind::POD),
        done,
        total,
        active_pods: i64::from(active && status.r#type == kind::POD && !waits),
        active_children: i64::from(active && counted),
        unsuccessful: i64::from(counted && phase::failed(&status.phase)),
    }
}

/// The progress of a node that works itself; of others it is the sum over what they started.
fn progress(status: &NodeStatus) -> Option<(i64, i64)> {
    if !matches!(
        status.r#type.as_str(),
        kind::POD | kind::CONTAINER | kind::SUSPEND
    ) {
        return None;
    }
    numbers(&status.progress)
}

/// The two numbers of a progress `N/M`.
pub(crate) fn numbers(progress: &str) -> Option<(i64, i64)> {
    let (done, total) = progress.split_once('/')?;
    Some((done.parse().ok()?, total.parse().ok()?))
}
