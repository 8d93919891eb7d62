//! Argo Workflows' CustomResourceDefinitions, as its minimal installation has them: any field is kept.
//!
//! Names, short names and columns are upstream's, so that people's tools find what they know. No status subresource:
//! Argo's controllers write whole objects.

use serde_json::{Value, json};

/// A kind in short form.
struct Kind {
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    scope: &'static str,
    columns: &'static [Column],
}

/// A printer column: name, type, path, description.
type Column = (&'static str, &'static str, &'static str, &'static str);

/// Group of Argo's kinds.
pub const GROUP: &str = "argoproj.io";
/// Version of Argo's kinds.
pub const VERSION: &str = "v1alpha1";

const AGE: Column = ("Age", "date", ".metadata.creationTimestamp", "");

const KINDS: &[Kind] = &[
    Kind {
        kind: "ClusterWorkflowTemplate",
        plural: "clusterworkflowtemplates",
        short: &["clusterwftmpl", "cwft"],
        scope: "Cluster",
        columns: &[],
    },
    Kind {
        kind: "CronWorkflow",
        plural: "cronworkflows",
        short: &["cwf", "cronwf"],
        scope: "Namespaced",
        columns: &[],
    },
    Kind {
        kind: "WorkflowArtifactGCTask",
        plural: "workflowartifactgctasks",
        short: &["wfat"],
        scope: "Namespaced",
        columns: &[],
    },
    Kind {
        kind: "WorkflowEventBinding",
        plural: "workfloweventbindings",
        short: &["wfeb"],
        scope: "Namespaced",
        columns: &[],
    },
    Kind {
        kind: "Workflow",
        plural: "workflows",
        short: &["wf"],
        scope: "Namespaced",
        columns: &[
            ("Status", "string", ".status.phase", "Status of the workflow"),
            (
                "Age",
                "date",
                ".status.startedAt",
                "When the workflow was started",
            ),
            (
                "Message",
                "string",
                ".status.message",
                "Human readable message indicating details about why the workflow is in this condition.",
            ),
        ],
    },
    Kind {
        kind: "WorkflowTaskResult",
        plural: "workflowtaskresults",
        short: &[],
        scope: "Namespaced",
        columns: &[],
    },
    Kind {
        kind: "WorkflowTaskSet",
        plural: "workflowtasksets",
        short: &["wfts"],
        scope: "Namespaced",
        columns: &[],
    },
    Kind {
        kind: "WorkflowTemplate",
        plural: "workflowtemplates",
        short: &["wftmpl"],
        scope: "Namespaced",
        columns: &[],
    },
];

/// The definitions, ready to be created through the API.
pub fn crds() -> Vec<Value> {
    KINDS.iter().map(Kind::definition).collect()
}

impl Kind {
    fn definition(&self) -> Value {
        let columns: &[Column] = if self.columns.is_empty() {
            &[AGE]
        } else {
            self.columns
        };
        let columns: Vec<Value> = columns.iter().map(|column| self.column(column)).collect();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{}.{GROUP}", self.plural)},
            "spec": {
                "group": GROUP,
                "scope": self.scope,
                "names": {
                    "kind": self.kind, "listKind": format!("{}List", self.kind), "plural": self.plural,
                    "singular": self.kind.to_lowercase(), "shortNames": self.short,
                },
                "versions": [{
                    "name": VERSION, "served": true, "storage": true,
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": self.schema()},
                }],
            },
        })
    }

    fn column(&self, (name, kind, path, description): &Column) -> Value {
        let mut column = json!({"name": name, "type": kind, "jsonPath": path});
        if !description.is_empty() {
            column["description"] = (*description).into();
        }
        // As upstream: the message is for `-o wide`.
        if *name == "Message" {
            column["priority"] = 1.into();
        }
        column
    }

    /// Any field is kept; the spec must be there, but for results, which have none.
    fn schema(&self) -> Value {
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let mut properties = json!({
            "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
        });
        if self.kind == "WorkflowTaskResult" {
            return json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "required": ["metadata"],
                "properties": properties});
        }
        properties["spec"] = open.clone();
        properties["status"] = open;
        json!({"type": "object", "required": ["metadata", "spec"], "properties": properties})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_definition_under_its_name() {
        let crds = crds();
        assert_eq!(crds.len(), 8);
        for crd in crds {
            let name = format!("{}.{GROUP}", crd["spec"]["names"]["plural"].as_str().unwrap());
            assert_eq!(crd["metadata"]["name"], name);
        }
    }
}
