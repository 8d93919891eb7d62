//! Files of a volume that Kubernetes objects fill: written so that a reader sees all of one version.
//!
//! ```text
//!     VOLUME/..data -> ..0            one link decides the version
//!     VOLUME/..0/a, ..0/x/y           the files
//!     VOLUME/a -> ..data/a, VOLUME/x -> ..data/x
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

/// Content and permission bits of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// The content.
    pub(crate) bytes: Vec<u8>,
    /// The permission bits.
    pub(crate) mode: u32,
}

/// Files by relative path.
pub(crate) type Payload = BTreeMap<String, File>;

/// A path that stays inside its volume.
pub(crate) fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some()
        && parts.all(|part| matches!(part, Component::Normal(_)))
        && !path.starts_with("..")
}

/// Writes the first version of a volume, replacing what an interrupted attempt left.
pub(crate) fn write(volume: &Path, payload: &Payload) -> io::Result<()> {
    if volume.exists() {
        std::fs::remove_dir_all(volume)?;
    }
    let version = volume.join("..0");
    std::fs::create_dir_all(&version)?;
    let mut tops = BTreeSet::new();
    for (path, file) in payload {
        write_file(&version.join(path), file)?;
        tops.extend(
            Path::new(path)
                .components()
                .next()
                .map(|top| PathBuf::from(top.as_os_str())),
        );
    }
    symlink("..0", volume.join("..data"))?;
    for top in tops {
        symlink(Path::new("..data").join(&top), volume.join(top))?;
    }
    Ok(())
}

fn write_file(path: &Path, file: &File) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, &file.bytes)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(file.mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_reached_through_one_link() {
        let dir = tempfile::tempdir().unwrap();
        let volume = dir.path().join("v");
        let file = |text: &str| File {
            bytes: text.into(),
            mode: 0o400,
        };
        let payload = Payload::from([("a".to_owned(), file("1")), ("x/y".to_owned(), file("2"))]);
        for _ in 0..2 {
            write(&volume, &payload).unwrap();
        }
        assert_eq!(
            std::fs::read_link(volume.join("x")).unwrap(),
            Path::new("..data/x")
        );
        assert_eq!(std::fs::read_to_string(volume.join("x/y")).unwrap(), "2");
        assert_eq!(
            std::fs::metadata(volume.join("a")).unwrap().permissions().mode() & 0o777,
            0o400
        );
    }

    #[test]
    fn paths_stay_inside() {
        for (path, expected) in [
            ("a", true),
            ("a/b", true),
            ("", false),
            ("/a", false),
            ("../a", false),
            ("a/../b", false),
        ] {
            assert_eq!(is_inside(path), expected, "{path}");
        }
    }
}
