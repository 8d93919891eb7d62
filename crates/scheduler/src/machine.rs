//! A machine (a Kubernetes Node) as placement sees it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::devices::Devices;
use crate::resources::Resources;

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Effect {
    /// Keeps new pods away.
    NoSchedule,
    /// Keeps new pods away where another machine will do.
    PreferNoSchedule,
    /// Keeps new pods away and drives running ones out.
    NoExecute,
}

/// A mark that repels pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Taint {
    /// The taint's key.
    pub key: String,
    /// Its value, often empty.
    #[serde(default)]
    pub value: String,
    /// What it does.
    pub effect: Effect,
}

impl Taint {
    /// Whether it keeps pods away for certain, and not only if there is a choice.
    pub fn forbids(&self) -> bool {
        self.effect != Effect::PreferNoSchedule
    }
}

/// The part of a Node's `spec` that placement reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    /// Cordoned by an administrator.
    pub unschedulable: bool,
    /// Marks that repel pods.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub taints: Vec<Taint>,
}

/// The part of a Node's `status` that placement reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    /// What the machine has in all.
    pub capacity: Resources,
    /// What pods may have of it; absent means all of it.
    pub allocatable: Resources,
}

/// A machine that pods may be placed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The Node's name.
    pub name: String,
    /// The Node's labels.
    pub labels: BTreeMap<String, String>,
    /// Cordoned by an administrator.
    pub unschedulable: bool,
    /// Marks that repel pods.
    pub taints: Vec<Taint>,
    /// What pods may have in all.
    pub allocatable: Resources,
    /// Its devices, as labels and resources tell.
    pub devices: Devices,
}

impl Machine {
    /// The machine that a Node object describes.
    pub fn new(name: &str, labels: BTreeMap<String, String>, spec: NodeSpec, status: NodeStatus) -> Self {
        let NodeSpec {
            unschedulable,
            taints,
        } = spec;
        let allocatable = if status.allocatable.is_empty() {
            status.capacity
        } else {
            status.allocatable
        };
        Self {
            name: name.to_owned(),
            devices: Devices::of(&labels, &allocatable),
            labels,
            unschedulable,
            taints,
            allocatable,
        }
    }
}
