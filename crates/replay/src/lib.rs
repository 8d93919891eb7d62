//! Traces through the scheduler: what would this planner, or another policy, have done with that cluster and
//! those arrivals?
//!
//! ```text
//!     openb::Trace ──► Arrivals (an order of pods) ──► run ──────► Curve ──► summary        nobody leaves
//!     Jobs, Machines ────────────────────────────────► timed ────► Measures                 jobs wait, run and leave
//!                             scheduler::packing::Planner<Policy> ──┘
//! ```
//!
//! The planner is the one that serves clusters; only the peers, the policies that ours is compared with, live
//! here. Nothing here knows the terminal or the environment; of Kubernetes' objects only how to write those of a trace,
//! for schedulers that are to be held to the same arrivals.

mod cluster;
mod compare;
mod csv;
pub mod draws;
mod jobs;
mod measure;
pub mod mig;
mod migration;
pub mod openb;
mod parallel;
pub mod peers;
mod policies;
mod queue;
mod run;
mod summary;
mod text;
mod timed;

pub use cluster::Machines;
pub use compare::{Comparison, Contract, compare, openb_in};
pub use jobs::{Job, Jobs};
pub use measure::{Measures, Point, Scenario, measure};
pub use policies::{Expected, PolicyName};
pub use run::{Curve, Run, run};
pub use summary::{Row, Seed, rows};
pub use text::Error;
pub use timed::{Moment, Queueing, Replayed, replay};
