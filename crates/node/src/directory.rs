//! Where a pod's files lie.
//!
//! ```text
//!     pods/UID/
//!       volumes/NAME/                  emptyDir, configMap, secret, projected, downwardAPI
//!       NAME.tmp/                      a container's private /tmp
//!       NAME.0.log NAME.0.log.1 ...    NAME.1.log ...    NAME.0.message ...
//! ```
//!
//! Names of containers have no dots. One directory for all of them, as making a directory is the dearest thing that a
//! file system is asked for here.

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

    /// What an attempt wrote to standard output and standard error, in order: the first segment of its log.
    pub(crate) fn log(&self, container: &str, attempt: u32) -> PathBuf {
        self.0.join(format!("{container}.{attempt}.log"))
    }

    /// What an attempt left as its termination message.
    pub(crate) fn message(&self, container: &str, attempt: u32) -> PathBuf {
        self.0.join(format!("{container}.{attempt}.message"))
    }

    /// Makes a container's `/tmp`, open to all, as containers may run as any user.
    pub(crate) fn make_tmp(&self, container: &str) -> io::Result<PathBuf> {
        let tmp = self.0.join(format!("{container}.tmp"));
        std::fs::create_dir_all(&tmp)?;
        std::fs::set_permissions(&tmp, std::fs::Permissions::from_mode(0o1777))?;
        Ok(tmp)
    }

    /// The attempts of a container that have a log, lowest first.
    pub(crate) fn attempts(&self, container: &str) -> Vec<u32> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let number = |entry: std::fs::DirEntry| {
            let name = entry.file_name();
            let rest = name.to_str()?.strip_prefix(container)?.strip_prefix('.')?;
            let (attempt, kind) = rest.split_once('.')?;
            let is_log = kind == "log" || kind.starts_with("log.");
            attempt.parse().ok().filter(|_| is_log)
        };
        let mut attempts: Vec<u32> = entries.filter_map(number).collect();
        attempts.sort_unstable();
        attempts.dedup();
        attempts
    }
}

/// The directory of all pods' directories.
pub(crate) fn all(node: &Path) -> PathBuf {
    node.join("pods")
}
