//! Kinds as the API addresses them, and projections: objects decoded only as far as planners need them.
//!
//! A typed Pod costs 13.8 KB and 20 µs to decode, a projection 0.4 KB and 3 µs.

use std::borrow::Cow;
use std::fmt::Debug;

use meta::ObjectKey;
use serde::de::DeserializeOwned;

use crate::metadata::Metadata;

/// A kind and how its objects are addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// API group, empty for the core group.
    pub group: &'static str,
    /// Version, as `v1`.
    pub version: &'static str,
    /// Kind, as `Pod`.
    pub kind: &'static str,
    /// Plural name used in paths, as `pods`.
    pub plural: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl Kind {
    /// A kind whose objects live in namespaces.
    pub const fn namespaced(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
    ) -> Self {
        Self {
            group,
            version,
            kind,
            plural,
            namespaced: true,
        }
    }

    /// A kind whose objects belong to the cluster.
    pub const fn cluster(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
    ) -> Self {
        Self {
            group,
            version,
            kind,
            plural,
            namespaced: false,
        }
    }

    /// The `apiVersion` of its objects.
    pub fn api_version(&self) -> Cow<'static, str> {
        if self.group.is_empty() {
            Cow::Borrowed(self.version)
        } else {
            Cow::Owned(format!("{}/{}", self.group, self.version))
        }
    }

    /// The path of the collection in a namespace, as `/api/v1/namespaces/default/pods`.
    pub fn collection(&self, namespace: &str) -> String {
        let root = if self.group.is_empty() { "/api/" } else { "/apis/" };
        let version = self.api_version();
        if self.namespaced {
            format!("{root}{version}/namespaces/{namespace}/{}", self.plural)
        } else {
            format!("{root}{version}/{}", self.plural)
        }
    }

    /// The path of one object.
    pub fn path(&self, key: &ObjectKey) -> String {
        format!("{}/{}", self.collection(&key.namespace), key.name)
    }
}

/// An object decoded only as far as planners need it.
///
/// Decoding must be lenient: what one object holds wrongly must not keep the others from being seen.
pub trait Projection: Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    /// The kind it is a view of.
    const KIND: Kind;
    /// `metadata`.
    fn meta(&self) -> &Metadata;

    /// Takes over from another object of the kind what is the same in both, so that many objects that are alike
    /// take little more room than one.
    fn share(&mut self, like: &Self);

    /// Namespace and name.
    fn key(&self) -> ObjectKey {
        self.meta().key()
    }

    /// `metadata.uid`, empty if absent.
    fn uid(&self) -> &str {
        &self.meta().uid
    }

    /// `metadata.resourceVersion` as a number ([`Metadata::revision`]).
    fn revision(&self) -> u64 {
        self.meta().revision()
    }
}

/// Makes a struct with a field `metadata` a projection of a kind, which shares that and what else is told.
#[macro_export]
macro_rules! projection {
    ($type:ty, $kind:expr) => {
        $crate::projection!($type, $kind, |_own, _like| {});
    };
    ($type:ty, $kind:expr, |$own:ident, $like:ident| $share:block) => {
        impl $crate::Projection for $type {
            const KIND: $crate::Kind = $kind;
            fn meta(&self) -> &$crate::Metadata {
                &self.metadata
            }
            fn share(&mut self, like: &Self) {
                self.metadata.share(&like.metadata);
                let ($own, $like) = (self, like);
                $share
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let pods = Kind::namespaced("", "v1", "Pod", "pods");
        let templates = Kind::cluster(
            "argoproj.io",
            "v1alpha1",
            "ClusterWorkflowTemplate",
            "clusterworkflowtemplates",
        );
        assert_eq!(
            pods.path(&ObjectKey::new("d", "p")),
            "/api/v1/namespaces/d/pods/p"
        );
        assert_eq!(
            templates.path(&ObjectKey::new("", "t")),
            "/apis/argoproj.io/v1alpha1/clusterworkflowtemplates/t"
        );
    }
}
