//! Rule 10. A node is over once its pod is and its report is in; of several containers that failed the one that
//! matters most is named; a pod that never ran is asked for again, one that did and is gone is an error.

use serde_json::json;
use workflow::contract::{Event, PodView};

use super::{expect, node, start};

/// What becomes of a step whose pod shows this status.
fn told(status: serde_json::Value, expected: &str) {
    let mut world = start(
        "\n  templates:\n  - name: main\n    sidecars: [{name: side, image: i, command: [c]}]\n    container: {image: i, command: [c]}",
    );
    let name = world.pods.keys().next().unwrap().clone();
    world.pods.get_mut(&name).unwrap()["status"] = status;
    world.queue.clear();
    let view: PodView = serde_json::from_value(world.pods[&name].clone()).unwrap();
    world.machine.observe(Event::Pod(view.into()), world.now);
    world.carry_out();
    expect(&world, &format!("wf: {expected}"));
}

fn ended(name: &str, code: i32) -> serde_json::Value {
    let reason = if code == 0 { "Completed" } else { "Error" };
    json!({"name": name, "state": {"terminated": {"exitCode": code, "reason": reason}}})
}

#[test]
fn the_container_that_matters_most() {
    let failed = |containers: serde_json::Value| json!({"phase": "Failed", "containerStatuses": containers});
    for (status, expected) in [
        (
            json!({"phase": "Failed", "message": "evicted", "reason": "Evicted"}),
            "Failed: evicted",
        ),
        (
            failed(json!([ended("side", 3), ended("main", 2)])),
            "Failed: main: Error (exit code 2)",
        ),
        (
            failed(json!([ended("side", 3), ended("main", 0)])),
            "Failed: side: Error (exit code 3)",
        ),
        (failed(json!([ended("side", 143), ended("main", 0)])), "Succeeded"),
        (failed(json!([ended("side", 137), ended("main", 0)])), "Succeeded"),
        (
            json!({"phase": "Failed", "initContainerStatuses": [ended("first", 5)], "containerStatuses": [ended("main", 1)]}),
            "Failed: first: Error (exit code 5)",
        ),
        (
            failed(
                json!([{"name": "main", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such"}}}]),
            ),
            "Error: Pod failed before main container starts due to ErrImagePull: no such",
        ),
        (
            failed(json!([])),
            "Failed: can't find failed message for pod wf namespace ns",
        ),
        (
            failed(json!([{"name": "main", "state": {"running": {}}}])),
            "Failed: pod failed: neither main nor wait container completed successfully",
        ),
        (
            json!({"phase": "Failed", "containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": 1, "reason": "OOMKilled", "message": "said"}}}]}),
            "Failed: main: OOMKilled (exit code 1): said",
        ),
        (
            json!({"phase": "Unknown"}),
            "Error: Unexpected pod phase for wf: Unknown",
        ),
        (
            json!({"phase": "Pending", "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "ContainerCreating"}}}]}),
            "Pending: ContainerCreating",
        ),
        (
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1"}]}),
            "Pending: Unschedulable: 0/1",
        ),
    ] {
        told(status, expected);
    }
}

#[test]
fn a_pod_that_never_had_a_machine_is_asked_for_again() {
    let mut world = start("\n  templates:\n  - name: main\n    steps: [[{name: stuck, template: work}]]");
    let name = world.pods.keys().next().unwrap().clone();
    world.deliver(0);
    // Somebody deletes it; held as it is, it waits to be let go.
    world.perform(workflow::contract::Effect::DeletePod {
        name: name.clone(),
        uid: None,
        grace: None,
    });
    world.pods.get_mut(&name).unwrap()["status"] = json!({"phase": "Pending"});
    world.queue.clear();
    world.notify_pod(&name);
    world.deliver(0);
    assert!(!world.pods.contains_key(&name), "it is let go");
    let uid = format!("uid-{name}");
    world.machine.observe(Event::PodGone { name, uid }, world.now);
    world.carry_out();
    assert_eq!(world.created, ["wf[0].stuck", "wf[0].stuck"]);
    expect(&world, "wf[0].stuck: Pending");
}

#[test]
fn a_pod_that_may_have_run_and_is_gone_is_an_error() {
    let mut world = start("\n  templates:\n  - name: main\n    container: {image: i, command: [c]}");
    world.deliver(0);
    world.advance(|_| 0);
    world.deliver(0);
    let name = world.pods.keys().next().unwrap().clone();
    world.pods.clear();
    world.machine.observe(
        Event::PodGone {
            uid: format!("uid-{name}"),
            name,
        },
        world.now,
    );
    world.carry_out();
    expect(&world, "wf: Error: pod deleted\nworkflow: Error: pod deleted");
}

#[test]
fn a_node_waits_for_its_report() {
    let mut world = start("\n  templates:\n  - name: main\n    steps: [[{name: a, template: give}]]");
    let is_report = |e: &Event| matches!(e, Event::TaskResult(_));
    while !world.queue.iter().any(is_report) {
        if world.queue.is_empty() {
            world.advance(|_| 0);
        } else {
            world.deliver(0);
        }
    }
    let at = world.queue.iter().position(|e| !is_report(e)).unwrap();
    let event = world.queue.remove(at);
    world.machine.observe(event, world.now);
    world.machine.effects(world.now);
    expect(&world, "wf[0].a: Running");
    world.run();
    expect(&world, "wf[0].a: Succeeded");
    assert_eq!(
        node(&world, "wf[0].a")["outputs"]["parameters"][0]["value"],
        "of a"
    );
}
