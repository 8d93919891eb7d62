//! The nodes that are given to a scheduler: which they are, and who else takes room on them.
//!
//! Two schedulers that see the same free room give it away twice. So on a cluster with another scheduler this one
//! places pods on the nodes given to it only, counts what others have there, and says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use meta::LabelSelector;
use scheduler::NodeSpec;

use crate::scheduler::GIVEN;

/// Which nodes are given, and what was said about them.
pub(super) struct Given {
    nodes: Option<LabelSelector>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// Nodes that are given, and those of them that pods of others run on.
    given: BTreeSet<String>,
    shared: BTreeSet<String>,
    /// Nodes that nothing keeps others away from.
    open: BTreeSet<String>,
}

impl Given {
    pub(super) fn new(nodes: Option<LabelSelector>) -> Self {
        Self {
            nodes,
            told: Mutex::default(),
        }
    }

    /// Whether a node with these labels is.
    pub(super) fn has(&self, labels: &BTreeMap<String, String>) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.matches(labels))
    }

    /// The node as it is to pods that this scheduler places: the taint that keeps it for them does not keep them away.
    pub(super) fn to_us(&self, scheduler: &str, spec: &NodeSpec) -> NodeSpec {
        let mut spec = spec.clone();
        spec.taints
            .retain(|taint| taint.key != GIVEN || taint.value != scheduler);
        spec
    }

    /// Takes note of a node, and says so if nothing keeps other schedulers away from it.
    pub(super) fn check(&self, scheduler: &str, name: &str, spec: &NodeSpec) {
        if self.nodes.is_none() {
            return;
        }
        let kept = spec.taints.iter().any(|taint| taint.forbids());
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.given.insert(name.to_owned());
        if kept {
            told.open.remove(name);
        } else if told.open.insert(name.to_owned()) {
            tracing::warn!(
                "node {name} is given to {scheduler}, but no taint keeps other schedulers away from it: \
                 {GIVEN}={scheduler}:NoSchedule would"
            );
        }
    }

    /// A node is gone, or is given no more.
    pub(super) fn is_gone(&self, name: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.given.remove(name);
        told.open.remove(name);
        told.shared.remove(name);
    }

    /// A pod of another scheduler is on a node. What it takes counts; said once a node.
    pub(super) fn is_taken(&self, node: &str, by: &str) {
        if self.nodes.is_none() {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.given.contains(node) && told.shared.insert(node.to_owned()) {
            tracing::warn!("pods of {by} take room on node {node}, which is given to another scheduler");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nodes_are_given_by_label_and_kept_by_taint() {
        let given = Given::new(LabelSelector::parse("plimsoll.dev/scheduler=plimsoll").ok());
        let labels = |value: &str| BTreeMap::from([(GIVEN.to_owned(), value.to_owned())]);
        assert!(given.has(&labels("plimsoll")));
        assert!(!given.has(&labels("other")) && !given.has(&BTreeMap::new()));
        assert!(Given::new(None).has(&BTreeMap::new()));
        let spec: NodeSpec = serde_json::from_value(json!({"taints": [
            {"key": GIVEN, "value": "plimsoll", "effect": "NoSchedule"},
            {"key": GIVEN, "value": "other", "effect": "NoSchedule"},
            {"key": "gpu", "effect": "NoSchedule"},
        ]}))
        .unwrap();
        let left: Vec<String> = given
            .to_us("plimsoll", &spec)
            .taints
            .into_iter()
            .map(|taint| format!("{}={}", taint.key, taint.value))
            .collect();
        assert_eq!(left, ["plimsoll.dev/scheduler=other", "gpu="]);
    }
}
