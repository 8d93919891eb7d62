//! The writer: takes what queued up, makes it durable as one group, tells who waits, then does a slice of a
//! chore (reserve the next segment, write a snapshot). Runs on a thread of its own or inline.

use std::sync::Arc;

use crate::change::Batch;
use crate::log::Log;
use crate::stats::add;
use crate::store::Shared;
use crate::{Error, ErrorKind};

pub(crate) struct Writer {
    shared: Arc<Shared>,
    log: Log,
    failed: bool,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, log: Log) -> Self {
        Self {
            shared,
            log,
            failed: false,
        }
    }

    /// Works until the store closes.
    pub(crate) fn run(&mut self) {
        loop {
            let work = self.shared.queue.wait_for_work(self.has_chores());
            self.commit(&work.batches);
            if work.closing {
                return;
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

    fn has_chores(&self) -> bool {
        !self.failed && self.log.has_chores()
    }

    fn do_chores(&mut self) {
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
