//! A virtual cluster: the shipped store, API server and controllers under virtual time, on a disk and
//! machines that are simulated.
//!
//! ```text
//!   seed, profile ─► Script ─► run ─► Trace: what happened, and every promise that was broken ─► shrink
//!
//!   disk (SimDisk) ◄─ store ◄─ apiserver ◄─ FaultLayer ◄─ controllers (workflow, scheduler, collector)
//!                                 ▲  ◄─ machines (virtual processes, which survive the control plane)
//!                                 └──── people: the script's actions
//! ```
//!
//! One seed gives one order of events, in any process on any machine: everything runs on one thread under
//! tokio's paused clock, and whatever is drawn is drawn from the seed. The control plane is killed by
//! dropping its whole runtime; the next life starts from what the disk kept.

mod api;
mod broken;
mod check;
mod clock;
mod command;
mod errors;
mod examples;
mod generate;
mod ledger;
mod life;
mod log;
mod machine;
mod makes_up;
mod normal;
mod observe;
mod operate;
mod problem;
mod profile;
mod program;
mod script;
mod shrink;
mod state;

pub use broken::Broken;
pub use command::{Broke, main, run_seeds};
pub use examples::{chain, digits};
pub use problem::{Problem, Promise};
pub use profile::{Profile, crash_points};
pub use script::{Action, Disk, Machine, Script, Timed};
pub use state::{Options, Trace, run};
