//! Counters of what the store has done since it was opened.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the store has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Syncs of the log (not of snapshots, nor of segments being prepared).
    pub fsyncs: u64,
    /// Writes that became durable.
    pub writes: u64,
    /// Batches that became durable.
    pub batches: u64,
    /// Bytes written to the log.
    pub bytes: u64,
    /// Snapshots taken.
    pub snapshots: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) fsyncs: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) snapshots: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            fsyncs: value(&self.fsyncs),
            writes: value(&self.writes),
            batches: value(&self.batches),
            bytes: value(&self.bytes),
            snapshots: value(&self.snapshots),
        }
    }
}
