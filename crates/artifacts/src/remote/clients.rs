//! Clients for buckets, from what a manifest says of them. Rule: the fields of Argo's artifact locations.
//!
//! Without a secret the credentials are those of the machine or the account: the environment, a workload identity, or
//! the cloud's metadata service.

use std::sync::Arc;
use std::time::Duration;

use argo::core::SecretKeySelector;
use argo::location::{ArtifactLocation, AzureArtifact, GcsArtifact, S3Artifact, S3EncryptionOptions};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{Certificate, ClientOptions, ObjectStore};

use crate::authorities;
use crate::error::{Error, Result};
use crate::secrets::Secrets;

/// Amazon's own servers, whose names follow from bucket and region.
const AMAZON: &str = ".amazonaws.com";
/// The region of servers that have none, and Amazon's first.
const REGION: &str = "us-east-1";
/// A server that says nothing for so long has gone. Whole transfers may take any time.
const SILENCE: Duration = Duration::from_secs(60);

/// The bucket of a location and its key; none, if the location is of another kind.
pub(crate) fn connect(
    location: &ArtifactLocation,
    secrets: &Secrets,
) -> Result<Option<(Arc<dyn ObjectStore>, String)>> {
    if let Some(place) = &location.s3 {
        return Ok(Some((s3(place, secrets)?, place.key.clone())));
    }
    if let Some(place) = &location.gcs {
        return Ok(Some((gcs(place, secrets)?, place.key.clone())));
    }
    if let Some(place) = &location.azure {
        return Ok(Some((azure(place, secrets)?, place.blob.clone())));
    }
    Ok(None)
}

fn s3(place: &S3Artifact, secrets: &Secrets) -> Result<Arc<dyn ObjectStore>> {
    refuse(
        !place.role_arn.is_empty(),
        "an assumed role (roleARN) for an s3 artifact",
    )?;
    let insecure = place.insecure.unwrap_or_default();
    let authority = secrets.value(place.ca_secret.as_ref())?;
    let mut builder = own_or_given(
        AmazonS3Builder::new(),
        AmazonS3Builder::from_env,
        place.access_key_secret.as_ref(),
    )
    .with_bucket_name(&place.bucket)
    .with_client_options(options(insecure, authority.as_deref())?);
    if let Some(key) = secrets.value(place.access_key_secret.as_ref())? {
        let secret = secrets.value(place.secret_key_secret.as_ref())?;
        builder = builder
            .with_access_key_id(key.trim())
            .with_secret_access_key(secret.unwrap_or_default().trim());
    }
    if let Some(token) = secrets.value(place.session_token_secret.as_ref())? {
        builder = builder.with_token(token.trim());
    }
    builder = at_endpoint(builder, place, insecure);
    if let Some(encryption) = &place.encryption_options {
        builder = encrypted(builder, encryption, secrets)?;
    }
    built(builder.build())
}

/// Argo's servers are hosts with ports; buckets are folders of them, or hosts of their own at Amazon.
fn at_endpoint(builder: AmazonS3Builder, place: &S3Artifact, insecure: bool) -> AmazonS3Builder {
    let scheme = if insecure { "http" } else { "https" };
    let host = place.endpoint.as_str();
    let region = if place.region.is_empty() {
        region_of(host)
    } else {
        &place.region
    };
    let builder = builder.with_region(region);
    if host.is_empty() || host.ends_with(AMAZON) {
        return builder.with_virtual_hosted_style_request(place.addressing_style != "path");
    }
    if place.addressing_style == "virtual-hosted" {
        let endpoint = format!("{scheme}://{}.{host}", place.bucket);
        return builder
            .with_endpoint(endpoint)
            .with_virtual_hosted_style_request(true);
    }
    builder
        .with_endpoint(format!("{scheme}://{host}"))
        .with_virtual_hosted_style_request(false)
}

/// The region in a name such as `s3.eu-central-1.amazonaws.com`.
fn region_of(host: &str) -> &str {
    let named = host.strip_suffix(AMAZON).and_then(|host| host.strip_prefix("s3"));
    named
        .map(|rest| rest.trim_start_matches(['.', '-']))
        .filter(|region| !region.is_empty())
        .unwrap_or(REGION)
}

fn encrypted(
    builder: AmazonS3Builder,
    options: &S3EncryptionOptions,
    secrets: &Secrets,
) -> Result<AmazonS3Builder> {
    refuse(
        !options.kms_encryption_context.is_empty(),
        "an encryption context (kmsEncryptionContext)",
    )?;
    if let Some(key) = secrets.value(options.server_side_customer_key_secret.as_ref())? {
        return Ok(builder.with_ssec_encryption(STANDARD.encode(key.trim())));
    }
    if !options.enable_encryption {
        return Ok(builder);
    }
    if !options.kms_key_id.is_empty() {
        return Ok(builder.with_sse_kms_encryption(&options.kms_key_id));
    }
    let own_keys = "aws_server_side_encryption".parse().map_err(unusable)?;
    Ok(builder.with_config(own_keys, "AES256"))
}

fn gcs(place: &GcsArtifact, secrets: &Secrets) -> Result<Arc<dyn ObjectStore>> {
    let account = secrets.value(place.service_account_key_secret.as_ref())?;
    // The account's own file may name another server, which then has no certificate.
    let insecure = account.as_ref().is_some_and(|text| text.contains("\"http://"));
    let mut builder = own_or_given(
        GoogleCloudStorageBuilder::new(),
        GoogleCloudStorageBuilder::from_env,
        place.service_account_key_secret.as_ref(),
    )
    .with_bucket_name(&place.bucket)
    .with_client_options(options(insecure, None)?);
    if let Some(account) = account {
        builder = builder.with_service_account_key(account);
    }
    built(builder.build())
}

fn azure(place: &AzureArtifact, secrets: &Secrets) -> Result<Arc<dyn ObjectStore>> {
    let insecure = place.endpoint.starts_with("http://");
    let endpoint = place.endpoint.trim_end_matches('/');
    let mut builder = own_or_given(
        MicrosoftAzureBuilder::new(),
        MicrosoftAzureBuilder::from_env,
        place.account_key_secret.as_ref(),
    )
    .with_container_name(&place.container)
    .with_account(account_of(endpoint))
    .with_endpoint(endpoint.to_owned())
    .with_client_options(options(insecure, None)?);
    if let Some(key) = secrets.value(place.account_key_secret.as_ref())? {
        builder = builder.with_access_key(key.trim());
    }
    built(builder.build())
}

/// The account in `https://ACCOUNT.blob.core.windows.net` or, at servers without names for each, in
/// `http://10.0.0.1:10000/ACCOUNT`.
fn account_of(endpoint: &str) -> &str {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    match rest.split_once('/') {
        Some((_, account)) => account,
        None => rest.split('.').next().unwrap_or_default(),
    }
}

/// A builder that asks the environment, unless the manifest names a secret.
fn own_or_given<B>(given: B, own: impl FnOnce() -> B, secret: Option<&SecretKeySelector>) -> B {
    if secret.is_some() { given } else { own() }
}

/// A server without TLS needs no certificates, which a step's image may not have; one with an authority of its own
/// is trusted by that alone; others by the authorities of the image, and by those that came with this program.
fn options(insecure: bool, authority: Option<&str>) -> Result<ClientOptions> {
    let mut options = ClientOptions::new()
        .with_allow_http(insecure)
        .with_no_system_certificates(insecure || authority.is_some())
        .with_timeout_disabled()
        .with_read_timeout(SILENCE);
    let given = authority.map(|pem| pem.as_bytes().to_vec());
    let pem = given.or_else(|| {
        if insecure {
            None
        } else {
            authorities::beside_this_program()
        }
    });
    if let Some(pem) = pem {
        for certificate in Certificate::from_pem_bundle(&pem).map_err(unusable)? {
            options = options.with_root_certificate(certificate);
        }
    }
    Ok(options)
}

fn built<S: ObjectStore>(store: object_store::Result<S>) -> Result<Arc<dyn ObjectStore>> {
    Ok(Arc::new(store.map_err(unusable)?))
}

fn unusable(source: object_store::Error) -> Error {
    Error::NoStore {
        source: Box::new(source),
    }
}

fn refuse(unsupported: bool, what: &str) -> Result<()> {
    if unsupported {
        return Err(Error::Unsupported {
            what: what.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What the client is like: the names of places show where it would go.
    fn check(location: serde_json::Value, expected: &str) {
        let location: ArtifactLocation = serde_json::from_value(location).expect("a location");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("s")).expect("made");
        for (key, value) in [("a", "id"), ("b", "c2VjcmV0\n")] {
            std::fs::write(folder.path().join("s").join(key), value).expect("written");
        }
        let secrets = Secrets::in_folder(folder.path().to_owned());
        let told = match connect(&location, &secrets) {
            Ok(Some((store, key))) => format!("{store} {key}"),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn locations_become_clients() {
        let secret = |key: &str| json!({"name": "s", "key": key});
        check(
            json!({"s3": {"endpoint": "minio:9000", "bucket": "b", "key": "k", "insecure": true,
                "accessKeySecret": secret("a"), "secretKeySecret": secret("b")}}),
            "AmazonS3(b) k",
        );
        check(
            json!({"azure": {"endpoint": "https://acc.blob.core.windows.net", "container": "c", "blob": "k",
                "accountKeySecret": secret("b")}}),
            "MicrosoftAzure { account: acc, container: c } k",
        );
        check(json!({"http": {"url": "http://host/file"}}), "none");
        check(
            json!({"s3": {"endpoint": "minio:9000", "bucket": "b", "key": "k", "roleARN": "arn:x"}}),
            "an assumed role (roleARN) for an s3 artifact is not supported by this version",
        );
        check(
            json!({"s3": {"endpoint": "minio:9000", "bucket": "b", "key": "k", "accessKeySecret": secret("none")}}),
            "the key \"none\" of the secret \"s\" cannot be read: No such file or directory (os error 2)",
        );
    }

    #[test]
    fn regions_and_accounts_are_in_names() {
        let region = |host: &str, expected: &str| assert_eq!(region_of(host), expected, "{host}");
        region("s3.amazonaws.com", "us-east-1");
        region("s3.eu-central-1.amazonaws.com", "eu-central-1");
        region("s3-eu-west-1.amazonaws.com", "eu-west-1");
        region("minio:9000", "us-east-1");
        let account =
            |endpoint: &str, expected: &str| assert_eq!(account_of(endpoint), expected, "{endpoint}");
        account("https://acc.blob.core.windows.net", "acc");
        account("http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1");
    }
}
