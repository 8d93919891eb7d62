//! Where artifacts lie: one struct for each kind of store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{ConfigMapKeySelector, SecretKeySelector};
use crate::scalar::{is_false, null_default};

/// Where an artifact lies: at most one store is set. Each is boxed: there are artifacts by the ten thousand, and of
/// ten stores nine are absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactLocation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_logs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifactory: Option<Box<ArtifactoryArtifact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<Box<AzureArtifact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcs: Option<Box<GcsArtifact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<Box<GitArtifact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hdfs: Option<Box<HdfsArtifact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<HttpArtifact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oss: Option<Box<OssArtifact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Box<PluginArtifact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<Box<RawArtifact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<Box<S3Artifact>>,
}

/// Argo's `S3Artifact`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct S3Artifact {
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
    pub key: String,
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

/// Argo's `CreateS3BucketOptions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateS3BucketOptions {
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub object_locking: bool,
}

/// Argo's `S3EncryptionOptions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct S3EncryptionOptions {
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub enable_encryption: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub kms_encryption_context: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub kms_key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_side_customer_key_secret: Option<SecretKeySelector>,
}

/// Argo's `GCSArtifact`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GcsArtifact {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub bucket: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_key_secret: Option<SecretKeySelector>,
}

/// Argo's `AzureArtifact`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AzureArtifact {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_key_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub blob: String,
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

/// Argo's `OSSArtifact`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OssArtifact {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub bucket: String,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub create_bucket_if_not_present: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub endpoint: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key: String,
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

/// Argo's `OSSLifecycleRule`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OssLifecycleRule {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark_deletion_after_days: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark_infrequent_access_after_days: Option<i64>,
}

/// Argo's `HDFSArtifact`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HdfsArtifact {
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
    pub path: String,
}

/// Argo's `ArtifactoryArtifact`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactoryArtifact {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_secret: Option<SecretKeySelector>,
}

/// Argo's `HTTPArtifact`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpArtifact {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<HttpAuth>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub headers: Vec<Header>,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub save_stream_via_file: bool,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub url: String,
}

/// Argo's `Header`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Header {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub value: String,
}

/// Argo's `HTTPAuth`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpAuth {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_cert: Option<ClientCertAuth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2Auth>,
}

/// Argo's `BasicAuth`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BasicAuth {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_secret: Option<SecretKeySelector>,
}

/// Argo's `ClientCertAuth`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientCertAuth {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_cert_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key_secret: Option<SecretKeySelector>,
}

/// Argo's `OAuth2Auth`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OAuth2Auth {
    #[serde(rename = "clientIDSecret", skip_serializing_if = "Option::is_none")]
    pub client_id_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub endpoint_params: Vec<OAuth2EndpointParam>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub scopes: Vec<String>,
    #[serde(rename = "tokenURLSecret", skip_serializing_if = "Option::is_none")]
    pub token_url_secret: Option<SecretKeySelector>,
}

/// Argo's `OAuth2EndpointParam`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OAuth2EndpointParam {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub value: String,
}

/// Argo's `GitArtifact`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GitArtifact {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub branch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<i64>,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub disable_submodules: bool,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub fetch: Vec<String>,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub insecure_ignore_host_key: bool,
    #[serde(
        rename = "insecureSkipTLS",
        skip_serializing_if = "is_false",
        deserialize_with = "null_default"
    )]
    pub insecure_skip_tls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub repo: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub revision: String,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub single_branch: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_private_key_secret: Option<SecretKeySelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_secret: Option<SecretKeySelector>,
}

/// Argo's `RawArtifact`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RawArtifact {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub data: String,
}

/// Argo's `PluginArtifact`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PluginArtifact {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub configuration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_timeout_seconds: Option<i64>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub key: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub name: String,
}
