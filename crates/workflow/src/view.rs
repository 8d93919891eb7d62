//! Projections of objects: what planning needs of a pod, a task result and a changed Workflow.
//!
//! Each deserializes from the whole object's JSON and passes over the rest, unread.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use argo::{NodeResult, NodeStatus, ObjectMeta, Time};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::contract::{
    ANNOTATION_ATTEMPT, ANNOTATION_EXEC, ANNOTATION_NODE_ID, ANNOTATION_NODE_NAME, LABEL_COMPLETED,
};

/// A pod as far as its workflow is concerned.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "RawPod")]
pub struct PodView {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Identity.
    pub uid: String,
    /// Version of the object.
    pub resource_version: String,
    /// Id of its node.
    pub node_id: String,
    /// Name of its node.
    pub node_name: String,
    /// Which attempt at the workflow it belongs to ([`ANNOTATION_ATTEMPT`]); empty for the first.
    pub attempt: String,
    /// Labels.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Whether it was asked to go.
    pub deleting: bool,
    /// Whether its outcome was recorded before (the completed label).
    pub completed: bool,
    /// Whether its main container runs under `plimsoll exec`.
    pub exec: bool,
    /// Whether [`crate::contract::POD_FINALIZER`] is still on it.
    pub held: bool,
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// The pod's own reason (`Evicted`, `DeadlineExceeded`).
    pub reason: String,
    /// The pod's own message.
    pub message: String,
    /// Why it is not scheduled, if the scheduler said so.
    pub unschedulable: String,
    /// Address, empty before it has one.
    pub ip: String,
    /// The machine it is bound to.
    pub host: String,
    /// Progress that the executor or the user's program reports (annotation), `N/M`.
    pub progress: String,
    /// Init containers, in order.
    pub init_containers: Vec<ContainerView>,
    /// Containers.
    pub containers: Vec<ContainerView>,
    /// What containers that ask for resources ask for; a limit stands for a request that is not there.
    pub requests: BTreeMap<String, BTreeMap<String, String>>,
}

/// A container's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerView {
    /// Name.
    pub name: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Restarts so far.
    pub restarts: i64,
    /// What it is doing.
    pub state: ContainerState,
}

/// What a container is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ContainerState {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// It waits to start.
    Waiting {
        /// `ContainerCreating`, `ImagePullBackOff`, ...
        reason: String,
        /// Details.
        message: String,
    },
    /// It runs.
    Running {
        /// Since when.
        since: Option<Time>,
    },
    /// It ended.
    Terminated {
        /// Exit code; 128 and the signal's number for a signal.
        exit_code: i32,
        /// `Completed`, `Error`, `OOMKilled`, ...
        reason: String,
        /// Details, as the termination message.
        message: String,
        /// When it started.
        started: Option<Time>,
        /// When it ended.
        finished: Option<Time>,
    },
}

/// A task result: what an executor reported of its node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "RawResult")]
pub struct TaskResult {
    /// Id of the node: the object's name.
    pub node_id: String,
    /// Version of the object.
    pub resource_version: String,
    /// Whether everything was reported (the label `workflows.argoproj.io/report-outputs-completed`).
    pub completed: bool,
    /// What was reported.
    pub result: NodeResult,
}

/// What others may have changed in a Workflow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkflowView {
    /// Identity.
    pub uid: String,
    /// Version of the object.
    pub resource_version: String,
    /// Whether it was asked to go.
    pub deleting: bool,
    /// `spec.suspend`.
    pub suspend: bool,
    /// `spec.shutdown`.
    pub shutdown: String,
    /// `spec.activeDeadlineSeconds` of the workflow itself.
    pub active_deadline_seconds: Option<i64>,
    /// `status.phase`; empty before it starts, and once it is to run again.
    pub phase: String,
    /// Whether `status.startedAt` is there.
    pub started: bool,
    /// What it and its nodes hold: pairs of holder and lock.
    pub held: Vec<(String, String)>,
    /// Its suspend nodes, by id: `argo resume`, `stop` and `node set` change them.
    pub suspend_nodes: BTreeMap<String, NodeStatus>,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct RawPod {
    metadata: ObjectMeta,
    spec: RawPodSpec,
    status: RawPodStatus,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawPodSpec {
    node_name: Option<String>,
    containers: Vec<RawNeeds>,
    init_containers: Option<Vec<RawNeeds>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawNeeds {
    name: String,
    resources: Option<RawResources>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawResources {
    limits: Option<BTreeMap<String, Scalar>>,
    requests: Option<BTreeMap<String, Scalar>>,
}

/// A quantity as people write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Number(serde_json::Number),
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawPodStatus {
    phase: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    conditions: Option<Vec<RawCondition>>,
    init_container_statuses: Option<Vec<RawContainer>>,
    container_statuses: Option<Vec<RawContainer>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawCondition {
    r#type: String,
    status: String,
    message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawContainer {
    name: String,
    ready: bool,
    restart_count: i64,
    state: Option<RawState>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawState {
    waiting: Option<RawWaiting>,
    running: Option<RawRunning>,
    terminated: Option<RawTerminated>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawWaiting {
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawRunning {
    started_at: Option<Time>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawTerminated {
    exit_code: i32,
    reason: Option<String>,
    message: Option<String>,
    started_at: Option<Time>,
    finished_at: Option<Time>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawResult {
    metadata: ObjectMeta,
    #[serde(flatten)]
    result: NodeResult,
}

impl From<RawPod> for PodView {
    fn from(raw: RawPod) -> Self {
        let annotation = |name: &str| raw.metadata.annotations.get(name).cloned().unwrap_or_default();
        let is = |map: &BTreeMap<String, String>, name: &str| map.get(name).is_some_and(|v| v == "true");
        let (meta, status) = (&raw.metadata, raw.status);
        Self {
            node_id: annotation(ANNOTATION_NODE_ID),
            node_name: annotation(ANNOTATION_NODE_NAME),
            attempt: annotation(ANNOTATION_ATTEMPT),
            progress: annotation("workflows.argoproj.io/progress"),
            deleting: meta.deletion_timestamp.is_some(),
            completed: is(&meta.labels, LABEL_COMPLETED),
            exec: is(&meta.annotations, ANNOTATION_EXEC),
            held: meta
                .finalizers
                .iter()
                .any(|f| f == crate::contract::POD_FINALIZER),
            phase: status.phase.unwrap_or_default(),
            reason: status.reason.unwrap_or_default(),
            message: status.message.unwrap_or_default(),
            unschedulable: unschedulable(status.conditions),
            ip: status.pod_ip.unwrap_or_default(),
            host: raw.spec.node_name.unwrap_or_default(),
            requests: requests(raw.spec.containers, raw.spec.init_containers),
            init_containers: containers(status.init_container_statuses),
            containers: containers(status.container_statuses),
            name: raw.metadata.name,
            namespace: raw.metadata.namespace,
            uid: raw.metadata.uid,
            resource_version: raw.metadata.resource_version,
            labels: Arc::new(raw.metadata.labels),
        }
    }
}

fn requests(
    containers: Vec<RawNeeds>,
    init_containers: Option<Vec<RawNeeds>>,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let text = |(name, quantity): (String, Scalar)| match quantity {
        Scalar::Text(text) => (name, text),
        Scalar::Number(number) => (name, number.to_string()),
    };
    let one = |needs: RawNeeds| {
        let resources = needs.resources?;
        let limits = resources.limits.into_iter().flatten();
        let all = limits.chain(resources.requests.into_iter().flatten()).map(text);
        let all: BTreeMap<_, _> = all.collect();
        (!all.is_empty()).then_some((needs.name, all))
    };
    let all = containers
        .into_iter()
        .chain(init_containers.into_iter().flatten());
    all.filter_map(one).collect()
}

fn unschedulable(conditions: Option<Vec<RawCondition>>) -> String {
    let scheduled = conditions
        .into_iter()
        .flatten()
        .find(|c| c.r#type == "PodScheduled" && c.status == "False");
    scheduled.and_then(|c| c.message).unwrap_or_default()
}

fn containers(raw: Option<Vec<RawContainer>>) -> Vec<ContainerView> {
    let view = |c: RawContainer| ContainerView {
        name: c.name,
        ready: c.ready,
        restarts: c.restart_count,
        state: c.state.map_or(ContainerState::Unknown, ContainerState::from),
    };
    let mut views: Vec<_> = raw.into_iter().flatten().map(view).collect();
    // Most pods have one, and are kept by the ten thousand.
    views.shrink_to_fit();
    views
}

impl From<RawState> for ContainerState {
    fn from(raw: RawState) -> Self {
        match raw {
            RawState {
                terminated: Some(t), ..
            } => Self::Terminated {
                exit_code: t.exit_code,
                reason: t.reason.unwrap_or_default(),
                message: t.message.unwrap_or_default(),
                started: t.started_at,
                finished: t.finished_at,
            },
            RawState { running: Some(r), .. } => Self::Running { since: r.started_at },
            RawState { waiting: Some(w), .. } => Self::Waiting {
                reason: w.reason.unwrap_or_default(),
                message: w.message.unwrap_or_default(),
            },
            _ => Self::Unknown,
        }
    }
}

impl From<RawResult> for TaskResult {
    fn from(raw: RawResult) -> Self {
        let label = raw.metadata.labels.get(argo::exec::REPORT_COMPLETED_LABEL);
        Self {
            // Absent means complete: an agent's result has no such label.
            completed: label.is_none_or(|v| v == "true"),
            node_id: raw.metadata.name,
            resource_version: raw.metadata.resource_version,
            result: raw.result,
        }
    }
}

impl<'de> Deserialize<'de> for WorkflowView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize, Default)]
        #[serde(default, rename_all = "camelCase")]
        struct Spec {
            suspend: Option<bool>,
            shutdown: Option<String>,
            active_deadline_seconds: Option<i64>,
        }
        #[derive(Deserialize, Default)]
        #[serde(default, rename_all = "camelCase")]
        struct Status {
            phase: Option<String>,
            started_at: Option<Time>,
            synchronization: Option<argo::status::SynchronizationStatus>,
            nodes: Option<SuspendNodes>,
        }
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Raw {
            metadata: ObjectMeta,
            spec: Spec,
            status: Option<Status>,
        }
        let raw = Raw::deserialize(deserializer)?;
        let status = raw.status.unwrap_or_default();
        Ok(Self {
            uid: raw.metadata.uid,
            resource_version: raw.metadata.resource_version,
            deleting: raw.metadata.deletion_timestamp.is_some(),
            suspend: raw.spec.suspend.unwrap_or_default(),
            shutdown: raw.spec.shutdown.unwrap_or_default(),
            active_deadline_seconds: raw.spec.active_deadline_seconds,
            phase: status.phase.unwrap_or_default(),
            started: status.started_at.is_some(),
            held: crate::locks::held_by(status.synchronization.as_ref()),
            suspend_nodes: status.nodes.unwrap_or_default().0,
        })
    }
}

/// Keeps the suspend nodes of `status.nodes`.
#[derive(Default)]
struct SuspendNodes(BTreeMap<String, NodeStatus>);

impl<'de> Deserialize<'de> for SuspendNodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Nodes;
        impl<'de> Visitor<'de> for Nodes {
            type Value = SuspendNodes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of nodes")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SuspendNodes, A::Error> {
                let mut kept = BTreeMap::new();
                // Most nodes are others: their text is passed over, not read.
                while let Some((id, text)) = map.next_entry::<String, Box<RawValue>>()? {
                    if !text.get().contains("Suspend") {
                        continue;
                    }
                    let node: NodeStatus = serde_json::from_str(text.get()).map_err(A::Error::custom)?;
                    if node.r#type == "Suspend" {
                        kept.insert(id, node);
                    }
                }
                Ok(SuspendNodes(kept))
            }
            fn visit_unit<E>(self) -> Result<SuspendNodes, E> {
                Ok(SuspendNodes::default())
            }
        }
        deserializer.deserialize_map(Nodes)
    }
}
