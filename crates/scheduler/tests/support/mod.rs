//! Machines and pods in a short notation.

use std::collections::BTreeMap;
use std::sync::Arc;

use scheduler::{Identity, Machine, NodeSpec, NodeStatus, Pod, PodSpec};
use serde_json::{Value, json};

/// Labels from an object.
pub(crate) fn labels(value: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = value.as_object().into_iter().flatten();
    all.map(|(key, value)| (key.clone(), text(value))).collect()
}

/// A machine with room for a hundred pods.
#[allow(dead_code, reason = "not every test needs it")]
pub(crate) fn machine(name: &str, labelled: &Value, spec: &Value) -> Machine {
    let spec: NodeSpec = serde_json::from_value(spec.clone()).unwrap();
    let status = json!({"allocatable": {"cpu": "100", "memory": "100Gi", "pods": "100"}});
    let status: NodeStatus = serde_json::from_value(status).unwrap();
    Machine::new(name, labels(labelled), spec, status)
}

/// A pod of a namespace with labels; its uid is its name.
pub(crate) fn pod(name: &str, namespace: &str, labelled: &Value, spec: &Value) -> Pod {
    let identity = Identity {
        namespace: Arc::from(namespace),
        labels: Arc::new(labels(labelled)),
        leaving: spec["leaving"].as_bool().unwrap_or_default(),
    };
    let spec: PodSpec = serde_json::from_value(spec.clone()).unwrap();
    Pod::new(name, identity, &spec, false, "default-scheduler")
}
