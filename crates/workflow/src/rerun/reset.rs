//! Which nodes a retry takes away, and which it sets going again: of each node that is to run anew, everything from it
//! on, and the groups, retries and boundaries above it.
//! Rule: workflow/util/util.go, `resetPath` and what it calls.

use std::collections::BTreeSet;

use argo::NodeStatus;

use super::graph::Graph;
use crate::phase::{self, kind};

/// What a retry does with nodes, by id.
#[derive(Debug, Default)]
pub(super) struct Fates {
    /// They go, and their pods.
    pub(super) delete: BTreeSet<String>,
    /// They run again; those that also go, go.
    pub(super) reset: BTreeSet<String>,
}

impl Fates {
    /// Decides for one node that is to run anew. Nodes nearer to the top must come first: what they take away is not
    /// looked at again.
    pub(super) fn rerun(&mut self, graph: &Graph<'_>, id: &str) -> Result<(), String> {
        if self.delete.contains(id) {
            return Ok(());
        }
        self.delete_from(graph, id);
        let path = graph.upwards(id);
        if path.len() > 1 {
            self.climb(graph, &path)?;
        }
        Ok(())
    }

    /// A node goes, and all that came after it.
    pub(super) fn delete_from(&mut self, graph: &Graph<'_>, id: &str) {
        self.delete.extend(graph.from(id).into_iter().map(str::to_owned));
    }

    /// Up to the top: what is above a node that runs again.
    fn climb(&mut self, graph: &Graph<'_>, path: &[&NodeStatus]) -> Result<(), String> {
        let mut at = 0;
        while let Some(node) = path.get(at) {
            if is_group(node) {
                self.reset.insert(node.id.clone());
                at = self.boundaries(path, at)?;
            } else if node.r#type == kind::CONTAINER {
                at = seek(path, at, |node| node.r#type == kind::POD)?;
                self.delete_from(graph, &path[at].id);
            } else {
                if node.r#type == kind::RETRY && phase::failed(&node.phase) {
                    self.reset.insert(node.id.clone());
                }
                at += 1;
            }
        }
        Ok(())
    }

    /// From a group through its boundary, and that one's, to one that has none; gives the place after it.
    fn boundaries(&mut self, path: &[&NodeStatus], mut at: usize) -> Result<usize, String> {
        let parent_is = |at: usize, kind: &str| path.get(at + 1).filter(|parent| parent.r#type == kind);
        loop {
            if let Some(retry) = parent_is(at, kind::RETRY) {
                self.reset.insert(retry.id.clone());
                at += 1;
            }
            for group in [kind::STEP_GROUP, kind::TASK_GROUP] {
                self.reset
                    .extend(parent_is(at, group).map(|parent| parent.id.clone()));
            }
            let boundary = &path[at].boundary_id;
            if boundary.is_empty() {
                return Ok(at + 1);
            }
            at = seek(path, at, |node| node.id == *boundary)?;
            self.reset.insert(path[at].id.clone());
        }
    }
}

/// The first node from `at` upwards that is wanted.
fn seek(path: &[&NodeStatus], at: usize, wanted: impl Fn(&NodeStatus) -> bool) -> Result<usize, String> {
    let found = path[at..].iter().position(|node| wanted(node));
    let found = found.ok_or("was seeking node but ran out of nodes to explore")?;
    Ok(at + found)
}

fn is_group(node: &NodeStatus) -> bool {
    [kind::DAG, kind::TASK_GROUP, kind::STEP_GROUP, kind::STEPS].contains(&node.r#type.as_str())
}
