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
mod queue;
mod ring;
mod stats;
mod store;
mod sync;
mod tx;
mod watch;
mod writer;

pub use disk::{Disk, Faults, File, RealDisk, SimDisk};
pub use entry::{Entry, Event, EventKind, Revision};
pub use error::{Error, ErrorKind, Result, TooOld};
pub use options::{Commit, Options};
pub use stats::Stats;
pub use store::Store;
pub use tx::Tx;
pub use watch::{Durability, Watcher};
