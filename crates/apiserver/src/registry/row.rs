//! What a row says about a kind.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use crate::status::{Cause, qualified};
use crate::table::Column;
use schema::Schema;

/// The group of CustomResourceDefinition.
pub(crate) const CRD_GROUP: &str = "apiextensions.k8s.io";
/// The plural of CustomResourceDefinition.
pub(crate) const CRD_PLURAL: &str = "customresourcedefinitions";

/// A kind, in one version.
pub struct Row {
    /// API group, empty for the core group.
    pub group: String,
    /// Version, as `v1`.
    pub version: String,
    /// Kind, as `Pod`.
    pub kind: String,
    /// Kind of lists, as `PodList`.
    pub list_kind: String,
    /// Plural name, as `pods`.
    pub plural: String,
    /// Singular name, as `pod`.
    pub singular: String,
    /// Short names, as `po`.
    pub short_names: Vec<String>,
    /// Categories, as `all`.
    pub categories: Vec<String>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// `apiVersion` of objects, as `v1`.
    pub api_version: String,
    /// `apiVersion` under which objects are stored.
    pub(crate) stored_api_version: String,
    /// Where the kind's objects are in the store, as `pods.core/`: the prefix of every key.
    pub(crate) prefix: String,
    pub(crate) subresources: Subresources,
    pub(crate) columns: Columns,
    pub(crate) strategy: Strategy,
    pub(crate) schema: RowSchema,
    /// The schema as the CRD writes it.
    pub(crate) custom_schema: Option<Value>,
    /// Whether a CRD made the row.
    pub(crate) custom: bool,
}

/// Where a kind's schema comes from.
pub(crate) enum RowSchema {
    /// From the typed kind, compiled at its first use.
    Typed(OnceLock<Option<Arc<Schema>>>),
    /// From a CRD.
    Custom(Option<Arc<Schema>>),
}

/// The parts of an object that have a path of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Subresources {
    pub(crate) status: bool,
    pub(crate) binding: bool,
    pub(crate) eviction: bool,
    pub(crate) log: bool,
    /// `exec` and `attach`.
    pub(crate) streams: bool,
    pub(crate) token: bool,
    pub(crate) finalize: bool,
}

/// A subresource, as discovery lists it.
pub(crate) struct Subresource {
    pub(crate) name: &'static str,
    /// Group of the kind that is exchanged; empty together with the version for the object's own.
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    /// The kind that is exchanged; `None` is the object's own.
    pub(crate) kind: Option<&'static str>,
    pub(crate) verbs: &'static [&'static str],
}

const fn subresource(name: &'static str, verbs: &'static [&'static str]) -> Subresource {
    Subresource {
        name,
        group: "",
        version: "v1",
        kind: None,
        verbs,
    }
}

const BINDING: Subresource = Subresource {
    kind: Some("Binding"),
    ..subresource("binding", &["create"])
};
const EVICTION: Subresource = Subresource {
    group: "policy",
    kind: Some("Eviction"),
    ..subresource("eviction", &["create"])
};
const EXEC: Subresource = Subresource {
    kind: Some("PodExecOptions"),
    ..subresource("exec", &["create", "get"])
};
const ATTACH: Subresource = Subresource {
    kind: Some("PodAttachOptions"),
    ..subresource("attach", &["create", "get"])
};
const TOKEN: Subresource = Subresource {
    group: "authentication.k8s.io",
    kind: Some("TokenRequest"),
    ..subresource("token", &["create"])
};

impl Subresources {
    /// Those there are.
    pub(crate) fn iter(self) -> impl Iterator<Item = Subresource> {
        [
            (self.streams, ATTACH),
            (self.binding, BINDING),
            (self.eviction, EVICTION),
            (self.streams, EXEC),
            (self.finalize, subresource("finalize", &["update"])),
            (self.log, subresource("log", &["get"])),
            (self.status, subresource("status", &["get", "patch", "update"])),
            (self.token, TOKEN),
        ]
        .into_iter()
        .filter_map(|(there, subresource)| there.then_some(subresource))
    }
}

/// Columns of tables after `NAME`.
pub(crate) enum Columns {
    /// `AGE` alone.
    Age,
    /// A built-in kind's.
    Builtin(&'static [Column]),
    /// A CRD's `additionalPrinterColumns`, as they are written there.
    Custom(Vec<Value>),
}

/// What a name must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// RFC 1123 label.
    Label,
    /// RFC 1123 subdomain.
    Subdomain,
}

/// What is done to objects of a kind when they are written.
#[derive(Clone)]
pub(crate) struct Strategy {
    pub(crate) name: NameRule,
    /// `metadata.generation` counts changes of what is desired.
    pub(crate) generation: bool,
    /// Deleting leaves a bound object to its node for a grace period (pods).
    pub(crate) graceful: bool,
    /// Deleting answers with the object, not with a `Status`.
    pub(crate) returns_deleted: bool,
    /// Writing `status` may change `metadata` too, as built-in kinds allow.
    pub(crate) status_may_change_metadata: bool,
    /// Fills in defaults, at every write that may change more than `metadata` and `status`.
    pub(crate) default: fn(&mut Value),
    /// Sets what a new object starts with, after its status was dropped.
    pub(crate) prepare: fn(&mut Value),
    /// Checks an object, with its metadata checked already: what is outside of `metadata` and `status`.
    pub(crate) validate: fn(&Value) -> Vec<Cause>,
    /// Checks a change, new and old: what is outside of `metadata` and `status`.
    pub(crate) validate_update: fn(&Value, &Value) -> Vec<Cause>,
    /// Checks a status.
    pub(crate) validate_status: fn(&Value) -> Vec<Cause>,
    /// An update may leave out which revision it is of.
    pub(crate) unconditional_update: bool,
    /// How long objects are kept, where that is not for ever.
    pub(crate) ttl: Option<Duration>,
    /// Paths that field selectors may name besides `metadata.name` and `metadata.namespace`.
    pub(crate) fields: &'static [&'static str],
}

impl Default for Strategy {
    fn default() -> Self {
        Self {
            name: NameRule::Subdomain,
            generation: false,
            graceful: false,
            returns_deleted: false,
            status_may_change_metadata: true,
            default: |_| {},
            prepare: |_| {},
            validate: |_| Vec::new(),
            validate_update: |_, _| Vec::new(),
            validate_status: |_| Vec::new(),
            unconditional_update: true,
            ttl: None,
            fields: &[],
        }
    }
}

impl Row {
    /// `plural`, or `plural.group` outside the core group.
    pub fn qualified(&self) -> String {
        qualified(&self.plural, &self.group)
    }

    /// The key of an object.
    pub(crate) fn key(&self, namespace: &str, name: &str) -> String {
        if self.namespaced {
            format!("{}{namespace}/{name}", self.prefix)
        } else {
            format!("{}{name}", self.prefix)
        }
    }

    /// Where kube-apiserver keeps the object: some of its messages say so.
    pub(crate) fn etcd_key(&self, namespace: &str, name: &str) -> String {
        let plural = match (self.group.as_str(), self.plural.as_str()) {
            ("", "nodes") => "minions".to_owned(),
            ("", "services") => "services/specs".to_owned(),
            (group, plural) if self.custom || self.is_crd() => format!("{group}/{plural}"),
            (_, plural) => plural.to_owned(),
        };
        let place = if namespace.is_empty() {
            String::new()
        } else {
            format!("/{namespace}")
        };
        format!("/registry/{plural}{place}/{name}")
    }

    /// The prefix of the keys of a collection; no namespace means all.
    pub(crate) fn collection(&self, namespace: &str) -> String {
        if namespace.is_empty() {
            self.prefix.clone()
        } else {
            format!("{}{namespace}/", self.prefix)
        }
    }

    /// Namespace and name that a key of this kind stands for.
    pub(crate) fn split_key<'k>(&self, key: &'k str) -> (&'k str, &'k str) {
        let rest = key.strip_prefix(self.prefix.as_str()).unwrap_or(key);
        rest.split_once('/').unwrap_or(("", rest))
    }

    /// The kind's schema.
    pub(crate) fn schema(&self) -> Option<&Arc<Schema>> {
        match &self.schema {
            RowSchema::Custom(schema) => schema.as_ref(),
            RowSchema::Typed(cell) => cell
                .get_or_init(|| {
                    let reference = kinds::schema(&self.gvk())?;
                    Schema::compile_with(&reference, kinds::definitions())
                        .ok()
                        .map(Arc::new)
                })
                .as_ref(),
        }
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> meta::Gvk {
        meta::Gvk::new(&self.group, &self.version, &self.kind)
    }

    /// Verbs of whole objects.
    ///
    /// Clients show them in this order, which for custom kinds is another; namespaces go one by one.
    pub(crate) fn verbs(&self) -> &'static [&'static str] {
        if self.custom {
            return &[
                "delete",
                "deletecollection",
                "get",
                "list",
                "patch",
                "create",
                "update",
                "watch",
            ];
        }
        if self.is_namespace() {
            return &["create", "delete", "get", "list", "patch", "update", "watch"];
        }
        &[
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
        ]
    }

    /// Whether this is the kind that adds rows.
    pub(crate) fn is_crd(&self) -> bool {
        self.group == CRD_GROUP && self.plural == CRD_PLURAL
    }

    /// Whether this is Namespace.
    pub(crate) fn is_namespace(&self) -> bool {
        self.group.is_empty() && self.plural == "namespaces"
    }

    /// Whether this is Pod.
    pub(crate) fn is_pod(&self) -> bool {
        self.group.is_empty() && self.plural == "pods"
    }
}

/// The prefix of a kind's keys.
pub(crate) fn prefix(group: &str, plural: &str) -> String {
    let group = if group.is_empty() { "core" } else { group };
    format!("{group}/{plural}/")
}
