//! Parameters, artifacts and where their values come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{ConfigMapKeySelector, Raw};
use crate::location::ArtifactLocation;
use crate::scalar::{AnyString, is_false, null_default};
use crate::spec::Metadata;

/// What a caller passes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Arguments {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub artifacts: Vec<Artifact>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub parameters: Vec<Parameter>,
}

/// What a template takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Inputs {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub artifacts: Vec<Artifact>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub parameters: Vec<Parameter>,
}

/// What a node gives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Outputs {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub artifacts: Vec<Artifact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub parameters: Vec<Parameter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

/// A named string.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Parameter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<AnyString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<AnyString>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub r#enum: Vec<AnyString>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub global_name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<AnyString>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<ValueFrom>,
}

/// Where a parameter's value comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ValueFrom {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<ConfigMapKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<AnyString>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub event: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub expression: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub jq_filter: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub json_path: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub parameter: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supplied: Option<Raw>,
}

/// A named file or folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Artifact {
    /// The fields it shares with `ArtifactLocation`.
    #[serde(flatten)]
    pub location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveStrategy>,
    #[serde(rename = "artifactGC", skip_serializing_if = "Option::is_none")]
    pub artifact_gc: Option<ArtifactGc>,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub deleted: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub from: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub from_expression: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub global_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub optional: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub path: String,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub recurse_mode: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub sub_path: String,
}

/// How an artifact is packed; tar with gzip by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArchiveStrategy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub none: Option<Raw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tar: Option<TarStrategy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip: Option<Raw>,
}

/// Tar with gzip.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TarStrategy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression_level: Option<i64>,
}

/// When an artifact is deleted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactGc {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub service_account_name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub strategy: String,
}
