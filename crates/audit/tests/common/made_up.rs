//! A large cluster made up from a seed: several pools in the dialects of several providers, full and half-full
//! machines, pods of many sizes, pods that wait. The same seed gives the same objects.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

use meta::seeded::Seeded;
use serde_json::{Value, json};

/// A pool of machines.
struct Pool {
    name: &'static str,
    /// The label that names the pool, and more labels.
    labels: fn(&str) -> Value,
    cores: i64,
    gibibytes: i64,
    /// The resource of its GPUs and how many units of it.
    gpus: Option<(&'static str, i64)>,
    tainted: bool,
    /// How many of 100 machines.
    part: usize,
}

const POOLS: [Pool; 5] = [
    Pool {
        name: "train",
        labels: |pool| {
            json!({"karpenter.sh/nodepool": pool, "karpenter.sh/capacity-type": "on-demand",
                              "node.kubernetes.io/instance-type": "p4de.24xlarge",
                              "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "81920"})
        },
        cores: 96,
        gibibytes: 1152,
        gpus: Some(("nvidia.com/gpu", 8)),
        tainted: true,
        part: 40,
    },
    Pool {
        name: "serve",
        labels: |pool| {
            json!({"cloud.google.com/gke-nodepool": pool, "cloud.google.com/gke-spot": "true",
                              "cloud.google.com/gke-accelerator": "nvidia-l4"})
        },
        cores: 48,
        gibibytes: 192,
        gpus: Some(("nvidia.com/gpu", 4)),
        tainted: false,
        part: 30,
    },
    Pool {
        name: "notebooks",
        labels: |pool| {
            json!({"kubernetes.azure.com/agentpool": pool, "nvidia.com/gpu.product": "Tesla-T4-SHARED",
                              "nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.memory": "16384"})
        },
        cores: 32,
        gibibytes: 128,
        gpus: Some(("nvidia.com/gpu", 8)),
        tainted: true,
        part: 10,
    },
    Pool {
        name: "slices",
        labels: |pool| {
            json!({"eks.amazonaws.com/nodegroup": pool, "eks.amazonaws.com/capacityType": "ON_DEMAND",
                              "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB", "nvidia.com/mig.strategy": "mixed"})
        },
        cores: 96,
        gibibytes: 768,
        gpus: Some(("nvidia.com/mig-1g.5gb", 28)),
        tainted: true,
        part: 10,
    },
    Pool {
        name: "general",
        labels: |pool| json!({"node-pool": pool}),
        cores: 16,
        gibibytes: 64,
        gpus: None,
        tainted: false,
        part: 10,
    },
];

/// Numbers from a seed.
pub struct Numbers(Seeded);

impl Numbers {
    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.next() as usize % bound
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// The nodes of a cluster. `prefix` begins their names, and `over` changes each as the test needs it.
pub fn nodes(count: usize, prefix: &str, seed: u64) -> Vec<Value> {
    let mut numbers = Numbers(Seeded::new(seed));
    (0..count)
        .map(|index| node(&format!("{prefix}{index:04}"), pool(index, count), &mut numbers))
        .collect()
}

/// Pools in stretches, in proportion to their parts.
fn pool(index: usize, count: usize) -> &'static Pool {
    let mut part = index * 100 / count.max(1);
    for pool in &POOLS {
        if part < pool.part {
            return pool;
        }
        part -= pool.part;
    }
    &POOLS[POOLS.len() - 1]
}

fn node(name: &str, pool: &Pool, numbers: &mut Numbers) -> Value {
    let mut allocatable =
        json!({"cpu": pool.cores.to_string(), "memory": format!("{}Gi", pool.gibibytes), "pods": "110"});
    if let Some((resource, units)) = pool.gpus {
        allocatable[resource] = units.to_string().into();
    }
    let taints = if pool.tainted && numbers.below(10) > 0 {
        json!([{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}])
    } else {
        json!([])
    };
    let (cordoned, ready) = (
        numbers.below(40) == 0,
        if numbers.below(50) == 0 { "False" } else { "True" },
    );
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": (pool.labels)(pool.name)},
        "spec": {"taints": taints, "unschedulable": cordoned},
        "status": {"capacity": allocatable, "allocatable": allocatable, "conditions": [{"type": "Ready", "status": ready}]},
    })
}

/// The pods of such a cluster: on each machine until chance says enough, then as many that wait as `waiting`.
pub fn pods(nodes: &[Value], waiting: usize, seed: u64) -> Vec<Value> {
    let mut numbers = Numbers(Seeded::new(seed));
    let mut pods = Vec::new();
    for node in nodes {
        fill(node, &mut numbers, &mut pods);
    }
    for index in 0..waiting {
        let resource = numbers.one_of(&["nvidia.com/gpu", "nvidia.com/gpu", "nvidia.com/mig-1g.5gb"]);
        let gpus = numbers.one_of(&[1, 2, 4, 8, 8, 16]);
        let cores = numbers.one_of(&[1, 4, 11]) * gpus;
        pods.push(pod(
            &format!("waiting-{index:05}"),
            None,
            cores,
            Some((resource, gpus)),
            &mut numbers,
        ));
    }
    pods
}

/// Fills a machine with pods that fit.
fn fill(node: &Value, numbers: &mut Numbers, pods: &mut Vec<Value>) {
    let name = node["metadata"]["name"].as_str().unwrap();
    let allocatable = node["status"]["allocatable"].as_object().unwrap();
    let gpu = allocatable
        .iter()
        .find(|(resource, _)| resource.starts_with("nvidia.com/"));
    let amount = |value: &Value| value.as_str().unwrap().parse::<i64>().unwrap();
    let mut cores = amount(&allocatable["cpu"]);
    let mut units = gpu.map_or(0, |(_, units)| amount(units));
    while numbers.below(6) > 0 {
        let asked = gpu.map_or(0, |_| numbers.one_of(&[0, 1, 1, 1, 2, 4, 8]));
        let wanted = if asked == 0 {
            numbers.one_of(&[1, 2, 8])
        } else {
            asked * numbers.one_of(&[1, 4, 11])
        };
        if asked > units || wanted > cores {
            continue;
        }
        units -= asked;
        cores -= wanted;
        let gpus = gpu
            .filter(|_| asked > 0)
            .map(|(resource, _)| (resource.as_str(), asked));
        pods.push(pod(
            &format!("{name}-{:03}", pods.len() % 1000),
            Some(name),
            wanted,
            gpus,
            numbers,
        ));
    }
}

fn pod(
    name: &str,
    node: Option<&str>,
    cores: i64,
    gpus: Option<(&str, i64)>,
    numbers: &mut Numbers,
) -> Value {
    let mut requests = json!({"cpu": cores.to_string(), "memory": format!("{}Mi", 512 * cores)});
    if let Some((resource, count)) = gpus {
        requests[resource] = count.to_string().into();
    }
    let owner = numbers.one_of(&["ReplicaSet", "Job", "PyTorchJob", "DaemonSet"]);
    let namespace = format!("team-{}", numbers.below(8));
    let phase = if node.is_some() { "Running" } else { "Pending" };
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace,
                     "ownerReferences": [{"apiVersion": "v1", "kind": owner, "name": name, "uid": name, "controller": true}]},
        "spec": {
            "restartPolicy": if owner == "Job" { "Never" } else { "Always" },
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "containers": [{"name": "main", "image": "made-up", "resources": {"requests": requests, "limits": requests}}],
        },
        "status": {"phase": phase},
    });
    if let Some(node) = node {
        pod["spec"]["nodeName"] = node.into();
    }
    pod
}

/// The namespaces of such a cluster: two of each team, and one without.
pub fn namespaces() -> Vec<Value> {
    let one = |index: usize| {
        let name = format!("team-{index}");
        let labels = if index == 7 {
            json!({})
        } else {
            json!({"team": format!("group-{}", index / 2)})
        };
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    };
    (0..8).map(one).collect()
}
