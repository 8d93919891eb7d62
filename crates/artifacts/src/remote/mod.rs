//! A bucket as a store: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.
//!
//! ```text
//!   step's thread   fill --> Outlet ==pieces==> upload      a thread of its own:
//!                   read <-- Inlet  <==pieces== download    connections, retries
//! ```
//!
//! Objects appear whole: a small one by one request, a large one when its last part is acknowledged. A folder is kept
//! as an object per file, as Argo does; links are followed, and empty folders are not kept.

mod background;
mod clients;
mod pipe;
mod transfer;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::checksum::{Checksum, Listing};
use crate::directory::{folder_of, sorted_names};
use crate::error::{Error, Result};
use crate::store::{Object, Saved, Store};

pub(crate) use background::Background;
pub(crate) use clients::connect;
pub(crate) use pipe::{Inlet, inlet};

/// A bucket.
#[derive(Clone, Debug)]
pub struct RemoteStore {
    objects: Arc<dyn ObjectStore>,
    background: Arc<Background>,
}

impl RemoteStore {
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, background: Arc<Background>) -> Self {
        Self { objects, background }
    }

    fn upload(&self, key: &Key, fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<Saved> {
        let (outlet, pieces) = pipe::outlet();
        let (objects, at) = (Arc::clone(&self.objects), key.clone());
        let uploading = self
            .background
            .start(async move { transfer::upload(&*objects, &at, pieces).await });
        let mut writer = Checksum::new(outlet);
        let filled = fill(&mut writer);
        let (saved, outlet) = writer.finish();
        let sent = match filled {
            Ok(()) => outlet.finish(),
            Err(error) => {
                // The upload sees that the end is missing, and takes back what it has sent.
                drop(outlet);
                let _ = uploading.wait();
                return Err(error);
            }
        };
        // Why the other side went away says more than that it did.
        uploading.wait()?.map_err(remote(key))?;
        sent.map_err(Error::io("write", Path::new(key.as_ref())))?;
        Ok(saved)
    }

    fn download(&self, key: &Key) -> Result<Inlet> {
        let (pieces, inlet) = pipe::inlet();
        let (objects, at) = (Arc::clone(&self.objects), key.clone());
        let found = self.background.start(async move {
            let got = objects.get(&at).await?;
            Ok(tokio::spawn(transfer::download(got, pieces)))
        });
        found.wait()?.map_err(remote(key))?;
        Ok(inlet)
    }

    /// The keys below a folder's key.
    fn list(&self, folder: &Key) -> Result<Vec<Key>> {
        let (objects, below) = (Arc::clone(&self.objects), folder.clone());
        let listed = self
            .background
            .start(async move { transfer::list(&*objects, &below).await });
        listed.wait()?.map_err(remote(folder))
    }
}

impl Store for RemoteStore {
    fn put(&self, key: &str, fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<Saved> {
        self.upload(&parse(key)?, fill)
    }

    fn put_tree(&self, key: &str, from: &Path) -> Result<Saved> {
        let root = parse(key)?;
        let mut listing = Listing::default();
        for name in files_below(from)? {
            let path = from.join(&name);
            let key = parse(&format!("{root}/{}", name.to_string_lossy()))?;
            let saved = self.upload(&key, &mut |out| copy_file(&path, out))?;
            listing.note(&name, &saved.digest, saved.size);
        }
        Ok(listing.saved())
    }

    fn open(&self, key: &str) -> Result<Object> {
        let key = parse(key)?;
        match self.download(&key) {
            Ok(inlet) => Ok(Object::File(Box::new(inlet))),
            Err(Error::NotFound { .. }) if !self.list(&key)?.is_empty() => Ok(Object::Tree),
            Err(error) => Err(error),
        }
    }

    fn get_tree(&self, key: &str, to: &Path) -> Result<()> {
        let root = parse(key)?;
        fs::create_dir_all(to).map_err(Error::io("create", to))?;
        for key in self.list(&root)? {
            let parts = key.prefix_match(&root).into_iter().flatten();
            let path = parts.fold(to.to_owned(), |path, part| path.join(part.as_ref()));
            // Some programs mark a folder by an object of its own name.
            if path == to {
                continue;
            }
            let folder = folder_of(&path);
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
            crate::archive::write_file(Box::new(self.download(&key)?), &path)?;
        }
        Ok(())
    }
}

/// A key as the store knows it.
fn parse(key: &str) -> Result<Key> {
    let bad = || Error::BadKey { key: key.to_owned() };
    let key = Key::parse(key).map_err(|_| bad())?;
    if key.as_ref().is_empty() {
        Err(bad())
    } else {
        Ok(key)
    }
}

/// What a store says about a key.
fn remote(key: &Key) -> impl FnOnce(object_store::Error) -> Error {
    let key = key.to_string();
    move |error| match error {
        object_store::Error::NotFound { .. } => Error::NotFound { key },
        error => Error::Store {
            key,
            source: Box::new(error),
        },
    }
}

/// The files of a folder, by their paths in it, in order. Links to files count as files.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(within) = folders.pop() {
        for name in sorted_names(&folder.join(&within))? {
            let (name, path) = (within.join(&name), folder.join(&within).join(&name));
            let data = fs::symlink_metadata(&path).map_err(Error::io("read", &path))?;
            if data.is_dir() {
                folders.push(name);
            } else if fs::metadata(&path).is_ok_and(|data| data.is_file()) {
                files.push(name);
            } else {
                return Err(Error::Unsupported {
                    what: format!("{}: neither a file nor a folder", path.display()),
                });
            }
        }
    }
    files.sort();
    Ok(files)
}

fn copy_file(path: &Path, out: &mut dyn Write) -> Result<()> {
    let copied = fs::File::open(path).and_then(|mut file| std::io::copy(&mut file, out));
    copied.map(|_| ()).map_err(Error::io("read", path))
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    fn store() -> RemoteStore {
        RemoteStore::new(
            Arc::new(InMemory::new()),
            Arc::new(Background::new().expect("a thread")),
        )
    }

    fn read(store: &RemoteStore, key: &str) -> Vec<u8> {
        let Object::File(mut stream) = store.open(key).expect("there") else {
            panic!("{key} is a folder");
        };
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("readable");
        bytes
    }

    #[test]
    fn objects_of_any_size_come_back() {
        let store = store();
        for size in [
            0,
            1,
            pipe::PIECE - 1,
            pipe::PIECE,
            pipe::PIECE + 1,
            3 * pipe::PIECE,
        ] {
            let bytes: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            let saved = store.put("a/b", &mut |out| {
                out.write_all(&bytes).map_err(Error::io("write", Path::new("b")))
            });
            assert_eq!(saved.expect("kept").size, size as u64);
            assert!(read(&store, "a/b") == bytes, "{size} bytes");
        }
    }

    #[test]
    fn an_object_is_whole_or_absent() {
        let store = store();
        let failed = store.put("a/b", &mut |out| {
            out.write_all(&vec![1; 2 * pipe::PIECE + 1])
                .map_err(Error::io("write", Path::new("b")))?;
            Err(Error::Unsupported {
                what: "the rest".into(),
            })
        });
        assert!(matches!(failed, Err(Error::Unsupported { .. })));
        assert!(matches!(store.open("a/b"), Err(Error::NotFound { .. })));
    }

    #[test]
    fn a_folder_is_an_object_for_each_file() {
        let (store, folder) = (store(), tempfile::tempdir().expect("a folder"));
        let from = folder.path().join("from");
        fs::create_dir_all(from.join("sub/deep")).expect("made");
        fs::write(from.join("sub/deep/one"), "1").expect("written");
        fs::write(from.join("two"), "2").expect("written");
        std::os::unix::fs::symlink("two", from.join("link")).expect("linked");
        let saved = store.put_tree("key", &from).expect("kept");
        assert_eq!(saved.size, 3);
        assert_eq!(read(&store, "key/sub/deep/one"), b"1");
        assert!(matches!(store.open("key"), Ok(Object::Tree)));
        let to = folder.path().join("to");
        store.get_tree("key", &to).expect("had");
        assert_eq!(fs::read_to_string(to.join("sub/deep/one")).expect("there"), "1");
        assert_eq!(fs::read_to_string(to.join("link")).expect("there"), "2");
    }

    #[test]
    fn keys_are_paths_of_plain_names() {
        let check = |key: &str, expected: Option<&str>| {
            let parsed = parse(key).ok().map(|key| key.to_string());
            assert_eq!(parsed.as_deref(), expected, "{key:?}");
        };
        check("wf/pod/out put.tgz", Some("wf/pod/out put.tgz"));
        check("/tree/", Some("tree"));
        check("", None);
        check("a/../b", None);
        check("a//b", None);
    }

    #[test]
    fn whoever_waits_in_an_event_loop_may_use_it() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a loop");
        runtime.block_on(async {
            let store = store();
            let kept = store.put("key", &mut |out| {
                out.write_all(&vec![7; 200 * 1024 * 1024 / 8])
                    .map_err(Error::io("write", Path::new("key")))
            });
            kept.expect("kept");
            assert_eq!(read(&store, "key").len(), 200 * 1024 * 1024 / 8);
        });
    }
}
