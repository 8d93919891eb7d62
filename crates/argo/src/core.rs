//! Pieces of the core API inside Argo's types.
//!
//! They pass through to pods, so they stay raw JSON here: fields newer than this program survive. Their
//! schemas are references (`#/components/schemas/io.k8s.api.core.v1.X`) that `kinds` resolves.
//! A container's own fields are named, because exec wraps the command and templates are read for them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::scalar::{is_false, null_default};

/// Where references to core types point; `kinds` defines the schemas there.
pub const REF_PREFIX: &str = "#/components/schemas/";

macro_rules! raw {
    ($($(#[$doc:meta])* $name:ident = $definition:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Map<String, Value>);

        impl $name {
            /// The name of the core type in the OpenAPI document.
            pub const DEFINITION: &'static str = $definition;

            /// A field that holds a string.
            pub fn text(&self, field: &str) -> Option<&str> {
                self.0.get(field).and_then(Value::as_str)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "$ref": format!("{REF_PREFIX}{}", $definition) })
            }
        }
    )*};
}

raw! {
    /// Where a pod prefers or needs to run.
    Affinity = "io.k8s.api.core.v1.Affinity";
    /// A key of a ConfigMap.
    ConfigMapKeySelector = "io.k8s.api.core.v1.ConfigMapKeySelector";
    /// A key of a Secret.
    SecretKeySelector = "io.k8s.api.core.v1.SecretKeySelector";
    /// Names for an address.
    HostAlias = "io.k8s.api.core.v1.HostAlias";
    /// An object of the same namespace.
    LocalObjectReference = "io.k8s.api.core.v1.LocalObjectReference";
    /// An object.
    ObjectReference = "io.k8s.api.core.v1.ObjectReference";
    /// A claim to a volume.
    PersistentVolumeClaim = "io.k8s.api.core.v1.PersistentVolumeClaim";
    /// A pod's resolver.
    PodDnsConfig = "io.k8s.api.core.v1.PodDNSConfig";
    /// A claim to devices.
    PodResourceClaim = "io.k8s.api.core.v1.PodResourceClaim";
    /// A pod's users and groups.
    PodSecurityContext = "io.k8s.api.core.v1.PodSecurityContext";
    /// Requests and limits.
    ResourceRequirements = "io.k8s.api.core.v1.ResourceRequirements";
    /// A taint that does not matter.
    Toleration = "io.k8s.api.core.v1.Toleration";
    /// A volume.
    Volume = "io.k8s.api.core.v1.Volume";
    /// A volume's place in a container.
    VolumeMount = "io.k8s.api.core.v1.VolumeMount";
    /// A raw device's place in a container.
    VolumeDevice = "io.k8s.api.core.v1.VolumeDevice";
    /// An environment variable.
    EnvVar = "io.k8s.api.core.v1.EnvVar";
    /// Environment variables from an object.
    EnvFromSource = "io.k8s.api.core.v1.EnvFromSource";
    /// What runs after the start and before the end.
    Lifecycle = "io.k8s.api.core.v1.Lifecycle";
    /// A check of health.
    Probe = "io.k8s.api.core.v1.Probe";
    /// A port.
    ContainerPort = "io.k8s.api.core.v1.ContainerPort";
    /// What a change of resources does.
    ContainerResizePolicy = "io.k8s.api.core.v1.ContainerResizePolicy";
    /// Which exits restart a container.
    ContainerRestartRule = "io.k8s.api.core.v1.ContainerRestartRule";
    /// A container's user and rights.
    SecurityContext = "io.k8s.api.core.v1.SecurityContext";
    /// How many pods may be disturbed.
    PodDisruptionBudgetSpec = "io.k8s.api.policy.v1.PodDisruptionBudgetSpec";
    /// A condition on labels.
    LabelSelector = "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector";
}

/// Any JSON object: a plug-in's arguments, or a strategy that has no fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Raw(pub Map<String, Value>);

/// Upstream's empty struct of the same name.
pub type RetryNodeAntiAffinity = Raw;

impl JsonSchema for Raw {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Raw".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
    }
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "core/v1 documents its fields")]
pub struct Container {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub image: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub command: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub args: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub working_dir: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub env: Vec<EnvVar>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub env_from: Vec<EnvFromSource>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub image_pull_policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Probe>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub ports: Vec<ContainerPort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Probe>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub resize_policy: Vec<ContainerResizePolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub restart_policy: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub restart_policy_rules: Vec<ContainerRestartRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<SecurityContext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup_probe: Option<Probe>,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub stdin: bool,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub stdin_once: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub termination_message_path: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub termination_message_policy: String,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub tty: bool,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub volume_devices: Vec<VolumeDevice>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub volume_mounts: Vec<VolumeMount>,
}
