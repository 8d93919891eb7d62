//! The controller on a real Kubernetes: the same binary, kube-apiserver instead of the embedded one.
//!
//! ```text
//!   cargo xtask rig up --nodes 3
//!   PLIMSOLL_RIG_KUBECONFIG=... cargo test --package plimsoll --test rig
//! ```
//!
//! The audit's test wants a rig to itself, and `PLIMSOLL_RIG_MACHINES` too: it makes up so many machines.
//!
//! Without the kubeconfig every test says in one line that it is passed over. Each has a namespace, an instance id
//! and a Lease of its own, so that they run beside each other.

#![allow(clippy::print_stderr, reason = "tests say what they pass over")]

mod audit;
mod buckets;
mod cluster;
mod crashes;
mod install;
mod manifests;
mod outputs;
mod replicas;
mod rights;
mod scheduler;
mod shadow;
mod shapes;
mod upgrade;

#[path = "../../../artifacts/tests/servers/mod.rs"]
mod servers;

#[path = "../../../audit/tests/common/count.rs"]
#[allow(dead_code, unreachable_pub, reason = "this test uses a part")]
mod count;
#[path = "../../../audit/tests/common/made_up.rs"]
#[allow(dead_code, unreachable_pub, reason = "this test uses a part")]
mod made_up;
