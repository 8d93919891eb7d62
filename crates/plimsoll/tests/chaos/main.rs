//! What befalls a whole cluster: nodes that go, an API server that says nothing, a database that forgets. The rig is one
//! for all tests, so these are a program of their own and come one after the other.
//!
//! ```text
//!   cargo xtask rig up --nodes 3
//!   PLIMSOLL_RIG_KUBECONFIG=... cargo test --package plimsoll --test chaos
//! ```

#![allow(clippy::print_stderr, reason = "tests say what they pass over")]
#![allow(dead_code, reason = "of what the rig's tests share a part is used here")]

#[path = "../rig/cluster.rs"]
mod cluster;
mod control_plane;
#[path = "../rig/manifests.rs"]
mod manifests;
mod nodes;
#[path = "../rig/reports.rs"]
mod reports;
#[path = "../rig/rights.rs"]
mod rights;
mod storm;

/// Held by the test that runs.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
