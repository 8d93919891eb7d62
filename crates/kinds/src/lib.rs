//! Kinds and their schemas, and the one place that names the versions of `kube` and `k8s-openapi`.
//!
//! Other rooms say `kinds::kube` and `kinds::k8s`, so that the yearly major of either is one change here. No
//! behaviour: what a kind is, not what is done with it.

pub mod argo;
mod core;
mod merge_keys;
pub mod own;

pub use k8s_openapi as k8s;
pub use kube;

pub use self::core::{definition_name, definitions, schema};

/// Every definition that the platform needs, ready to be created through the API.
pub fn crds() -> Vec<serde_json::Value> {
    argo::crds().into_iter().chain(own::crds()).collect()
}
