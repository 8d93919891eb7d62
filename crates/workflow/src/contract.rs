//! What goes into a workflow's machine and what comes out: the contract with `controller`.
//!
//! ```text
//!   Workflow, pods, task results, library --> Machine::rebuild
//!   Event --> Machine::observe --> Machine::effects --> executor --> API --> informers --> Event
//! ```
//!
//! Everything here is plain data. Views are projections: they deserialize from the whole object's JSON and
//! keep what planning needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo::repository::ArtifactRepository;
use argo::{NodeStatus, ObjectMeta, Workflow, WorkflowSpec};
use meta::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::layout::{Chunk, ChunkObject};
pub use crate::view::{ContainerState, ContainerView, PodView, TaskResult, WorkflowView};

/// The finalizer that keeps a pod until its outcome is in the workflow's status.
pub const POD_FINALIZER: &str = "workflows.argoproj.io/status";
/// The label of a workflow, and of its pods, that says which of several controllers drives it.
pub const LABEL_INSTANCE: &str = "workflows.argoproj.io/controller-instanceid";
/// The label that names a pod's or task result's workflow.
pub const LABEL_WORKFLOW: &str = "workflows.argoproj.io/workflow";
/// The label of a pod or workflow that is over: `"true"` or `"false"`.
pub const LABEL_COMPLETED: &str = "workflows.argoproj.io/completed";
/// The label of a workflow that holds its phase.
pub const LABEL_PHASE: &str = "workflows.argoproj.io/phase";
/// The annotation of a pod that holds its node's name.
pub const ANNOTATION_NODE_NAME: &str = "workflows.argoproj.io/node-name";
/// The annotation of a pod that holds its node's id.
pub const ANNOTATION_NODE_ID: &str = "workflows.argoproj.io/node-id";
/// The annotation of a pod whose main container runs under `plimsoll exec` and so makes a task result.
pub const ANNOTATION_EXEC: &str = "plimsoll.dev/exec";
/// Which attempt at a workflow its pods belong to, on both; absent at first, then counted from 1. A pod of an earlier
/// attempt says nothing of the nodes of this one, whose ids are the same.
pub const ANNOTATION_ATTEMPT: &str = "plimsoll.dev/attempt";
/// The label that a ConfigMap must have before parameters may be taken from it, with the value `Parameter`.
pub const LABEL_CONFIG_MAP_TYPE: &str = "workflows.argoproj.io/configmap-type";

/// The value of [`LABEL_CONFIG_MAP_TYPE`] on a ConfigMap that holds entries of memoized steps.
pub const CONFIG_MAP_OF_ENTRIES: &str = "Cache";

/// The annotation that names the key of the default artifact repository, on a ConfigMap of several.
pub const ANNOTATION_DEFAULT_REPOSITORY: &str = "workflows.argoproj.io/default-artifact-repository";

/// Settings of the controller that are the same for all workflows.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where artifacts without a place of their own go, unless a ConfigMap says otherwise; none if the platform has no
    /// repository.
    pub artifact_repository: Option<ArtifactRepository>,
    /// The namespace of the controller, whose ConfigMaps artifact repository references fall back to; none, if it has
    /// none.
    pub home: Option<String>,
    /// Fields that a workflow takes when neither it nor its template sets them (Argo's `workflowDefaults`).
    pub workflow_defaults: Option<WorkflowSpec>,
    /// Which of several controllers this is: the value of [`LABEL_INSTANCE`]; none is the one of workflows
    /// without the label.
    pub instance_id: Option<String>,
    /// How pods get `plimsoll exec`.
    pub exec: ExecConfig,
    /// What images run, for steps under `plimsoll exec` that name no command (Argo's `images`); the first match
    /// counts.
    pub images: Vec<ImageCommand>,
}

/// What an image runs when a container does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageCommand {
    /// Images, as [`meta::image::matches`] reads it.
    pub pattern: String,
    /// Program and first arguments of a container without `command`; without one, its `args` are the command.
    pub entrypoint: Vec<String>,
    /// Arguments of a container with neither `command` nor `args`.
    pub arguments: Vec<String>,
}

/// How pods get `plimsoll exec`.
#[derive(Clone, Debug)]
pub struct ExecConfig {
    /// Reference of the image that holds the binary, at its root.
    pub image: String,
    /// Where the main container finds it: the binary is `<mount>/plimsoll`.
    pub mount: String,
    /// How it gets there.
    pub delivery: Delivery,
}

/// How the binary gets into a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The image is a volume: nothing is copied. Needs a node that has image volumes.
    ImageVolume,
    /// An init container copies the binary into an empty folder of the pod.
    InitContainer,
}

impl Default for ExecConfig {
    fn default() -> Self {
        Self {
            image: concat!("plimsoll:", env!("CARGO_PKG_VERSION")).to_owned(),
            mount: "/var/run/plimsoll".to_owned(),
            delivery: Delivery::ImageVolume,
        }
    }
}

/// What workflows of one namespace may refer to, as last seen.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// WorkflowTemplates of the namespace, by name.
    pub templates: BTreeMap<String, Arc<WorkflowSpec>>,
    /// ClusterWorkflowTemplates, by name.
    pub cluster_templates: BTreeMap<String, Arc<WorkflowSpec>>,
    /// ConfigMaps of the namespace, by name.
    pub config_maps: BTreeMap<String, Arc<ConfigMap>>,
    /// ConfigMaps of the controller's namespace, by name.
    pub home_maps: BTreeMap<String, Arc<ConfigMap>>,
}

/// A ConfigMap as far as workflows read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigMap {
    /// The value of [`LABEL_CONFIG_MAP_TYPE`], empty if absent.
    pub kind: String,
    /// The value of [`ANNOTATION_DEFAULT_REPOSITORY`], empty if absent.
    pub default_repository: String,
    /// The data.
    pub data: BTreeMap<String, String>,
}

/// An object that a workflow refers to and that the library lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A WorkflowTemplate of the workflow's namespace.
    Template(String),
    /// A ClusterWorkflowTemplate.
    ClusterTemplate(String),
    /// A ConfigMap of the workflow's namespace.
    ConfigMap(String),
}

/// Everything a machine is rebuilt from.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The Workflow as stored.
    pub workflow: Workflow,
    /// Every chunk of its nodes that is there, named by it or not, read after it.
    pub chunks: Vec<Chunk<NodeStatus>>,
    /// Its pods, in any order.
    pub pods: Vec<Arc<PodView>>,
    /// Its task results, in any order.
    pub results: Vec<TaskResult>,
    /// What it may refer to.
    pub library: Arc<Library>,
    /// Settings of the controller.
    pub config: Arc<Config>,
}

/// Something that happened. Events may come late, twice, and in any order between kinds.
#[derive(Clone, Debug)]
pub enum Event {
    /// A pod of the workflow appeared or changed.
    Pod(Arc<PodView>),
    /// A pod of the workflow is gone.
    PodGone {
        /// Its name.
        name: String,
        /// Its uid.
        uid: String,
    },
    /// The server refused a pod for good (invalid, forbidden).
    PodRefused {
        /// Id of the node that the pod was for.
        node: String,
        /// The server's message.
        message: String,
    },
    /// A task result of the workflow appeared or changed.
    TaskResult(TaskResult),
    /// The Workflow changed: it may have been suspended, resumed, stopped or terminated. Changes that this
    /// machine made need not be passed on, but may be.
    Workflow(WorkflowView),
    /// Templates or config maps changed.
    Library(Arc<Library>),
    /// The answer to [`Effect::AskLocks`]. Answers to one holder come in the order of the questions.
    Lock {
        /// Who asked.
        holder: String,
        /// What the desk said.
        answer: crate::locks::Answer,
    },
    /// Locks that the workflow waits for may be free.
    LocksFree,
    /// Time passed: sent at or after a time that [`Effect::WakeAt`] named.
    Time,
}

/// Something to do. Effects are in an order of which every prefix is safe, and doing one twice does no harm.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Create the pod. If a pod of the name exists and is owned by this workflow (uid) for this node
    /// ([`ANNOTATION_NODE_NAME`]), that is success; a final refusal comes back as [`Event::PodRefused`].
    CreatePod {
        /// Id of the node.
        node: String,
        /// Name of the pod.
        name: String,
        /// The whole object.
        manifest: Box<Value>,
    },
    /// Delete the pod, if it still is this one; it being gone is success.
    DeletePod {
        /// Its name.
        name: String,
        /// Precondition; none where the pod has not been seen yet.
        uid: Option<String>,
        /// Seconds between the signal to end and the kill; none for the pod's own.
        grace: Option<i64>,
    },
    /// Create a chunk of nodes before the patch of the Workflow that names it. If a chunk of the name exists
    /// and holds the same, that is success.
    CreateChunk(Box<ChunkObject>),
    /// Delete a chunk that no Workflow names any more; it being gone is success.
    DeleteChunk {
        /// Its name.
        name: String,
    },
    /// Merge-patch the Workflow (the main resource: Argo's Workflow has no status subresource).
    /// The patch carries `metadata.uid` as precondition. Later effects of the same batch rely on it.
    PatchWorkflow(Box<Value>),
    /// The pod's outcome is recorded: remove [`POD_FINALIZER`] and set [`LABEL_COMPLETED`] to `"true"`.
    /// It being gone is success.
    ReleasePod {
        /// Its name.
        name: String,
        /// Precondition.
        uid: String,
    },
    /// The task result is folded into the status and no longer needed. It being gone is success.
    DeleteTaskResult {
        /// Its name: the node's id.
        name: String,
    },
    /// Create the object (a claim, a disruption budget) for the workflow; AlreadyExists is success.
    CreateObject(Box<Value>),
    /// Delete an object made by [`Effect::CreateObject`]; it being gone is success.
    DeleteObject {
        /// `v1`, `policy/v1`.
        api_version: String,
        /// `PersistentVolumeClaim`, `PodDisruptionBudget`.
        kind: String,
        /// Its name.
        name: String,
    },
    /// Keep an entry of a memoized step in a ConfigMap of the workflow's namespace, which is made, with the label
    /// [`LABEL_CONFIG_MAP_TYPE`] of [`CONFIG_MAP_OF_ENTRIES`], if it is not there. An entry that was there is replaced. One that the server
    /// refuses is not kept: the step ran nevertheless.
    KeepEntry {
        /// The ConfigMap's name.
        config_map: String,
        /// The entry's key.
        key: String,
        /// The entry, as JSON.
        entry: String,
    },
    /// Ask the desk for locks; the answer comes back as [`Event::Lock`]. Nothing waits for it in this batch.
    AskLocks(Box<crate::locks::Ask>),
    /// Give back what the holder has and no longer waits for: the status says so already.
    ReleaseLocks {
        /// The holder.
        holder: String,
    },
    /// Send [`Event::Time`] at or soon after this time. Replaces what was asked before.
    WakeAt(Timestamp),
    /// Tell people, as a Kubernetes Event on the Workflow.
    EmitEvent {
        /// Whether it is a `Warning` and not `Normal`.
        warning: bool,
        /// `WorkflowRunning`, `WorkflowNodeSucceeded`, ...
        reason: String,
        /// A sentence.
        message: String,
    },
    /// Another writer changed what the machine cannot follow (`argo retry`): drop it and rebuild.
    Rebuild,
}

/// What [`crate::Machine::effects`] would be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pending {
    /// Nothing.
    Nothing,
    /// To show how nodes get on and which are over, and to let go of pods and reports of those. Nobody waits for it:
    /// pods are held until then, so it follows from them if it is lost, and it goes with the next decision.
    Progress,
    /// A decision that something waits for.
    Decision,
}

/// Why a workflow is not further, as data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What is waited for, in the order of nodes.
    pub waiting: Vec<Waiting>,
    /// Whether the workflow is over.
    pub finished: bool,
}

/// One thing that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Name of the node that waits.
    pub node: String,
    /// For what.
    pub reason: WaitReason,
}

/// What a node waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum WaitReason {
    /// Its pod, in this phase, with the pod's own reason if it gives one.
    Pod {
        /// Phase of the pod, empty before it is seen.
        phase: String,
        /// The pod's message, or why it is not scheduled.
        message: String,
    },
    /// The executor's report.
    TaskResult,
    /// Somebody to resume it, or a time.
    Suspended {
        /// When it resumes by itself.
        until: Option<Timestamp>,
    },
    /// The back-off between attempts.
    Backoff {
        /// When the next attempt starts.
        until: Timestamp,
    },
    /// A free place under a limit on parallelism.
    Parallelism,
    /// A lock.
    Lock {
        /// As shown in `synchronizationStatus.waiting`.
        name: String,
    },
    /// A variable that no step has given: Argo asks for it again for ever.
    Variable {
        /// What it said.
        tag: String,
    },
    /// The whole workflow is suspended.
    WorkflowSuspended,
}

/// The parts of a Workflow that a caller reads from a machine without decoding it again.
#[derive(Clone, Debug)]
pub struct Summary<'a> {
    /// Metadata as last seen.
    pub metadata: &'a ObjectMeta,
    /// Phase of the workflow.
    pub phase: &'a str,
    /// Message of the workflow.
    pub message: &'a str,
}
