//! Our own CustomResourceDefinitions: what the ecosystem has no kind for.

use serde_json::{Value, json};

/// Group of our kinds.
pub const GROUP: &str = "plimsoll.dev";
/// The label of who made an object, with the value [`OWNER`] on those of an installation.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The label of the namespace that an installation lies in, on all objects of it.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// The value of [`MANAGED_BY`] on what is ours, and the manager of the fields that an installation sets.
pub const OWNER: &str = "plimsoll";
/// Version of our kinds.
pub const VERSION: &str = "v1alpha1";

/// The definitions, ready to be created through the API.
pub fn crds() -> Vec<Value> {
    vec![status_chunks()]
}

/// Nodes of a Workflow whose status is too large for one object. Written once, so that its nodes are not looked
/// into: any field is kept.
fn status_chunks() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("workflowstatuschunks.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": "WorkflowStatusChunk", "listKind": "WorkflowStatusChunkList",
                "plural": "workflowstatuschunks", "singular": "workflowstatuschunk",
            },
            "versions": [{
                "name": VERSION, "served": true, "storage": true,
                "additionalPrinterColumns": [
                    {
                        "name": "Workflow", "type": "string",
                        "jsonPath": ".metadata.labels.workflows\\.argoproj\\.io/workflow",
                    },
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
                        "nodes": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    },
                }},
            }],
        },
    })
}
