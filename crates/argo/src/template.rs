//! Templates: what a node of a workflow runs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{
    Affinity, Container, HostAlias, PodResourceClaim, PodSecurityContext, Raw, ResourceRequirements,
    SecretKeySelector, Toleration, Volume, VolumeMount,
};
use crate::location::ArtifactLocation;
use crate::policy::{Memoize, Metrics, RetryStrategy, Synchronization};
use crate::scalar::{IntOrString, Item, is_false, null_default};
use crate::spec::{ExecutorConfig, LifecycleHook, Metadata};
use crate::values::{Arguments, Artifact, Inputs, Outputs};

/// A reusable piece of work: exactly one of its kinds (container, script, steps, dag, ...) is set.
///
/// What few templates have is boxed: a workflow of ten thousand pods holds a template for each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Template {
    /// Seconds the pod may be active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<IntOrString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_location: Option<ArtifactLocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automount_service_account_token: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Box<Container>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_set: Option<Box<ContainerSetTemplate>>,
    /// Dependants start when the pod is ready, not when it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daemon: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dag: Option<DagTemplate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<Data>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor: Option<Box<ExecutorConfig>>,
    /// Once a child is unsuccessful nothing new starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_fast: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub host_aliases: Vec<HostAlias>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<Http>>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub init_containers: Vec<UserContainer>,
    #[serde(skip_serializing_if = "Inputs::is_empty", deserialize_with = "null_default")]
    pub inputs: Inputs,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memoize: Option<Box<Memoize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Box<Metrics>>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub node_selector: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Outputs::is_empty", deserialize_with = "null_default")]
    pub outputs: Outputs,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub pending_timeout: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Raw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_resources: Option<ResourceRequirements>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub pod_spec_patch: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub priority_class_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<ResourceTemplate>>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub resource_claims: Vec<PodResourceClaim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_strategy: Option<Box<RetryStrategy>>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub scheduler_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<Box<ScriptTemplate>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<PodSecurityContext>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub service_account_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub sidecars: Vec<UserContainer>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub steps: Vec<Vec<WorkflowStep>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<SuspendTemplate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synchronization: Option<Box<Synchronization>>,
    /// A Go duration after which the node fails, counted from its creation.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub timeout: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub tolerations: Vec<Toleration>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub volumes: Vec<Volume>,
}

/// One step of a `steps` template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowStep {
    #[serde(
        skip_serializing_if = "Arguments::is_empty",
        deserialize_with = "null_default"
    )]
    pub arguments: Arguments,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_on: Option<ContinueOn>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub hooks: BTreeMap<String, LifecycleHook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline: Option<Box<Template>>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub on_exit: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub template: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<TemplateRef>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub when: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub with_items: Vec<Item>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub with_param: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_sequence: Option<Sequence>,
}

/// Tasks with dependencies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DagTemplate {
    /// Whether the first failure fails the DAG; true by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_fast: Option<bool>,
    /// The tasks to run, with what they depend on; separated by blanks; all by default.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub target: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub tasks: Vec<DagTask>,
}

/// One task of a `dag` template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DagTask {
    #[serde(
        skip_serializing_if = "Arguments::is_empty",
        deserialize_with = "null_default"
    )]
    pub arguments: Arguments,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continue_on: Option<ContinueOn>,
    /// Tasks that must have succeeded or been skipped.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub dependencies: Vec<String>,
    /// When the task starts: a boolean expression over results of other tasks.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub depends: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_default")]
    pub hooks: BTreeMap<String, LifecycleHook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline: Option<Box<Template>>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub on_exit: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub template: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<TemplateRef>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub when: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub with_items: Vec<Item>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub with_param: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_sequence: Option<Sequence>,
}

/// Which unhappy ends of a step count as good enough.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ContinueOn {
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub error: bool,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub failed: bool,
}

/// A loop over numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Sequence {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<IntOrString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<IntOrString>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<IntOrString>,
}

/// A template in another object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateRef {
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub cluster_scope: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub template: String,
}

/// Waits for a person, or for a while.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SuspendTemplate {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub duration: String,
}

/// A container that runs a source text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ScriptTemplate {
    /// The fields it shares with `Container`.
    #[serde(flatten)]
    pub container: Container,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub source: String,
}

/// A sidecar or init container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct UserContainer {
    /// The fields it shares with `Container`.
    #[serde(flatten)]
    pub container: Container,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror_volume_mounts: Option<bool>,
}

/// Several containers of one pod, as a graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerSetTemplate {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub containers: Vec<ContainerNode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_strategy: Option<ContainerSetRetryStrategy>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub volume_mounts: Vec<VolumeMount>,
}

/// How a container set's containers are retried in place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerSetRetryStrategy {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub duration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<IntOrString>,
}

/// One container of a container set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerNode {
    /// The fields it shares with `Container`.
    #[serde(flatten)]
    pub container: Container,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub dependencies: Vec<String>,
}

/// Creates, changes or watches a Kubernetes object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceTemplate {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub action: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub failure_condition: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub flags: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub manifest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest_from: Option<ManifestFrom>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub merge_strategy: String,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub set_owner_reference: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub success_condition: String,
}

/// A resource's manifest from an artifact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ManifestFrom {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
}

/// A request made by the agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Http {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_from: Option<HttpBodySource>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub headers: Vec<HttpHeader>,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub insecure_skip_verify: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub method: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub success_condition: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub url: String,
}

/// A request header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpHeader {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<HttpHeaderSource>,
}

/// A header value from a Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpHeaderSource {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeySelector>,
}

/// A body as bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpBodySource {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub bytes: String,
}

/// Lists artifacts and transforms the list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Data {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<DataSource>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub transformation: Vec<TransformationStep>,
}

/// Where the data come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DataSource {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_paths: Option<ArtifactPaths>,
}

/// An artifact location whose keys are listed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactPaths {
    /// The fields it shares with `Artifact`.
    #[serde(flatten)]
    pub artifact: Artifact,
}

/// One expression over the list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TransformationStep {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub expression: String,
}
