//! The graph that people see: which nodes a node ends in, and the children of nodes.
//! Rule: workflow/controller/operator.go, `getOutboundNodes`.

use super::Machine;
use super::nodes::Ix;
use crate::phase::{self, kind};

impl Machine {
    /// The children of a node, hooks among them.
    pub(super) fn children(&self, ix: Ix) -> Vec<Ix> {
        self.each_child(ix).collect()
    }

    /// As [`Machine::children`], one by one: some only ask for the first or the last.
    fn each_child(&self, ix: Ix) -> impl DoubleEndedIterator<Item = Ix> + '_ {
        let ids = &self.nodes.status(ix).children;
        ids.iter().filter_map(|id| self.nodes.find(id))
    }

    /// The nodes that whatever comes after a node becomes a child of.
    pub(super) fn outbound(&self, ix: Ix) -> Vec<Ix> {
        let status = self.nodes.status(ix);
        match status.r#type.as_str() {
            kind::SKIPPED | kind::SUSPEND | kind::HTTP | kind::PLUGIN => vec![ix],
            kind::STEPS | kind::DAG if self.was_recalled(ix) => vec![ix],
            kind::POD if !self.has_containers(ix) => vec![ix],
            kind::POD | kind::CONTAINER | kind::TASK_GROUP => self.outbound_of_children(ix),
            kind::RETRY if !status.children.is_empty() => {
                self.each_child(ix).next_back().into_iter().collect()
            }
            _ => {
                let ends = status.outbound_nodes.iter().filter_map(|id| self.nodes.find(id));
                let ends: Vec<Ix> = ends.flat_map(|end| self.outbound(end)).collect();
                // What comes after a node that gave up, or that had no steps, would be nobody's child, and
                // its dag would wait for it for ever, as Argo's does.
                let cut_short = ends.is_empty() && phase::over(&status.phase);
                if cut_short { vec![ix] } else { ends }
            }
        }
    }

    fn outbound_of_children(&self, ix: Ix) -> Vec<Ix> {
        let children = self.children(ix);
        if children.is_empty() {
            return vec![ix];
        }
        let status = self.nodes.status(ix);
        let mut ends = Vec::new();
        for child in children {
            let leaves = self.nodes.status(child).boundary_id != status.boundary_id;
            if status.r#type == kind::CONTAINER && leaves {
                ends.push(ix);
            } else {
                ends.extend(self.outbound(child));
            }
        }
        ends
    }

    /// Whether a pod is of a container set: its children are containers.
    fn has_containers(&self, ix: Ix) -> bool {
        let first = self.each_child(ix).next();
        first.is_some_and(|c| self.nodes.status(c).r#type == kind::CONTAINER)
    }

    /// The last attempt of a retry node.
    pub(super) fn last_attempt(&self, ix: Ix) -> Option<Ix> {
        if self.nodes.status(ix).r#type != kind::RETRY {
            return None;
        }
        self.each_child(ix)
            .rev()
            .find(|c| !phase::hooked(self.nodes.status(*c)) || phase::retried(self.nodes.status(*c)))
    }
}
