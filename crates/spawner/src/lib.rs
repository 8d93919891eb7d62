//! The spawner: parent of all processes that the node runs.
//!
//! ```text
//!     control plane (large, many threads, may be killed)
//!          |  unix socket: start, signal, list, acknowledge
//!     spawner (small, one thread, outlives it)
//!          |  clone, wait
//!     process   process   process
//! ```
//!
//! It runs in its own session, from the same program, and ends by itself once it is idle and alone. What it promises:
//!
//! * A start is keyed. The intent is journaled before the process is created, so a repeated request never starts a
//!   second one, whoever crashed in between.
//! * An end is journaled before it is reaped, and told until acknowledged.
//! * When the spawner itself dies, its processes die with it; their outcome is unknown, never repeated.
//!
//! It knows nothing of pods, of Kubernetes or of why a process runs, and has neither threads nor tokio.

mod cgroup;
mod child;
mod client;
mod connection;
pub mod frame;
mod journal;
mod layout;
mod listings;
pub mod log;
mod machine;
mod output;
mod probe;
pub mod protocol;
mod server;
mod service;
mod sys;

/// Where a test may kill the spawner: the names of [`meta::crash::point`] in this crate.
pub const CRASH_POINTS: [&str; 5] = [
    "spawner.intended",
    "spawner.cloned",
    "spawner.started",
    "spawner.ended",
    "spawner.journal-rewritten",
];

pub use client::{connect, launch};
pub use journal::open_attempts;
pub use output::segment_path;
pub use service::{ARGV0, run_if_asked};
pub use sys::open_terminal;
