//! Events as people read them in `kubectl describe`: `core/v1` Event objects about an object.

use meta::ObjectKey;
use meta::host::Host;
use serde_json::json;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::kind::{Kind, Projection};
use crate::projections::EVENTS;
use crate::write::Write;

/// The object that an event is about.
#[derive(Clone, Debug)]
pub struct About {
    kind: Kind,
    key: ObjectKey,
    uid: String,
}

impl About {
    /// An event about this object.
    pub fn object<P: Projection>(object: &P) -> Self {
        Self::new(P::KIND, object.key(), object.uid())
    }

    /// An event about the object of this kind, key and uid.
    pub fn new(kind: Kind, key: ObjectKey, uid: &str) -> Self {
        Self {
            kind,
            key,
            uid: uid.to_owned(),
        }
    }
}

/// What an event says.
#[derive(Clone, Copy, Debug)]
pub struct Saying<'a> {
    /// Whether it is a `Warning` and not `Normal`.
    pub warning: bool,
    /// A word of the field, as `FailedScheduling`.
    pub reason: &'a str,
    /// A sentence.
    pub message: &'a str,
    /// Who says it.
    pub component: &'a str,
}

/// The write that makes an event.
pub fn event(host: &Host, about: &About, saying: Saying<'_>) -> Write {
    let now = meta::time::seconds(host.now());
    // An event about an object of no namespace lives in `default`, as client-go's recorder has it.
    let namespace = if about.key.namespace.is_empty() {
        "default"
    } else {
        &about.key.namespace
    };
    let key = ObjectKey::new(namespace, &host.event_name(&about.key.name));
    let body = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": key.namespace, "name": key.name},
        "involvedObject": {
            "apiVersion": about.kind.api_version(),
            "kind": about.kind.kind,
            "namespace": about.key.namespace,
            "name": about.key.name,
            "uid": about.uid,
        },
        "type": if saying.warning { "Warning" } else { "Normal" },
        "reason": saying.reason,
        "message": saying.message,
        "source": {"component": saying.component},
        "reportingComponent": saying.component,
        "reportingInstance": "",
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
    });
    Write::create(EVENTS, key, body)
}

/// Events waiting to be written at most. People read them; more in a burst than this nobody would.
const WAITING_MAX: usize = 1024;

/// Writes events beside the work they tell of, one after the other; what finds no room is dropped.
#[derive(Clone)]
pub struct Recorder {
    host: Host,
    waiting: mpsc::Sender<Write>,
}

impl Recorder {
    /// A recorder that writes until the context's shutdown.
    pub fn start(context: &Context) -> Self {
        let (waiting, mut writes) = mpsc::channel(WAITING_MAX);
        let (executor, shutdown) = (context.executor.clone(), context.shutdown.clone());
        let work = async move {
            while let Some(write) = writes.recv().await {
                if let Err(failure) = executor.write(&write).await {
                    tracing::debug!(%failure, "an event was not taken");
                }
            }
        };
        tokio::spawn(async move { shutdown.run_until_cancelled(work).await });
        Self {
            host: context.host.clone(),
            waiting,
        }
    }

    /// Says something about an object.
    pub fn say(&self, about: &About, saying: Saying<'_>) {
        if self.waiting.try_send(event(&self.host, about, saying)).is_err() {
            tracing::debug!(reason = saying.reason, "an event was dropped");
        }
    }
}
