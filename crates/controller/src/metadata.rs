//! `metadata` as far as controllers read it.
//!
//! A typed one takes half a kilobyte before it holds anything, and thousands of pods differ in name, uid and
//! version alone: what is the same in many objects is shared between them ([`Metadata::share`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use meta::ObjectKey;
use meta::json::null_as_default;
use serde::{Deserialize, Deserializer};
use workloads::collection::Owner;

/// Who an object is, which version of it this is, and to whom it belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Its namespace; empty where it has none.
    #[serde(deserialize_with = "null_as_default")]
    pub namespace: Arc<str>,
    /// Its name.
    #[serde(deserialize_with = "null_as_default")]
    pub name: Box<str>,
    /// Its identity; empty if absent.
    #[serde(deserialize_with = "null_as_default")]
    pub uid: Box<str>,
    /// Its version; empty if absent.
    #[serde(deserialize_with = "null_as_default")]
    pub resource_version: Box<str>,
    /// Whether it was asked to go: there is a `deletionTimestamp`.
    #[serde(rename = "deletionTimestamp", deserialize_with = "is_there")]
    pub deleting: bool,
    /// Its labels.
    #[serde(deserialize_with = "null_as_default")]
    pub labels: Arc<BTreeMap<String, String>>,
    /// What it belongs to.
    #[serde(rename = "ownerReferences", deserialize_with = "null_as_default")]
    pub owners: Arc<[Owner]>,
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::<serde::de::IgnoredAny>::deserialize(deserializer).map(|found| found.is_some())
}

impl Metadata {
    /// Namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(&self.namespace, &self.name)
    }

    /// A label's value.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// `resourceVersion` as a number.
    pub fn revision(&self) -> u64 {
        revision(&self.resource_version)
    }

    /// Takes over from another object what is the same in both.
    pub fn share(&mut self, like: &Self) {
        share(&mut self.namespace, &like.namespace);
        share(&mut self.labels, &like.labels);
        share(&mut self.owners, &like.owners);
    }
}

/// A `resourceVersion` as a number. Kubernetes promises that those of one kind can be compared so since 1.35
/// (KEP-5504), and its stores always kept it; what is no number counts as newest.
pub(crate) fn revision(version: &str) -> u64 {
    version.parse().unwrap_or(u64::MAX)
}

/// Takes over `like` if it is the same.
pub(crate) fn share<T: PartialEq + ?Sized>(own: &mut Arc<T>, like: &Arc<T>) {
    if !Arc::ptr_eq(own, like) && **own == **like {
        *own = Arc::clone(like);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Metadata {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_absent_or_null_is_empty() {
        let empty = Metadata::default();
        for text in [
            "{}",
            r#"{"namespace":null,"name":null,"uid":null,"resourceVersion":null,"deletionTimestamp":null,"labels":null,
                "ownerReferences":null,"annotations":{"a":"b"}}"#,
        ] {
            assert_eq!(read(text), empty, "{text}");
        }
        assert_eq!(empty.revision(), u64::MAX);
        let full = read(
            r#"{"namespace":"n","name":"a","resourceVersion":"7","deletionTimestamp":"2026-01-01T00:00:00Z"}"#,
        );
        assert_eq!(
            (full.key(), full.revision(), full.deleting),
            (ObjectKey::new("n", "a"), 7, true)
        );
    }

    #[test]
    fn what_is_the_same_is_shared() {
        let text = |name: &str, label: &str| {
            format!(
                r#"{{"name":"{name}","labels":{{"l":"{label}"}},"ownerReferences":[{{"kind":"K","uid":"u"}}]}}"#
            )
        };
        let (one, mut like, mut other) = (
            read(&text("a", "x")),
            read(&text("b", "x")),
            read(&text("c", "y")),
        );
        like.share(&one);
        assert!(Arc::ptr_eq(&one.labels, &like.labels) && Arc::ptr_eq(&one.owners, &like.owners));
        other.share(&one);
        assert!(!Arc::ptr_eq(&one.labels, &other.labels) && Arc::ptr_eq(&one.owners, &other.owners));
        assert_eq!((&*other.name, other.label("l")), ("c", Some("y")));
    }
}
