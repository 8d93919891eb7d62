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
    /// Those of them that change something.
    pub writes: Counter,
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

impl Metrics {
    /// Every count with its name and what it counts, for whoever renders them.
    pub fn all(&self) -> [(&'static str, &'static str, u64); 15] {
        let of = |name, help, counter: &Counter| (name, help, counter.get());
        [
            of(
                "watch_events",
                "Events that watches delivered.",
                &self.watch_events,
            ),
            of(
                "watch_errors",
                "Watches and lists that failed.",
                &self.watch_errors,
            ),
            of(
                "requests",
                "Requests to the API, attempts included.",
                &self.requests,
            ),
            of(
                "writes",
                "Requests that change something, attempts included.",
                &self.writes,
            ),
            of("retries", "Attempts that were repeats.", &self.retries),
            of("failures", "Writes given up.", &self.failures),
            of("plans", "Plans made.", &self.plans),
            of("panics", "Panics caught in plans.", &self.panics),
            of("bindings", "Pods bound to a machine.", &self.bindings),
            of(
                "workflow_steps",
                "Batches of events folded into workflows.",
                &self.workflow_steps,
            ),
            of(
                "comparisons",
                "Comparisons of a workflow's state with one rebuilt.",
                &self.comparisons,
            ),
            of(
                "divergences",
                "Comparisons that found a difference: a defect.",
                &self.divergences,
            ),
            of("status_patches", "Patches of Workflows.", &self.status_patches),
            of("pods_created", "Pods created for workflows.", &self.pods_created),
            of(
                "collected",
                "Objects collected because their owners are gone.",
                &self.collected,
            ),
        ]
    }
}
