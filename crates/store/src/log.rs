//! The log and its snapshots: what makes the store durable.
//!
//! ```text
//!   00000000000000000007.log   a segment: zeros made in advance, filled with records, then sealed
//!   00000000000000000008.log   ... the last one is where records are added
//!   00000000000000004711.snap  every entry, as of revision 4711 or a little later
//!   next.tmp, snap.tmp         the next segment and snapshot being made
//! ```
//!
//! * A segment is written in place (no journal of the file system takes part in a sync) and is synced before
//!   the next one takes its name, so only the last can end in anything but its last record.
//! * A snapshot is written in slices between commits while the store goes on. It may hold writes after its
//!   revision; replaying the log from there sets that right, since a record says all of what it does. It gets
//!   its name once all it may hold is durable in the log; then older segments go.
//! * Recovery is the snapshot, then the log. The last segment ends at its first bad record, unless a later
//!   record shows that what is bad was durable: that, and anything bad elsewhere, is refused.
//!
//! The format of the files is in `format` and `record`. Nothing here knows who waits for what.

mod format;
mod record;
mod recover;
mod snapshot;
mod spare;

use std::sync::Arc;

pub(crate) use record::record_bytes;

use crate::change::Batch;
use crate::memory::Memory;
use crate::stats::{Counters, add};
use crate::store::Shared;
use crate::sync::read;
use crate::{Disk, Error, Options, Result, Revision};
use format::{HEADER_BYTES, Header, Kind};
use snapshot::Snapshot;
use spare::Spare;

/// A segment that is full, or the one being filled.
#[derive(Clone, Debug)]
struct Segment {
    sequence: u64,
    /// The revision of its first write.
    first: Revision,
    bytes: usize,
}

impl Segment {
    fn name(&self) -> String {
        format::segment_name(self.sequence)
    }
}

pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    options: Options,
    /// Counts how often the log was opened: tells new records from what an earlier crash left behind them.
    epoch: u64,
    /// Everything up to here is on the disk.
    durable: Revision,
    sealed: Vec<Segment>,
    current: Segment,
    file: Box<dyn crate::disk::File>,
    offset: usize,
    /// Records not yet written.
    group: Vec<u8>,
    spare: Spare,
    /// Whether the last attempt at a spare failed: then it is not tried again without reason.
    stalled: bool,
    snapshot: Option<Snapshot>,
    snapshot_last_bytes: u64,
    /// Bytes written since the last snapshot began, or since one failed.
    grown_bytes: u64,
    /// Bytes written since the chores were last done.
    round_bytes: usize,
}

/// Opens the log on `disk`, or makes one, and reads all there is.
pub(crate) fn open(disk: Arc<dyn Disk>, options: &Options) -> Result<(Memory, Log)> {
    let options = options.clone().checked()?;
    let recovered = recover::recover(&*disk, options.ring_bytes)?;
    let mut memory = recovered.memory;
    memory.cool_all();
    let mut spare = Spare::Missing;
    let (current, file, offset, epoch) = match recovered.last {
        Some(last) => {
            let cannot = |cause| Error::io(format!("cannot open {}", last.segment.name()), cause);
            let file = disk.open(&last.segment.name()).map_err(cannot)?;
            (last.segment, file, last.end, last.epoch + 1)
        }
        None => {
            let file = spare.finish(&*disk, options.segment_bytes)?;
            let segment = Segment {
                sequence: 1,
                first: Revision(1),
                bytes: options.segment_bytes,
            };
            let file = install(&*disk, file, &segment, 1)?;
            (segment, file, HEADER_BYTES, 1)
        }
    };
    let mut log = Log {
        disk,
        options,
        epoch,
        durable: memory.revision,
        sealed: recovered.sealed,
        current,
        file,
        offset,
        group: Vec::new(),
        spare,
        stalled: false,
        snapshot: None,
        snapshot_last_bytes: recovered.snapshot_bytes,
        grown_bytes: recovered.log_bytes,
        round_bytes: 0,
    };
    log.begin_epoch()?;
    Ok((memory, log))
}

/// Gives a prepared file its header and its name. From then on it is the last segment.
fn install(
    disk: &dyn Disk,
    mut file: Box<dyn crate::disk::File>,
    segment: &Segment,
    epoch: u64,
) -> Result<Box<dyn crate::disk::File>> {
    let header = Header {
        number: segment.sequence,
        first: segment.first,
        epoch,
    };
    let install = || {
        file.write_at(0, &header.encode(Kind::Segment))?;
        file.sync()?;
        meta::crash::point("store.segment");
        disk.rename(spare::NAME, &segment.name())?;
        disk.sync_names()
    };
    let mut install = install;
    install().map_err(|cause| Error::io(format!("cannot make {}", segment.name()), cause))?;
    Ok(file)
}

impl Log {
    /// The last write that is on the disk.
    pub(crate) fn durable(&self) -> Revision {
        self.durable
    }

    /// Makes batches durable, as one group where they fit into the segment.
    pub(crate) fn append(&mut self, batches: &[Batch], counters: &Counters) -> Result<()> {
        let mut last = self.durable;
        for batch in batches {
            if self.offset + self.group.len() + record_bytes(batch) > self.current.bytes {
                self.flush(last, counters)?;
                self.rotate(batch.first)?;
            }
            self.encode(|out, durable| record::encode_batch(out, batch, durable));
            last = batch.last();
        }
        self.flush(last, counters)
    }

    fn encode(&mut self, payload: impl FnOnce(&mut Vec<u8>, Revision)) {
        let place = format::Place {
            number: self.current.sequence,
            start: self.offset,
            epoch: self.epoch,
        };
        let durable = self.durable;
        place.frame(&mut self.group, |out| payload(out, durable));
    }

    /// Writes the group and syncs it.
    fn flush(&mut self, last: Revision, counters: &Counters) -> Result<()> {
        if self.group.is_empty() {
            return Ok(());
        }
        let cannot = |cause| Error::io("cannot write the log", cause);
        meta::crash::point("store.write");
        self.file
            .write_at(self.offset as u64, &self.group)
            .map_err(cannot)?;
        meta::crash::point("store.sync");
        self.file.sync().map_err(cannot)?;
        meta::crash::point("store.synced");
        add(&counters.fsyncs, 1);
        add(&counters.bytes, self.group.len() as u64);
        self.offset += self.group.len();
        self.grown_bytes += self.group.len() as u64;
        self.round_bytes += self.group.len();
        self.durable = last;
        self.group.clear();
        Ok(())
    }

    /// Gives back the room that the largest group took.
    pub(crate) fn rest(&mut self) {
        self.group = Vec::new();
    }

    /// Marks where this opening of the log begins. What lies behind, left by a crash, is of an earlier epoch
    /// and can never be taken for the continuation of what is written now.
    fn begin_epoch(&mut self) -> Result<()> {
        if self.offset + format::frame_bytes(record::EPOCH_BYTES) > self.current.bytes {
            self.rotate(self.durable.next())?;
        }
        self.encode(|out, _| record::encode_epoch(out));
        self.flush(self.durable, &Counters::default())
    }

    /// Goes on in a new segment, whose first write will be `first`.
    fn rotate(&mut self, first: Revision) -> Result<()> {
        let file = self.spare.finish(&*self.disk, self.options.segment_bytes)?;
        let segment = Segment {
            sequence: self.current.sequence + 1,
            first,
            bytes: self.options.segment_bytes,
        };
        self.file = install(&*self.disk, file, &segment, self.epoch)?;
        self.sealed.push(std::mem::replace(&mut self.current, segment));
        self.offset = HEADER_BYTES;
        Ok(())
    }

    /// Whether [`do_chores`](Self::do_chores) has something to go on with at once.
    pub(crate) fn has_chores(&self) -> bool {
        let spare = self.wants_spare() && !self.stalled;
        let snapshot = match &self.snapshot {
            Some(snapshot) => snapshot.can_go_on(self.durable),
            None => self.wants_snapshot(),
        };
        spare || snapshot
    }

    /// Does a slice of what is to be done beside committing. Fails if the next segment cannot be reserved.
    pub(crate) fn do_chores(&mut self, shared: &Arc<Shared>) -> Result<()> {
        let slice_bytes = self.round_bytes.max(snapshot::SLICE_BYTES);
        self.round_bytes = 0;
        if let Err(error) = self.advance_snapshot(shared, slice_bytes) {
            // The log holds everything; a snapshot only makes it shorter. Try again when it has grown more.
            tracing::warn!(%error, "cannot take a snapshot of the store");
            self.snapshot = None;
            self.grown_bytes = 0;
            let _ = self.disk.remove(snapshot::NAME);
        }
        if self.wants_spare() {
            let step = self.spare.step(&*self.disk, self.options.segment_bytes);
            self.stalled = step.is_err();
            step?;
        }
        Ok(())
    }

    fn wants_spare(&self) -> bool {
        self.offset >= self.options.reserve_from() && !matches!(self.spare, Spare::Ready(_))
    }

    fn wants_snapshot(&self) -> bool {
        self.grown_bytes >= self.options.snapshot_bytes.max(self.snapshot_last_bytes)
    }

    fn advance_snapshot(&mut self, shared: &Arc<Shared>, slice_bytes: usize) -> Result<()> {
        if self.snapshot.is_none() && self.wants_snapshot() {
            self.snapshot = Some(Snapshot::begin(&*self.disk, self.durable)?);
            self.grown_bytes = 0;
        }
        let Some(snapshot) = self.snapshot.as_mut() else {
            return Ok(());
        };
        if snapshot.is_complete() {
            if snapshot.can_go_on(self.durable) {
                let done = snapshot.finish(&*self.disk)?;
                self.snapshot = None;
                add(&shared.counters.snapshots, 1);
                self.snapshot_last_bytes = done.bytes;
                self.truncate(done.start)?;
            }
            return Ok(());
        }
        snapshot.gather(&read(&shared.memory), slice_bytes);
        snapshot.write()
    }

    /// Removes what the snapshot of `start` has made superfluous. One segment becomes the next spare.
    fn truncate(&mut self, start: Revision) -> Result<()> {
        snapshot::remove_older(&*self.disk, start)?;
        let followers = self.sealed.iter().skip(1).chain(std::iter::once(&self.current));
        let covered = self.sealed.iter().zip(followers);
        let covered = covered
            .take_while(|(_, follower)| follower.first <= start.next())
            .count();
        for segment in self.sealed.drain(..covered) {
            meta::crash::point("store.truncate");
            let reusable = segment.bytes == self.options.segment_bytes;
            if reusable && matches!(self.spare, Spare::Missing) {
                self.spare = Spare::recycle(&*self.disk, &segment.name())?;
            } else {
                let removed = self.disk.remove(&segment.name());
                removed.map_err(|cause| Error::io(format!("cannot remove {}", segment.name()), cause))?;
            }
        }
        Ok(())
    }
}
