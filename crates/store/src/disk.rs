//! What the store needs of a disk: named files in one flat directory.
//!
//! The rules are those of POSIX, taken at their word: what was written is on the disk only after the file's
//! [`sync`](File::sync); until then a power failure may keep any part of it, in any order. A name made,
//! changed or removed is on the disk only after [`sync_names`](Disk::sync_names).

mod real;
mod sim;

use std::io;

pub use real::RealDisk;
pub use sim::{Faults, SimDisk};

/// A directory of files.
pub trait Disk: Send + Sync {
    /// The names of all files, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// The whole content of a file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Makes an empty file; one of the same name is replaced.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// Opens a file to write into it.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// Gives a file another name; one that has it is replaced.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes durable which names there are.
    fn sync_names(&self) -> io::Result<()>;
}

/// A file being written.
pub trait File: Send {
    /// Takes space for `bytes` bytes from the disk, so that writing them later does not find it full.
    fn reserve(&mut self, bytes: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes durable what was written.
    fn sync(&mut self) -> io::Result<()>;
}
