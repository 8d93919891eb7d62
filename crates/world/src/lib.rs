//! A virtual cluster: the shipped store, API server and controllers under virtual time, on a disk and
//! machines that are simulated.
//!
//! ```text
//!   seed ─► disk (SimDisk) ◄─ store ◄─ apiserver ◄─ FaultLayer ◄─ controllers (workflow, scheduler, collector)
//!       ─► machines (SimMachine: virtual processes, survive the control plane) ◄──┘
//!       ─► faults, crashes, randomness, identifiers
//! ```
//!
//! One seed gives one order of events, in any process on any machine: everything runs on one thread under
//! tokio's paused clock, and whatever is drawn is drawn from the seed. The control plane is killed by
//! dropping its whole runtime; the next life starts from what the disk kept. [`run`] gives a [`Trace`]: the
//! order of events, and every promise that was broken.

mod chain;
mod check;
mod clock;
mod command;
mod digits;
mod install;
mod ledger;
mod life;
mod log;
mod machine;
mod scenario;

pub use chain::chain;
pub use command::{broken, main};
pub use digits::digits;
pub use life::{Faults, Trace, run};
pub use scenario::{Outcome, Scenario, Step};
