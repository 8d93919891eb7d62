//! Kubernetes Events about pods, told as kubelet tells them: best effort, never waited for.

use kinds::k8s::api::core::v1::Event;
use kinds::kube::{Api, Client, api::PostParams};
use meta::host::Host;
use meta::time;
use serde_json::json;

use crate::pod::view::PodView;

/// Tells of events.
#[derive(Clone)]
pub(crate) struct Teller {
    /// The API server.
    pub(crate) client: Client,
    /// Clock and randomness.
    pub(crate) host: Host,
    /// Name of the node.
    pub(crate) node: String,
}

impl Teller {
    /// Tells of something that happened to a pod.
    pub(crate) fn tell(&self, pod: &PodView, warning: bool, reason: &str, message: &str) {
        let Some(event) = self.event(pod, warning, reason, message) else {
            return;
        };
        let events = Api::<Event>::namespaced(self.client.clone(), &pod.namespace);
        tokio::spawn(async move {
            if let Err(error) = events.create(&PostParams::default(), &event).await {
                tracing::debug!(%error, "an event was not recorded");
            }
        });
    }

    fn event(&self, pod: &PodView, warning: bool, reason: &str, message: &str) -> Option<Event> {
        let now = time::seconds(self.host.now());
        serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": self.host.event_name(&pod.name), "namespace": pod.namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": pod.namespace,
                "name": pod.name,
                "uid": pod.uid,
            },
            "type": if warning { "Warning" } else { "Normal" },
            "reason": reason,
            "message": message,
            "source": {"component": "kubelet", "host": self.node},
            "reportingComponent": "kubelet",
            "reportingInstance": self.node,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }))
        .ok()
    }
}
