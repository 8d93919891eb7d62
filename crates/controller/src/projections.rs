//! The views of kinds that our planners share: each object is decoded once, into what they need of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use workflow::contract::{ANNOTATION_DEFAULT_REPOSITORY, LABEL_CONFIG_MAP_TYPE};

use crate::kind::Kind;
use crate::metadata::{Metadata, share};
use crate::projection;
use crate::text::Text;

const ARGO: &str = argo::GROUP;

/// `v1` Pod.
pub const PODS: Kind = Kind::namespaced("", "v1", "Pod", "pods");
/// `v1` Node.
pub const NODES: Kind = Kind::cluster("", "v1", "Node", "nodes");
/// `v1` Namespace.
pub const NAMESPACES: Kind = Kind::cluster("", "v1", "Namespace", "namespaces");
/// `v1` ConfigMap.
pub const CONFIG_MAPS: Kind = Kind::namespaced("", "v1", "ConfigMap", "configmaps");
/// `v1` PersistentVolumeClaim.
pub const CLAIMS: Kind = Kind::namespaced("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims");
/// `v1` Event.
pub const EVENTS: Kind = Kind::namespaced("", "v1", "Event", "events");
/// Argo's Workflow.
pub const WORKFLOWS: Kind = Kind::namespaced(ARGO, "v1alpha1", "Workflow", "workflows");
/// Argo's WorkflowTaskResult.
pub const TASK_RESULTS: Kind =
    Kind::namespaced(ARGO, "v1alpha1", "WorkflowTaskResult", "workflowtaskresults");
/// Chunks of large workflows' nodes.
pub const STATUS_CHUNKS: Kind = Kind::namespaced(
    kinds::own::GROUP,
    kinds::own::VERSION,
    workflow::layout::CHUNK_KIND,
    workflow::layout::CHUNK_PLURAL,
);
/// Argo's WorkflowTemplate.
pub const TEMPLATES: Kind = Kind::namespaced(ARGO, "v1alpha1", "WorkflowTemplate", "workflowtemplates");
/// Argo's ClusterWorkflowTemplate.
pub const CLUSTER_TEMPLATES: Kind = Kind::cluster(
    ARGO,
    "v1alpha1",
    "ClusterWorkflowTemplate",
    "clusterworkflowtemplates",
);

/// A pod: for its workflow, and for its placement.
#[derive(Clone, Debug)]
pub struct Pod {
    /// `metadata`.
    pub metadata: Metadata,
    /// What its workflow needs of it.
    pub view: Arc<workflow::contract::PodView>,
    /// What its placement needs of its spec.
    pub placement: Arc<scheduler::PodSpec>,
    /// What its placement needs of its metadata.
    pub notes: scheduler::Notes,
}

/// A machine.
#[derive(Clone, Debug, Deserialize)]
pub struct Node {
    /// `metadata`.
    pub metadata: Metadata,
    /// What placement needs of `spec`.
    #[serde(default)]
    pub spec: scheduler::NodeSpec,
    /// What placement needs of `status`.
    #[serde(default)]
    pub status: scheduler::NodeStatus,
}

/// A namespace, of which only its labels matter.
#[derive(Clone, Debug, Deserialize)]
pub struct Namespace {
    /// `metadata`.
    pub metadata: Metadata,
}

/// A workflow, as far as others may change it.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// `metadata`.
    pub metadata: Metadata,
    /// What its machine takes note of.
    pub view: workflow::contract::WorkflowView,
}

/// What an executor reported of a step.
#[derive(Clone, Debug)]
pub struct TaskResult {
    /// `metadata`.
    pub metadata: Metadata,
    /// The report.
    pub view: workflow::contract::TaskResult,
}

/// A chunk of a workflow's nodes, of which only that it is there matters.
#[derive(Clone, Debug, Deserialize)]
pub struct StatusChunk {
    /// `metadata`.
    pub metadata: Metadata,
}

/// A claim of a volume, of which only that it is there matters.
#[derive(Clone, Debug, Deserialize)]
pub struct Claim {
    /// `metadata`.
    pub metadata: Metadata,
}

/// Templates that workflows of a namespace refer to.
#[derive(Clone, Debug)]
pub struct WorkflowTemplate {
    /// `metadata`.
    pub metadata: Metadata,
    /// The templates; empty if they cannot be read.
    pub spec: Arc<argo::WorkflowSpec>,
}

/// Templates that all workflows may refer to.
#[derive(Clone, Debug)]
pub struct ClusterWorkflowTemplate {
    /// `metadata`.
    pub metadata: Metadata,
    /// The templates; empty if they cannot be read.
    pub spec: Arc<argo::WorkflowSpec>,
}

/// Data that workflows of a namespace refer to.
#[derive(Clone, Debug)]
pub struct ConfigMap {
    /// `metadata`.
    pub metadata: Metadata,
    /// What workflows read of it.
    pub view: Arc<workflow::contract::ConfigMap>,
}

projection!(Pod, PODS, |own, like| {
    share(&mut own.placement, &like.placement);
    // It was just read, so nobody else has it yet.
    if let Some(view) = Arc::get_mut(&mut own.view) {
        share(&mut view.labels, &own.metadata.labels);
    }
});
projection!(Node, NODES);
projection!(Namespace, NAMESPACES);
projection!(Workflow, WORKFLOWS);
projection!(TaskResult, TASK_RESULTS);
projection!(StatusChunk, STATUS_CHUNKS);
projection!(Claim, CLAIMS);
projection!(WorkflowTemplate, TEMPLATES);
projection!(ClusterWorkflowTemplate, CLUSTER_TEMPLATES);
projection!(ConfigMap, CONFIG_MAPS);

/// Reads a projection whose fields are views of one text.
macro_rules! from_text {
    ($type:ident, |$text:ident| { $($field:ident: $value:expr),+ }) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let $text = Text::deserialize(deserializer)?;
                Ok(Self { metadata: $text.metadata()?, $($field: $value),+ })
            }
        }
    };
}

from_text!(Pod, |text| {
    view: Arc::new(text.view()), placement: Arc::new(text.spec()), notes: text.notes()
});
from_text!(Workflow, |text| { view: text.view() });
from_text!(TaskResult, |text| { view: text.view() });
from_text!(WorkflowTemplate, |text| { spec: Arc::new(text.spec()) });
from_text!(ClusterWorkflowTemplate, |text| { spec: Arc::new(text.spec()) });

impl<'de> Deserialize<'de> for ConfigMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Head {
            #[serde(flatten)]
            metadata: Metadata,
            #[serde(default, deserialize_with = "meta::json::null_as_default")]
            annotations: BTreeMap<String, String>,
        }
        #[derive(Deserialize)]
        struct Raw {
            metadata: Option<Head>,
            #[serde(default, deserialize_with = "meta::json::null_as_default")]
            data: BTreeMap<String, String>,
        }
        let raw = Raw::deserialize(deserializer)?;
        let Head {
            metadata,
            annotations,
        } = raw.metadata.ok_or_else(|| D::Error::missing_field("metadata"))?;
        let repository = annotations.get(ANNOTATION_DEFAULT_REPOSITORY);
        let view = workflow::contract::ConfigMap {
            kind: metadata
                .label(LABEL_CONFIG_MAP_TYPE)
                .unwrap_or_default()
                .to_owned(),
            default_repository: repository.cloned().unwrap_or_default(),
            data: raw.data,
        };
        Ok(Self {
            view: Arc::new(view),
            metadata,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Projection;

    #[test]
    fn a_view_that_cannot_be_read_is_empty() {
        let text = r#"{"metadata":{"name":"t"},"spec":{"templates":7}}"#;
        let template: WorkflowTemplate = serde_json::from_str(text).unwrap();
        assert!(template.spec.templates.is_empty());
        assert_eq!(template.key().name, "t");
    }

    #[test]
    fn an_object_without_metadata_is_an_error() {
        for text in [r#"{"spec":{}}"#, r#"{"metadata":7}"#, "7"] {
            assert!(serde_json::from_str::<WorkflowTemplate>(text).is_err(), "{text}");
        }
    }
}
