//! A snapshot being taken, a slice at a time, and one being read.

use std::ops::Bound;
use std::sync::Arc;

use super::format::{self, Frame, HEADER_BYTES, Header, Kind, Place};
use super::record::{self, Record};
use crate::disk::File;
use crate::memory::Memory;
use crate::{Disk, Entry, Error, Result, Revision};

/// The name of a snapshot that is not one yet.
pub(super) const NAME: &str = "snap.tmp";

/// Bytes of entries written at once, where no commit was larger.
pub(super) const SLICE_BYTES: usize = 512 << 10;

/// A snapshot being taken.
pub(super) struct Snapshot {
    file: Box<dyn File>,
    offset: usize,
    /// What holds for every entry: it is of this revision or later.
    start: Revision,
    /// Entries up to this key were gathered.
    cursor: Option<Arc<str>>,
    slice: Vec<Entry>,
    count: u64,
    /// Once all were gathered: the revision of the memory then, which no entry is later than.
    last: Option<Revision>,
}

/// A snapshot that was taken.
pub(super) struct Done {
    pub(super) start: Revision,
    pub(super) bytes: u64,
}

impl Snapshot {
    pub(super) fn begin(disk: &dyn Disk, start: Revision) -> Result<Self> {
        let header = Header {
            number: start.0,
            first: start,
            epoch: 0,
        };
        let begin = || {
            let mut file = disk.create(NAME)?;
            file.write_at(0, &header.encode(Kind::Snapshot))?;
            Ok(file)
        };
        Ok(Self {
            file: begin().map_err(cannot)?,
            offset: HEADER_BYTES,
            start,
            cursor: None,
            slice: Vec::new(),
            count: 0,
            last: None,
        })
    }

    /// Takes the next entries from the memory.
    pub(super) fn gather(&mut self, memory: &Memory, bytes_max: usize) {
        let cursor = self.cursor.clone();
        let from = match &cursor {
            Some(key) => Bound::Excluded(&**key),
            None => Bound::Unbounded,
        };
        let mut bytes = 0;
        let mut entries = memory.from(from);
        for (key, kept) in entries.by_ref() {
            let entry = kept.entry(key);
            bytes += key.len() + entry.value.len();
            self.slice.push(entry);
            if bytes >= bytes_max {
                break;
            }
        }
        if entries.next().is_none() {
            self.last = Some(memory.revision);
        }
        if let Some(entry) = self.slice.last() {
            self.cursor = Some(Arc::clone(&entry.key));
        }
    }

    /// Writes what was gathered.
    pub(super) fn write(&mut self) -> Result<()> {
        let slice = std::mem::take(&mut self.slice);
        self.count += slice.len() as u64;
        self.put(|out| record::encode_entries(out, &slice))
    }

    /// Whether all entries were written.
    pub(super) fn is_complete(&self) -> bool {
        self.last.is_some()
    }

    /// Whether there is a next step now that the log is durable up to `durable`.
    pub(super) fn can_go_on(&self, durable: Revision) -> bool {
        self.last.is_none_or(|last| last <= durable)
    }

    /// Says that the snapshot is whole and gives it its name.
    pub(super) fn finish(&mut self, disk: &dyn Disk) -> Result<Done> {
        let (last, count) = (self.last.unwrap_or(self.start), self.count);
        self.put(|out| record::encode_end(out, last, count))?;
        meta::crash::point("store.snapshot");
        disk.rename(NAME, &format::snapshot_name(self.start))
            .map_err(cannot)?;
        disk.sync_names().map_err(cannot)?;
        Ok(Done {
            start: self.start,
            bytes: self.offset as u64,
        })
    }

    fn put(&mut self, payload: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let place = Place {
            number: self.start.0,
            start: self.offset,
            epoch: 0,
        };
        let mut out = Vec::new();
        place.frame(&mut out, payload);
        self.file.write_at(self.offset as u64, &out).map_err(cannot)?;
        self.offset += out.len();
        self.file.sync().map_err(cannot)
    }
}

fn cannot(cause: std::io::Error) -> Error {
    Error::io("cannot write a snapshot", cause)
}

/// Removes the snapshots before that of `start`.
pub(super) fn remove_older(disk: &dyn Disk, start: Revision) -> Result<()> {
    let remove = || {
        let older = |name: &String| Kind::Snapshot.number(name).is_some_and(|number| number < start.0);
        for name in disk.list()?.into_iter().filter(older) {
            disk.remove(&name)?;
        }
        Ok(())
    };
    remove().map_err(|cause| Error::io("cannot remove an older snapshot", cause))
}

/// What a snapshot said.
pub(super) struct Loaded {
    /// Replay begins after this revision.
    pub(super) start: Revision,
    /// Replay must come this far.
    pub(super) last: Revision,
    pub(super) bytes: u64,
}

/// Reads a snapshot into an empty memory.
pub(super) fn load(name: &str, file: &[u8], memory: &mut Memory) -> Result<Loaded> {
    let header = Header::decode(file, Kind::Snapshot, name)?;
    let damaged = || Error::corrupt(format!("{name} is damaged"));
    let mut at = HEADER_BYTES;
    loop {
        let frame = Frame::read(file, header.number, at).ok_or_else(damaged)?;
        at = frame.end;
        match record::decode(frame.payload) {
            Some(Record::Entries(entries)) => {
                entries.into_iter().for_each(|entry| memory.load(entry));
            }
            Some(Record::End { last, count }) if count == memory.len() as u64 => {
                memory.revision = Revision(header.number);
                memory.ring.restart(memory.revision);
                return Ok(Loaded {
                    start: memory.revision,
                    last,
                    bytes: file.len() as u64,
                });
            }
            _ => return Err(damaged()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimDisk;
    use crate::change::{Batch, Change};

    #[test]
    fn a_snapshot_waits_until_all_it_may_hold_is_durable() {
        let put = Change::Put {
            key: "a".into(),
            value: bytes::Bytes::new(),
            created: Revision(1),
        };
        let mut memory = Memory::new(0);
        memory.apply(&Batch {
            first: Revision(1),
            changes: vec![put],
        });
        let mut snapshot = Snapshot::begin(&SimDisk::new(0), Revision::ZERO).expect("the disk does not fail");
        assert!(!snapshot.is_complete() && snapshot.can_go_on(Revision::ZERO));
        snapshot.gather(&memory, SLICE_BYTES);
        snapshot.write().expect("the disk does not fail");
        assert!(snapshot.is_complete() && !snapshot.can_go_on(Revision::ZERO));
        assert!(snapshot.can_go_on(Revision(1)));
    }
}
