//! The trace as objects of Kubernetes: the same machines and pods for a scheduler of a cluster as for the simulator.

use serde_json::{Value, json};

use super::trace::{Pod, Trace};

/// The label that NVIDIA's feature discovery sets.
const PRODUCT: &str = "nvidia.com/gpu.product";

/// The name of a machine: of equals a scheduler takes the first by name, so the rank is in it.
#[must_use]
pub fn node_name(rank: u32) -> String {
    format!("openb-{rank:04}")
}

impl Trace {
    /// The Node of a machine that has this rank; `None` if there is no such machine.
    pub fn node(&self, machine: usize, rank: u32) -> Option<Value> {
        let own = self.machines().get(machine)?;
        let resources = json!({
            "cpu": format!("{}m", own.cpu),
            "memory": format!("{}Mi", own.memory),
            "pods": own.pods.to_string(),
            "nvidia.com/gpu": own.free().len().to_string(),
        });
        Some(json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": node_name(rank), "labels": {PRODUCT: self.model_name(own.model)}},
            "status": {"capacity": resources, "allocatable": resources},
        }))
    }

    /// A pod of the trace under a name, to be placed by the scheduler called `scheduler`; `None` if there is no such pod.
    pub fn manifest(&self, pod: usize, name: &str, scheduler: &str) -> Option<Value> {
        let Pod { request, spec } = self.pods().get(pod)?;
        let mut resources = json!({
            "cpu": format!("{}m", request.cpu),
            "memory": format!("{}Mi", request.memory),
        });
        let mut metadata = json!({"name": name});
        if request.is_share() {
            let share = f64::from(request.share) / f64::from(scheduler::packing::WHOLE);
            metadata["annotations"] = json!({"gpu-fraction": share.to_string()});
        } else if request.gpus > 0 {
            resources["nvidia.com/gpu"] = request.gpus.to_string().into();
        }
        let container = json!({
            "name": "main", "image": "trace",
            "resources": {"requests": resources, "limits": resources},
        });
        let mut own = json!({"schedulerName": scheduler, "containers": [container]});
        if request.gpus > 0 && !spec.is_empty() {
            own["affinity"] = of_models(spec);
        }
        Some(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": own}))
    }
}

/// One of the models `A|B`.
fn of_models(spec: &str) -> Value {
    let models: Vec<&str> = spec.split('|').collect();
    let terms = json!([{"matchExpressions": [{"key": PRODUCT, "operator": "In", "values": models}]}]);
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}})
}
