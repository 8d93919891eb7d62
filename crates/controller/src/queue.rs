//! A keyed work queue: a key waits once, however often it is added, and is never worked on twice at once.
//!
//! ```text
//!   add ──► dirty ──► ready ──► worked on ──► done
//!             ▲  added meanwhile │   │ fails or asks for later
//!             └──────────────────┘   └──► delayed ──► add
//! ```
//!
//! The semantics are client-go's `workqueue` (dirty and processing sets). The immediate path takes no
//! timer; only delays go through a timer wheel.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::time::DelayQueue;

use crate::backoff::Backoff;
use crate::metrics::Metrics;

/// What becomes of a key after it was worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until it is added again.
    Done,
    /// It is due again after this time.
    After(Duration),
    /// It failed: again, after a wait that grows with each failure in a row.
    Failed,
}

/// The queue; cheap to clone.
pub struct Queue<K> {
    shared: Arc<Shared<K>>,
}

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

struct Shared<K> {
    sets: Mutex<Sets<K>>,
    added: Notify,
}

struct Sets<K> {
    ready: VecDeque<K>,
    dirty: BTreeSet<K>,
    processing: BTreeSet<K>,
}

impl<K: Ord + Clone> Sets<K> {
    fn add(&mut self, key: K) -> bool {
        if !self.dirty.insert(key.clone()) || self.processing.contains(&key) {
            return false;
        }
        self.ready.push_back(key);
        true
    }

    fn take(&mut self) -> Option<K> {
        let key = self.ready.pop_front()?;
        self.dirty.remove(&key);
        self.processing.insert(key.clone());
        Some(key)
    }

    fn done(&mut self, key: &K) {
        self.processing.remove(key);
        if self.dirty.contains(key) {
            self.ready.push_back(key.clone());
        }
    }
}

impl<K: Ord + Clone> Default for Queue<K> {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                sets: Mutex::new(Sets {
                    ready: VecDeque::new(),
                    dirty: BTreeSet::new(),
                    processing: BTreeSet::new(),
                }),
                added: Notify::new(),
            }),
        }
    }
}

impl<K: Ord + Clone + Debug + Send + 'static> Queue<K> {
    /// Asks for a key to be worked on.
    pub fn add(&self, key: K) {
        if self.sets().add(key) {
            self.shared.added.notify_one();
        }
    }

    fn sets(&self) -> MutexGuard<'_, Sets<K>> {
        self.shared.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on keys, `at_once` of them at the same time, until `shutdown`. A panic in `work` is caught,
    /// counted and treated as a failure.
    pub async fn run<F>(self, at_once: usize, shutdown: CancellationToken, metrics: Arc<Metrics>, work: F)
    where
        F: Fn(K) -> BoxFuture<'static, Next>,
    {
        let mut runner = Runner {
            queue: self,
            running: FuturesUnordered::new(),
            delayed: DelayQueue::new(),
            backoffs: BTreeMap::new(),
            metrics,
        };
        let endless = async {
            loop {
                runner.start(at_once, &work);
                runner.wait().await;
            }
        };
        shutdown.run_until_cancelled(endless).await;
    }
}

struct Runner<K> {
    queue: Queue<K>,
    running: FuturesUnordered<BoxFuture<'static, (K, Next)>>,
    delayed: DelayQueue<K>,
    backoffs: BTreeMap<K, Backoff>,
    metrics: Arc<Metrics>,
}

impl<K: Ord + Clone + Debug + Send + 'static> Runner<K> {
    fn start<F>(&mut self, at_once: usize, work: &F)
    where
        F: Fn(K) -> BoxFuture<'static, Next>,
    {
        while self.running.len() < at_once {
            let Some(key) = self.queue.sets().take() else {
                return;
            };
            self.metrics.plans.add(1);
            let worked = AssertUnwindSafe(work(key.clone())).catch_unwind();
            let metrics = Arc::clone(&self.metrics);
            let caught = async move {
                let next = worked.await.unwrap_or_else(|_| {
                    metrics.panics.add(1);
                    tracing::error!(?key, "planning panicked; it will be tried again");
                    Next::Failed
                });
                (key, next)
            };
            self.running.push(caught.boxed());
        }
    }

    async fn wait(&mut self) {
        tokio::select! {
            biased;
            Some((key, next)) = self.running.next() => self.finish(key, next),
            () = self.queue.shared.added.notified() => {}
            Some(due) = self.delayed.next() => self.queue.add(due.into_inner()),
        }
    }

    fn finish(&mut self, key: K, next: Next) {
        self.queue.sets().done(&key);
        match next {
            Next::Done => {
                self.backoffs.remove(&key);
            }
            Next::After(wait) => {
                self.backoffs.remove(&key);
                self.delayed.insert(key, wait);
            }
            Next::Failed => {
                let wait = self.backoffs.entry(key.clone()).or_default().wait();
                self.delayed.insert(key, wait);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    /// Runs a queue whose worker reports each visit and answers as told.
    fn start(at_once: usize, answers: &[Next]) -> (Queue<&'static str>, mpsc::UnboundedReceiver<String>) {
        let (tell, told) = mpsc::unbounded_channel();
        let queue = Queue::default();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect::<VecDeque<_>>()));
        let begun = tokio::time::Instant::now();
        let work = move |key: &'static str| {
            let (tell, answers) = (tell.clone(), Arc::clone(&answers));
            async move {
                tell.send(format!("{key}@{}", begun.elapsed().as_millis()))
                    .unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
                let next = answers.lock().unwrap().pop_front();
                assert!(next.is_some(), "told to panic");
                next.unwrap_or(Next::Done)
            }
            .boxed()
        };
        tokio::spawn(
            queue
                .clone()
                .run(at_once, CancellationToken::new(), Arc::default(), work),
        );
        (queue, told)
    }

    async fn next(told: &mut mpsc::UnboundedReceiver<String>, count: usize) -> String {
        let mut words = Vec::new();
        for _ in 0..count {
            words.push(told.recv().await.unwrap());
        }
        words.join(" ")
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_waits_once_and_is_never_worked_on_twice_at_once() {
        let (queue, mut told) = start(2, &[Next::Done; 9]);
        ["a", "b", "a"].into_iter().for_each(|key| queue.add(key));
        assert_eq!(next(&mut told, 2).await, "a@0 b@0");
        queue.add("a");
        queue.add("a");
        assert_eq!(
            next(&mut told, 1).await,
            "a@10",
            "once more, and only when the first is done"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn later_and_failed_keys_come_back() {
        let answers = [
            Next::After(Duration::from_secs(5)),
            Next::Failed,
            Next::Failed,
            Next::Done,
        ];
        let (queue, mut told) = start(1, &answers);
        queue.add("a");
        assert_eq!(next(&mut told, 4).await, "a@0 a@5010 a@5040 a@5090");
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_a_failure() {
        let (queue, mut told) = start(1, &[]);
        queue.add("a");
        assert_eq!(next(&mut told, 2).await, "a@0 a@30");
    }
}
