//! A Workflow as far as it is shown: a projection of its status, decoded straight from the answer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kinds::kube::api::{ApiResource, GroupVersionKind};
use serde::{Deserialize, Deserializer};

/// The Workflow kind, for dynamic clients.
#[must_use]
pub fn workflows() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(argo::GROUP, argo::VERSION, "Workflow"))
}

/// What is shown of the spec.
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SpecView {
    /// The service account.
    pub service_account_name: String,
    /// The priority.
    pub priority: Option<i64>,
    /// Whether it is held.
    pub suspend: Option<bool>,
    /// The arguments.
    pub arguments: OutputsView,
}

/// What is shown of the status.
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StatusView {
    /// Phase of the workflow; empty before anything happened.
    pub phase: String,
    /// Why.
    pub message: String,
    /// When the first node started.
    pub started_at: Option<Timestamp>,
    /// When the last one ended.
    pub finished_at: Option<Timestamp>,
    /// `N/M`.
    pub progress: String,
    /// By id.
    #[serde(deserialize_with = "null_default")]
    pub nodes: BTreeMap<String, NodeView>,
    /// The nodes, gzipped and in base64, where they are too large.
    #[serde(skip_serializing)]
    pub compressed_nodes: String,
    /// Which chunks hold the others, where they are larger still.
    #[serde(skip_serializing)]
    pub offload_node_status_version: String,
    /// Global outputs.
    #[serde(deserialize_with = "null_default")]
    pub outputs: OutputsView,
    /// Conditions.
    #[serde(deserialize_with = "null_default")]
    pub conditions: Vec<ConditionView>,
    /// Resource seconds used, by resource.
    #[serde(deserialize_with = "null_default")]
    pub resources_duration: BTreeMap<String, i64>,
}

/// What is shown of a condition.
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(default)]
pub struct ConditionView {
    /// Which.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True` or `False`, if it has one.
    pub status: String,
    /// Or what it says.
    pub message: String,
}

/// What is shown of a node.
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeView {
    /// Its id.
    pub id: String,
    /// Its full name.
    pub name: String,
    /// Its short name.
    pub display_name: String,
    /// `Pod`, `DAG`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Its template.
    pub template_name: String,
    /// A template of another object.
    #[serde(deserialize_with = "null_default")]
    pub template_ref: TemplateRefView,
    /// Its phase.
    pub phase: String,
    /// Why.
    pub message: String,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The node it belongs to.
    #[serde(rename = "boundaryID")]
    pub boundary_id: String,
    /// The nodes after it.
    #[serde(deserialize_with = "null_default")]
    pub children: Vec<String>,
    /// What it gave.
    #[serde(deserialize_with = "null_default")]
    pub outputs: OutputsView,
    /// `N/M`.
    pub progress: String,
    /// How it came about.
    #[serde(deserialize_with = "null_default")]
    pub node_flag: NodeFlagView,
}

/// How a node came about.
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(default)]
pub struct NodeFlagView {
    /// It is an attempt of a retried step.
    pub retried: bool,
}

/// What is shown of a reference to a template of another object.
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(default)]
pub struct TemplateRefView {
    /// The object.
    pub name: String,
    /// The template in it.
    pub template: String,
}

/// What is shown of outputs or arguments.
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OutputsView {
    /// Parameters.
    #[serde(deserialize_with = "null_default")]
    pub parameters: Vec<ParameterView>,
    /// Artifacts.
    #[serde(deserialize_with = "null_default")]
    pub artifacts: Vec<ArtifactView>,
    /// Exit code of the main container.
    pub exit_code: Option<String>,
}

/// What is shown of a parameter.
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ParameterView {
    /// Its name.
    pub name: String,
    /// Its value, a string or any other scalar.
    pub value: Option<serde_json::Value>,
    /// Its name among the workflow's own outputs.
    pub global_name: String,
}

impl ParameterView {
    /// The value as text.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self.value.as_ref()? {
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// What is shown of an artifact: its name, and every place it may have.
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ArtifactView {
    /// Its name.
    pub name: String,
    /// Its name among the workflow's own outputs.
    pub global_name: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: BTreeMap<String, serde_json::Value>,
}

impl StatusView {
    /// Whether the workflow is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed" | "Error")
    }
}

fn null_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
