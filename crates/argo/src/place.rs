//! Where an artifact lies, asked without knowing the kind of store.

use crate::core::SecretKeySelector;
use crate::location::{
    ArtifactLocation, AzureArtifact, GcsArtifact, OssArtifact, PluginArtifact, S3Artifact,
};
use crate::repository::ArtifactRepository;
use crate::scalar::is_false;

/// The key of artifacts in a repository that names no format of its own.
pub const DEFAULT_KEY: &str = "{{workflow.name}}/{{pod.name}}";

impl ArtifactLocation {
    /// Whether the whole place is known: the store, its container and the key.
    pub fn has_location(&self) -> bool {
        let full = |parts: &[&str]| parts.iter().all(|p| !p.is_empty());
        self.raw.is_some()
            || self
                .s3
                .as_ref()
                .is_some_and(|s| full(&[&s.endpoint, &s.bucket, &s.key]))
            || self.gcs.as_ref().is_some_and(|g| full(&[&g.bucket, &g.key]))
            || self
                .oss
                .as_ref()
                .is_some_and(|o| full(&[&o.bucket, &o.endpoint, &o.key]))
            || self
                .azure
                .as_ref()
                .is_some_and(|a| full(&[&a.endpoint, &a.container, &a.blob]))
            || self
                .plugin
                .as_ref()
                .is_some_and(|p| full(&[&p.name, &p.configuration, &p.key]))
            || self.http.as_ref().is_some_and(|h| !h.url.is_empty())
            || self.git.as_ref().is_some_and(|g| !g.repo.is_empty())
            || self.hdfs.as_ref().is_some_and(|h| !h.addresses.is_empty())
            || self
                .artifactory
                .as_ref()
                .is_some_and(|a| !a.url.is_empty() && a.username_secret.is_some())
    }

    /// The key within the store, for stores that have keys.
    pub fn key(&self) -> Option<&str> {
        let keys = [
            self.s3.as_ref().map(|s| &s.key),
            self.gcs.as_ref().map(|s| &s.key),
            self.oss.as_ref().map(|s| &s.key),
            self.azure.as_ref().map(|s| &s.blob),
            self.plugin.as_ref().map(|s| &s.key),
            self.hdfs.as_ref().map(|s| &s.path),
            self.artifactory.as_ref().map(|s| &s.url),
            self.http.as_ref().map(|s| &s.url),
        ];
        keys.into_iter().flatten().next().map(String::as_str)
    }

    /// Whether there is a key, with or without the rest of the place.
    pub fn has_key(&self) -> bool {
        self.key().is_some_and(|k| !k.is_empty())
    }

    /// Puts another key in place of the key; false if the store has no keys.
    pub fn set_key(&mut self, key: &str) -> bool {
        let keys = [
            self.s3.as_mut().map(|s| &mut s.key),
            self.gcs.as_mut().map(|s| &mut s.key),
            self.oss.as_mut().map(|s| &mut s.key),
            self.azure.as_mut().map(|s| &mut s.blob),
            self.plugin.as_mut().map(|s| &mut s.key),
            self.hdfs.as_mut().map(|s| &mut s.path),
            self.artifactory.as_mut().map(|s| &mut s.url),
            self.http.as_mut().map(|s| &mut s.url),
        ];
        match keys.into_iter().flatten().next() {
            Some(old) => {
                key.clone_into(old);
                true
            }
            None => false,
        }
    }

    /// Goes on below the key; false if the store has no keys.
    pub fn append_to_key(&mut self, path: &str) -> bool {
        let Some(key) = self.key() else { return false };
        let joined = join(key, path);
        self.set_key(&joined)
    }

    /// Takes another place but keeps its own key. Does nothing where the whole place is known.
    pub fn relocate(&mut self, to: &Self) {
        if self.has_location() {
            return;
        }
        let key = self.key().map(str::to_owned);
        *self = to.clone();
        if let Some(key) = key {
            self.set_key(&key);
        }
    }
}

impl SecretKeySelector {
    /// The names of the Secret and of its key, if it names any.
    pub fn named(&self) -> Option<(&str, &str)> {
        let names = (self.text("name")?, self.text("key")?);
        Some(names).filter(|(name, key)| !name.is_empty() && !key.is_empty())
    }

    /// Whether the Secret or the key may be absent.
    pub fn is_optional(&self) -> bool {
        self.0
            .get("optional")
            .and_then(serde_json::Value::as_bool)
            .unwrap_or_default()
    }
}

impl ArtifactLocation {
    /// The secrets that are needed to reach the place.
    pub fn secrets(&self) -> Vec<&SecretKeySelector> {
        let mut found = Vec::new();
        if let Some(s3) = &self.s3 {
            found.extend([
                &s3.access_key_secret,
                &s3.secret_key_secret,
                &s3.session_token_secret,
            ]);
            found.push(&s3.ca_secret);
            found.extend(
                s3.encryption_options
                    .as_ref()
                    .map(|o| &o.server_side_customer_key_secret),
            );
        }
        found.extend(self.gcs.as_ref().map(|gcs| &gcs.service_account_key_secret));
        found.extend(self.azure.as_ref().map(|azure| &azure.account_key_secret));
        if let Some(place) = &self.artifactory {
            found.extend([&place.username_secret, &place.password_secret]);
        }
        let auth = self.http.as_ref().and_then(|http| http.auth.as_ref());
        if let Some(basic) = auth.and_then(|auth| auth.basic_auth.as_ref()) {
            found.extend([&basic.username_secret, &basic.password_secret]);
        }
        if let Some(pair) = auth.and_then(|auth| auth.client_cert.as_ref()) {
            found.extend([&pair.client_cert_secret, &pair.client_key_secret]);
        }
        found.into_iter().flatten().collect()
    }
}

/// Joins path segments, without doubled slashes.
fn join(left: &str, right: &str) -> String {
    let (left, right) = (left.trim_end_matches('/'), right.trim_matches('/'));
    match (left.is_empty(), right.is_empty()) {
        (true, _) => right.to_owned(),
        (_, true) => left.to_owned(),
        _ => format!("{left}/{right}"),
    }
}

impl ArtifactRepository {
    /// The place of artifacts of the repository, with its key format as the key.
    pub fn location(&self) -> ArtifactLocation {
        let format = |format: &str| {
            if format.is_empty() {
                DEFAULT_KEY.to_owned()
            } else {
                format.to_owned()
            }
        };
        let mut location = ArtifactLocation::default();
        if let Some(s) = &self.s3 {
            let key = if s.key_format.is_empty() {
                join(&s.key_prefix, DEFAULT_KEY)
            } else {
                s.key_format.clone()
            };
            location.s3 = Some(Box::new(S3Artifact {
                access_key_secret: s.access_key_secret.clone(),
                addressing_style: s.addressing_style.clone(),
                bucket: s.bucket.clone(),
                ca_secret: s.ca_secret.clone(),
                create_bucket_if_not_present: s.create_bucket_if_not_present.clone(),
                encryption_options: s.encryption_options.clone(),
                endpoint: s.endpoint.clone(),
                insecure: s.insecure,
                key,
                region: s.region.clone(),
                role_arn: s.role_arn.clone(),
                secret_key_secret: s.secret_key_secret.clone(),
                session_token_secret: s.session_token_secret.clone(),
                use_sdk_creds: s.use_sdk_creds,
            }));
        } else if let Some(p) = &self.plugin {
            location.plugin = Some(Box::new(PluginArtifact {
                name: p.name.clone(),
                configuration: p.configuration.clone(),
                key: format(&p.key_format),
                ..PluginArtifact::default()
            }));
        } else if let Some(g) = &self.gcs {
            location.gcs = Some(Box::new(GcsArtifact {
                bucket: g.bucket.clone(),
                service_account_key_secret: g.service_account_key_secret.clone(),
                key: format(&g.key_format),
            }));
        } else if let Some(a) = &self.azure {
            location.azure = Some(Box::new(AzureArtifact {
                endpoint: a.endpoint.clone(),
                container: a.container.clone(),
                blob: format(&a.blob_name_format),
                account_key_secret: a.account_key_secret.clone(),
                use_sdk_creds: a.use_sdk_creds,
            }));
        } else if let Some(o) = &self.oss {
            location.oss = Some(Box::new(OssArtifact {
                access_key_secret: o.access_key_secret.clone(),
                bucket: o.bucket.clone(),
                create_bucket_if_not_present: o.create_bucket_if_not_present,
                endpoint: o.endpoint.clone(),
                key: format(&o.key_format),
                lifecycle_rule: o.lifecycle_rule.clone(),
                secret_key_secret: o.secret_key_secret.clone(),
                security_token: o.security_token.clone(),
                use_sdk_creds: o.use_sdk_creds,
            }));
        }
        location
    }

    /// Whether logs are saved as artifacts by default.
    pub fn archives_logs(&self) -> bool {
        !is_false(&self.archive_logs.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_place() {
        let check = |location: serde_json::Value, expected: &[(&str, &str)]| {
            let location: ArtifactLocation = serde_json::from_value(location).expect("a location");
            let named: Vec<_> = location
                .secrets()
                .into_iter()
                .filter_map(SecretKeySelector::named)
                .collect();
            assert_eq!(named, expected);
        };
        let secret = |key: &str| serde_json::json!({"name": "s", "key": key});
        check(
            serde_json::json!({"s3": {"accessKeySecret": secret("a"), "secretKeySecret": secret("b")}}),
            &[("s", "a"), ("s", "b")],
        );
        check(
            serde_json::json!({"http": {"url": "u", "auth": {"basicAuth": {"passwordSecret": secret("p")}}}}),
            &[("s", "p")],
        );
        check(serde_json::json!({"raw": {"data": ""}}), &[]);
    }

    #[test]
    fn relocation_keeps_the_key() {
        let s3 = |bucket: &str, key: &str| ArtifactLocation {
            s3: Some(Box::new(S3Artifact {
                endpoint: "e".into(),
                bucket: bucket.into(),
                key: key.into(),
                ..S3Artifact::default()
            })),
            ..ArtifactLocation::default()
        };
        let mut keyed = s3("", "mine");
        assert!(!keyed.has_location() && keyed.has_key());
        keyed.relocate(&s3("b", "theirs"));
        assert_eq!(keyed, s3("b", "mine"));
        assert!(keyed.append_to_key("/sub"));
        assert_eq!(keyed.key(), Some("mine/sub"));
    }
}
