//! Artifact repositories: the place and the key of artifacts that name none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{ConfigMapKeySelector, SecretKeySelector};
use crate::location::{CreateS3BucketOptions, OssLifecycleRule, S3EncryptionOptions};
use crate::scalar::{is_false, null_default};

/// Argo's `ArtifactRepository`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactRepository {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_logs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifactory: Option<ArtifactoryArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<AzureArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcs: Option<GcsArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hdfs: Option<HdfsArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oss: Option<OssArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginArtifactRepository>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3ArtifactRepository>,
}

/// Argo's `S3ArtifactRepository`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct S3ArtifactRepository {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub addressing_style: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub bucket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_bucket_if_not_present: Option<CreateS3BucketOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption_options: Option<S3EncryptionOptions>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key_format: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key_prefix: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub region: String,
    #[serde(
        rename = "roleARN",
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub role_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token_secret: Option<SecretKeySelector>,
    #[serde(
        rename = "useSDKCreds",
        skip_serializing_if = "is_false",
        deserialize_with = "null_default"
    )]
    pub use_sdk_creds: bool,
}

/// Argo's `GCSArtifactRepository`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GcsArtifactRepository {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub bucket: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key_format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_key_secret: Option<SecretKeySelector>,
}

/// Argo's `AzureArtifactRepository`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AzureArtifactRepository {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_key_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub blob_name_format: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub container: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub endpoint: String,
    #[serde(
        rename = "useSDKCreds",
        skip_serializing_if = "is_false",
        deserialize_with = "null_default"
    )]
    pub use_sdk_creds: bool,
}

/// Argo's `OSSArtifactRepository`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OssArtifactRepository {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub bucket: String,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub create_bucket_if_not_present: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub endpoint: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key_format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle_rule: Option<OssLifecycleRule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub security_token: String,
    #[serde(
        rename = "useSDKCreds",
        skip_serializing_if = "is_false",
        deserialize_with = "null_default"
    )]
    pub use_sdk_creds: bool,
}

/// Argo's `HDFSArtifactRepository`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HdfsArtifactRepository {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub addresses: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub data_transfer_protection: String,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub force: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub hdfs_user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub krb_c_cache_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub krb_config_config_map: Option<ConfigMapKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub krb_keytab_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub krb_realm: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub krb_service_principal_name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub krb_username: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub path_format: String,
}

/// Argo's `ArtifactoryArtifactRepository`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactoryArtifactRepository {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key_format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_secret: Option<SecretKeySelector>,
    #[serde(
        rename = "repoURL",
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub repo_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_secret: Option<SecretKeySelector>,
}

/// Argo's `PluginArtifactRepository`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PluginArtifactRepository {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub configuration: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key_format: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
}
