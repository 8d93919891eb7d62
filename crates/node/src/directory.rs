//! Where a pod's files lie.
//!
//! ```text
//!     pods/UID/
//!       volumes/NAME/        emptyDir, configMap, secret, projected, downwardAPI
//!       containers/NAME/     tmp/   0.log 1.log ...   0.message ...
//! ```

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A pod's directory.
#[derive(Clone, Debug)]
pub(crate) struct PodDirectory(PathBuf);

impl PodDirectory {
    /// The directory of the pod `uid` below a node's directory.
    pub(crate) fn new(node: &Path, uid: &str) -> Self {
        Self(all(node).join(uid))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The directory of a volume.
    pub(crate) fn volume(&self, name: &str) -> PathBuf {
        self.volumes().join(name)
    }

    /// The directory of all volumes.
    pub(crate) fn volumes(&self) -> PathBuf {
        self.0.join("volumes")
    }

    fn container(&self, name: &str) -> PathBuf {
        self.0.join("containers").join(name)
    }

    /// A container's private `/tmp`.
    pub(crate) fn tmp(&self, container: &str) -> PathBuf {
        self.container(container).join("tmp")
    }

    /// What an attempt wrote to standard output and standard error, in order.
    pub(crate) fn log(&self, container: &str, attempt: u32) -> PathBuf {
        self.container(container).join(format!("{attempt}.log"))
    }

    /// What an attempt left as its termination message.
    pub(crate) fn message(&self, container: &str, attempt: u32) -> PathBuf {
        self.container(container).join(format!("{attempt}.message"))
    }

    /// What a hook or probe wrote.
    pub(crate) fn passing(&self, container: &str, number: u32) -> PathBuf {
        self.container(container).join(format!("{number}.passing"))
    }

    /// Makes the directories of a container. `/tmp` is open to all, as containers may run as any user.
    pub(crate) fn make_container(&self, name: &str) -> io::Result<()> {
        let tmp = self.tmp(name);
        std::fs::create_dir_all(&tmp)?;
        std::fs::set_permissions(&tmp, std::fs::Permissions::from_mode(0o1777))
    }

    /// The attempts of a container that have a log, lowest first.
    pub(crate) fn attempts(&self, container: &str) -> Vec<u32> {
        let entries = std::fs::read_dir(self.container(container))
            .into_iter()
            .flatten()
            .flatten();
        let number =
            |entry: std::fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".log")?.parse().ok();
        let mut attempts: Vec<u32> = entries.filter_map(number).collect();
        attempts.sort_unstable();
        attempts
    }
}

/// The directory of all pods' directories.
pub(crate) fn all(node: &Path) -> PathBuf {
    node.join("pods")
}
