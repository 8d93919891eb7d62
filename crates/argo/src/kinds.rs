//! The kinds themselves, and the internal ones by which executors and agents report.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cron::{CronWorkflowSpec, CronWorkflowStatus, WorkflowEventBindingSpec};
use crate::location::ArtifactLocation;
use crate::object::ObjectMeta;
use crate::scalar::{is_false, null_default};
use crate::spec::WorkflowSpec;
use crate::status::WorkflowStatus;
use crate::template::Template;
use crate::values::{Artifact, Outputs};

/// The API group of every kind here.
pub const GROUP: &str = "argoproj.io";
/// The API version of every kind here.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` of every kind here.
pub const API_VERSION: &str = "argoproj.io/v1alpha1";

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident, plural $plural:literal, short $short:literal, namespaced $scope:literal { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            /// Always [`API_VERSION`].
            pub api_version: String,
            /// The kind's name.
            pub kind: String,
            /// Name, labels and so on.
            pub metadata: ObjectMeta,
            $($(#[$fdoc])* pub $field: $type,)*
        }

        impl Kind for $name {
            const KIND: &'static str = stringify!($name);
            const PLURAL: &'static str = $plural;
            const SHORT: &'static str = $short;
            const NAMESPACED: bool = $scope;
        }
        )*

        /// Name, plural, short name and scope of every kind, in the order of this file.
        pub const KINDS: &[(&str, &str, &str, bool)] = &[$((stringify!($name), $plural, $short, $scope)),*];
    };
}

/// What discovery says of a kind.
pub trait Kind {
    /// Its name.
    const KIND: &'static str;
    /// Its plural, used in paths.
    const PLURAL: &'static str;
    /// Its short name for command lines.
    const SHORT: &'static str;
    /// Whether its objects lie in namespaces.
    const NAMESPACED: bool;
}

kinds! {
    /// One run of templates.
    Workflow, plural "workflows", short "wf", namespaced true {
        /// What to run.
        #[serde(deserialize_with = "null_default")]
        spec: WorkflowSpec,
        /// What became of it.
        #[serde(deserialize_with = "null_default", skip_serializing_if = "WorkflowStatus::is_empty")]
        status: WorkflowStatus,
    }
    /// A spec that workflows of its namespace refer to.
    WorkflowTemplate, plural "workflowtemplates", short "wftmpl", namespaced true {
        /// The spec.
        #[serde(deserialize_with = "null_default")]
        spec: WorkflowSpec,
    }
    /// A spec that workflows of every namespace refer to.
    ClusterWorkflowTemplate, plural "clusterworkflowtemplates", short "cwft", namespaced false {
        /// The spec.
        #[serde(deserialize_with = "null_default")]
        spec: WorkflowSpec,
    }
    /// A workflow on a schedule.
    CronWorkflow, plural "cronworkflows", short "cwf", namespaced true {
        /// What to run when.
        #[serde(deserialize_with = "null_default")]
        spec: CronWorkflowSpec,
        /// What became of it.
        #[serde(deserialize_with = "null_default", skip_serializing_if = "CronWorkflowStatus::is_empty")]
        status: CronWorkflowStatus,
    }
    /// A workflow that events submit.
    WorkflowEventBinding, plural "workfloweventbindings", short "wfeb", namespaced true {
        /// Which events submit what.
        #[serde(deserialize_with = "null_default")]
        spec: WorkflowEventBindingSpec,
    }
    /// What an executor reports of its node. Its name is the node's id.
    WorkflowTaskResult, plural "workflowtaskresults", short "", namespaced true {
        /// What the node gave.
        #[serde(flatten)]
        result: NodeResult,
    }
    /// The nodes that an agent pod runs, and what it reports.
    WorkflowTaskSet, plural "workflowtasksets", short "wfts", namespaced true {
        /// The nodes to run.
        #[serde(deserialize_with = "null_default")]
        spec: WorkflowTaskSetSpec,
        /// What they gave.
        #[serde(deserialize_with = "null_default")]
        status: WorkflowTaskSetStatus,
    }
    /// The artifacts that a clean-up pod deletes.
    WorkflowArtifactGCTask, plural "workflowartifactgctasks", short "wfat", namespaced true {
        /// What to delete.
        #[serde(deserialize_with = "null_default")]
        spec: ArtifactGcSpec,
        /// What was deleted.
        #[serde(deserialize_with = "null_default")]
        status: ArtifactGcStatus,
    }
}

impl WorkflowStatus {
    /// Whether nothing has happened yet.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl CronWorkflowStatus {
    /// Whether nothing has happened yet.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What an executor or agent reports of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeResult {
    /// Phase, where the reporter decides it (agents).
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub phase: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub message: String,
    /// What it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Outputs>,
    /// `N/M`.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub progress: String,
}

/// The nodes that an agent runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowTaskSetSpec {
    /// By node id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub tasks: BTreeMap<String, Template>,
}

/// What an agent reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowTaskSetStatus {
    /// By node id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub nodes: BTreeMap<String, NodeResult>,
}

/// Artifacts to delete.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactGcSpec {
    /// By node id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub artifacts_by_node: BTreeMap<String, ArtifactNodeSpec>,
}

/// Artifacts of one node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactNodeSpec {
    /// Where they lie, unless they say so themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_location: Option<ArtifactLocation>,
    /// By name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub artifacts: BTreeMap<String, Artifact>,
}

/// What was deleted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactGcStatus {
    /// By node id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub artifact_results_by_node: BTreeMap<String, ArtifactResultNodeStatus>,
}

/// What was deleted of one node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactResultNodeStatus {
    /// By artifact name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub artifact_results: BTreeMap<String, ArtifactResult>,
}

/// Whether one artifact was deleted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactResult {
    /// Its name.
    pub name: String,
    /// Whether it was deleted.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub success: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
