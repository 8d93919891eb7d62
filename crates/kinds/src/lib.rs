//! Typed kinds, and the one place that names the versions of `kube` and `k8s-openapi`.
//!
//! Other rooms say `kinds::kube` and `kinds::k8s`, so that the yearly major of either is one change here.

pub use k8s_openapi as k8s;
pub use kube;
