//! What waiting pods are told: why no machine will do, and what would let them run.

#![allow(
    clippy::needless_pass_by_value,
    reason = "a `json!` in a call reads better without `&`"
)]

mod common;

use common::{gpus, node, objects, pod};
use serde_json::{Value, json};

fn joined<T>(rows: &[T], text: impl Fn(&T) -> String) -> String {
    rows.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// What the pod that asks for most is told.
fn check(nodes: Vec<Value>, pods: Vec<Value>, why_not: &str, would_run: &[&str]) {
    let report = objects(nodes, pods).audit();
    let first = report.pending.first().expect("a waiting pod");
    let reasons = joined(&first.why_not, |why| {
        let obstacles = joined(&why.obstacles, |counted| {
            format!("{} {}", counted.machines, counted.obstacle)
        });
        format!("{}/{}: {obstacles}", why.machines, why.pool)
    });
    let remedies = first.would_run.iter();
    let remedies: Vec<String> = remedies
        .map(|remedy| format!("{:?}, {}: {}", remedy.kind, remedy.machines, remedy.what))
        .collect();
    assert_eq!(
        (reasons.as_str(), remedies),
        (why_not, would_run.iter().map(|text| (*text).to_owned()).collect())
    );
}

/// A waiting pod with so many GPUs, and this in its spec.
fn wants(count: i64, spec: Value) -> Value {
    pod("w", "", gpus(count), json!({"spec": spec}))
}

#[test]
fn marks_keep_pods_off_machines() {
    let check = |over: Value, spec: Value, why_not: &str, would_run: &str| {
        check(vec![node("n", over)], vec![wants(1, spec)], why_not, &[would_run]);
    };
    let tainted = json!({"spec": {"taints": [{"key": "team", "value": "blue", "effect": "NoSchedule"}]}});
    check(
        tainted,
        json!({}),
        "1/a: 1 taint team=blue:NoSchedule",
        "Tolerate, 1: tolerate team=blue:NoSchedule",
    );
    let zone = || json!({"nodeSelector": {"zone": "b"}});
    check(
        json!({}),
        zone(),
        "1/a: 1 not zone=b",
        "Select, 1: do without the selector zone=b",
    );
    let terms = json!([{"matchExpressions": [{"key": "zone", "operator": "Exists"}]}]);
    let affinity = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}});
    check(
        json!({}),
        affinity,
        "1/a: 1 not affinity",
        "Select, 1: widen its node affinity",
    );
    let cordoned = json!({"spec": {"unschedulable": true}});
    check(
        cordoned,
        json!({}),
        "1/a: 1 cordoned",
        "Uncordon, 1: uncordon machines",
    );
    let unreachable = json!([{"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}]);
    let lost = json!({"status": {"conditions": []}, "spec": {"taints": unreachable}});
    check(
        lost.clone(),
        json!({}),
        "1/a: 1 not ready",
        "Ready, 1: bring machines back that are not ready",
    );
    let several = "Never, 0: no single change: each machine has several obstacles";
    check(lost, zone(), "1/a: 1 not ready, 1 not zone=b", several);
}

#[test]
fn machines_are_busy_or_too_small() {
    let n = || vec![node("n", json!({}))];
    let held = || pod("h", "n", gpus(5), json!({"metadata": {"ownerReferences": []}}));
    check(
        n(),
        vec![held(), wants(4, json!({}))],
        "1/a: 1 busy: nvidia.com/gpu",
        &[
            "Less, 1: ask for at most 3 nvidia.com/gpu",
            "Grow, 1: one more machine of pool a",
        ],
    );
    check(
        n(),
        vec![wants(16, json!({}))],
        "1/a: 1 too small: nvidia.com/gpu",
        &["Less, 1: ask for at most 8 nvidia.com/gpu"],
    );
    check(
        n(),
        vec![wants(32, json!({}))],
        "1/a: 1 too small: cpu, 1 too small: nvidia.com/gpu",
        &["Never, 0: it asks for 128 CPU, the largest machine has 96 CPU; \
           it asks for 32 nvidia.com/gpu, the largest machine has 8 nvidia.com/gpu"],
    );
    let memory = json!({"nvidia.com/gpu": "1", "memory": "1Ti"});
    check(
        n(),
        vec![pod("w", "", memory, json!({}))],
        "1/a: 1 too small: memory",
        &["Less, 1: ask for at most 786432 MiB of memory"],
    );
    let fraction = json!({"metadata": {"annotations": {"gpu-fraction": "0.5"}}});
    check(
        n(),
        vec![
            pod("h", "n", gpus(8), json!({})),
            pod("w", "", json!({"cpu": "1"}), fraction),
        ],
        "1/a: 1 busy: nvidia.com/gpu",
        &["Grow, 1: one more machine of pool a"],
    );
}

#[test]
fn room_is_made_by_moving() {
    let two = vec![node("m", json!({})), node("n", json!({}))];
    let on = |name: &str, at: &str| pod(name, at, gpus(4), json!({}));
    check(
        two,
        vec![on("a", "m"), on("b", "n"), wants(8, json!({}))],
        "2/a: 2 busy: nvidia.com/gpu",
        &[
            "Move, 1: move 1 pod off m",
            "Less, 2: ask for at most 4 nvidia.com/gpu",
            "Grow, 1: one more machine of pool a",
        ],
    );
}

#[test]
fn some_wait_though_there_is_room() {
    let n = || vec![node("n", json!({}))];
    check(
        n(),
        vec![wants(8, json!({}))],
        "",
        &["Place, 1: nothing: n has room"],
    );
    let gated = json!({"schedulingGates": [{"name": "g"}]});
    let would_run = [
        "Gate, 0: lift its scheduling gate g",
        "Place, 1: nothing: n has room",
    ];
    check(n(), vec![wants(8, gated)], "", &would_run);
}
