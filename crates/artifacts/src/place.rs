//! From an artifact's location to the store that holds it, and back to a location for the report.

use argo::exec::{DIRECTORY_PLUGIN, Directory, Orders};
use argo::location::{ArtifactLocation, PluginArtifact};
use argo::values::Artifact;

use crate::directory::DirectoryStore;
use crate::error::{Error, Result};
use crate::store::{Object, Saved, Store};

/// The repository and key prefix for artifacts that name no place of their own.
#[derive(Clone, Debug, Default)]
pub struct Place {
    directory: Option<String>,
    prefix: String,
}

/// One artifact's place.
pub enum Placed {
    /// The content itself, in the manifest.
    Raw(String),
    /// A key of a directory.
    Directory {
        /// The directory.
        store: DirectoryStore,
        /// Its path, for reports.
        directory: String,
        /// The key.
        key: String,
    },
}

impl Place {
    /// The place that orders name.
    pub fn of(orders: &Orders) -> Self {
        let location = orders
            .archive_location
            .as_ref()
            .and_then(|location| location.plugin.as_ref());
        let repository = orders
            .repository
            .as_ref()
            .and_then(|repository| repository.plugin.as_ref());
        let directory = location
            .map(|plugin| (&plugin.name, &plugin.configuration))
            .or(repository.map(|plugin| (&plugin.name, &plugin.configuration)))
            .filter(|(name, _)| *name == DIRECTORY_PLUGIN)
            .map(|(_, configuration)| Directory::parse(configuration).directory);
        Self {
            directory,
            prefix: location.map(|plugin| plugin.key.clone()).unwrap_or_default(),
        }
    }

    /// Where an input artifact lies.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for stores that this version does not reach.
    pub fn of_input(&self, artifact: &Artifact) -> Result<Placed> {
        let location = &artifact.location;
        match (&location.raw, &location.plugin) {
            (Some(raw), _) => Ok(Placed::Raw(raw.data.clone())),
            (None, Some(plugin)) if plugin.name == DIRECTORY_PLUGIN => Ok(Placed::directory(
                Directory::parse(&plugin.configuration).directory,
                plugin.key.clone(),
            )),
            _ => match key_only(location) {
                Some(key) => self.default_directory(key),
                None => Err(unsupported(artifact)),
            },
        }
    }

    /// Where an output artifact goes; `file` is its name under the default key prefix.
    ///
    /// # Errors
    /// As for [`Place::of_input`], or when there is no repository.
    pub fn of_output(&self, artifact: &Artifact, file: &str) -> Result<Placed> {
        if artifact.location == ArtifactLocation::default() {
            let prefix = self.prefix.trim_end_matches('/');
            let key = if prefix.is_empty() {
                file.to_owned()
            } else {
                format!("{prefix}/{file}")
            };
            return self.default_directory(&key);
        }
        match self.of_input(artifact)? {
            Placed::Raw(_) => Err(unsupported(artifact)),
            placed => Ok(placed),
        }
    }

    fn default_directory(&self, key: &str) -> Result<Placed> {
        let directory = self.directory.clone().ok_or_else(|| Error::Unsupported {
            what: "an artifact without a place of its own, where no artifact repository is configured,"
                .into(),
        })?;
        Ok(Placed::directory(directory, key.to_owned()))
    }
}

impl Placed {
    fn directory(directory: String, key: String) -> Self {
        Self::Directory {
            store: DirectoryStore::new(&directory),
            directory,
            key,
        }
    }

    /// What lies there.
    ///
    /// # Errors
    /// [`Error::NotFound`], or what the store says.
    pub fn open(&self) -> Result<Object> {
        match self {
            Self::Raw(data) => Ok(Object::File(Box::new(std::io::Cursor::new(
                data.clone().into_bytes(),
            )))),
            Self::Directory { store, key, .. } => store.open(key),
        }
    }

    /// The store and key to write to or to copy a tree from; `None` for a raw artifact.
    pub fn store(&self) -> Option<(&dyn Store, &str)> {
        match self {
            Self::Raw(_) => None,
            Self::Directory { store, key, .. } => Some((store, key)),
        }
    }

    /// The location to report for what was saved there.
    pub fn location(&self, saved: &Saved) -> ArtifactLocation {
        let Self::Directory { directory, key, .. } = self else {
            return ArtifactLocation::default();
        };
        let configuration = Directory {
            directory: directory.clone(),
            digest: saved.digest.clone(),
            size: Some(saved.size),
        };
        let plugin = PluginArtifact {
            name: DIRECTORY_PLUGIN.to_owned(),
            configuration: serde_json::to_string(&configuration).unwrap_or_else(|_| directory.clone()),
            key: key.clone(),
            ..PluginArtifact::default()
        };
        ArtifactLocation {
            plugin: Some(plugin),
            ..ArtifactLocation::default()
        }
    }
}

/// The key of a location that names no bucket: Argo's way to say "in the default repository".
fn key_only(location: &ArtifactLocation) -> Option<&str> {
    let s3 = location
        .s3
        .as_ref()
        .filter(|s3| s3.bucket.is_empty() && s3.endpoint.is_empty());
    let gcs = location.gcs.as_ref().filter(|gcs| gcs.bucket.is_empty());
    let oss = location
        .oss
        .as_ref()
        .filter(|oss| oss.bucket.is_empty() && oss.endpoint.is_empty());
    let azure = location
        .azure
        .as_ref()
        .filter(|azure| azure.container.is_empty() && azure.endpoint.is_empty());
    None.or(s3.map(|s3| s3.key.as_str()))
        .or(gcs.map(|gcs| gcs.key.as_str()))
        .or(oss.map(|oss| oss.key.as_str()))
        .or(azure.map(|azure| azure.blob.as_str()))
        .filter(|key| !key.is_empty())
}

fn unsupported(artifact: &Artifact) -> Error {
    let location = &artifact.location;
    let kinds = [
        ("s3", location.s3.is_some()),
        ("gcs", location.gcs.is_some()),
        ("azure", location.azure.is_some()),
        ("oss", location.oss.is_some()),
        ("hdfs", location.hdfs.is_some()),
        ("http", location.http.is_some()),
        ("git", location.git.is_some()),
        ("artifactory", location.artifactory.is_some()),
        ("plugin", location.plugin.is_some()),
        ("raw", location.raw.is_some()),
    ];
    let what = match kinds.iter().find(|(_, set)| *set) {
        Some((kind, _)) => format!("the artifact {:?} in a place of kind {kind}", artifact.name),
        None => format!("the artifact {:?} without a place", artifact.name),
    };
    Error::Unsupported { what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        let orders: Orders = serde_json::from_value(serde_json::json!({
            "archiveLocation": { "plugin": { "name": DIRECTORY_PLUGIN, "configuration": "/d", "key": "wf/pod" } },
        }))
        .unwrap();
        Place::of(&orders)
    }

    fn artifact(location: &serde_json::Value) -> Artifact {
        serde_json::from_value(location.clone()).unwrap()
    }

    #[test]
    fn an_output_goes_to_its_own_place_or_the_default() {
        let check = |location: serde_json::Value, expected: Option<&str>| {
            let placed = place().of_output(&artifact(&location), "a.tgz").ok();
            let path = placed.map(|placed| match placed {
                Placed::Directory { directory, key, .. } => format!("{directory}/{key}"),
                Placed::Raw(data) => data,
            });
            assert_eq!(path.as_deref(), expected, "{location}");
        };
        check(serde_json::json!({}), Some("/d/wf/pod/a.tgz"));
        check(serde_json::json!({"s3": {"key": "mine"}}), Some("/d/mine"));
        check(serde_json::json!({"gcs": {"key": "mine"}}), Some("/d/mine"));
        check(serde_json::json!({"s3": {"key": "mine", "bucket": "b"}}), None);
        check(serde_json::json!({"plugin": {"name": "other", "key": "k"}}), None);
        check(serde_json::json!({"raw": {"data": "x"}}), None);
        let own =
            serde_json::json!({"plugin": {"name": DIRECTORY_PLUGIN, "configuration": "/e", "key": "k"}});
        check(own, Some("/e/k"));
    }

    #[test]
    fn a_reported_location_can_be_read_again() {
        let placed = place().of_output(&Artifact::default(), "a.tgz").unwrap();
        let saved = Saved {
            digest: "sha256:00".into(),
            size: 3,
        };
        let reported = Artifact {
            location: placed.location(&saved),
            ..Artifact::default()
        };
        let again = Place::default().of_input(&reported).unwrap();
        assert!(
            matches!(again, Placed::Directory { directory, key, .. } if directory == "/d" && key == "wf/pod/a.tgz")
        );
        assert_eq!(Directory::path_of(&reported).as_deref(), Some("/d/wf/pod/a.tgz"));
    }
}
