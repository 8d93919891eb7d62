//! The audit's numbers agree with a count that shares no code with it: loops over the objects as they are, in floats.
//!
//! It knows only what the made-up cluster has: NVIDIA's whole, time-sliced and MIG devices, one container a pod, the
//! one taint that every pod tolerates, no selectors.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use std::collections::BTreeMap;

use audit::{Account, Named, Report};
use common::{Objects, made_up};
use serde_json::Value;

fn made_up(machines: usize, waiting: usize, seed: u64) -> Objects {
    let nodes = made_up::nodes(machines, "n", seed);
    let pods = made_up::pods(&nodes, waiting, seed + 1);
    Objects {
        nodes,
        pods,
        namespaces: made_up::namespaces(),
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// What a quantity of the made-up cluster is in units of its resource.
fn quantity(value: &Value) -> f64 {
    let text = value.as_str().unwrap();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let factor = match &text[split..] {
        "" => 1.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        other => panic!("{other}"),
    };
    text[..split].parse::<f64>().unwrap() * factor
}

fn amounts(value: &Value) -> BTreeMap<String, f64> {
    value
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, amount)| (name.clone(), quantity(amount)))
        .collect()
}

fn requests(pod: &Value) -> BTreeMap<String, f64> {
    amounts(pod.pointer("/spec/containers/0/resources/requests").unwrap())
}

/// GPUs that one unit of a resource is on a node.
fn unit(node: &Value, resource: &str) -> f64 {
    let replicas = node
        .pointer("/metadata/labels/nvidia.com~1gpu.replicas")
        .and_then(Value::as_str);
    match resource {
        "nvidia.com/gpu" => 1.0 / replicas.map_or(1.0, |replicas| replicas.parse().unwrap()),
        "nvidia.com/mig-1g.5gb" => 1.0 / 7.0,
        _ => 0.0,
    }
}

fn worth(node: &Value, amounts: &BTreeMap<String, f64>) -> f64 {
    amounts
        .iter()
        .map(|(resource, amount)| unit(node, resource) * amount)
        .sum()
}

fn in_service(node: &Value) -> bool {
    node["spec"]["unschedulable"] == false && node["status"]["conditions"][0]["status"] == "True"
}

fn asks_for_gpus(pod: &Value) -> bool {
    requests(pod)
        .keys()
        .any(|resource| resource.starts_with("nvidia.com/"))
}

/// Allocatable, requested, free, stranded, unusable and out of service.
type Counts = [f64; 6];

/// The counts of one machine.
fn machine(node: &Value, pods: &[Value]) -> Counts {
    let here: Vec<&Value> = pods
        .iter()
        .filter(|pod| text(pod, "/spec/nodeName") == name(node))
        .collect();
    let all = amounts(&node["status"]["allocatable"]);
    let mut left = all.clone();
    let mut held = 0.0;
    for pod in &here {
        for (resource, amount) in requests(pod) {
            *left.get_mut(&resource).unwrap() -= amount;
        }
        held += worth(node, &requests(pod));
    }
    *left.get_mut("pods").unwrap() -= here.len() as f64;
    let free = worth(node, &left);
    if !in_service(node) {
        return [worth(node, &all), held, 0.0, 0.0, 0.0, free];
    }
    let [stranded, unusable] = stranded(node, pods, &all, &left);
    [worth(node, &all), held, free, stranded, unusable, 0.0]
}

/// Of what is left those GPUs that pods of this cluster could not use: by expectation, and all of them.
fn stranded(
    node: &Value,
    pods: &[Value],
    all: &BTreeMap<String, f64>,
    left: &BTreeMap<String, f64>,
) -> [f64; 2] {
    let fits = |pod: &Value, room: &BTreeMap<String, f64>| {
        let asked = requests(pod);
        room["pods"] >= 1.0
            && asked
                .iter()
                .all(|(resource, amount)| *amount <= room.get(resource).copied().unwrap_or(0.0))
    };
    let gpu = all.keys().find(|resource| resource.starts_with("nvidia.com/"));
    let asking = pods
        .iter()
        .filter(|pod| gpu.is_some_and(|gpu| requests(pod).contains_key(gpu)) && fits(pod, all));
    let (mut could, mut cannot) = (0.0, 0.0);
    for pod in asking {
        could += 1.0;
        cannot += if fits(pod, left) { 0.0 } else { 1.0 };
    }
    let free = worth(node, left);
    if could == 0.0 {
        [0.0, 0.0]
    } else {
        [free * cannot / could, if cannot == could { free } else { 0.0 }]
    }
}

fn found(account: &Account) -> Counts {
    let Account {
        allocatable,
        holding,
        free,
        stranded,
        unusable,
        out_of_service,
        ..
    } = account;
    [
        *allocatable,
        holding.requested,
        *free,
        *stranded,
        *unusable,
        *out_of_service,
    ]
    .map(audit::Gpus::as_f64)
}

fn assert_near(what: &str, found: Counts, expected: Counts) {
    for (found, expected) in found.iter().zip(expected) {
        // A seventh of a GPU is kept to the millionth.
        assert!(
            (found - expected).abs() < 0.01,
            "{what}: {found:?} is not {expected:?}"
        );
    }
}

fn check_accounts(objects: &Objects, report: &Report) {
    let mut total = [0.0; 6];
    let mut by_pool: BTreeMap<&str, Counts> = BTreeMap::new();
    let pools = [
        "/metadata/labels/karpenter.sh~1nodepool",
        "/metadata/labels/cloud.google.com~1gke-nodepool",
        "/metadata/labels/kubernetes.azure.com~1agentpool",
        "/metadata/labels/eks.amazonaws.com~1nodegroup",
    ];
    for node in &objects.nodes {
        let counts = machine(node, &objects.pods);
        if let Some(pool) = pools
            .iter()
            .map(|pointer| text(node, pointer))
            .find(|pool| !pool.is_empty())
        {
            let sum = by_pool.entry(pool).or_default();
            (0..6).for_each(|index| sum[index] += counts[index]);
        }
        (0..6).for_each(|index| total[index] += counts[index]);
    }
    assert_near("total", found(&report.total), total);
    assert_eq!(report.pools.len(), by_pool.len());
    for Named { name, row } in &report.pools {
        assert_near(name, found(row), by_pool[name.as_str()]);
    }
}

fn check_holdings(objects: &Objects, report: &Report) {
    for Named { name: namespace, row } in &report.namespaces {
        let pods = objects
            .pods
            .iter()
            .filter(|pod| text(pod, "/metadata/namespace") == namespace);
        let (mut held, mut waits) = (0.0, 0.0);
        for pod in pods {
            let node = objects
                .nodes
                .iter()
                .find(|node| name(node) == text(pod, "/spec/nodeName"));
            match node {
                Some(node) => held += worth(node, &requests(pod)),
                None => {
                    waits += if requests(pod).contains_key("nvidia.com/gpu") {
                        requests(pod)["nvidia.com/gpu"]
                    } else {
                        requests(pod)["nvidia.com/mig-1g.5gb"] / 7.0
                    }
                }
            }
        }
        assert!(
            (row.requested.as_f64() - held).abs() < 0.01,
            "{namespace}: {row:?}, {held}"
        );
        assert!(
            (row.pending.as_f64() - waits).abs() < 0.01,
            "{namespace}: {row:?}, {waits}"
        );
    }
}

fn check_findings(objects: &Objects, report: &Report) {
    let gpu_nodes: Vec<&Value> = objects
        .nodes
        .iter()
        .filter(|node| worth(node, &amounts(&node["status"]["allocatable"])) > 0.0)
        .collect();
    let owner = |pod: &Value| text(pod, "/metadata/ownerReferences/0/kind").to_owned();
    let guests = |node: &Value| {
        let here = objects
            .pods
            .iter()
            .filter(|pod| text(pod, "/spec/nodeName") == name(node));
        here.filter(|pod| owner(pod) != "DaemonSet").collect::<Vec<_>>()
    };
    let untainted = gpu_nodes
        .iter()
        .filter(|node| node["spec"]["taints"].as_array().unwrap().is_empty())
        .count();
    assert_eq!(report.findings.untainted.len(), untainted);
    let cpu_pods: usize = gpu_nodes
        .iter()
        .map(|node| guests(node).iter().filter(|pod| !asks_for_gpus(pod)).count())
        .sum();
    assert_eq!(
        report
            .findings
            .cpu_pods
            .iter()
            .map(|at| at.pods.len())
            .sum::<usize>(),
        cpu_pods
    );
    let small = |node: &Value, pod: &Value| {
        let all = amounts(&node["status"]["allocatable"]);
        requests(pod)
            .iter()
            .all(|(resource, amount)| *amount <= 0.25 * all[resource])
    };
    let kept_up = objects.nodes.iter().filter(|node| {
        let guests = guests(node);
        guests.len() == 1 && small(node, guests[0])
    });
    assert_eq!(report.findings.kept_up.len(), kept_up.count());
    let on_demand = objects.pods.iter().filter(|pod| {
        let node = objects
            .nodes
            .iter()
            .find(|node| name(node) == text(pod, "/spec/nodeName"));
        let labels = node
            .map(|node| node["metadata"]["labels"].to_string())
            .unwrap_or_default();
        let paid = labels.contains("on-demand") || labels.contains("ON_DEMAND") || labels.contains("azure");
        paid && asks_for_gpus(pod) && matches!(owner(pod).as_str(), "Job" | "PyTorchJob")
    });
    assert_eq!(report.findings.on_demand.len(), on_demand.count());
}

#[test]
fn the_numbers_agree_with_an_independent_count() {
    for seed in 0..20 {
        let objects = made_up(60, 30, seed * 100);
        let report = objects.audit();
        check_accounts(&objects, &report);
        check_holdings(&objects, &report);
        check_findings(&objects, &report);
        assert_eq!(report.pending.len(), 30);
    }
}

/// No machine holds more than it has once everything that the wins propose has been done, step by step.
#[test]
fn what_is_proposed_can_be_done() {
    let mut done = 0;
    for seed in 0..20 {
        let objects = made_up(40, 20, seed * 100 + 7);
        let report = objects.audit();
        let mut at: BTreeMap<String, String> = objects
            .pods
            .iter()
            .map(|pod| (title(pod), text(pod, "/spec/nodeName").to_owned()))
            .collect();
        for step in report.wins.iter().flat_map(|win| &win.steps) {
            done += usize::from(do_step(step, &mut at, &objects));
        }
    }
    assert!(done > 100, "only {done} steps were tried");
}

fn title(pod: &Value) -> String {
    format!("{}/{}", text(pod, "/metadata/namespace"), name(pod))
}

/// Does a step if it places a pod; whether it does.
fn do_step(step: &str, at: &mut BTreeMap<String, String>, objects: &Objects) -> bool {
    let words: Vec<&str> = step.split_whitespace().collect();
    let to = match words.as_slice() {
        ["move", pod, "from", from, "to", to] => {
            assert_eq!(
                at.insert((*pod).to_owned(), (*to).to_owned()).as_deref(),
                Some(*from),
                "{step}"
            );
            to
        }
        ["then", pod, "fits", "on", to] => {
            assert_eq!(
                at.insert((*pod).to_owned(), (*to).to_owned()).as_deref(),
                Some(""),
                "{step}"
            );
            to
        }
        _ => return false,
    };
    let node = objects.nodes.iter().find(|node| name(node) == *to).unwrap();
    assert!(in_service(node), "{step}");
    let mut left = amounts(&node["status"]["allocatable"]);
    for pod in objects.pods.iter().filter(|pod| at[&title(pod)] == *to) {
        for (resource, amount) in requests(pod) {
            let left = left.get_mut(&resource).unwrap();
            *left -= amount;
            assert!(*left >= 0.0, "{step}: too much {resource}");
        }
    }
    true
}
