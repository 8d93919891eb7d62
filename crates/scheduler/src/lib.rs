//! Placement: which machine runs which pod, and for each pod that must wait, why.
//!
//! ```text
//!     machines, pods (projections) ──► State ──plan()──► bindings, and a WhyNot for every pending pod
//! ```
//!
//! Pure: no clock, no client, no randomness. The same sequence of changes gives the same plan. The rules are
//! those of kube-scheduler's default profile as far as they are here: unschedulable machines, taints,
//! node selector and affinity, resources; then a score, in which packing counts before spreading where there are GPUs.
//! The adaptor that watches and binds is
//! `controller::scheduler`.

mod filter;
mod gpus;
mod machine;
pub mod mig;
pub mod packing;
mod pod;
mod resources;
mod score;
mod state;
mod why_not;

pub use machine::{Effect, Machine, NodeSpec, NodeStatus, Taint};
pub use pod::{Affinity, Container, NodeSelectorTerm, Pod, PodSpec, Requirements, Toleration};
pub use resources::Resources;
pub use state::{Binding, Plan, Settings, State, Waiting, plan};
pub use why_not::{Reason, WhyNot};
