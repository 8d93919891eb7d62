//! An object as `kube`'s watcher hands it on: who it is and which version has been read, the rest is text.
//!
//! Much of what a watch tells is known already, from the answers of our own writes: that costs a look at the beginning
//! of the text.

use std::borrow::Cow;
use std::marker::PhantomData;

use kinds::kube::Resource;
use kinds::kube::core::ObjectMeta;
use meta::ObjectKey;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::kind::Projection;
use crate::metadata::revision;
use crate::text::up_to_metadata;

/// An object of the kind of `P`, not yet decoded.
#[derive(Clone, Debug)]
pub(crate) struct Watched<P> {
    /// Name, namespace, uid and version alone.
    identity: ObjectMeta,
    text: Box<RawValue>,
    projection: PhantomData<P>,
}

impl<P: Projection> Watched<P> {
    pub(crate) fn key(&self) -> ObjectKey {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        ObjectKey {
            namespace: text(&self.identity.namespace),
            name: text(&self.identity.name),
        }
    }

    pub(crate) fn uid(&self) -> &str {
        self.identity.uid.as_deref().unwrap_or_default()
    }

    pub(crate) fn revision(&self) -> u64 {
        revision(self.identity.resource_version.as_deref().unwrap_or_default())
    }

    /// The object as far as planners need it; `None`, and a word in the log, where it cannot be read.
    pub(crate) fn read(&self) -> Option<P> {
        let read = serde_json::from_str(self.text.get());
        read.inspect_err(
            |error| tracing::warn!(kind = P::KIND.kind, object = %self.key(), %error, "cannot be read"),
        )
        .ok()
    }
}

/// What [`ObjectMeta`] has beside this is read with the whole object only.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
}

impl<'de, P: Projection> Deserialize<'de> for Watched<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let identity: Identity = up_to_metadata(text.get())?;
        let identity = ObjectMeta {
            namespace: identity.namespace,
            name: identity.name,
            uid: identity.uid,
            resource_version: identity.resource_version,
            ..ObjectMeta::default()
        };
        Ok(Self {
            identity,
            text,
            projection: PhantomData,
        })
    }
}

impl<P: Projection> Resource for Watched<P> {
    type DynamicType = ();
    type Scope = kinds::kube::core::DynamicResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        P::KIND.kind.into()
    }
    fn group(_: &()) -> Cow<'_, str> {
        P::KIND.group.into()
    }
    fn version(_: &()) -> Cow<'_, str> {
        P::KIND.version.into()
    }
    fn plural(_: &()) -> Cow<'_, str> {
        P::KIND.plural.into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.identity
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.identity
    }
}

#[cfg(test)]
mod tests {
    use kinds::kube::core::WatchEvent;

    use super::*;
    use crate::projections::Pod;

    #[test]
    fn a_pod_is_read_from_a_line_of_a_watch() {
        let line = r#"{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"p","namespace":"d","uid":"u",
            "resourceVersion":"7"},"spec":{"nodeName":"m","containers":[{"name":"main"}]},"status":{"phase":"Running"}}}"#;
        let event: WatchEvent<Watched<Pod>> = serde_json::from_str(line).unwrap();
        let WatchEvent::Added(watched) = event else {
            panic!("an ADDED line is an addition");
        };
        assert_eq!((watched.uid(), watched.revision()), ("u", 7));
        assert_eq!(watched.key(), ObjectKey::new("d", "p"));
        let pod = watched.read().unwrap();
        assert_eq!((pod.uid(), pod.revision()), ("u", 7));
        assert_eq!(pod.view.phase, "Running");
        assert_eq!(pod.placement.node_name, "m");
    }
}
