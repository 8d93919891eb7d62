//! Placement: which machine runs which pod, and for each pod that must wait, why.
//!
//! ```text
//!     machines, pods (projections) ──► State ──plan()──► bindings, and a WhyNot for every pending pod
//! ```
//!
//! Pure: no clock, no client, no randomness. The same sequence of changes gives the same plan. The rules are
//! those of kube-scheduler's default profile: unschedulable machines, taints, node selector and affinity, ports,
//! resources, topology spread, affinity of pods; then a score, in which packing counts before spreading where there are
//! GPUs.
//! The adaptor that watches and binds is
//! `controller::scheduler`.

mod company;
mod devices;
mod explanation;
mod filter;
mod gpus;
mod machine;
pub mod mig;
mod notes;
pub mod packing;
mod pod;
mod ports;
mod relations;
mod resources;
mod score;
mod state;
mod stock;
mod surroundings;
mod table;
mod why_not;

pub use devices::{Amount, Devices, Part};
pub use explanation::{Change, Explanation, Lack, Obstacle, Remedy, Stopped};
pub use machine::{Effect, Machine, NodeSpec, NodeStatus, Taint};
pub use notes::Notes;
pub use pod::{Affinity, Container, Identity, NodeSelectorTerm, Pod, PodSpec, Requirements, Toleration};
pub use ports::{HostPort, RawPort};
pub use relations::{Appearance, RawPodAffinity, RawPodTerm, RawSpread, RawWeightedTerm, Relations};
pub use resources::Resources;
pub use state::{Binding, Plan, Settings, State, Waiting, plan};
pub use why_not::{Reason, WhyNot};
