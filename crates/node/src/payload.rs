//! Files of a volume that Kubernetes objects fill: written so that a reader sees all of one version.
//!
//! ```text
//!     VOLUME/..data -> ..0            one link decides the version
//!     VOLUME/..0/a, ..0/x/y           the files
//!     VOLUME/a -> ..data/a, VOLUME/x -> ..data/x
//! ```
//!
//! A new version is written beside the old one, and the link is replaced in one step, as kubelet does it.

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

/// The link to the version that counts.
pub(crate) const DATA: &str = "..data";

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
    let first = "..0";
    write_version(&volume.join(first), payload)?;
    symlink(first, volume.join(DATA))?;
    for top in tops(payload) {
        symlink(Path::new(DATA).join(&top), volume.join(top))?;
    }
    Ok(())
}

/// Brings a volume up to date; whether anything was to be done. What an interrupted update left is replaced.
pub(crate) fn update(volume: &Path, payload: &Payload) -> io::Result<bool> {
    let old = std::fs::read_link(volume.join(DATA))?;
    if read(&volume.join(&old), Path::new(""))? == *payload {
        return Ok(false);
    }
    let number = old
        .to_str()
        .and_then(|name| name.strip_prefix("..")?.parse::<u64>().ok());
    let new = format!("..{}", number.unwrap_or_default().wrapping_add(1));
    let version = volume.join(&new);
    if version.exists() {
        std::fs::remove_dir_all(&version)?;
    }
    write_version(&version, payload)?;
    let link = volume.join("..data_tmp");
    let _ = std::fs::remove_file(&link);
    symlink(&new, &link)?;
    std::fs::rename(&link, volume.join(DATA))?;
    link_tops(volume, &tops(payload))?;
    std::fs::remove_dir_all(volume.join(old))?;
    Ok(true)
}

/// Links what is new, and takes away the links of what is gone.
fn link_tops(volume: &Path, tops: &BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(volume)? {
        let name = PathBuf::from(entry?.file_name());
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(".."));
        if !is_ours && !tops.contains(&name) {
            std::fs::remove_file(volume.join(name))?;
        }
    }
    for top in tops {
        if volume.join(top).symlink_metadata().is_err() {
            symlink(Path::new(DATA).join(top), volume.join(top))?;
        }
    }
    Ok(())
}

/// The first parts of the paths.
fn tops(payload: &Payload) -> BTreeSet<PathBuf> {
    let first = |path: &String| Some(PathBuf::from(Path::new(path).components().next()?.as_os_str()));
    payload.keys().filter_map(first).collect()
}

fn write_version(version: &Path, payload: &Payload) -> io::Result<()> {
    std::fs::create_dir_all(version)?;
    for (path, file) in payload {
        write_file(&version.join(path), file)?;
    }
    Ok(())
}

/// The files of a version, below a folder in it.
fn read(version: &Path, below: &Path) -> io::Result<Payload> {
    let mut payload = Payload::new();
    for entry in std::fs::read_dir(version.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            payload.extend(read(version, &path)?);
            continue;
        }
        let file = File {
            bytes: std::fs::read(entry.path())?,
            mode: entry.metadata()?.permissions().mode() & 0o7777,
        };
        payload.insert(path.to_string_lossy().into_owned(), file);
    }
    Ok(payload)
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
    fn a_volume_is_brought_up_to_date() {
        let dir = tempfile::tempdir().unwrap();
        let volume = dir.path().join("v");
        let payload = |files: &[(&str, &str)]| -> Payload {
            let file = |text: &str| File {
                bytes: text.into(),
                mode: 0o644,
            };
            files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), file(text)))
                .collect()
        };
        let names = || {
            let all = std::fs::read_dir(&volume).unwrap();
            let mut names: Vec<String> = all
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        write(&volume, &payload(&[("a", "1"), ("x/y", "2")])).unwrap();
        assert!(!update(&volume, &payload(&[("a", "1"), ("x/y", "2")])).unwrap());
        assert!(update(&volume, &payload(&[("a", "3"), ("b", "4")])).unwrap());
        assert_eq!(std::fs::read_to_string(volume.join("a")).unwrap(), "3");
        assert_eq!(std::fs::read_to_string(volume.join("b")).unwrap(), "4");
        assert_eq!(names(), ["..1", "..data", "a", "b"]);
        // An update that did not come to its end is made again.
        std::fs::create_dir(volume.join("..2")).unwrap();
        symlink("..2", volume.join("..data_tmp")).unwrap();
        assert!(update(&volume, &payload(&[("a", "5")])).unwrap());
        assert_eq!(std::fs::read_to_string(volume.join("a")).unwrap(), "5");
        assert_eq!(names(), ["..2", "..data", "a"]);
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
