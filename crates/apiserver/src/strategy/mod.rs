//! What is done to objects of built-in kinds when they are written: defaults, first values, checks.
//!
//! Functions over JSON that rows of the registry point to. Rule: `pkg/apis/*/{v1/defaults,validation}.go` of
//! Kubernetes, as far as the embedded platform gives the fields a meaning. No function here sees a client, a clock or
//! another object.

pub(crate) mod claim;
pub(crate) mod config;
pub(crate) mod metadata;
pub(crate) mod namespace;
pub(crate) mod pod;
mod pod_checks;
mod pod_placement;
mod pod_resources;
mod qos;
