//! Traces through the scheduler: what would this planner, or another policy, have done with that cluster and
//! those arrivals?
//!
//! ```text
//!     trace files ──► openb::Trace ──► Arrivals (an order of pods) ──► run ──► Curve ──► summary
//!                                         scheduler::packing::Planner<Policy> ──┘
//! ```
//!
//! The planner is the one that serves clusters; only the peers, the policies that ours is compared with, live
//! here. Nothing here knows the terminal, the environment or Kubernetes objects.

mod compare;
pub mod draws;
pub mod mig;
pub mod openb;
pub mod peers;
mod run;
mod summary;

pub use compare::{Comparison, PolicyName, compare, openb_in};
pub use run::{Curve, Run, run};
pub use summary::{Row, Seed, rows};
