//! Recovery: what the disk holds, read back, or why it cannot be trusted. Writes nothing, but removes
//! files that were not finished or are not needed.

use super::Segment;
use super::format::{self, Frame, HEADER_BYTES, Header, Kind};
use super::record::{self, Record};
use super::snapshot;
use crate::memory::Memory;
use crate::{Disk, Error, Result, Revision};

/// What was found.
pub(super) struct Recovered {
    pub(super) memory: Memory,
    pub(super) sealed: Vec<Segment>,
    /// The segment to go on with; none on an empty disk.
    pub(super) last: Option<Last>,
    pub(super) snapshot_bytes: u64,
    /// Bytes of log after the snapshot.
    pub(super) log_bytes: u64,
}

/// The segment to go on with.
pub(super) struct Last {
    pub(super) segment: Segment,
    /// Where its records end.
    pub(super) end: usize,
    /// The epoch of its last record.
    pub(super) epoch: u64,
}

/// Epochs beyond the last known one that a search for lost records believes: openings of one segment.
const EPOCHS_MAX: u64 = 1 << 32;

pub(super) fn recover(disk: &dyn Disk, ring_bytes: usize) -> Result<Recovered> {
    let names = disk
        .list()
        .map_err(|cause| Error::io("cannot list the store's files", cause))?;
    for name in names.iter().filter(|name| name.ends_with(".tmp")) {
        let removed = disk.remove(name);
        removed.map_err(|cause| Error::io(format!("cannot remove {name}"), cause))?;
    }
    let mut memory = Memory::new(ring_bytes);
    let snapshot = numbers(&names, Kind::Snapshot).pop();
    let (mut start, mut last, mut snapshot_bytes) = (Revision::ZERO, Revision::ZERO, 0);
    if let Some(number) = snapshot {
        let name = format::snapshot_name(Revision(number));
        let loaded = snapshot::load(&name, &read(disk, &name)?, &mut memory)?;
        (start, last, snapshot_bytes) = (loaded.start, loaded.last, loaded.bytes);
    }
    let mut replay = Replay {
        memory,
        start,
        settled: last,
        position: Revision::ZERO,
        log_bytes: 0,
    };
    let (sealed, tail) = replay.segments(disk, &numbers(&names, Kind::Segment))?;
    if replay.memory.revision < last || (tail.is_none() && snapshot.is_some()) {
        let revision = replay.memory.revision;
        let message = format!("the log ends at revision {revision}, before the snapshot does: {last}");
        return Err(Error::corrupt(message));
    }
    let mut memory = replay.memory;
    memory.durable = memory.revision;
    let oldest = sealed.first().or(tail.as_ref().map(|last| &last.segment));
    remove_superfluous(disk, &names, oldest.map_or(0, |segment| segment.sequence), start)?;
    Ok(Recovered {
        memory,
        sealed,
        last: tail,
        snapshot_bytes,
        log_bytes: replay.log_bytes,
    })
}

/// Removes what a truncation cut short by a crash has left.
fn remove_superfluous(disk: &dyn Disk, names: &[String], oldest: u64, start: Revision) -> Result<()> {
    let superfluous = |name: &&String| {
        let before = |kind: Kind, number| kind.number(name).is_some_and(|found| found < number);
        before(Kind::Segment, oldest) || before(Kind::Snapshot, start.0)
    };
    for name in names.iter().filter(superfluous) {
        let removed = disk.remove(name);
        removed.map_err(|cause| Error::io(format!("cannot remove {name}"), cause))?;
    }
    Ok(())
}

/// The numbers of the files of a kind, in order.
fn numbers(names: &[String], kind: Kind) -> Vec<u64> {
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| kind.number(name)).collect();
    numbers.sort_unstable();
    numbers
}

fn read(disk: &dyn Disk, name: &str) -> Result<Vec<u8>> {
    disk.read(name)
        .map_err(|cause| Error::io(format!("cannot read {name}"), cause))
}

struct Replay {
    memory: Memory,
    /// What the snapshot holds for sure.
    start: Revision,
    /// What the snapshot may hold.
    settled: Revision,
    /// The last write seen in the log.
    position: Revision,
    log_bytes: u64,
}

/// A segment's content.
struct Content {
    segment: Segment,
    epoch: u64,
    file: Vec<u8>,
}

impl Replay {
    fn segments(&mut self, disk: &dyn Disk, sequences: &[u64]) -> Result<(Vec<Segment>, Option<Last>)> {
        let mut sealed = Vec::new();
        let mut previous: Option<(Segment, usize, u64)> = None;
        for content in self.contents(disk, sequences)? {
            if let Some((segment, ..)) = previous.take() {
                self.check_follows(&segment, &content.segment)?;
                sealed.push(segment);
            } else {
                self.check_begins(&content.segment)?;
            }
            let (end, epoch) = self.replay(&content)?;
            if sequences.last() == Some(&content.segment.sequence) {
                self.check_end(&content, end, epoch)?;
            }
            self.log_bytes += end as u64;
            previous = Some((content.segment, end, epoch));
        }
        let last = previous.map(|(segment, end, epoch)| Last { segment, end, epoch });
        Ok((sealed, last))
    }

    /// The segments that matter: from the last that begins early enough for the snapshot.
    fn contents(&self, disk: &dyn Disk, sequences: &[u64]) -> Result<Vec<Content>> {
        let mut contents = Vec::new();
        for sequence in sequences.iter().rev() {
            let name = format::segment_name(*sequence);
            let file = read(disk, &name)?;
            let header = Header::decode(&file, Kind::Segment, &name)?;
            let segment = Segment {
                sequence: *sequence,
                first: header.first,
                bytes: file.len(),
            };
            let epoch = header.epoch;
            contents.push(Content { segment, epoch, file });
            if header.first <= self.start.next() {
                break;
            }
        }
        contents.reverse();
        Ok(contents)
    }

    fn check_begins(&mut self, segment: &Segment) -> Result<()> {
        if segment.first > self.start.next() {
            let message = format!("the log before {} is missing", segment.name());
            return Err(Error::corrupt(message));
        }
        self.position = Revision(segment.first.0.saturating_sub(1));
        Ok(())
    }

    fn check_follows(&self, before: &Segment, next: &Segment) -> Result<()> {
        if next.sequence != before.sequence + 1 {
            return Err(Error::corrupt(format!(
                "the log before {} is missing",
                next.name()
            )));
        }
        if next.first != self.position.next() {
            let (name, position, first) = (before.name(), self.position, next.first);
            let message = format!("{name} is damaged after revision {position}; the log goes on at {first}");
            return Err(Error::corrupt(message));
        }
        Ok(())
    }

    /// Replays a segment up to its first bad record; returns where that is and the last epoch.
    fn replay(&mut self, content: &Content) -> Result<(usize, u64)> {
        let (mut at, mut epoch) = (HEADER_BYTES, content.epoch);
        while let Some(frame) = Frame::read(&content.file, content.segment.sequence, at) {
            match record::decode(frame.payload) {
                Some(Record::Epoch) if frame.epoch >= epoch => epoch = frame.epoch,
                Some(Record::Batch { batch, .. }) if frame.epoch == epoch => {
                    if batch.first != self.position.next() {
                        let name = content.segment.name();
                        let message = format!("{name} is damaged: revision {} is out of order", batch.first);
                        return Err(Error::corrupt(message));
                    }
                    self.position = batch.last();
                    self.take(&batch);
                }
                // Left behind by a crash, from before the log was last opened.
                _ => break,
            }
            at = frame.end;
        }
        Ok((at, epoch))
    }

    fn take(&mut self, batch: &crate::change::Batch) {
        if batch.first <= self.start {
            return;
        }
        if batch.first <= self.settled {
            self.memory.reapply(batch);
        } else {
            self.memory.apply(batch);
        }
    }

    /// Refuses a last segment in which a later record shows that the bad one was durable once.
    fn check_end(&self, content: &Content, end: usize, epoch: u64) -> Result<()> {
        let file = &content.file;
        let later = Frame::search(
            file,
            content.segment.sequence,
            end,
            epoch..=epoch.saturating_add(EPOCHS_MAX),
        );
        let shows_loss = |frame: Frame<'_>| match record::decode(frame.payload) {
            Some(Record::Batch { durable, .. }) => durable > self.position,
            Some(Record::Epoch) => frame.epoch > epoch,
            _ => false,
        };
        if later.into_iter().any(shows_loss) {
            let (name, position) = (content.segment.name(), self.position);
            return Err(Error::corrupt(format!(
                "{name} is damaged after revision {position}"
            )));
        }
        Ok(())
    }
}
