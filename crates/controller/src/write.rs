//! Writes as data: what to do to which object, under which preconditions.

use meta::ObjectKey;
use meta::devices::{self, Grant};
use serde_json::{Value, json};

use crate::kind::Kind;

const JSON: &str = "application/json";

/// How the object is changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Make it.
    Create(Value),
    /// Make it, of JSON that is written already.
    CreateJson(String),
    /// Merge this into it (RFC 7386).
    Merge(Value),
    /// Merge this into it by the strategies of its kind, as lists by their keys.
    Strategic(Value),
    /// Post this to a subresource, as a binding.
    Post(Value),
    /// Delete it.
    Delete(Value),
}

/// One write to the API.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The object's kind.
    pub kind: Kind,
    /// The object.
    pub key: ObjectKey,
    /// A subresource of it.
    pub subresource: Option<&'static str>,
    /// What to do.
    pub verb: Verb,
    /// The crash point right after it: `ROOM.DONE`.
    pub point: &'static str,
}

impl Write {
    /// Makes an object.
    pub fn create(kind: Kind, key: ObjectKey, body: Value) -> Self {
        Self::new(kind, key, Verb::Create(body))
    }

    /// Makes an object of JSON that is written already.
    pub fn create_json(kind: Kind, key: ObjectKey, body: String) -> Self {
        Self::new(kind, key, Verb::CreateJson(body))
    }

    /// Merges a patch into an object.
    pub fn merge(kind: Kind, key: ObjectKey, patch: Value) -> Self {
        Self::new(kind, key, Verb::Merge(patch))
    }

    /// Merges a patch into an object by the strategies of its kind.
    pub fn strategic(kind: Kind, key: ObjectKey, patch: Value) -> Self {
        Self::new(kind, key, Verb::Strategic(patch))
    }

    /// Deletes an object, if it still is the one of this uid.
    pub fn delete(kind: Kind, key: ObjectKey, uid: &str) -> Self {
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        });
        Self::new(kind, key, Verb::Delete(options))
    }

    /// Binds a pod, if it still is the one of this uid, to a node, and records the devices that it gets there: the API
    /// server merges a binding's annotations into the pod, so that both are one write.
    pub fn bind(pods: Kind, pod: ObjectKey, uid: &str, node: &str, devices: Option<&Grant>) -> Self {
        let mut binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"namespace": pod.namespace, "name": pod.name, "uid": uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        if let Some(devices) = devices {
            binding["metadata"]["annotations"] = json!({devices::ANNOTATION: devices.to_string()});
        }
        Self::new(pods, pod, Verb::Post(binding)).on("binding")
    }

    fn new(kind: Kind, key: ObjectKey, verb: Verb) -> Self {
        Self {
            kind,
            key,
            subresource: None,
            verb,
            point: "",
        }
    }

    /// The same write on a subresource.
    #[must_use]
    pub fn on(mut self, subresource: &'static str) -> Self {
        self.subresource = Some(subresource);
        self
    }

    /// The same write with a crash point right after it.
    #[must_use]
    pub fn at(mut self, point: &'static str) -> Self {
        self.point = point;
        self
    }

    /// Asks for a patch to be applied only to this very object: its uid, and if given its version.
    #[must_use]
    pub fn only(mut self, uid: &str, resource_version: Option<&str>) -> Self {
        if let Verb::Merge(patch) | Verb::Strategic(patch) = &mut self.verb {
            patch["metadata"]["uid"] = uid.into();
            if let Some(version) = resource_version {
                patch["metadata"]["resourceVersion"] = version.into();
            }
        }
        self
    }

    /// The request's method, path, content type and body.
    pub(crate) fn request(&self) -> (http::Method, String, &'static str, Vec<u8>) {
        let path = match self.verb {
            Verb::Create(_) | Verb::CreateJson(_) => self.kind.collection(&self.key.namespace),
            _ => self.kind.path(&self.key),
        };
        let path = match self.subresource {
            Some(subresource) => format!("{path}/{subresource}"),
            None => path,
        };
        let (method, content_type, body) = match &self.verb {
            Verb::CreateJson(body) => {
                return (http::Method::POST, path, JSON, body.clone().into_bytes());
            }
            Verb::Create(body) | Verb::Post(body) => (http::Method::POST, JSON, body),
            Verb::Merge(body) => (http::Method::PATCH, "application/merge-patch+json", body),
            Verb::Strategic(body) => (
                http::Method::PATCH,
                "application/strategic-merge-patch+json",
                body,
            ),
            Verb::Delete(body) => (http::Method::DELETE, JSON, body),
        };
        (method, path, content_type, body.to_string().into_bytes())
    }
}
