//! A count of a cluster's GPUs that shares no code with the audit: loops over the objects as they are, in floats.
//!
//! It knows only what the made-up cluster has: NVIDIA's whole, time-sliced and MIG devices, the one
//! taint that every pod tolerates, no selectors.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

use std::collections::BTreeMap;

use serde_json::Value;

/// Amounts by resource.
pub type Amounts = BTreeMap<String, f64>;

/// A pod, as it is counted.
struct Pod<'a> {
    object: &'a Value,
    namespace: &'a str,
    node: &'a str,
    requests: Amounts,
}

/// Asserts that a report in JSON says of these objects what a count of them says.
pub fn check(nodes: &[Value], pods: &[Value], report: &Value) {
    let pods: Vec<Pod<'_>> = pods.iter().map(Pod::new).collect();
    check_accounts(nodes, &pods, report);
    check_holdings(nodes, &pods, report);
    check_findings(nodes, &pods, report);
    let waiting = pods.iter().filter(|pod| pod.node.is_empty()).count();
    assert_eq!(rows(&report["pending"]).len(), waiting);
}

impl<'a> Pod<'a> {
    fn new(object: &'a Value) -> Self {
        Self {
            object,
            namespace: text(object, "/metadata/namespace"),
            node: text(object, "/spec/nodeName"),
            requests: requests(object),
        }
    }

    fn owner(&self) -> &str {
        text(self.object, "/metadata/ownerReferences/0/kind")
    }

    fn asks_for_gpus(&self) -> bool {
        self.requests
            .keys()
            .any(|resource| resource.starts_with("nvidia.com/"))
    }

    fn fits(&self, room: &Amounts) -> bool {
        let has = |(resource, amount): (&String, &f64)| *amount <= room.get(resource).copied().unwrap_or(0.0);
        room["pods"] >= 1.0 && self.requests.iter().all(has)
    }
}

/// A text in an object; empty if it is not there.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// An object's name.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

fn rows(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What a quantity is in units of its resource.
fn quantity(value: &Value) -> f64 {
    let text = value.as_str().unwrap();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let factor = match &text[split..] {
        "" => 1.0,
        "m" => 0.001,
        "Ki" => 2_f64.powi(10),
        "Mi" => 2_f64.powi(20),
        "Gi" => 2_f64.powi(30),
        "Ti" => 2_f64.powi(40),
        other => panic!("{other}"),
    };
    text[..split].parse::<f64>().unwrap() * factor
}

/// Amounts, as an object has them.
pub fn amounts(value: &Value) -> Amounts {
    let amounts = value.as_object().into_iter().flatten();
    amounts
        .map(|(name, amount)| (name.clone(), quantity(amount)))
        .collect()
}

/// What a pod asks for.
pub fn requests(pod: &Value) -> Amounts {
    let mut all = Amounts::new();
    for container in rows(&pod["spec"]["containers"]) {
        for (resource, amount) in amounts(&container["resources"]["requests"]) {
            *all.entry(resource).or_default() += amount;
        }
    }
    all
}

/// Whether new pods may come to a node.
pub fn in_service(node: &Value) -> bool {
    let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    node["spec"]["unschedulable"] != true && rows(&node["status"]["conditions"]).iter().any(ready)
}

/// GPUs that one unit of a resource is on a node.
fn unit(node: &Value, resource: &str) -> f64 {
    let replicas = text(node, "/metadata/labels/nvidia.com~1gpu.replicas");
    match resource {
        "nvidia.com/gpu" => 1.0 / replicas.parse().unwrap_or(1.0),
        "nvidia.com/mig-1g.5gb" => 1.0 / 7.0,
        _ => 0.0,
    }
}

fn worth(node: &Value, amounts: &Amounts) -> f64 {
    amounts
        .iter()
        .map(|(resource, amount)| unit(node, resource) * amount)
        .sum()
}

/// Allocatable, requested, free, stranded, unusable and out of service.
type Counts = [f64; 6];

/// The counts of one machine.
fn machine(node: &Value, pods: &[Pod<'_>]) -> Counts {
    let all = amounts(&node["status"]["allocatable"]);
    let mut left = all.clone();
    let mut held = 0.0;
    for pod in pods.iter().filter(|pod| pod.node == name(node)) {
        for (resource, amount) in &pod.requests {
            *left.get_mut(resource).unwrap() -= amount;
        }
        *left.get_mut("pods").unwrap() -= 1.0;
        held += worth(node, &pod.requests);
    }
    let free = worth(node, &left);
    if !in_service(node) {
        return [worth(node, &all), held, 0.0, 0.0, 0.0, free];
    }
    let [stranded, unusable] = stranded(pods, &all, &left);
    [
        worth(node, &all),
        held,
        free,
        free * stranded,
        free * unusable,
        0.0,
    ]
}

/// What part of what is left pods of this cluster could not use: by expectation, and whether it is all of it.
fn stranded(pods: &[Pod<'_>], all: &Amounts, left: &Amounts) -> [f64; 2] {
    let Some(gpu) = all.keys().find(|resource| resource.starts_with("nvidia.com/")) else {
        return [0.0, 0.0];
    };
    let (mut could, mut cannot) = (0.0, 0.0);
    for pod in pods
        .iter()
        .filter(|pod| pod.requests.contains_key(gpu) && pod.fits(all))
    {
        could += 1.0;
        cannot += if pod.fits(left) { 0.0 } else { 1.0 };
    }
    if could == 0.0 {
        [0.0, 0.0]
    } else {
        [cannot / could, if cannot == could { 1.0 } else { 0.0 }]
    }
}

fn assert_near(what: &str, account: &Value, expected: Counts) {
    let keys = [
        "allocatable",
        "requested",
        "free",
        "stranded",
        "unusable",
        "outOfService",
    ];
    for (key, expected) in keys.iter().zip(expected) {
        let found = account[key].as_f64().unwrap();
        // A seventh of a GPU is kept to the millionth, and written to the thousandth.
        assert!(
            (found - expected).abs() < 0.02,
            "{what}, {key}: {found} is not {expected}"
        );
    }
}

fn check_accounts(nodes: &[Value], pods: &[Pod<'_>], report: &Value) {
    let mut total = [0.0; 6];
    let mut by_pool: BTreeMap<&str, Counts> = BTreeMap::new();
    let pools = [
        "/metadata/labels/karpenter.sh~1nodepool",
        "/metadata/labels/cloud.google.com~1gke-nodepool",
        "/metadata/labels/kubernetes.azure.com~1agentpool",
        "/metadata/labels/eks.amazonaws.com~1nodegroup",
    ];
    for node in nodes {
        let counts = machine(node, pods);
        let mut names = pools.iter().map(|pointer| text(node, pointer));
        if let Some(pool) = names.find(|pool| !pool.is_empty()) {
            let sum = by_pool.entry(pool).or_default();
            (0..6).for_each(|index| sum[index] += counts[index]);
        }
        (0..6).for_each(|index| total[index] += counts[index]);
    }
    assert_near("total", &report["total"], total);
    assert_eq!(rows(&report["pools"]).len(), by_pool.len());
    for row in rows(&report["pools"]) {
        let pool = text(row, "/name");
        assert_near(pool, row, by_pool[pool]);
    }
}

fn check_holdings(nodes: &[Value], pods: &[Pod<'_>], report: &Value) {
    let by_name: BTreeMap<&str, &Value> = nodes.iter().map(|node| (name(node), node)).collect();
    for row in rows(&report["namespaces"]) {
        let (mut held, mut waits) = (0.0, 0.0);
        for pod in pods.iter().filter(|pod| pod.namespace == text(row, "/name")) {
            match by_name.get(pod.node) {
                Some(node) => held += worth(node, &pod.requests),
                None => waits += worth(&Value::Null, &pod.requests),
            }
        }
        assert!(
            (row["requested"].as_f64().unwrap() - held).abs() < 0.02,
            "{row}, {held}"
        );
        assert!(
            (row["pending"].as_f64().unwrap() - waits).abs() < 0.02,
            "{row}, {waits}"
        );
    }
}

fn check_findings(nodes: &[Value], pods: &[Pod<'_>], report: &Value) {
    let findings = &report["findings"];
    let has_gpus = |node: &&Value| worth(node, &amounts(&node["status"]["allocatable"])) > 0.0;
    let guests = |node: &Value| {
        let here = pods
            .iter()
            .filter(|pod| pod.node == name(node) && pod.owner() != "DaemonSet");
        here.collect::<Vec<_>>()
    };
    let is_guard = |taint: &Value| !text(taint, "/key").starts_with("node.kubernetes.io/");
    let guarded = |node: &&Value| rows(&node["spec"]["taints"]).iter().any(is_guard);
    let untainted = nodes
        .iter()
        .filter(has_gpus)
        .filter(|node| !guarded(node))
        .count();
    assert_eq!(rows(&findings["untainted"]).len(), untainted);
    let without_gpus = |node: &Value| guests(node).iter().filter(|pod| !pod.asks_for_gpus()).count();
    let cpu_pods: usize = nodes.iter().filter(has_gpus).map(without_gpus).sum();
    let found = rows(&findings["cpuPods"])
        .iter()
        .map(|at| rows(&at["pods"]).len());
    assert_eq!(found.sum::<usize>(), cpu_pods);
    let is_small = |node: &Value, pod: &Pod<'_>| {
        let all = amounts(&node["status"]["allocatable"]);
        pod.requests
            .iter()
            .all(|(resource, amount)| *amount <= 0.25 * all[resource])
    };
    let kept_up = nodes
        .iter()
        .filter(|node| matches!(guests(node).as_slice(), [pod] if is_small(node, pod)));
    assert_eq!(rows(&findings["keptUp"]).len(), kept_up.count());
    let full_price: Vec<&str> = nodes.iter().filter(|node| is_on_demand(node)).map(name).collect();
    let ends = |pod: &Pod<'_>| pod.object["spec"]["restartPolicy"] == "Never" || pod.owner() == "PyTorchJob";
    let on_demand = pods
        .iter()
        .filter(|pod| pod.asks_for_gpus() && ends(pod) && full_price.contains(&pod.node));
    assert_eq!(rows(&findings["onDemand"]).len(), on_demand.count());
}

fn is_on_demand(node: &Value) -> bool {
    let labels = node["metadata"]["labels"].to_string();
    ["on-demand", "ON_DEMAND", "azure"]
        .iter()
        .any(|word| labels.contains(word))
}
