//! Packing: which machine, and which of its devices, a request for CPU, memory and shares of GPUs gets.
//!
//! ```text
//!     Fleet (free amounts, flat) ─┐
//!     Shapes (equal requests)  ───┼──► Planner ──decide──► Placement ──commit──► Fleet
//!     Policy (a score) ───────────┘      keeps a score per (shape, machine), renewed where a machine changed
//! ```
//!
//! One planner serves the embedded platform, a scheduler on a cluster and the simulator. It knows amounts and
//! scores only: no names, labels or objects; whoever asks translates those into shapes and keeps the machines'
//! names. Gangs and queues belong above it: a decision takes nothing until it is committed, and a placement can
//! be taken back.

mod changes;
mod cutting;
mod fleet;
mod future_fit;
mod machine;
mod outlook;
mod planner;
mod policy;
mod request;
mod workload;

pub use changes::Changes;
pub use fleet::{Fleet, Stale};
pub use future_fit::FutureFit;
pub use machine::{DEVICES_MAX, DeviceSet, Machine, MachineId, WHOLE};
pub use planner::{Placement, Planner, Ties};
pub use policy::{Offer, Policy, tightest};
pub use request::{Model, ModelSet, Request, ShapeId, Shapes};
pub use workload::{Typical, Workload};
