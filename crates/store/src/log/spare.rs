//! The next segment, made in advance: its space reserved, then filled with zeros a slice at a time, so that
//! writing it later neither meets a full disk nor makes the file system's journal part of a sync.

use crate::disk::File;
use crate::{Disk, Error, Result};

/// The name of a segment that is not one yet.
pub(super) const NAME: &str = "next.tmp";

/// Zeros written at once.
const SLICE_BYTES: usize = 1 << 20;

pub(super) enum Spare {
    Missing,
    /// So many bytes are zero.
    Filling(Box<dyn File>, usize),
    Ready(Box<dyn File>),
}

impl Spare {
    /// Makes a spare of a segment that is not needed any more: it has its space, and what it holds is of no
    /// meaning under another number. Should a crash leave it under its old name, it is superfluous there.
    pub(super) fn recycle(disk: &dyn Disk, name: &str) -> Result<Self> {
        let renamed = disk.rename(name, NAME).and_then(|()| disk.open(NAME));
        let file = renamed.map_err(|cause| Error::io(format!("cannot reuse {name}"), cause))?;
        Ok(Self::Ready(file))
    }

    /// Comes a slice nearer to a spare of `bytes`.
    pub(super) fn step(&mut self, disk: &dyn Disk, bytes: usize) -> Result<()> {
        let step = match std::mem::replace(self, Self::Missing) {
            Self::Missing => reserve(disk, bytes).map(|file| Self::Filling(file, 0)),
            Self::Filling(file, filled) => fill(file, filled, bytes),
            ready => Ok(ready),
        };
        match step {
            Ok(next) => {
                *self = next;
                Ok(())
            }
            Err(cause) => {
                let _ = disk.remove(NAME);
                Err(Error::io("cannot make room for the log", cause))
            }
        }
    }

    /// Takes the spare, made ready now if it is not.
    pub(super) fn finish(&mut self, disk: &dyn Disk, bytes: usize) -> Result<Box<dyn File>> {
        loop {
            match std::mem::replace(self, Self::Missing) {
                Self::Ready(file) => return Ok(file),
                other => *self = other,
            }
            self.step(disk, bytes)?;
        }
    }
}

fn reserve(disk: &dyn Disk, bytes: usize) -> std::io::Result<Box<dyn File>> {
    let mut file = disk.create(NAME)?;
    file.reserve(bytes as u64)?;
    Ok(file)
}

fn fill(mut file: Box<dyn File>, filled: usize, bytes: usize) -> std::io::Result<Spare> {
    let end = bytes.min(filled + SLICE_BYTES);
    file.write_at(filled as u64, &vec![0; end - filled])?;
    file.sync()?;
    Ok(if end == bytes {
        Spare::Ready(file)
    } else {
        Spare::Filling(file, end)
    })
}
