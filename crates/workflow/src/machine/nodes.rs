//! The nodes of a workflow: statuses in an arena, with what is counted over them.
//!
//! Every change of a status goes through [`Nodes::change`], which remembers what the status was when it was
//! last written, keeps the counts, and says whom to tell. It knows nothing of what nodes mean.

use std::collections::{BTreeMap, HashMap, HashSet};

use argo::NodeStatus;

use super::plan::Plan;
use crate::phase::{self, PENDING, RUNNING, kind};

/// A node's place in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ix(pub(crate) u32);

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
}

/// All nodes of a workflow.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    list: Vec<Node>,
    by_id: HashMap<String, Ix>,
    edges: HashSet<(Ix, Ix)>,
    /// By boundary; `None` is all of them.
    counts: HashMap<Option<Ix>, Counts>,
    /// Statuses as last written, of nodes that changed since.
    before: BTreeMap<Ix, Option<NodeStatus>>,
}

impl Nodes {
    /// Takes over a stored status.
    pub(crate) fn load(&mut self, status: NodeStatus) -> Ix {
        let ix = self.push(status);
        self.before.remove(&ix);
        ix
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
        self.before.insert(ix, None);
        ix
    }

    /// The node of an id.
    pub(crate) fn find(&self, id: &str) -> Option<Ix> {
        self.by_id.get(id).copied()
    }

    /// A node.
    pub(crate) fn get(&self, ix: Ix) -> &Node {
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
        self.count(ix, -1);
        let status = &mut self.list[ix.0 as usize].status;
        let old = status.clone();
        change(status);
        let matters = old.phase != status.phase || old.daemoned != status.daemoned;
        if old != *status {
            self.before.entry(ix).or_insert(Some(old));
        }
        self.count(ix, 1);
        matters
    }

    /// Makes a node another's child; nothing happens if it is already.
    pub(crate) fn link(&mut self, parent: Ix, child: Ix) {
        if self.edges.insert((parent, child)) {
            let id = self.status(child).id.clone();
            let status = &mut self.list[parent.0 as usize].status;
            self.before.entry(parent).or_insert_with(|| Some(status.clone()));
            status.children.push(id);
        }
    }

    /// The counts of a boundary, or of all.
    pub(crate) fn counts(&self, boundary: Option<Ix>) -> Counts {
        self.counts.get(&boundary).copied().unwrap_or_default()
    }

    /// Adds or takes away a node's part in the counts.
    fn count(&mut self, ix: Ix, sign: i64) {
        let part = part(&self.list[ix.0 as usize].status);
        if part == Counts::default() {
            return;
        }
        let boundary = self.find(&self.status(ix).boundary_id);
        let mut add = |key: Option<Ix>| {
            let counts = self.counts.entry(key).or_default();
            counts.active_pods += sign * part.active_pods;
            counts.active_children += sign * part.active_children;
            counts.unsuccessful += sign * part.unsuccessful;
            counts.running_pods += sign * part.running_pods;
            counts.done += sign * part.done;
            counts.total += sign * part.total;
        };
        add(None);
        if boundary.is_some() {
            add(boundary);
        }
    }

    /// What changed since the last call: the old status (none for new nodes) and the new one.
    pub(crate) fn take_changes(&mut self) -> Vec<(Option<NodeStatus>, &NodeStatus)> {
        let before = std::mem::take(&mut self.before);
        let list = &self.list;
        before
            .into_iter()
            .map(|(ix, old)| (old, &list[ix.0 as usize].status))
            .filter(|(old, new)| old.as_ref() != Some(new))
            .collect()
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
    Counts {
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
    let (done, total) = status.progress.split_once('/')?;
    Some((done.parse().ok()?, total.parse().ok()?))
}
