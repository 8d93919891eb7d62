//! What was appended and waits for the writer, and whether the store takes more.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::change::Batch;
use crate::sync::{lock, wait, wait_for};
use crate::{Error, ErrorKind, Result};

/// Whether the store takes writes.
#[derive(Clone, Debug)]
enum Health {
    Good,
    /// There is no room for the next segment. Over when there is.
    Full(Error),
    /// The log could not be written. For good.
    Failed(Error),
}

pub(crate) struct Queue {
    inner: Mutex<Inner>,
    /// There is work, or the store closes.
    work: Condvar,
    /// There is room, or the store fails.
    room: Condvar,
    bytes_max: usize,
}

struct Inner {
    batches: Vec<Batch>,
    bytes: usize,
    health: Health,
    /// Someone was refused for want of room: look again.
    poked: bool,
    closing: bool,
}

/// What the writer is to do next.
pub(crate) struct Work {
    pub(crate) batches: Vec<Batch>,
    pub(crate) closing: bool,
    /// Nothing came for as long as was to be waited.
    pub(crate) quiet: bool,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            inner: Mutex::new(Inner {
                batches: Vec::new(),
                bytes: 0,
                health: Health::Good,
                poked: false,
                closing: false,
            }),
            work: Condvar::new(),
            room: Condvar::new(),
            bytes_max,
        }
    }

    /// Whether a batch would be taken now.
    pub(crate) fn check(&self) -> Result<()> {
        let mut inner = lock(&self.inner);
        if inner.closing {
            return Err(Error::new(ErrorKind::Closed, "the store is closed"));
        }
        match &inner.health {
            Health::Good => Ok(()),
            Health::Failed(error) => Err(error.read_only()),
            Health::Full(error) => {
                let error = error.clone();
                inner.poked = true;
                self.work.notify_one();
                Err(error)
            }
        }
    }

    /// Waits until the writer has caught up enough. Only where another thread is the writer.
    pub(crate) fn wait_for_room(&self) {
        let mut inner = lock(&self.inner);
        while inner.bytes > self.bytes_max && !inner.closing && !matches!(inner.health, Health::Failed(_)) {
            inner = wait(&self.room, inner);
        }
    }

    /// Whether as much is waiting as may.
    pub(crate) fn is_crowded(&self) -> bool {
        lock(&self.inner).bytes > self.bytes_max
    }

    pub(crate) fn push(&self, batch: Batch, bytes: usize) {
        let mut inner = lock(&self.inner);
        inner.bytes += bytes;
        inner.batches.push(batch);
        self.work.notify_one();
    }

    /// Waits for work, unless the writer has `chores` of its own to go on with; no longer than it says, if it does.
    pub(crate) fn wait_for_work(&self, chores: bool, longest: Option<Duration>) -> Work {
        let mut inner = lock(&self.inner);
        let mut quiet = false;
        while !chores && !quiet && inner.batches.is_empty() && !inner.poked && !inner.closing {
            match longest {
                None => inner = wait(&self.work, inner),
                Some(longest) => (inner, quiet) = wait_for(&self.work, inner, longest),
            }
        }
        let mut work = self.take_from(&mut inner);
        work.quiet = quiet && work.batches.is_empty();
        work
    }

    /// The work there is.
    pub(crate) fn take(&self) -> Work {
        self.take_from(&mut lock(&self.inner))
    }

    fn take_from(&self, inner: &mut Inner) -> Work {
        inner.poked = false;
        inner.bytes = 0;
        self.room.notify_all();
        Work {
            batches: std::mem::take(&mut inner.batches),
            closing: inner.closing,
            quiet: false,
        }
    }

    /// Whether writes are refused for want of room on the disk.
    pub(crate) fn is_full(&self) -> bool {
        matches!(lock(&self.inner).health, Health::Full(_))
    }

    /// There is no room for more, or there is again.
    pub(crate) fn set_full(&self, full: Option<Error>) {
        let mut inner = lock(&self.inner);
        if !matches!(inner.health, Health::Failed(_)) {
            inner.health = full.map_or(Health::Good, Health::Full);
        }
    }

    /// The log cannot be written any more.
    pub(crate) fn fail(&self, error: &Error) {
        let mut inner = lock(&self.inner);
        inner.health = Health::Failed(error.clone());
        inner.batches.clear();
        self.room.notify_all();
    }

    pub(crate) fn close(&self) {
        lock(&self.inner).closing = true;
        self.work.notify_all();
        self.room.notify_all();
    }
}
