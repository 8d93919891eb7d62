//! Where the rig keeps what it makes: one folder outside the repository, thrown away by `down`.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The rig's folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The rig at `path`, else the user's one.
    pub(crate) fn new(path: Option<PathBuf>) -> Result<Self> {
        let path = match path {
            Some(path) => path,
            None => crate::go::cache_folder()?.join("rig"),
        };
        Ok(Self(std::path::absolute(path)?))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether there is anything of a rig.
    pub(crate) fn exists(&self) -> bool {
        self.0.is_dir()
    }

    /// Something in the folder; what lies above it is created, for its owner only.
    pub(crate) fn at(&self, relative: &str) -> Result<PathBuf> {
        let path = self.0.join(relative);
        let parent = path.parent().unwrap_or(&self.0);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
        Ok(path)
    }

    /// A kubeconfig; the administrator's is `admin`.
    pub(crate) fn kubeconfig(&self, of: &str) -> PathBuf {
        self.0.join(format!("{of}.kubeconfig"))
    }

    /// What a program writes to its streams.
    pub(crate) fn log(&self, program: &str) -> Result<PathBuf> {
        self.at(&format!("log/{program}.log"))
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, relative: &str, text: &str) -> Result<PathBuf> {
        let path = self.at(relative)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }

    /// Throws everything away.
    pub(crate) fn remove(&self) -> Result<()> {
        fs::remove_dir_all(&self.0).with_context(|| format!("cannot remove {}", self.0.display()))
    }
}
