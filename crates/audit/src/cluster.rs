//! A cluster as the audit sees it: projections of its nodes, pods and namespaces, read from the API's own JSON.
//!
//! Other people's objects are read leniently: a field that is not understood counts as absent.

use std::collections::BTreeMap;

use meta::Timestamp;
use meta::json::null_as_default;
use scheduler::{NodeSpec, NodeStatus, PodSpec};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::usage::Usage;

/// Labels or annotations.
pub type Labels = BTreeMap<String, String>;

/// Everything the audit looks at.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The machines.
    pub nodes: Vec<Node>,
    /// Pods of all namespaces, ended ones too where they are still there.
    pub pods: Vec<Pod>,
    /// The namespaces.
    pub namespaces: Vec<Namespace>,
    /// What the GPUs were doing, if anyone measured it.
    pub usage: Option<Usage>,
}

/// The part of `metadata` that the audit reads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// The name.
    pub name: String,
    /// The namespace; empty for nodes and namespaces.
    pub namespace: String,
    /// Labels.
    #[serde(deserialize_with = "null_as_default")]
    pub labels: Labels,
    /// Annotations.
    #[serde(deserialize_with = "null_as_default")]
    pub annotations: Labels,
    /// When it was made.
    pub creation_timestamp: Option<Timestamp>,
    /// When it was asked to go.
    pub deletion_timestamp: Option<Timestamp>,
    /// Who made it.
    #[serde(deserialize_with = "null_as_default")]
    pub owner_references: Vec<Owner>,
}

impl Metadata {
    /// The controller that owns it.
    pub fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

/// An owner reference.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Owner {
    /// The owner's kind.
    pub kind: String,
    /// The owner's name.
    pub name: String,
    /// Whether the owner manages the object.
    #[serde(deserialize_with = "null_as_default")]
    pub controller: bool,
}

/// A machine.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    /// `metadata`.
    pub metadata: Metadata,
    /// What placement reads of `spec`.
    pub spec: NodeSpec,
    /// `status`.
    pub status: Status<NodeStatus>,
}

/// A pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// `metadata`.
    pub metadata: Metadata,
    /// `spec`.
    pub spec: Parts<PodSpec, PodMore>,
    /// `status`.
    pub status: PodStatus,
}

/// A namespace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Namespace {
    /// `metadata`.
    pub metadata: Metadata,
}

/// The part of a pod's `spec` that placement does not read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodMore {
    /// `Always`, `OnFailure` or `Never`.
    #[serde(deserialize_with = "null_as_default")]
    pub restart_policy: String,
}

/// The part of a pod's `status` that the audit reads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[serde(deserialize_with = "null_as_default")]
    pub phase: String,
    /// Conditions.
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<Condition>,
}

/// A condition of a node or pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why.
    #[serde(deserialize_with = "null_as_default")]
    pub message: String,
}

/// A status of which one part is read as `T`, beside its conditions.
pub type Status<T> = Parts<T, Conditions>;

/// The conditions of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// They.
    #[serde(deserialize_with = "null_as_default")]
    pub conditions: Vec<Condition>,
}

/// One JSON object read twice: as placement reads it, and for what else the audit needs of it.
#[derive(Clone, Debug, Default)]
pub struct Parts<T, U> {
    /// What placement reads.
    pub placement: T,
    /// The rest.
    pub more: U,
}

impl<'de, T, U> Deserialize<'de> for Parts<T, U>
where
    T: for<'a> Deserialize<'a>,
    U: for<'a> Deserialize<'a>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self {
            placement: serde_json::from_str(text.get()).map_err(D::Error::custom)?,
            more: serde_json::from_str(text.get()).map_err(D::Error::custom)?,
        })
    }
}

impl Node {
    /// Whether its Ready condition holds. A node without conditions has not reported yet.
    pub fn is_ready(&self) -> bool {
        let mut conditions = self.status.more.conditions.iter();
        conditions.any(|condition| condition.kind == "Ready" && condition.status == "True")
    }
}

impl Pod {
    /// The machine it is bound to.
    pub fn node(&self) -> Option<&str> {
        Some(self.spec.placement.node_name.as_str()).filter(|name| !name.is_empty())
    }

    /// Whether it has ended: it holds nothing and waits for nothing.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Whether each machine has one of its kind, so that it keeps no machine up and moves nowhere.
    pub fn belongs_to_machine(&self) -> bool {
        let of_machines = |owner: &Owner| matches!(owner.kind.as_str(), "DaemonSet" | "Node");
        self.metadata.controller().is_some_and(of_machines)
            || self
                .metadata
                .annotations
                .contains_key("kubernetes.io/config.mirror")
    }

    /// Namespace and name, as `namespace/name`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.metadata.namespace, self.metadata.name)
    }
}
