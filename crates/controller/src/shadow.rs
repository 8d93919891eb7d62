//! What a controller would write, told instead of written.
//!
//! A shadow sees what the others do and decides at each state of the objects as if it were to act; it takes no lease and
//! holds no rights but to read. Each decision is told once, not at each try. Events are not told: they say the same
//! to people.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::projections::EVENTS;
use crate::write::{Verb, Write};

/// Decisions that are remembered so as not to be told again. With more, some are told twice.
const REMEMBERED: usize = 10_000;

/// Hears what would be written.
pub type Listener = dyn Fn(&Value) + Send + Sync;

/// Where decisions go instead of to the API. Cheap to clone.
#[derive(Clone)]
pub struct Shadow {
    tell: Arc<Listener>,
    told: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Shadow {
    /// One that tells this listener.
    pub fn new(tell: impl Fn(&Value) + Send + Sync + 'static) -> Self {
        Self {
            tell: Arc::new(tell),
            told: Arc::default(),
        }
    }

    /// Tells of a write, unless that was told before about this state of its object.
    pub(crate) fn hear(&self, write: &Write) {
        if write.kind != EVENTS && self.is_news(write) {
            (self.tell)(&decision(write));
        }
    }

    fn is_news(&self, write: &Write) -> bool {
        let (verb, body) = verb_and_body(write);
        let version = &body["metadata"]["resourceVersion"];
        // Times of day differ from try to try; where a version is given, it says what was decided upon.
        let basis = if version.is_null() && verb == "patch" {
            body.to_string()
        } else {
            version.to_string()
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED {
            told.clear();
        }
        let place = format!("{verb} {}", write.kind.path(&write.key));
        told.insert(place, basis.clone())
            .is_none_or(|before| before != basis)
    }
}

impl fmt::Debug for Shadow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Shadow")
    }
}

/// What would be done, to which object, with what.
fn decision(write: &Write) -> Value {
    let (verb, body) = verb_and_body(write);
    json!({
        "verb": verb,
        "apiVersion": write.kind.api_version(),
        "kind": write.kind.kind,
        "namespace": write.key.namespace,
        "name": write.key.name,
        "subresource": write.subresource,
        "body": body,
    })
}

/// The verb as RBAC names it.
fn verb_and_body(write: &Write) -> (&'static str, Value) {
    match &write.verb {
        Verb::Create(body) | Verb::Post(body) => ("create", body.clone()),
        Verb::CreateJson(text) => ("create", serde_json::from_str(text).unwrap_or_default()),
        Verb::Merge(body) | Verb::Strategic(body) => ("patch", body.clone()),
        Verb::Delete(options) => ("delete", options.clone()),
    }
}

#[cfg(test)]
mod tests {
    use meta::ObjectKey;

    use super::*;
    use crate::projections::{PODS, WORKFLOWS};

    fn told(writes: &[Write]) -> Vec<String> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let shadow = Shadow::new(move |decision| {
            let text = |field: &str| decision[field].as_str().unwrap_or_default().to_owned();
            let line = format!("{} {} {}", text("verb"), text("kind"), text("name"));
            heard.lock().expect("no panic").push(line);
        });
        writes.iter().for_each(|write| shadow.hear(write));
        told.lock().expect("no panic").clone()
    }

    #[test]
    fn each_decision_is_told_once() {
        let pod = |name: &str| Write::create(PODS, ObjectKey::new("ns", name), json!({}));
        let patch = |version: &str, time: &str| {
            Write::merge(
                WORKFLOWS,
                ObjectKey::new("ns", "wf"),
                json!({"status": {"startedAt": time}}),
            )
            .only("uid", Some(version))
        };
        let event = Write::create(EVENTS, ObjectKey::new("ns", "wf.1"), json!({}));
        let told = told(&[
            pod("a"),
            patch("1", "now"),
            event,
            pod("a"),
            patch("1", "later"),
            pod("b"),
            patch("2", "later"),
        ]);
        let expected = [
            "create Pod a",
            "patch Workflow wf",
            "create Pod b",
            "patch Workflow wf",
        ];
        assert_eq!(told, expected);
    }
}
