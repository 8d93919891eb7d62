//! What ended while nobody watched: a machine made anew finds it, and decides as the old one would have.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::{Value, json};
use support::{Outcome, World, documents};
use workflow::Machine;
use workflow::contract::{Config, Event, Library};

const DAEMON: &str = "
kind: Workflow
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: serve, template: daemon}], [{name: use, template: work}]]
  - name: daemon
    daemon: true
    container: {image: i, command: [c]}
  - name: work
    container: {image: i, command: [c]}
";
const LONG: &str = "
kind: Workflow
spec:
  entrypoint: serve
  templates:
  - name: serve
    container: {image: i, command: [c]}
";

fn phase(world: &World, name: &str) -> Value {
    let nodes = world.workflow["status"]["nodes"].as_object().unwrap();
    let node = nodes.values().find(|node| node["displayName"] == name).unwrap();
    node["phase"].clone()
}

/// A world with the pod of `serve` running until it is deleted.
fn world(manifest: &str) -> World {
    let mut workflow = documents(manifest).remove(0);
    workflow["metadata"] = json!({"name": "wf", "namespace": "NAMESPACE"});
    let script = |node: &str| Outcome {
        forever: node == "wf" || node.ends_with("serve"),
        ..Outcome::default()
    };
    World::new(workflow, Library::default(), Config::default(), Box::new(script))
}

/// Goes on until a pod has succeeded, which the machine may not have heard of.
fn until_a_pod_succeeds(world: &mut World) {
    while !world
        .pods
        .values()
        .any(|pod| pod["status"]["phase"] == "Succeeded")
    {
        if world.queue.is_empty() {
            assert!(world.advance(|_| 0), "nothing moves any more");
        } else {
            world.deliver(0);
        }
    }
}

/// The machine goes, with all that was under way to it, and another takes its place.
fn restart(world: &mut World) {
    world.queue.clear();
    world.machine = Machine::rebuild(world.inputs(), world.now);
    world.carry_out();
}

/// Somebody holds the workflow or lets it go; the machine hears of it.
fn suspend(world: &mut World, value: &Value) {
    support::merge_patch(&mut world.workflow, &json!({"spec": {"suspend": value}}));
    let view = serde_json::from_value(world.workflow.clone()).unwrap();
    world.machine.observe(Event::Workflow(view), world.now);
    world.carry_out();
}

#[test]
fn a_workflow_that_was_held_meanwhile_goes_on_when_it_is_let_go() {
    let mut world = world(DAEMON);
    until_a_pod_succeeds(&mut world);
    suspend(&mut world, &json!(true));
    restart(&mut world);
    world.run();
    assert_eq!(world.phase(), "Running");
    suspend(&mut world, &Value::Null);
    world.run();
    assert_eq!(world.phase(), "Succeeded");
}

/// Whoever asked for it was answered; a machine made after that has to see to it.
#[test]
fn a_workflow_that_was_stopped_meanwhile_stops() {
    for how in ["Stop", "Terminate"] {
        let mut world = world(LONG);
        while !world.pods.values().any(|pod| pod["status"]["phase"] == "Running") {
            if world.queue.is_empty() {
                assert!(world.advance(|_| 0), "nothing moves any more");
            } else {
                world.deliver(0);
            }
        }
        support::merge_patch(&mut world.workflow, &json!({"spec": {"shutdown": how}}));
        restart(&mut world);
        world.run();
        assert_eq!(world.phase(), "Failed", "{how}");
        let runs = |pod: &Value| pod["status"]["phase"] == "Running";
        assert!(!world.pods.values().any(runs), "{how}");
    }
}

/// The plan ends the daemon while what is known of its pod has yet to be looked at, which is that it runs.
#[test]
fn a_daemon_that_is_ended_stays_so() {
    let mut world = world(DAEMON);
    until_a_pod_succeeds(&mut world);
    // As long as the daemon takes to end, its pod is there and runs.
    restart(&mut world);
    assert_eq!(phase(&world, "serve"), "Succeeded");
    world.run();
    assert_eq!(world.phase(), "Succeeded");
    assert_eq!(phase(&world, "serve"), "Succeeded");
}
