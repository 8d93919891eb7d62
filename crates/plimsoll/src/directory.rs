//! The data directory: who holds it, what format it has, and where things lie in it.
//!
//! ```text
//!   D/lock         who holds the directory            D/artifacts/     the artifact repository
//!   D/format       version of everything below        D/run/api.sock   the API, for this user
//!   D/store/       the API's objects                  D/kubeconfig     the API, for kubectl
//!   D/node/        pods, logs, the spawner            D/config.yaml    settings, if any
//!   D/nodes/NAME/  the same of a simulated node
//! ```
//!
//! What it holds is for its owner only. A directory that was there before keeps its own permissions: it may be anything.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cli::PlatformError;
use cli::data_dir::Lock;

/// The version that this program writes, and the only one so far.
const FORMAT: &str = "1";

/// A data directory that this process holds.
pub(crate) struct Directory {
    path: PathBuf,
    _lock: Lock,
}

impl Directory {
    /// Makes the directory if needed, takes hold of it and checks its format.
    pub(crate) fn open(path: &Path) -> Result<Self, PlatformError> {
        let lock = Lock::acquire(path)?;
        let fail = |error| PlatformError::from_io(path, error);
        let path = path.canonicalize().map_err(fail)?;
        check_format(&path)?;
        let directory = Self { path, _lock: lock };
        for part in [
            directory.store(),
            directory.node(),
            directory.artifacts(),
            directory.run(),
        ] {
            make_private(&part).map_err(|error| PlatformError::from_io(part, error))?;
        }
        Ok(directory)
    }

    /// The directory itself, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The API's objects.
    pub(crate) fn store(&self) -> PathBuf {
        self.path.join("store")
    }

    /// Pods, their logs, the spawner.
    pub(crate) fn node(&self) -> PathBuf {
        self.path.join("node")
    }

    /// The same of a node that stands for a machine which is not there.
    pub(crate) fn simulated_node(&self, name: &str) -> PathBuf {
        self.path.join("nodes").join(name)
    }

    /// The artifact repository.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.path.join("artifacts")
    }

    /// What lies here only while the platform runs. A folder, so that steps that see it see the socket of the next
    /// platform too.
    pub(crate) fn run(&self) -> PathBuf {
        self.path.join("run")
    }

    /// The API's unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.run().join("api.sock")
    }

    /// The kubeconfig for other clients.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        cli::data_dir::kubeconfig(&self.path)
    }
}

/// A folder that only its owner may enter.
pub(crate) fn make_private(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

/// Writes the format of a new directory, and refuses one that this program cannot read.
fn check_format(path: &Path) -> Result<(), PlatformError> {
    let file = path.join("format");
    match fs::read_to_string(&file) {
        Ok(found) if found.trim() == FORMAT => Ok(()),
        Ok(found) => Err(PlatformError::Format {
            data_dir: path.to_owned(),
            found: found.trim().to_owned(),
            known: FORMAT.to_owned(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            replace(&file, format!("{FORMAT}\n").as_bytes())
                .map_err(|error| PlatformError::from_io(file, error))
        }
        Err(error) => Err(PlatformError::from_io(file, error)),
    }
}

/// Writes a file that only its owner may read, whole or not at all.
pub(crate) fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let fresh = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_another_format_is_refused() {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        drop(Directory::open(scratch.path()).expect("a new directory opens"));
        drop(Directory::open(scratch.path()).expect("it opens again"));
        fs::write(scratch.path().join("format"), "7\n").expect("writable");
        match Directory::open(scratch.path()) {
            Err(PlatformError::Format { found, known, .. }) => {
                assert_eq!((found.as_str(), known.as_str()), ("7", "1"));
            }
            Err(other) => panic!("unexpected: {other}"),
            Ok(_) => panic!("a directory of format 7 was opened"),
        }
    }
}
