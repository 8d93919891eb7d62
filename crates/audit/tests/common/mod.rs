//! Clusters made up for tests, as the API's own JSON.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]
#![allow(
    clippy::needless_pass_by_value,
    reason = "a `json!` in a call reads better without `&`"
)]

use audit::{Cluster, Prices, Report, Settings, audit};
use serde_json::{Value, json};

pub mod count;
pub mod made_up;

/// Objects of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    pub nodes: Vec<Value>,
    pub pods: Vec<Value>,
    pub namespaces: Vec<Value>,
}

impl Objects {
    /// As the audit reads them.
    pub fn cluster(&self) -> Cluster {
        fn read<T: serde::de::DeserializeOwned>(objects: &[Value]) -> Vec<T> {
            // Through text, as they come from an API server.
            let one = |object: &Value| serde_json::from_str(&object.to_string()).unwrap();
            objects.iter().map(one).collect()
        }
        Cluster {
            nodes: read(&self.nodes),
            pods: read(&self.pods),
            namespaces: read(&self.namespaces),
            usage: None,
        }
    }

    /// What an audit says with the prices that come with the program.
    pub fn audit(&self) -> Report {
        report(&self.cluster())
    }
}

/// What an audit says with the prices that come with the program, at 2026-11-24T06:00:00Z.
pub fn report(cluster: &Cluster) -> Report {
    let now = "2026-11-24T06:00:00Z".parse().unwrap();
    audit(cluster, &Prices::built_in().unwrap(), &Settings::default(), now)
}

/// Objects of a cluster, with what each needs to be well formed.
pub fn objects(nodes: Vec<Value>, pods: Vec<Value>) -> Objects {
    Objects {
        nodes,
        pods,
        namespaces: Vec::new(),
    }
}

/// A ready machine with 8 A100s, 96 cores and 768 GiB, and this over it.
pub fn node(name: &str, over: Value) -> Value {
    let allocatable = json!({"cpu": "96", "memory": "768Gi", "pods": "110", "nvidia.com/gpu": "8"});
    let labels = json!({"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "81920", "node-pool": "a"});
    let base = json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {"allocatable": allocatable, "conditions": [{"type": "Ready", "status": "True"}]},
    });
    merged(base, over)
}

/// A ready machine without GPUs.
pub fn cpu_node(name: &str) -> Value {
    let over = json!({"metadata": {"labels": {"nvidia.com/gpu.product": null, "node-pool": "cpu"}},
                      "status": {"allocatable": {"nvidia.com/gpu": null, "cpu": "16", "memory": "64Gi"}}});
    node(name, over)
}

/// A pod in namespace `ml` of a ReplicaSet that asks for these, on this machine unless that is empty, and this over it.
pub fn pod(name: &str, at: &str, requests: Value, over: Value) -> Value {
    let phase = if at.is_empty() { "Pending" } else { "Running" };
    let mut base = json!({
        "metadata": {"name": name, "namespace": "ml",
                     "ownerReferences": [{"kind": "ReplicaSet", "name": name, "controller": true}]},
        "spec": {"restartPolicy": "Always", "containers": [{"name": "main", "resources": {"requests": requests}}]},
        "status": {"phase": phase},
    });
    if !at.is_empty() {
        base["spec"]["nodeName"] = at.into();
    }
    merged(base, over)
}

/// Requests of GPUs, with 4 cores each.
pub fn gpus(count: i64) -> Value {
    json!({"nvidia.com/gpu": count.to_string(), "cpu": (4 * count).to_string(), "memory": "8Gi"})
}

/// A merge patch (RFC 7396).
fn merged(mut base: Value, over: Value) -> Value {
    match over {
        Value::Object(over) if base.is_object() => {
            for (key, value) in over {
                if value.is_null() {
                    base.as_object_mut().unwrap().remove(&key);
                } else {
                    base[&key] = merged(base[&key].take(), value);
                }
            }
            base
        }
        over => over,
    }
}
