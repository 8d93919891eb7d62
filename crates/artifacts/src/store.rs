//! What a place for artifacts must do. Keys are relative paths of plain names, `/` between them.

use std::io::{Read, Write};
use std::path::Path;

use crate::error::Result;

/// A place where artifacts are kept by key.
pub trait Store {
    /// Keeps what `fill` writes under `key`: all of it or nothing, replacing what was there, and on stable
    /// storage when this returns.
    fn put(&self, key: &str, fill: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<Saved>;

    /// Keeps the folder `from` under `key` as a tree of files.
    fn put_tree(&self, key: &str, from: &Path) -> Result<Saved>;

    /// What lies under `key`.
    fn open(&self, key: &str) -> Result<Object>;

    /// Copies the tree under `key` to the new folder `to`.
    fn get_tree(&self, key: &str, to: &Path) -> Result<()>;
}

/// What lies under a key.
pub enum Object {
    /// One file.
    File(Box<dyn Read>),
    /// A folder, to be had by [`Store::get_tree`].
    Tree,
}

/// What was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// `sha256:<hex>` of the bytes as kept; of a tree, of the sorted list of its names and digests.
    pub digest: String,
    /// Bytes as kept.
    pub size: u64,
}
