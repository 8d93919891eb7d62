//! Phases of nodes and workflows, and the questions asked of them.

use argo::NodeStatus;

pub(crate) const PENDING: &str = "Pending";
pub(crate) const RUNNING: &str = "Running";
pub(crate) const SUCCEEDED: &str = "Succeeded";
pub(crate) const SKIPPED: &str = "Skipped";
pub(crate) const FAILED: &str = "Failed";
pub(crate) const ERROR: &str = "Error";
pub(crate) const OMITTED: &str = "Omitted";

/// Types of nodes.
pub(crate) mod kind {
    pub(crate) const POD: &str = "Pod";
    pub(crate) const CONTAINER: &str = "Container";
    pub(crate) const STEPS: &str = "Steps";
    pub(crate) const STEP_GROUP: &str = "StepGroup";
    pub(crate) const DAG: &str = "DAG";
    pub(crate) const TASK_GROUP: &str = "TaskGroup";
    pub(crate) const RETRY: &str = "Retry";
    pub(crate) const SKIPPED: &str = "Skipped";
    pub(crate) const SUSPEND: &str = "Suspend";
    pub(crate) const HTTP: &str = "HTTP";
    pub(crate) const PLUGIN: &str = "Plugin";

    /// Whether nodes of the type have a pod of their own.
    pub(crate) fn has_pod(kind: &str) -> bool {
        matches!(kind, POD | HTTP)
    }
}

/// Whether it ran to an end, good or bad.
pub(crate) fn completed(phase: &str) -> bool {
    matches!(phase, SUCCEEDED | FAILED | ERROR)
}

/// Whether it ended badly.
pub(crate) fn failed(phase: &str) -> bool {
    matches!(phase, FAILED | ERROR)
}

/// Whether nothing more will come of it: it ran, or it never will.
pub(crate) fn over(phase: &str) -> bool {
    completed(phase) || matches!(phase, SKIPPED | OMITTED)
}

/// Whether it is a daemon that serves.
pub(crate) fn daemoned(node: &NodeStatus) -> bool {
    node.daemoned == Some(true)
}

/// Whether what comes after the node may start: it is over, or it is a daemon that serves.
pub(crate) fn fulfilled(node: &NodeStatus) -> bool {
    over(&node.phase) || daemoned(node) && node.phase != PENDING
}

/// Whether the node belongs to a hook.
pub(crate) fn hooked(node: &NodeStatus) -> bool {
    node.node_flag.as_ref().is_some_and(|f| f.hooked)
}

/// Whether the node is an attempt of a retry node.
pub(crate) fn retried(node: &NodeStatus) -> bool {
    node.node_flag.as_ref().is_some_and(|f| f.retried)
}
