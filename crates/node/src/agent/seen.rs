//! A pod as the watch tells of it, decoded no further than it takes to know whether there is news in it.
//!
//! Most of what the agent's watch brings are echoes of its own status. A whole typed pod costs 20 µs and 14 KB; this
//! costs a scan, and the whole is decoded only for a pod that is new or wants something else than before.

use std::borrow::Cow;

use kinds::k8s::api::core::v1::Pod;
use kinds::k8s::apimachinery::pkg::apis::meta::v1::Time;
use kinds::kube::Resource;
use kinds::kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A pod's text and what was read of it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    metadata: ObjectMeta,
    is_final: bool,
    wishes: Wishes,
    text: Box<RawValue>,
}

/// What a pod wants of the node: everything in it that others than the node change and that decides something here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    spec: String,
    labels: String,
    annotations: String,
    deleted: Option<(Time, Option<i64>)>,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    deletion_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Status {
    phase: Option<String>,
}

impl Seen {
    /// `metadata.uid`, empty if absent.
    pub(crate) fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Whether the pod's own status says that it is finished.
    pub(crate) fn is_final(&self) -> bool {
        self.is_final
    }

    /// Whether the pod is being deleted.
    pub(crate) fn is_deleted(&self) -> bool {
        self.wishes.deleted.is_some()
    }

    /// What the pod wants.
    pub(crate) fn wishes(&self) -> &Wishes {
        &self.wishes
    }

    /// The whole pod.
    pub(crate) fn decode(&self) -> serde_json::Result<Pod> {
        serde_json::from_str(self.text.get())
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let head: Head<'_> = serde_json::from_str(text.get()).map_err(serde::de::Error::custom)?;
        let copy = |raw: Option<&RawValue>| raw.map_or_else(String::new, |raw| raw.get().to_owned());
        let meta = head.metadata;
        let grace = meta.deletion_grace_period_seconds;
        let wishes = Wishes {
            spec: copy(head.spec),
            labels: copy(meta.labels),
            annotations: copy(meta.annotations),
            deleted: meta.deletion_timestamp.map(|at| (at, grace)),
        };
        let metadata = ObjectMeta {
            name: meta.name,
            namespace: meta.namespace,
            uid: meta.uid,
            resource_version: meta.resource_version,
            ..ObjectMeta::default()
        };
        let phase = head.status.and_then(|status| status.phase);
        Ok(Self {
            metadata,
            is_final: matches!(phase.as_deref(), Some("Succeeded" | "Failed")),
            wishes,
            text,
        })
    }
}

impl Resource for Seen {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        Pod::kind(&())
    }
    fn group(_: &()) -> Cow<'_, str> {
        Pod::group(&())
    }
    fn version(_: &()) -> Cow<'_, str> {
        Pod::version(&())
    }
    fn plural(_: &()) -> Cow<'_, str> {
        Pod::plural(&())
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn seen(pod: &Value) -> Seen {
        serde_json::from_str(&pod.to_string()).unwrap()
    }

    /// Whether `change` of a running pod is news to the node.
    fn check(change: impl FnOnce(&mut Value), news: bool) {
        let mut pod = json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "1", "labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
            "status": {"phase": "Running"},
        });
        let before = seen(&pod);
        change(&mut pod);
        let after = seen(&pod);
        assert_eq!(before.wishes() != after.wishes(), news, "{pod}");
        assert_eq!(after.decode().unwrap().metadata.uid.as_deref(), Some(after.uid()));
    }

    #[test]
    fn only_what_others_want_is_news() {
        check(|_| {}, false);
        check(|pod| pod["metadata"]["resourceVersion"] = "2".into(), false);
        check(
            |pod| pod["metadata"]["managedFields"] = json!([{"manager": "m"}]),
            false,
        );
        check(|pod| pod["metadata"]["finalizers"] = json!(["f"]), false);
        check(|pod| pod["status"]["podIP"] = "127.0.0.1".into(), false);
        check(|pod| pod["metadata"]["labels"]["a"] = "c".into(), true);
        check(|pod| pod["metadata"]["annotations"] = json!({"a": "c"}), true);
        check(|pod| pod["spec"]["activeDeadlineSeconds"] = 5.into(), true);
        check(
            |pod| pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into(),
            true,
        );
        check(
            |pod| pod["metadata"]["deletionGracePeriodSeconds"] = 3.into(),
            false,
        );
    }

    #[test]
    fn a_finished_pod_is_known_by_its_phase() {
        for (phase, expected) in [
            ("Pending", false),
            ("Running", false),
            ("Succeeded", true),
            ("Failed", true),
        ] {
            let seen = seen(&json!({"metadata": {"uid": "u"}, "status": {"phase": phase}}));
            assert_eq!((seen.is_final(), seen.is_deleted()), (expected, false));
        }
        assert!(!seen(&json!({"metadata": {}})).is_final());
    }
}
