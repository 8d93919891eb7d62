//! What the agent keeps of one pod.

use std::collections::BTreeSet;
use std::sync::Arc;

use kinds::k8s::api::core::v1::Pod;
use serde_json::Value;
use spawner::protocol::Key;
use tokio::time::Instant;

use crate::pod::Machine;

/// A pod that is not finished.
pub(crate) struct Entry {
    /// The object as last seen.
    pub(crate) pod: Arc<Pod>,
    pub(crate) machine: Machine,
    /// The status last written.
    pub(crate) written: Option<Value>,
    /// Whether a patch is under way.
    pub(crate) writing: bool,
    /// When a status that is in no hurry is written.
    pub(crate) write_at: Option<Instant>,
    /// Attempts that ended, whose outcome is not durable yet.
    pub(crate) ended: BTreeSet<Key>,
    /// Whether the object is gone.
    pub(crate) gone: bool,
    /// When the agent looks at the pod again; its place in the agent's timers.
    pub(crate) timer: Option<Instant>,
}

impl Entry {
    pub(crate) fn new(pod: Pod, machine: Machine) -> Self {
        Self {
            pod: Arc::new(pod),
            machine,
            written: None,
            writing: false,
            write_at: None,
            ended: BTreeSet::new(),
            gone: false,
            timer: None,
        }
    }
}

/// Whether a pod's own status says that it is finished.
pub(crate) fn is_final(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}
