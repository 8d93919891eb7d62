//! The data directory of the embedded platform: which one, and who holds it.
//!
//! ```text
//! D/lock         held (flock) by the platform that is up; its text is the holder's process id
//! D/kubeconfig   written once the platform is ready
//! D/artifacts/   the directory artifact repository
//! ```

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::platform::PlatformError;

/// The default data directory: `$PLIMSOLL_DATA_DIR`, else `$XDG_DATA_HOME/plimsoll`, else
/// `$HOME/.local/share/plimsoll`. Empty variables count as unset.
#[must_use]
pub fn default(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("PLIMSOLL_DATA_DIR")
        .or_else(|| set("XDG_DATA_HOME").map(|base| base.join("plimsoll")))
        .or_else(|| set("HOME").map(|home| home.join(".local/share/plimsoll")))
}

/// Where the kubeconfig of the platform on `data_dir` lies.
#[must_use]
pub fn kubeconfig(data_dir: &Path) -> PathBuf {
    data_dir.join("kubeconfig")
}

/// The exclusive hold on a data directory, released when dropped or when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Creates `data_dir` if need be and takes hold of it.
    ///
    /// # Errors
    /// Another process holds it ([`PlatformError::InUse`]), or it cannot be written.
    pub fn acquire(data_dir: &Path) -> Result<Self, PlatformError> {
        let fail = |error| PlatformError::from_io(data_dir, error);
        create(data_dir).map_err(fail)?;
        let mut file = open(data_dir).map_err(fail)?;
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            return Err(match error {
                rustix::io::Errno::WOULDBLOCK => PlatformError::InUse {
                    data_dir: data_dir.to_owned(),
                    pid: read_pid(&mut file),
                },
                other => fail(other.into()),
            });
        }
        write_pid(&mut file).map_err(fail)?;
        Ok(Self { _file: file })
    }
}

/// Creates `data_dir` for its owner only, if it is absent.
///
/// # Errors
/// It is absent and cannot be created.
pub fn create(data_dir: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir)
}

fn open(data_dir: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(data_dir.join("lock"))
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// The platform that holds a data directory.
#[derive(Debug)]
pub struct Holder {
    /// Its process.
    pub pid: Option<u32>,
    file: File,
}

impl Holder {
    /// Blocks until the holder has let go. Call it where blocking is allowed.
    ///
    /// # Errors
    /// The lock file cannot be waited for.
    pub fn wait(&self) -> std::io::Result<()> {
        Ok(flock(&self.file, FlockOperation::LockShared)?)
    }
}

/// The platform that is up on `data_dir`, if one is.
#[must_use]
pub fn holder(data_dir: &Path) -> Option<Holder> {
    let mut file = OpenOptions::new().read(true).open(data_dir.join("lock")).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => Some(Holder {
            pid: read_pid(&mut file),
            file,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_names_the_directory() {
        let check = |vars: &[(&str, &str)], expected: Option<&str>| {
            let found = default(|name| {
                vars.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(found, expected.map(PathBuf::from), "{vars:?}");
        };
        let (own, xdg, home) = (
            ("PLIMSOLL_DATA_DIR", "/d"),
            ("XDG_DATA_HOME", "/x"),
            ("HOME", "/h"),
        );
        check(&[own, xdg, home], Some("/d"));
        check(&[xdg, home], Some("/x/plimsoll"));
        check(&[("XDG_DATA_HOME", ""), home], Some("/h/.local/share/plimsoll"));
        check(&[], None);
    }

    #[test]
    fn one_holder_at_a_time() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let data_dir = dir.path().join("new/data");
        assert!(holder(&data_dir).is_none());
        let lock = Lock::acquire(&data_dir).expect("nobody holds it");
        let found = holder(&data_dir).expect("it is held");
        assert_eq!(found.pid, Some(std::process::id()));
        match Lock::acquire(&data_dir) {
            Err(PlatformError::InUse { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("expected InUse, got {other:?}"),
        }
        drop(lock);
        found.wait().expect("released");
        drop(found);
        assert!(Lock::acquire(&data_dir).is_ok());
    }
}
