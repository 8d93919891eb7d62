//! What the controllers of a process did, counted. Plain numbers; whoever wants them in a format renders
//! them.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts of a process.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Events that watches delivered.
    pub watch_events: Counter,
    /// Watches and lists that failed.
    pub watch_errors: Counter,
    /// Requests sent to the API by executors, attempts included.
    pub requests: Counter,
    /// Attempts that were repeats.
    pub retries: Counter,
    /// Writes given up.
    pub failures: Counter,
    /// Plans made.
    pub plans: Counter,
    /// Panics caught in plans.
    pub panics: Counter,
    /// Pods bound to a machine.
    pub bindings: Counter,
    /// Batches of events folded into workflows.
    pub workflow_steps: Counter,
    /// Comparisons of a machine with a rebuilt one (where asked for).
    pub comparisons: Counter,
    /// Comparisons that found a difference: a defect.
    pub divergences: Counter,
    /// Workflow status patches sent.
    pub status_patches: Counter,
    /// Pods created for workflows.
    pub pods_created: Counter,
    /// Objects collected because their owners are gone.
    pub collected: Counter,
}
