//! What is told of a pod that waits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use scheduler::{Machine, NodeSpec, NodeStatus, Pod, Settings, State};
use serde_json::{Value, json};

fn gpus(name: &str, model: &str, count: u8, spec: Value) -> Machine {
    let labels = support::labels(&json!({"nvidia.com/gpu.product": model, "pool": model, "zone": "a"}));
    let spec: NodeSpec = serde_json::from_value(spec).unwrap();
    let allocatable =
        json!({"cpu": "64", "memory": "256Gi", "pods": "100", "nvidia.com/gpu": count.to_string()});
    let status: NodeStatus = serde_json::from_value(json!({"allocatable": allocatable})).unwrap();
    Machine::new(name, labels, spec, status)
}

fn pod(name: &str, requests: &Value, spec: &Value) -> Pod {
    let mut spec = spec.clone();
    spec["containers"] = json!([{"resources": {"requests": requests}}]);
    support::pod(name, "default", &json!({"app": "train"}), &spec)
}

fn cluster() -> State {
    let mut state = State::new(Settings::default());
    let taint = json!({"taints": [{"key": "team", "value": "red", "effect": "NoSchedule"}]});
    for name in ["a1", "a2", "a3"] {
        state.machine_applied(gpus(name, "A100-80GB", 8, json!({})));
        let requests = json!({"nvidia.com/gpu": if name == "a3" { "6" } else { "7" }, "cpu": "1"});
        let on = json!({"nodeName": name});
        state.pod_applied(pod(&format!("default/holds-{name}"), &requests, &on));
    }
    state.machine_applied(gpus("h1", "H100", 8, taint));
    state.machine_applied(gpus("t1", "T4", 4, json!({})));
    state.machine_applied(gpus("x1", "A100-80GB", 8, json!({"unschedulable": true})));
    state
}

fn check(asked: &Pod, expected: &str) {
    let found = cluster().explain(asked).to_string();
    assert_eq!(found.trim(), expected.trim(), "{found}");
}

#[test]
fn machines_by_class_and_what_would_help() {
    check(
        &pod("p", &json!({"nvidia.com/gpu": "8"}), &json!({})),
        "
Why not, by class of machine:
     3  a100-80gb  2 nvidia.com/gpu free of 8 asked
     1  a100-80gb  cordoned
     1  h100       taint team=red:NoSchedule
     1  t4         4 nvidia.com/gpu at all of 8 asked

What would let it run, any of:
  - ask for at most 1 nvidia.com/gpu (fits on 2 machines, a1 for one)
  - uncordon the machine (fits on x1)
  - tolerate team=red:NoSchedule (fits on h1)
  - ask for at most 2 nvidia.com/gpu (fits on a3)
  - ask for at most 4 nvidia.com/gpu (fits on t1)
  - wait for pod default/holds-a1 to end (fits on a1)
  - wait for pod default/holds-a2 to end (fits on a2)
  - wait for pod default/holds-a3 to end (fits on a3)
  - add a machine like a1
",
    );
}

#[test]
fn remedies_are_tried_and_the_least_is_told() {
    // Neither change alone would do.
    check(
        &pod(
            "p",
            &json!({"nvidia.com/gpu": "3"}),
            &json!({"nodeSelector": {"pool": "H100"}}),
        ),
        "
Why not, by class of machine:
     1  h100       taint team=red:NoSchedule
     1  t4         not pool=H100
     3  a100-80gb  not pool=H100; 2 nvidia.com/gpu free of 3 asked
     1  a100-80gb  cordoned; not pool=H100

What would let it run, any of:
  - tolerate team=red:NoSchedule (fits on h1)
  - remove pool=H100 from nodeSelector (fits on t1)
",
    );
}

#[test]
fn rules_about_others_are_told_too() {
    let spec = json!({"tolerations": [{"operator": "Exists"}], "affinity": {"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution":
            [{"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "train"}}}]}}});
    check(
        &pod("p", &json!({"cpu": "1"}), &spec),
        "
Why not, by class of machine:
     4  a100-80gb  pods to keep away from are near
     1  h100       pods to keep away from are near
     1  t4         pods to keep away from are near

What would let it run, any of:
  - relax podAntiAffinity (fits on 6 machines, a1 for one)
",
    );
}

#[test]
fn what_fits_is_said_to_fit() {
    let explanation = cluster().explain(&pod("p", &json!({"nvidia.com/gpu": "4"}), &json!({})));
    assert_eq!(explanation.fits.as_deref(), Some("t1"));
    assert_eq!(explanation.to_string(), "");
}

#[test]
fn an_explanation_is_data_as_well() {
    let explanation = cluster().explain(&pod("p", &json!({"memory": "300Gi"}), &json!({})));
    let data = serde_json::to_value(&explanation).unwrap();
    assert_eq!(
        data["machines"][0],
        json!({"class": "a100-80gb", "machines": 3, "example": "a1", "obstacles": [
            {"reason": "tooSmall", "resource": "memory", "asked": "322122547200", "free": "274877906944"}]})
    );
    assert_eq!(
        data["remedies"],
        json!([{"changes": [{"change": "askForLess", "resource": "memory", "most": "256Gi"}], "machine": "a1",
            "machines": 4}])
    );
}
