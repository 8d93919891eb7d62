//! What the agent keeps of one pod.

use std::collections::BTreeSet;
use std::sync::Arc;

use kinds::k8s::api::core::v1::Pod;
use serde_json::Value;
use spawner::protocol::Key;
use tokio::time::Instant;

use super::seen::Wishes;
use crate::pod::Machine;
use crate::refresh::Refresh;
use crate::sizes;

/// A pod that is not finished.
pub(crate) struct Entry {
    /// The object as last seen.
    pub(crate) pod: Arc<Pod>,
    /// What it wanted then.
    pub(crate) wishes: Wishes,
    pub(crate) machine: Machine,
    /// The status last written.
    pub(crate) written: Option<Value>,
    /// Whether a patch is under way.
    pub(crate) writing: bool,
    /// When a status that is in no hurry is written.
    pub(crate) write_at: Option<Instant>,
    /// Since when there is a status to be written.
    pub(crate) waits_since: Option<Instant>,
    /// Attempts that ended, whose outcome is not durable yet.
    pub(crate) ended: BTreeSet<Key>,
    /// Whether the object is gone.
    pub(crate) gone: bool,
    /// What keeps the files of its volumes up to date.
    pub(crate) refresh: Option<Refresh>,
    /// What measures them.
    pub(crate) sizes: Option<sizes::Watch>,
    /// When the agent looks at the pod again; its place in the agent's timers.
    pub(crate) timer: Option<Instant>,
}

impl Entry {
    pub(crate) fn new(pod: Pod, wishes: Wishes, machine: Machine) -> Self {
        Self {
            pod: Arc::new(pod),
            wishes,
            machine,
            written: None,
            writing: false,
            write_at: None,
            waits_since: None,
            ended: BTreeSet::new(),
            gone: false,
            refresh: None,
            sizes: None,
            timer: None,
        }
    }

    /// Whether the pod has volumes, and with them files outside its containers' own.
    pub(crate) fn has_volumes(&self) -> bool {
        let volumes = self.pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
        volumes.is_some_and(|volumes| !volumes.is_empty())
    }
}
