//! Directories of the machine as they were last read: each is read again only once it has changed.
//!
//! The root of every sandbox shows the same few directories, and reading `/dev` costs as much as ten mounts. This
//! knows directories, and nothing of what is done with them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

/// What is in a directory, by name.
pub(crate) type Listing = Rc<[(OsString, FileType)]>;

/// What changes with a directory's content: device, inode, seconds and nanoseconds of the last change.
type Stamp = (u64, u64, i64, i64);

/// A directory that changed this recently may change again without its time telling: clocks of file systems are coarse.
const SETTLED: Duration = Duration::from_secs(1);
/// Directories remembered; beyond them all are forgotten, as mount paths can be many.
const KEPT: usize = 64;

/// What was read so far.
#[derive(Default)]
pub(crate) struct Listings(RefCell<BTreeMap<PathBuf, (Stamp, Listing)>>);

impl Listings {
    /// The entries of `directory`, sorted by name.
    pub(crate) fn read(&self, directory: &Path) -> io::Result<Listing> {
        let metadata = std::fs::metadata(directory)?;
        let stamp = stamp(&metadata);
        let mut known = self.0.borrow_mut();
        if let Some((_, listing)) = known.get(directory).filter(|(at, _)| *at == stamp) {
            return Ok(listing.clone());
        }
        let listing = read(directory)?;
        if is_settled(&metadata) {
            if known.len() >= KEPT {
                known.clear();
            }
            known.insert(directory.to_owned(), (stamp, listing.clone()));
        }
        Ok(listing)
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    )
}

fn is_settled(metadata: &Metadata) -> bool {
    let age = metadata
        .modified()
        .ok()
        .and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age >= SETTLED)
}

fn read(directory: &Path) -> io::Result<Listing> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        found.push((entry.file_name(), entry.file_type()?));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found.into())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn names(listings: &Listings, directory: &Path) -> Vec<String> {
        let listing = listings.read(directory).unwrap();
        let names = listing
            .iter()
            .map(|(name, _)| name.to_string_lossy().into_owned());
        names.collect()
    }

    fn set_age(directory: &Path, age: Duration) {
        let at = SystemTime::now() - age;
        File::open(directory).unwrap().set_modified(at).unwrap();
    }

    #[test]
    fn a_directory_is_read_again_once_it_changed() {
        let dir = tempfile::tempdir().unwrap();
        let listings = Listings::default();
        std::fs::write(dir.path().join("b"), "").unwrap();
        set_age(dir.path(), Duration::from_secs(60));
        assert_eq!(names(&listings, dir.path()), ["b"]);
        assert_eq!(listings.0.borrow().len(), 1);
        std::fs::write(dir.path().join("a"), "").unwrap();
        assert_eq!(names(&listings, dir.path()), ["a", "b"]);
    }

    #[test]
    fn one_that_just_changed_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let listings = Listings::default();
        names(&listings, dir.path());
        assert_eq!(listings.0.borrow().len(), 0);
        assert!(listings.read(&dir.path().join("none")).is_err());
    }
}
