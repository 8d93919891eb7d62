//! The handle: what the rest of the house sees of the store.

use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;

use meta::told::Told;

use crate::change::Batch;
use crate::memory::Memory;
use crate::options::Commit;
use crate::queue::Queue;
use crate::stats::Counters;
use crate::sync::{lock, read, write};
use crate::watch::{Durability, Watcher};
use crate::writer::{Exit, Writer};
use crate::{Disk, Entry, Error, ErrorKind, Options, Result, Revision, Stats, TooOld, Tx};

/// What the handle, the writer and the watchers share.
pub(crate) struct Shared {
    pub(crate) memory: RwLock<Memory>,
    pub(crate) queue: Queue,
    pub(crate) progress: Told<Progress>,
    pub(crate) counters: Counters,
}

/// How far the disk is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) durable: Revision,
    /// Why nothing more will be durable.
    pub(crate) ended: Option<Error>,
}

impl Shared {
    /// Nothing that is not durable now will be.
    pub(crate) fn fail(&self, error: &Error) {
        self.queue.fail(error);
        self.progress.change(|progress| {
            progress.ended.get_or_insert_with(|| error.clone());
        });
    }

    /// `batch` is on the disk.
    pub(crate) fn advance(&self, batches: &[Batch]) {
        let Some(last) = batches.last() else { return };
        let mut memory = write(&self.memory);
        memory.durable = last.last();
        let marked: Vec<_> = batches
            .iter()
            .flat_map(|batch| memory.mark(Durability::Durable, batch))
            .collect();
        drop(memory);
        self.progress.change(|progress| progress.durable = last.last());
        marked.iter().for_each(|slot| slot.notify.notify_one());
    }
}

/// A store. Clones are handles of the same store, which closes when the last is dropped: what was appended
/// is then written, and watchers end.
#[derive(Clone)]
pub struct Store(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    /// Held by the transaction under way.
    turn: Mutex<()>,
    driver: Driver,
    record_max: usize,
}

/// Who turns what was appended into what is durable.
enum Driver {
    Thread(Option<JoinHandle<()>>),
    Caller {
        writer: Box<Mutex<Writer>>,
        inline: bool,
    },
}

impl Store {
    /// Opens the store on `disk`, or makes one where there is none, and reads what the disk holds.
    pub fn open(disk: Arc<dyn Disk>, options: &Options) -> Result<Self> {
        let (memory, log) = crate::log::open(disk, options)?;
        let durable = memory.revision;
        let shared = Arc::new(Shared {
            memory: RwLock::new(memory),
            queue: Queue::new(options.pending_max()),
            progress: Told::new(Progress { durable, ended: None }),
            counters: Counters::default(),
        });
        let writer = Writer::new(Arc::clone(&shared), log, options.quiet);
        let driver = Driver::start(writer, options.commit)?;
        Ok(Self(Arc::new(Handle {
            shared,
            turn: Mutex::new(()),
            driver,
            record_max: options.record_max(),
        })))
    }

    /// Runs `work` and makes its writes, all or, if it fails, none. Returns its answer and the revision of
    /// the store after it.
    ///
    /// Transactions take turns; `work` must not call [`transact`](Self::transact) itself. The writes are
    /// seen by readers and [`Appended`](Durability::Appended) watchers at once; await
    /// [`durable`](Self::durable) before telling anyone who might outlive this process.
    pub fn transact<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<(T, Revision), E> {
        let turn = lock(&self.0.turn);
        self.0.make_room()?;
        let mut tx = Tx::new(&self.0.shared.memory);
        let answer = work(&mut tx)?;
        let revision = match tx.into_batch() {
            Ok(batch) => self.0.append(batch)?,
            Err(unchanged) => unchanged,
        };
        drop(turn);
        Ok((answer, revision))
    }

    /// The entry of `key`.
    pub fn get(&self, key: &str) -> Option<Entry> {
        read(&self.0.shared.memory).get(key)
    }

    /// The entries whose keys start with `prefix`, in order, and the revision at which this is so.
    pub fn list(&self, prefix: &str) -> (Vec<Entry>, Revision) {
        self.page(prefix, None, usize::MAX)
    }

    /// Of the entries under `prefix` in order, the first `limit` after the key `after`, and the revision at
    /// which this is so.
    pub fn page(&self, prefix: &str, after: Option<&str>, limit: usize) -> (Vec<Entry>, Revision) {
        let memory = read(&self.0.shared.memory);
        let entries = memory.range(prefix, after).take(limit);
        let entries: Vec<_> = entries
            .map(|(key, kept)| (Arc::clone(key), kept.clone()))
            .collect();
        let revision = memory.revision;
        drop(memory);
        // Unpacking takes its time: not under the lock.
        (
            entries.iter().map(|(key, kept)| kept.entry(key)).collect(),
            revision,
        )
    }

    /// The revision of the last write.
    pub fn revision(&self) -> Revision {
        read(&self.0.shared.memory).revision
    }

    /// The revision of the last write that is on the disk.
    pub fn durable_revision(&self) -> Revision {
        read(&self.0.shared.memory).durable
    }

    /// Waits until the write of `revision` and all before it are on the disk, or fails because they never
    /// will be known to be.
    pub async fn durable(&self, revision: Revision) -> Result<()> {
        let reached = |progress: &Progress| match &progress.ended {
            _ if progress.durable >= revision => Some(Ok(())),
            ended => ended.clone().map(Err),
        };
        self.0.shared.progress.until(reached).await
    }

    /// Waits until the store can no longer write, and says why.
    pub async fn failed(&self) -> Error {
        let never = Revision(u64::MAX);
        self.durable(never).await.err().unwrap_or_else(closed)
    }

    /// Whether writes are refused because the disk is full; over once there is room.
    pub fn is_full(&self) -> bool {
        self.0.shared.queue.is_full()
    }

    /// Watches the keys that start with `prefix`, from the first write after `after`.
    pub fn watch(&self, prefix: &str, after: Revision, durability: Durability) -> Result<Watcher, TooOld> {
        Watcher::new(&self.0.shared, prefix, after, durability)
    }

    /// Drops the recent events up to `revision`: a watch from before it is [`TooOld`].
    pub fn compact(&self, revision: Revision) {
        write(&self.0.shared.memory).compact(revision);
    }

    /// Makes durable what was appended. Does nothing where a thread does it.
    pub fn commit(&self) {
        self.0.commit();
    }

    /// What the store has done since it was opened.
    pub fn stats(&self) -> Stats {
        self.0.shared.counters.read()
    }
}

impl Handle {
    /// Refuses a batch that could not be written, and holds back one for which the writer is too far behind.
    fn make_room(&self) -> Result<()> {
        match &self.driver {
            Driver::Thread(_) => self.shared.queue.wait_for_room(),
            Driver::Caller { .. } if self.shared.queue.is_crowded() => self.commit(),
            Driver::Caller { .. } => {}
        }
        self.shared.queue.check().or_else(|_| {
            self.commit();
            self.shared.queue.check()
        })
    }

    fn append(&self, batch: Batch) -> Result<Revision> {
        let bytes = crate::log::record_bytes(&batch);
        if bytes > self.record_max {
            let message = format!(
                "a batch of {bytes} bytes is larger than {} bytes",
                self.record_max
            );
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        let mut memory = write(&self.shared.memory);
        memory.apply(&batch);
        let woken = memory.mark(Durability::Appended, &batch);
        drop(memory);
        let revision = batch.last();
        self.shared.queue.push(batch, bytes);
        woken.iter().for_each(|slot| slot.notify.notify_one());
        if matches!(self.driver, Driver::Caller { inline: true, .. }) {
            self.commit();
        }
        Ok(revision)
    }

    fn commit(&self) {
        if let Driver::Caller { writer, .. } = &self.driver {
            lock(writer).catch_up();
        }
    }
}

impl Driver {
    fn start(mut writer: Writer, commit: Commit) -> Result<Self> {
        if commit != Commit::Thread {
            return Ok(Self::Caller {
                writer: Box::new(Mutex::new(writer)),
                inline: commit == Commit::Inline,
            });
        }
        let run = move || {
            let _exit = Exit::new(&writer);
            writer.run();
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(run);
        let thread = thread.map_err(|cause| Error::io("cannot start the store's writer", cause))?;
        Ok(Self::Thread(Some(thread)))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.queue.close();
        match &mut self.driver {
            Driver::Thread(thread) => {
                if let Some(Err(_)) = thread.take().map(JoinHandle::join) {
                    tracing::error!("the store's writer panicked");
                }
            }
            Driver::Caller { inline, .. } => {
                if *inline {
                    self.commit();
                }
            }
        }
        self.shared.close();
    }
}

impl Shared {
    /// Ends watchers and whoever still waits.
    fn close(&self) {
        let mut memory = write(&self.memory);
        memory.closed = true;
        let slots = std::mem::take(&mut memory.slots);
        drop(memory);
        self.progress.change(|progress| {
            progress.ended.get_or_insert_with(closed);
        });
        slots.values().for_each(|slot| slot.notify.notify_one());
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the store is closed")
}
