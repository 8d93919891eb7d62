//! From an artifact's location to the store that holds it, and back to a location for the report.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use argo::exec::{DIRECTORY_PLUGIN, Directory, Orders};
use argo::location::{ArtifactLocation, PluginArtifact};
use argo::repository::ArtifactRepository;
use argo::values::Artifact;

use crate::directory::DirectoryStore;
use crate::error::{Error, Result};
use crate::http::HttpStore;
use crate::remote::{self, Background, RemoteStore};
use crate::secrets::Secrets;
use crate::store::{Object, Saved, Store};

/// The place of artifacts that name none of their own, and what it takes to reach any.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// A store, and the key under which files of artifacts lie.
    common: Option<ArtifactLocation>,
    secrets: Secrets,
    /// Started when a store far away is first used.
    background: OnceLock<Arc<Background>>,
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
    /// A key of a store elsewhere.
    Remote {
        /// The store.
        store: Box<dyn Store>,
        /// The whole place, for reports.
        location: Box<ArtifactLocation>,
        /// The key.
        key: String,
    },
}

impl Place {
    /// The place that orders name.
    pub fn of(orders: &Orders) -> Self {
        let of_repository = |repository: &ArtifactRepository| {
            let mut location = repository.location();
            location.set_key("");
            location
        };
        let own = orders.archive_location.clone();
        Self {
            common: own.or_else(|| orders.repository.as_ref().map(of_repository)),
            ..Self::default()
        }
    }

    /// The same place, with secrets in another folder than a pod's.
    #[must_use]
    pub fn with_secrets(mut self, folder: PathBuf) -> Self {
        self.secrets = Secrets::in_folder(folder);
        self
    }

    /// Where an input artifact lies.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for stores that this version does not reach, or why one cannot be used.
    pub fn of_input(&self, artifact: &Artifact) -> Result<Placed> {
        let mut location = artifact.location.clone();
        if is_strange(&location) {
            return Err(unsupported(artifact));
        }
        if !location.has_location() && location.has_key() {
            location.relocate(self.common()?);
        }
        self.placed(location, artifact)
    }

    /// Where an output artifact goes; `file` is its name under the common key.
    ///
    /// # Errors
    /// As for [`Place::of_input`], or when there is no repository.
    pub fn of_output(&self, artifact: &Artifact, file: &str) -> Result<Placed> {
        if !artifact.location.has_location()
            && !artifact.location.has_key()
            && !is_strange(&artifact.location)
        {
            let mut location = self.common()?.clone();
            location.append_to_key(file);
            return self.placed(location, artifact);
        }
        match self.of_input(artifact)? {
            Placed::Raw(_) => Err(unsupported(artifact)),
            placed => Ok(placed),
        }
    }

    fn common(&self) -> Result<&ArtifactLocation> {
        self.common.as_ref().ok_or_else(|| Error::Unsupported {
            what: "an artifact without a place of its own, where no artifact repository is configured,"
                .into(),
        })
    }

    fn placed(&self, location: ArtifactLocation, artifact: &Artifact) -> Result<Placed> {
        if let Some(raw) = location.raw {
            return Ok(Placed::Raw(raw.data));
        }
        if let Some(plugin) = location
            .plugin
            .as_ref()
            .filter(|plugin| plugin.name == DIRECTORY_PLUGIN)
        {
            let directory = Directory::parse(&plugin.configuration).directory;
            return Ok(Placed::directory(directory, plugin.key.clone()));
        }
        if let Some((objects, key)) = remote::connect(&location, &self.secrets)? {
            let store = Box::new(RemoteStore::new(objects, self.background()?));
            return Ok(Placed::remote(store, location, key));
        }
        match HttpStore::of(&location, &self.secrets, || self.background())? {
            Some(store) => {
                let key = location.key().unwrap_or_default().to_owned();
                Ok(Placed::remote(Box::new(store), location, key))
            }
            None => Err(unsupported(artifact)),
        }
    }

    fn background(&self) -> Result<Arc<Background>> {
        if let Some(started) = self.background.get() {
            return Ok(Arc::clone(started));
        }
        let fresh = Arc::new(Background::new()?);
        Ok(Arc::clone(self.background.get_or_init(|| fresh)))
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

    fn remote(store: Box<dyn Store>, location: ArtifactLocation, key: String) -> Self {
        Self::Remote {
            store,
            location: Box::new(location),
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
            Self::Remote { store, key, .. } => store.open(key),
        }
    }

    /// The store and key to write to or to copy a tree from; `None` for a raw artifact.
    pub fn store(&self) -> Option<(&dyn Store, &str)> {
        match self {
            Self::Raw(_) => None,
            Self::Directory { store, key, .. } => Some((store, key)),
            Self::Remote { store, key, .. } => Some((store.as_ref(), key)),
        }
    }

    /// The location to report for what was saved there.
    pub fn location(&self, saved: &Saved) -> ArtifactLocation {
        match self {
            Self::Raw(_) => ArtifactLocation::default(),
            Self::Directory { directory, key, .. } => in_directory(directory, key, saved),
            Self::Remote { location, .. } => (**location).clone(),
        }
    }
}

fn in_directory(directory: &str, key: &str, saved: &Saved) -> ArtifactLocation {
    let configuration = Directory {
        directory: directory.to_owned(),
        digest: saved.digest.clone(),
        size: Some(saved.size),
    };
    let plugin = PluginArtifact {
        name: DIRECTORY_PLUGIN.to_owned(),
        configuration: serde_json::to_string(&configuration).unwrap_or_else(|_| directory.to_owned()),
        key: key.to_owned(),
        ..PluginArtifact::default()
    };
    ArtifactLocation {
        plugin: Some(Box::new(plugin)),
        ..ArtifactLocation::default()
    }
}

/// Whether a plug-in is named that is not ours: its key means nothing elsewhere.
fn is_strange(location: &ArtifactLocation) -> bool {
    let plugin = location.plugin.as_ref();
    plugin.is_some_and(|plugin| !plugin.name.is_empty() && plugin.name != DIRECTORY_PLUGIN)
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
                Placed::Remote { key, .. } => key,
            });
            assert_eq!(path.as_deref(), expected, "{location}");
        };
        check(serde_json::json!({}), Some("/d/wf/pod/a.tgz"));
        check(serde_json::json!({"s3": {"key": "mine"}}), Some("/d/mine"));
        check(serde_json::json!({"gcs": {"key": "mine"}}), Some("/d/mine"));
        check(
            serde_json::json!({"s3": {"key": "mine", "bucket": "b"}}),
            Some("/d/mine"),
        );
        check(
            serde_json::json!({"http": {"url": "http://host/mine"}}),
            Some("http://host/mine"),
        );
        check(serde_json::json!({"git": {"repo": "r"}}), None);
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
