//! The writer: takes what queued up, makes it durable as one group, tells who waits, then does a slice of a
//! chore (reserve the next segment, write a snapshot, pack what is cold). Runs on a thread of its own or inline.

use std::sync::Arc;

use crate::change::Batch;
use crate::log::Log;
use crate::options::Quiet;
use crate::pack::Packer;
use crate::stats::add;
use crate::store::Shared;
use crate::sync::{read, write};
use crate::{Error, ErrorKind};

/// Bytes of values packed in one slice: some tens of microseconds, by which a commit may be late.
const PACK_BYTES: usize = 32 << 10;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    log: Log,
    failed: bool,
    packer: Packer,
    quiet: Quiet,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, log: Log, quiet: Quiet) -> Self {
        Self {
            shared,
            log,
            failed: false,
            packer: Packer::default(),
            quiet,
        }
    }

    /// Works until the store closes.
    pub(crate) fn run(&mut self) {
        loop {
            let wake_after = self.is_large().then_some(self.quiet.after);
            let work = self.shared.queue.wait_for_work(self.has_chores(), wake_after);
            self.commit(&work.batches);
            if work.closing {
                return;
            }
            if work.quiet {
                self.rest();
            }
            self.do_chores();
        }
    }

    /// Makes durable what was appended.
    ///
    /// Chores come first, so that a simulation meets what a thread meets: snapshots of what is not durable.
    pub(crate) fn catch_up(&mut self) {
        self.do_chores();
        let work = self.shared.queue.take();
        self.commit(&work.batches);
    }

    fn commit(&mut self, batches: &[Batch]) {
        if self.failed || batches.is_empty() {
            return;
        }
        let appended = self.log.append(batches, &self.shared.counters);
        let durable = batches.partition_point(|batch| batch.last() <= self.log.durable());
        self.acknowledge(&batches[..durable]);
        if let Err(error) = appended {
            self.fail(&error);
        }
    }

    fn acknowledge(&self, batches: &[Batch]) {
        let counters = &self.shared.counters;
        add(&counters.batches, batches.len() as u64);
        add(
            &counters.writes,
            batches.iter().map(|batch| batch.changes.len() as u64).sum(),
        );
        meta::crash::point("store.acknowledge");
        self.shared.advance(batches);
    }

    /// Whether more recent events are kept than when it is quiet.
    fn is_large(&self) -> bool {
        read(&self.shared.memory).ring.is_beyond(self.quiet.ring_bytes)
    }

    /// Nothing was written for a while: what only serves watchers that lag behind is given back.
    fn rest(&mut self) {
        write(&self.shared.memory).compact_to(self.quiet.ring_bytes);
        self.log.rest();
    }

    fn has_chores(&self) -> bool {
        read(&self.shared.memory).is_cooling() || !self.failed && self.log.has_chores()
    }

    /// Packs some of the values that have become cold.
    fn pack(&mut self) {
        let cold = write(&self.shared.memory).take_cold(PACK_BYTES);
        let packed: Vec<_> = cold
            .iter()
            .filter_map(|(cold, value)| Some((cold, self.packer.pack(&cold.key, value)?)))
            .collect();
        if packed.is_empty() {
            return;
        }
        let mut memory = write(&self.shared.memory);
        for (cold, value) in packed {
            memory.keep(cold, value);
        }
    }

    fn do_chores(&mut self) {
        self.pack();
        if self.failed {
            return;
        }
        match self.log.do_chores(&self.shared) {
            Ok(()) => self.shared.queue.set_full(None),
            Err(error) if error.kind() == ErrorKind::Full => self.shared.queue.set_full(Some(error)),
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &Error) {
        tracing::error!(%error, "the store is read-only from here");
        self.failed = true;
        self.shared.fail(error);
    }
}

/// Tells who waits that the writer is gone, however it went.
pub(crate) struct Exit(Arc<Shared>);

impl Exit {
    pub(crate) fn new(writer: &Writer) -> Self {
        Self(Arc::clone(&writer.shared))
    }
}

impl Drop for Exit {
    fn drop(&mut self) {
        self.0
            .fail(&Error::new(ErrorKind::Closed, "the store's writer has ended"));
    }
}
