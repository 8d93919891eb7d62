//! Revisioned keys and bytes: kept in memory, durable through a log, watched from any recent revision.
//!
//! ```text
//!   transact ──> memory (ordered map, ring of events) ──> Appended watchers
//!       │
//!       └──> queue ──> writer: log (write, sync) ──> durable ──> Durable watchers, `durable().await`
//!                         └──> snapshot, truncation
//! ```
//!
//! Every write has its own revision and revisions are consecutive. A batch ([`Store::transact`]) is one
//! record of the log: after a crash it is there whole or not at all, and what [`Store::durable`] has
//! acknowledged is there. Nothing here knows what the keys and bytes mean.
//!
//! What happens when the disk fails is told in [`ErrorKind`]; the format of the files in the `log` module.

mod disk;

mod change;
mod entry;
mod error;
mod log;
mod memory;
mod options;
mod pack;
mod queue;
mod ring;
mod stats;
mod store;
mod sync;
mod tx;
mod watch;
mod writer;

/// Where a test may kill the process: the names of [`meta::crash::point`] in this crate.
pub const CRASH_POINTS: [&str; 7] = [
    "store.write",
    "store.sync",
    "store.synced",
    "store.acknowledge",
    "store.segment",
    "store.snapshot",
    "store.truncate",
];

pub use disk::{Disk, Faults, File, RealDisk, SimDisk};
pub use entry::{Entry, Event, EventKind, Revision};
pub use error::{Error, ErrorKind, Result, TooOld};
pub use options::{Commit, Options, Quiet};
pub use stats::Stats;
pub use store::Store;
pub use tx::Tx;
pub use watch::{Durability, Watcher};

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The names of the points in the files under `folder`.
    fn points(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for file in std::fs::read_dir(folder)
            .expect("the sources are there")
            .flatten()
        {
            if file.path().is_dir() {
                found.extend(points(&file.path()));
                continue;
            }
            let text = std::fs::read_to_string(file.path()).expect("sources are text");
            let after = text.split("crash::point(\"").skip(1);
            found.extend(
                after
                    .filter_map(|rest| rest.split_once("\")"))
                    .map(|(name, _)| name.to_owned()),
            );
        }
        found
    }

    #[test]
    fn the_crash_points_listed_are_those_there_are() {
        let mut found = points(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        found.retain(|name| name.starts_with("store."));
        found.sort();
        let mut listed = super::CRASH_POINTS;
        listed.sort_unstable();
        assert_eq!(found, listed);
    }
}
