//! The status of a Workflow: its nodes and what clients read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::Volume;
use crate::repository::ArtifactRepository;
use crate::scalar::{Time, is_false, null_default};
use crate::spec::WorkflowSpec;
use crate::template::{Template, TemplateRef};
use crate::values::{Inputs, Outputs};

/// What became of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowStatus {
    #[serde(rename = "artifactGCStatus", skip_serializing_if = "Option::is_none")]
    pub artifact_gc_status: Option<ArtifactGcStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_repository_ref: Option<ArtifactRepositoryRefStatus>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub compressed_nodes: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub message: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub nodes: BTreeMap<String, NodeStatus>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub offload_node_status_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Outputs>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub persistent_volume_claims: Vec<Volume>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub phase: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub progress: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub resources_duration: BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub stored_templates: BTreeMap<String, Template>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_workflow_template_spec: Option<Box<WorkflowSpec>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synchronization: Option<SynchronizationStatus>,
    /// By node: whether its executor has reported everything.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub task_results_completion_status: BTreeMap<String, bool>,
}

/// What became of one node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// The steps or dag node that this one belongs to.
    #[serde(
        rename = "boundaryID",
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub boundary_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub children: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daemoned: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_pod_restarts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub host_node_name: String,
    /// `<workflow>-<FNV-1a of name>`; the root is `<workflow>`.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Inputs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memoization_status: Option<MemoizationStatus>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub message: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_flag: Option<NodeFlag>,
    /// The nodes that whatever comes after this one becomes a child of.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub outbound_nodes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Outputs>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub phase: String,
    #[serde(
        rename = "podIP",
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub pod_ip: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub progress: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub resources_duration: BTreeMap<String, i64>,
    #[serde(
        rename = "restartingPodUID",
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub restarting_pod_uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synchronization_status: Option<NodeSynchronizationStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_result_synced: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub template_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<TemplateRef>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub template_scope: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub r#type: String,
}

/// Why a node exists beside the plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeFlag {
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub hooked: bool,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub retried: bool,
}

/// Whether outputs came from the cache.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MemoizationStatus {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub cache_name: String,
    #[serde(deserialize_with = "null_default")]
    pub hit: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key: String,
}

/// The lock a node waits for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSynchronizationStatus {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub waiting: String,
}

/// A fact about the workflow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub message: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub status: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub r#type: String,
}

/// Locks held and waited for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SynchronizationStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutex: Option<MutexStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semaphore: Option<SemaphoreStatus>,
}

/// Argo's `MutexStatus`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MutexStatus {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub holding: Vec<MutexHolding>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub waiting: Vec<MutexHolding>,
}

/// Argo's `MutexHolding`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MutexHolding {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub holder: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub mutex: String,
}

/// Argo's `SemaphoreStatus`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SemaphoreStatus {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub holding: Vec<SemaphoreHolding>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub waiting: Vec<SemaphoreHolding>,
}

/// Argo's `SemaphoreHolding`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SemaphoreHolding {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub holders: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub semaphore: String,
}

/// Argo's `ArtGCStatus`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactGcStatus {
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub not_specified: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub pods_recouped: BTreeMap<String, bool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub strategies_processed: BTreeMap<String, bool>,
}

/// Argo's `ArtifactRepositoryRefStatus`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactRepositoryRefStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_repository: Option<ArtifactRepository>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub config_map: String,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub default: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub namespace: String,
}
