//! How a store is run, and its limits.

use std::time::Duration;

use crate::{Error, ErrorKind, Result};

/// Who writes the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// A thread of the store's own: one write and one sync for all batches that queued during the last.
    Thread,
    /// Whoever calls [`Store::transact`](crate::Store::transact), before it returns.
    Inline,
    /// Whoever calls [`Store::commit`](crate::Store::commit), when it wants to: simulated lag of the disk.
    Manual,
}

/// How a store is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of a segment of the log, in bytes. From 4 KiB to 1 GiB.
    pub segment_bytes: usize,
    /// Bytes of recent events kept for watchers: keys and values, before and after. Most values before are
    /// those after of an earlier event, so that about half of this is memory.
    pub ring_bytes: usize,
    /// A snapshot is due when the log has grown by this many bytes, or by the size of the last snapshot
    /// where that is more: so the log costs at most as much again as the snapshots.
    pub snapshot_bytes: u64,
    /// Who writes the log.
    pub commit: Commit,
    /// When it is quiet, and what is kept then. Only where a thread writes the log.
    pub quiet: Quiet,
}

/// When a store is quiet, and what it keeps then.
#[derive(Clone, Copy, Debug)]
pub struct Quiet {
    /// So long after the last write.
    pub after: Duration,
    /// Bytes of recent events kept: enough for a watcher that comes back after a pause to go on where it was.
    pub ring_bytes: usize,
}

impl Default for Quiet {
    fn default() -> Self {
        Self {
            after: Duration::from_secs(2),
            ring_bytes: 1 << 20,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            ring_bytes: 16 << 20,
            snapshot_bytes: 32 << 20,
            commit: Commit::Thread,
            quiet: Quiet::default(),
        }
    }
}

impl Options {
    /// For simulation and tests: no thread, small files, durable as soon as appended.
    pub fn inline() -> Self {
        Self {
            segment_bytes: 4 << 20,
            commit: Commit::Inline,
            ..Self::default()
        }
    }

    /// The options, if they make sense.
    pub(crate) fn checked(self) -> Result<Self> {
        if (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return Ok(self);
        }
        let message = format!(
            "a segment of {} bytes is too small or too large",
            self.segment_bytes
        );
        Err(Error::new(ErrorKind::Io, message))
    }

    /// Largest record of the log, and so largest batch, in bytes.
    pub(crate) fn record_max(&self) -> usize {
        self.segment_bytes / RECORD_PART
    }

    /// Bytes that may wait for the writer before a new batch has to wait too.
    pub(crate) fn pending_max(&self) -> usize {
        self.segment_bytes / PENDING_PART
    }

    /// From this fill of a segment the next one is reserved.
    pub(crate) fn reserve_from(&self) -> usize {
        self.segment_bytes / RESERVE_PART
    }
}

/// Smaller segments hold too little to be of use.
const SEGMENT_BYTES_MIN: usize = 4 << 10;
/// Lengths of records have 32 bits; recovery reads a segment as a whole.
const SEGMENT_BYTES_MAX: usize = 1 << 30;

const RECORD_PART: usize = 4;
const PENDING_PART: usize = 8;
const RESERVE_PART: usize = 4;

// What may be under way when the reservation of the next segment fails still fits into this one, so that a
// full disk is met before a batch is accepted and never after: one round that began just below
// `reserve_from`, and what queues up during it.
const _: () = assert!(8 / RESERVE_PART + 2 * (8 / RECORD_PART + 8 / PENDING_PART) <= 8);
