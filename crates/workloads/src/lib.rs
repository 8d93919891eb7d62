//! kube-controller-manager's part that data and machine-learning work needs, as pure planners.
//!
//! On a real cluster none of this runs: the cluster has its own. Here so far: [`collection`] of what its
//! owners left behind.

pub mod collection;
