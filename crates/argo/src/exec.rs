//! What `plimsoll exec` is told to do around a step's command, and how it reports.
//!
//! ```text
//!   pod: image volume (this binary)  --> MOUNT/plimsoll exec -- command args...
//!        env PLIMSOLL_ORDERS (JSON)  --> load inputs, write script, run, collect outputs
//!                                    --> WorkflowTaskResult named after the node
//! ```
//!
//! The workflow engine writes orders; the executor follows them and decides nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::location::ArtifactLocation;
use crate::repository::ArtifactRepository;
use crate::scalar::{is_false, null_default};
use crate::values::{Artifact, Parameter};

/// The environment variable that holds the orders as JSON.
pub const ORDERS_ENV: &str = "PLIMSOLL_ORDERS";
/// The label of a task result that says whether everything was reported (`"true"`).
pub const REPORT_COMPLETED_LABEL: &str = "workflows.argoproj.io/report-outputs-completed";
/// The label that names the workflow, on pods and task results.
pub const WORKFLOW_LABEL: &str = "workflows.argoproj.io/workflow";
/// The exit code of the executor's own failures.
pub const EXECUTOR_FAILED: i32 = 64;

/// Everything one executor needs to know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Orders {
    /// Name of the workflow.
    pub workflow: String,
    /// Its uid: the owner of the task result.
    pub workflow_uid: String,
    /// Namespace of the workflow, its pods and its task results.
    pub namespace: String,
    /// Id of the node: the name of the task result.
    pub node_id: String,
    /// Name of the pod.
    pub pod_name: String,
    /// Artifacts to load before the command: each has a path and a resolved location (a raw one included).
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub inputs: Vec<Artifact>,
    /// A script to write before the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
    /// Parameters to read after the command (`valueFrom.path`, `valueFrom.default`).
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub output_parameters: Vec<Parameter>,
    /// Artifacts to save after the command. One without a location of its own goes to `archive_location`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub output_artifacts: Vec<Artifact>,
    /// Where artifacts without a location of their own go: the repository with the key prefix already made,
    /// so that the key of artifact NAME is `<key>/NAME.tgz` (`<key>/NAME` when not archived).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_location: Option<ArtifactLocation>,
    /// Whether standard output is the node's `result`.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub include_result: bool,
    /// Whether the combined output is saved as the artifact `main-logs`.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub archive_logs: bool,
    /// Deadline of the node, RFC 3339, for its message only: the controller ends the pod.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub deadline: String,
    /// The artifact repository, for locations that name only a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<ArtifactRepository>,
}

/// A source text to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Script {
    /// The file to write, executable; the command's last argument names it.
    pub path: String,
    /// Its content.
    pub source: String,
}

/// The artifact plug-in name that stands for a plain directory of this machine: `configuration` is the
/// directory's absolute path, `key` the file's path under it. A plug-in is Argo's own way to name a store
/// it does not know, so manifests and statuses keep Argo's form.
pub const DIRECTORY_PLUGIN: &str = "plimsoll.dev/directory";
