//! A shadow's notes: where it would have put each pod, and where others did.
//!
//! What it would do it assumes done until it sees what was done, so that of several pods that wait each counts the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use meta::ObjectKey;
use meta::devices::Grant;
use scheduler::WhyNot;
use serde_json::{Value, json};

use crate::scheduler::desk::Placement;
use crate::shadow::Listener;

/// What would have become of pods that nobody has bound yet.
pub(super) struct Beside {
    tell: Arc<Listener>,
    would: BTreeMap<String, Value>,
}

impl Beside {
    pub(super) fn new(tell: Arc<Listener>) -> Self {
        Self {
            tell,
            would: BTreeMap::new(),
        }
    }

    /// A pod would be bound so.
    pub(super) fn would_bind(&mut self, placement: &Placement) {
        let place = place(&placement.node, placement.devices.as_ref());
        self.would(&placement.key, &placement.uid, place);
    }

    /// A pod would wait.
    pub(super) fn would_wait(&mut self, key: &ObjectKey, uid: &str, why: &WhyNot) {
        self.would(key, uid, json!({"wait": why.to_string()}));
    }

    fn would(&mut self, key: &ObjectKey, uid: &str, what: Value) {
        if self.would.get(uid) != Some(&what) {
            (self.tell)(&json!({"namespace": key.namespace, "name": key.name, "would": what}));
            self.would.insert(uid.to_owned(), what);
        }
    }

    /// A pod was bound by others.
    pub(super) fn was_bound(&mut self, key: &ObjectKey, uid: &str, node: &str, devices: Option<&Grant>) {
        let Some(would) = self.would.remove(uid) else {
            return;
        };
        (self.tell)(&json!({
            "namespace": key.namespace,
            "name": key.name,
            "same": would["node"] == node,
            "would": would,
            "did": place(node, devices),
        }));
    }

    /// A pod is gone.
    pub(super) fn is_gone(&mut self, uid: &str) {
        self.would.remove(uid);
    }
}

fn place(node: &str, devices: Option<&Grant>) -> Value {
    match devices {
        Some(devices) => json!({"node": node, "devices": devices.to_string()}),
        None => json!({"node": node}),
    }
}
