//! A compiled schema: nodes in one table, so that recursive definitions need no care.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Number, Value};

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: Id,
}

/// The place of a node in its schema's table.
pub(crate) type Id = usize;

/// What a value may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    /// Unknown fields are kept (`x-kubernetes-preserve-unknown-fields`).
    pub(crate) open: bool,
    /// A whole object with its own `apiVersion`, `kind` and `metadata`.
    pub(crate) embedded: bool,
    pub(crate) properties: BTreeMap<String, Id>,
    pub(crate) additional: Option<Id>,
    pub(crate) items: Option<Id>,
    pub(crate) required: Vec<String>,
    pub(crate) default: Option<Value>,
    pub(crate) limits: Limits,
    pub(crate) all_of: Vec<Id>,
    pub(crate) any_of: Vec<Id>,
    pub(crate) one_of: Vec<Id>,
    pub(crate) not: Option<Id>,
    pub(crate) merge: Merge,
    /// The name of the definition it is.
    pub(crate) definition: Option<Arc<str>>,
}

/// JSON types, and Kubernetes' one mixed type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

/// Bounds on a value. All are optional.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) allowed: Vec<Value>,
    pub(crate) minimum: Option<Bound>,
    pub(crate) maximum: Option<Bound>,
    pub(crate) multiple_of: Option<Number>,
    pub(crate) length: Range,
    pub(crate) items: Range,
    pub(crate) properties: Range,
    pub(crate) pattern: Option<regex::Regex>,
    pub(crate) unique: Option<Unique>,
    pub(crate) format: String,
}

/// How a list's elements are told apart.
#[derive(Clone, Debug)]
pub(crate) enum Unique {
    /// By their whole value.
    Value,
    /// By these fields (`x-kubernetes-list-map-keys`).
    Keys(Vec<String>),
}

#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) value: Number,
    pub(crate) exclusive: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Range {
    pub(crate) min: Option<u64>,
    pub(crate) max: Option<u64>,
}

/// How a strategic merge patch treats the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Merge {
    /// The list is merged, not replaced; its elements have this key, or are scalars.
    pub(crate) list: bool,
    /// The object is replaced, not merged.
    pub(crate) replace: bool,
    pub(crate) key: Option<String>,
    /// Fields absent from the patch are dropped where it names those to retain.
    pub(crate) retain_keys: bool,
}

impl Schema {
    /// The node under an id.
    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// Whether nothing that is inside the root's field `name`, an object, can break a rule, be unknown or be defaulted.
    pub fn is_opaque(&self, name: &str) -> bool {
        let root = self.node(self.root);
        match root.child(name) {
            Some(field) => self.node(field).is_opaque(),
            None => root.open,
        }
    }

    /// The field names defined at the root, for suggestions and listings.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.node(self.root).properties.keys().map(String::as_str)
    }
}

impl Node {
    /// The schema of a field or entry, if the node defines it.
    pub(crate) fn child(&self, key: &str) -> Option<Id> {
        self.properties.get(key).copied().or(self.additional)
    }

    /// Whether every object fits, and stays as it is.
    fn is_opaque(&self) -> bool {
        let limits = &self.limits;
        let bounded = !limits.allowed.is_empty() || limits.properties.min.or(limits.properties.max).is_some();
        let joined = !(self.all_of.is_empty() && self.any_of.is_empty() && self.one_of.is_empty());
        matches!(self.kind, Kind::Object | Kind::Any)
            && self.open
            && self.default.is_none()
            && self.properties.is_empty()
            && self.additional.is_none()
            && self.required.is_empty()
            && !bounded
            && !joined
            && self.not.is_none()
    }

    /// Whether fields that the node does not define are no mistake.
    pub(crate) fn allows_unknown(&self) -> bool {
        self.open || self.kind == Kind::Any && self.properties.is_empty()
    }
}
