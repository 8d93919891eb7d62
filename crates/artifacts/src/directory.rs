//! A plain directory of this machine as a store: a key is a path under it.
//!
//! Files appear whole: they are written beside their final name, synced, and renamed.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Component, Path, PathBuf};

use crate::checksum::{Checksum, Listing};
use crate::error::{Error, Result};
use crate::store::{Object, Saved, Store};

/// Artifacts as files of one directory.
#[derive(Clone, Debug)]
pub struct DirectoryStore {
    root: PathBuf,
}

impl DirectoryStore {
    /// The store of the directory `root`, which is created when first written to.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where the object `key` lies.
    ///
    /// # Errors
    /// [`Error::BadKey`] for a key that would leave the directory.
    pub fn path(&self, key: &str) -> Result<PathBuf> {
        let relative = Path::new(key.trim_end_matches('/'));
        let plain = relative
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if relative.as_os_str().is_empty() || !plain || key.contains('\0') {
            return Err(Error::BadKey { key: key.to_owned() });
        }
        Ok(self.root.join(relative))
    }

    /// The final path of `key`, whose folder exists, and a folder beside it to write in first.
    fn paths(&self, key: &str) -> Result<(Workshop, PathBuf)> {
        let last = self.path(key)?;
        let folder = folder_of(&last);
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        Ok((Workshop::beside(&last)?, last))
    }
}

impl Store for DirectoryStore {
    fn put(&self, key: &str, fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<Saved> {
        let (workshop, last) = self.paths(key)?;
        let saved = write_synced(&workshop.piece(), fill)?;
        replace(&workshop.piece(), &last)?;
        Ok(saved)
    }

    fn put_tree(&self, key: &str, from: &Path) -> Result<Saved> {
        let (workshop, last) = self.paths(key)?;
        let mut tree = Tree {
            durable: true,
            ..Tree::default()
        };
        tree.copy(from, &workshop.piece(), Path::new(""))?;
        replace(&workshop.piece(), &last)?;
        Ok(tree.listing.saved())
    }

    fn open(&self, key: &str) -> Result<Object> {
        let path = self.path(key)?;
        match fs::metadata(&path) {
            Ok(data) if data.is_dir() => Ok(Object::Tree),
            Ok(_) => Ok(Object::File(Box::new(
                File::open(&path).map_err(Error::io("open", &path))?,
            ))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::NotFound { key: key.to_owned() })
            }
            Err(error) => Err(Error::io("open", &path)(error)),
        }
    }

    fn get_tree(&self, key: &str, to: &Path) -> Result<()> {
        copy_tree(&self.path(key)?, to)
    }
}

/// A folder for what is not yet whole, of this writer alone: several may write the same key at once, from
/// sandboxes in which even process ids are the same. It goes when dropped.
struct Workshop(PathBuf);

impl Workshop {
    fn beside(last: &Path) -> Result<Self> {
        let name = last.file_name().unwrap_or_default().to_string_lossy();
        for number in 0_u32.. {
            let path = last.with_file_name(format!(".{name}.{number}.partial"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io("create", &path)(error)),
            }
        }
        Err(Error::Occupied {
            path: last.to_owned(),
        })
    }

    fn piece(&self) -> PathBuf {
        self.0.join("piece")
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A name beside `path` in a step's own folder, for what is not yet whole.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.partial"))
}

/// The folder that `path` lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Removes a file or a whole folder, if it is there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => return Ok(()),
    };
    removed.map_err(Error::io("remove", path))
}

/// Copies a file or folder to the new path `to`, links as links.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    Tree::default().copy(from, to, Path::new(""))
}

fn write_synced(path: &Path, fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<Saved> {
    let file = File::create(path).map_err(Error::io("create", path))?;
    let mut writer = Checksum::new(BufWriter::new(file));
    fill(&mut writer)?;
    let (saved, buffer) = writer.finish();
    let file = buffer
        .into_inner()
        .map_err(|error| Error::io("write", path)(error.into_error()))?;
    file.sync_data().map_err(Error::io("sync", path))?;
    Ok(saved)
}

/// Moves `first` to `last`, over whatever is there, and makes the new name durable.
fn replace(first: &Path, last: &Path) -> Result<()> {
    if fs::symlink_metadata(last).is_ok_and(|data| data.is_dir() || first.is_dir()) {
        remove(last)?;
    }
    fs::rename(first, last).map_err(Error::io("create", last))?;
    let folder = folder_of(last);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(Error::io("sync", folder))
}

/// A tree being copied: its size and the digest of its sorted list.
#[derive(Default)]
struct Tree {
    /// Whether its files are synced: those of the repository are, a step's own need not be.
    durable: bool,
    listing: Listing,
}

impl Tree {
    /// Copies `from` to `to`, which must not exist. Symbolic links stay links: nothing outside is read.
    fn copy(&mut self, from: &Path, to: &Path, name: &Path) -> Result<()> {
        let data = fs::symlink_metadata(from).map_err(Error::io("read", from))?;
        let kind = data.file_type();
        if kind.is_dir() {
            fs::create_dir(to).map_err(Error::io("create", to))?;
            for entry in sorted_names(from)? {
                self.copy(&from.join(&entry), &to.join(&entry), &name.join(&entry))?;
            }
            fs::set_permissions(to, data.permissions()).map_err(Error::io("set the mode of", to))
        } else if kind.is_symlink() {
            let target = fs::read_link(from).map_err(Error::io("read", from))?;
            self.listing.note(name, &target.to_string_lossy(), 0);
            std::os::unix::fs::symlink(&target, to).map_err(Error::io("create", to))
        } else if kind.is_file() {
            self.copy_file(from, to, name)
        } else {
            Err(Error::Unsupported {
                what: format!("{}: neither a file, a folder nor a link", from.display()),
            })
        }
    }

    fn copy_file(&mut self, from: &Path, to: &Path, name: &Path) -> Result<()> {
        let source = File::open(from).map_err(Error::io("open", from))?;
        let mode = source.metadata().map_err(Error::io("read", from))?.permissions();
        let mut reader = Checksum::new(source);
        let mut copy = File::create(to).map_err(Error::io("create", to))?;
        std::io::copy(&mut reader, &mut copy).map_err(Error::io("write", to))?;
        copy.set_permissions(mode)
            .map_err(Error::io("set the mode of", to))?;
        if self.durable {
            copy.sync_data().map_err(Error::io("sync", to))?;
        }
        let (saved, _) = reader.finish();
        self.listing.note(name, &saved.digest, saved.size);
        Ok(())
    }
}

pub(crate) fn sorted_names(folder: &Path) -> Result<Vec<std::ffi::OsString>> {
    let listing = fs::read_dir(folder).map_err(Error::io("list", folder))?;
    let mut names = listing
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(Error::io("list", folder))?;
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_inside() {
        let store = DirectoryStore::new("/root");
        let check = |key: &str, expected: Option<&str>| {
            let path = store.path(key).ok();
            assert_eq!(path.as_deref(), expected.map(Path::new), "{key:?}");
        };
        check("wf/pod/out.tgz", Some("/root/wf/pod/out.tgz"));
        check("tree/", Some("/root/tree"));
        check("a//b", Some("/root/a/b"));
        check("", None);
        check("/", None);
        check("/etc/passwd", None);
        check("../x", None);
        check("a/../../x", None);
        check("a\0b", None);
    }

    #[test]
    fn an_object_is_whole_or_absent() {
        let folder = tempfile::tempdir().unwrap();
        let store = DirectoryStore::new(folder.path());
        let failed = store.put("a/b", &mut |to| {
            to.write_all(b"half")
                .map_err(Error::io("write", Path::new("x")))?;
            Err(Error::Unsupported {
                what: "the rest".into(),
            })
        });
        assert!(failed.is_err());
        assert!(matches!(store.open("a/b"), Err(Error::NotFound { .. })));
        assert_eq!(
            fs::read_dir(folder.path().join("a")).unwrap().count(),
            0,
            "nothing is left behind"
        );
    }

    #[test]
    fn a_tree_keeps_links_as_links_and_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = DirectoryStore::new(folder.path().join("store"));
        let source = folder.path().join("source");
        fs::create_dir_all(source.join("sub")).unwrap();
        fs::write(source.join("sub/file"), "one").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", source.join("link")).unwrap();
        let first = store.put_tree("key", &source).unwrap();
        assert_eq!(
            store.put_tree("key", &source).unwrap(),
            first,
            "the same tree has the same digest"
        );
        fs::write(source.join("sub/file"), "two").unwrap();
        assert_ne!(store.put_tree("key", &source).unwrap().digest, first.digest);

        let copy = folder.path().join("copy");
        store.get_tree("key", &copy).unwrap();
        assert_eq!(fs::read_to_string(copy.join("sub/file")).unwrap(), "two");
        assert_eq!(
            fs::read_link(copy.join("link")).unwrap(),
            Path::new("/etc/hostname")
        );
    }
}
