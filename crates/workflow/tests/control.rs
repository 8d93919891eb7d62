//! What people and the platform do to a workflow that runs: stop, terminate, suspend, resume, refuse, delete.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use serde_json::{Value, json};
use support::{Outcome, World, documents};
use workflow::Machine;
use workflow::contract::{Config, Event, Library, WaitReason, WorkflowView};

const SPEC: &str = "
kind: Workflow
spec:
  entrypoint: main
  onExit: last
  templates:
  - name: main
    steps: [[{name: long, template: work}], [{name: next, template: work}]]
  - name: work
    container: {image: i, command: [c]}
  - name: last
    container: {image: i, command: [c]}
";

const WAITS: &str = "
kind: Workflow
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: ask, template: ask}], [{name: use, template: work, arguments: {parameters: [{name: p, value: '{{steps.ask.outputs.parameters.answer}}'}]}}]]
  - name: ask
    suspend: {}
    outputs: {parameters: [{name: answer, valueFrom: {supplied: {}}}]}
  - name: work
    inputs: {parameters: [{name: p}]}
    container: {image: i, command: [c], args: ['{{inputs.parameters.p}}']}
";

/// A world in which the pods of nodes called `long` run until they are deleted.
fn world(manifest: &str) -> World {
    let mut workflow = documents(manifest).remove(0);
    workflow["metadata"] = json!({"name": "wf", "namespace": "NAMESPACE"});
    let script = |node: &str| Outcome {
        forever: node.ends_with("long"),
        ..Outcome::default()
    };
    World::new(workflow, Library::default(), Config::default(), Box::new(script))
}

/// Somebody patches the Workflow, and the machine sees it.
fn patch(world: &mut World, patch: &Value) {
    support::merge_patch(&mut world.workflow, patch);
    let view: WorkflowView = serde_json::from_value(world.workflow.clone()).unwrap();
    world.machine.observe(Event::Workflow(view), world.now);
    world.carry_out();
}

/// Phase and message of a node.
fn node(world: &World, name: &str) -> (String, String) {
    let nodes = world.workflow["status"]["nodes"].as_object().unwrap();
    let node = nodes.values().find(|n| n["name"] == name);
    let text = |field: &str| {
        node.map(|n| n[field].as_str().unwrap_or_default().to_owned())
            .unwrap_or_default()
    };
    (text("phase"), text("message"))
}

fn check(world: &World, phase: &str, message: &str) {
    let said = world.workflow["status"]["message"].as_str().unwrap_or_default();
    assert_eq!((world.phase(), said), (phase, message));
}

#[test]
fn stop_lets_exit_handlers_run() {
    let mut world = world(SPEC);
    world.run();
    patch(&mut world, &json!({"spec": {"shutdown": "Stop"}}));
    world.run();
    check(&world, "Failed", "Stopped with strategy 'Stop'");
    let said = "workflow shutdown with strategy:  Stop".to_owned();
    assert_eq!(node(&world, "wf[0].long"), ("Failed".to_owned(), said));
    assert_eq!(node(&world, "wf.onExit").0, "Succeeded");
    assert_eq!(node(&world, "wf[1]").0, "");
}

#[test]
fn terminate_does_not() {
    let mut world = world(SPEC);
    world.run();
    patch(&mut world, &json!({"spec": {"shutdown": "Terminate"}}));
    world.run();
    check(&world, "Failed", "Stopped with strategy 'Terminate'");
    assert_eq!(node(&world, "wf.onExit").0, "");
}

#[test]
fn a_suspended_workflow_starts_nothing_new() {
    let mut world = world(&SPEC.replace("name: long", "name: short"));
    patch(&mut world, &json!({"spec": {"suspend": true}}));
    world.run();
    assert_eq!(node(&world, "wf[0].short").0, "Succeeded");
    assert_eq!(node(&world, "wf[1]").0, "");
    assert_eq!(
        world.machine.report().waiting[0].reason,
        WaitReason::WorkflowSuspended
    );
    patch(&mut world, &json!({"spec": {"suspend": false}}));
    world.run();
    check(&world, "Succeeded", "");
}

#[test]
fn a_suspend_node_is_resumed_with_what_it_asked_for() {
    let mut world = world(WAITS);
    world.run();
    let waiting = &world.machine.report().waiting;
    assert!(
        waiting
            .iter()
            .any(|w| w.reason == WaitReason::Suspended { until: None }),
        "{waiting:?}"
    );
    let nodes = world.workflow["status"]["nodes"].as_object().unwrap();
    let (id, _) = nodes.iter().find(|(_, n)| n["type"] == "Suspend").unwrap();
    let resumed = json!({
        "phase": "Succeeded",
        "finishedAt": "2026-01-01T00:01:00Z",
        "outputs": {"parameters": [{"name": "answer", "value": "yes"}]},
    });
    let id = id.clone();
    patch(&mut world, &json!({"status": {"nodes": {id: resumed}}}));
    world.run();
    check(&world, "Succeeded", "");
    let pod = world.pods.values().next().unwrap();
    assert_eq!(pod["spec"]["containers"][0]["args"], json!(["yes"]));
}

#[test]
fn the_deadline_ends_what_runs_but_not_the_exit_handler() {
    let mut world = world(&SPEC.replace(
        "entrypoint: main",
        "entrypoint: main\n  activeDeadlineSeconds: 30",
    ));
    world.run();
    assert_eq!(
        node(&world, "wf[0].long"),
        ("Failed".to_owned(), "Step exceeded its deadline".to_owned())
    );
    assert_eq!(node(&world, "wf.onExit").0, "Succeeded");
    assert_eq!(world.phase(), "Failed");
}

#[test]
fn a_refused_pod_is_an_error_of_the_call() {
    let mut world = world(
        "kind: Workflow\nspec: {entrypoint: a, templates: [{name: a, container: {image: i, command: [c]}}]}",
    );
    let node = world.machine.nodes().next().unwrap().id.clone();
    world.pods.clear();
    world.queue.clear();
    world.machine.observe(
        Event::PodRefused {
            node,
            message: "pods \"wf\" is forbidden".to_owned(),
        },
        world.now,
    );
    world.carry_out();
    check(
        &world,
        "Error",
        "error in entry template execution: pods \"wf\" is forbidden",
    );
}

#[test]
fn a_pod_that_is_gone_has_no_known_outcome() {
    let mut world = world(SPEC);
    world.run();
    let name = world.pods.keys().next().unwrap().clone();
    let pod = world.pods.remove(&name).unwrap();
    let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
    world.machine.observe(Event::PodGone { name, uid }, world.now);
    world.carry_out();
    world.run();
    assert_eq!(
        node(&world, "wf[0].long"),
        ("Error".to_owned(), "pod deleted".to_owned())
    );
    assert_eq!(world.phase(), "Failed");
}

#[test]
fn a_machine_made_while_the_workflow_is_suspended_goes_on_when_it_is_resumed() {
    let mut world = world(&SPEC.replace("name: long", "name: short"));
    patch(&mut world, &json!({"spec": {"suspend": true}}));
    world.run();
    world.machine = Machine::rebuild(world.inputs(), world.now);
    world.carry_out();
    world.run();
    assert_eq!(world.phase(), "Running");
    patch(&mut world, &json!({"spec": {"suspend": null}}));
    world.run();
    check(&world, "Succeeded", "");
}

#[test]
fn times_do_not_come_while_the_workflow_is_suspended() {
    // The machine that saw the pause begin is compared with a rebuilt one, which has not looked at it.
    let pause = "
kind: Workflow
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: pause, template: pause}]]
  - name: pause
    suspend: {duration: 17s}
";
    let mut world = world(pause);
    patch(&mut world, &json!({"spec": {"suspend": true}}));
    patch(&mut world, &json!({"spec": {"suspend": null}}));
    world.run();
    check(&world, "Succeeded", "");
}

#[test]
fn another_attempt_waits_for_room() {
    let retries = "
kind: Workflow
spec:
  entrypoint: main
  parallelism: 1
  templates:
  - name: main
    dag: {tasks: [{name: bad, template: again}, {name: long, template: work}]}
  - name: work
    container: {image: i, command: [c]}
  - name: again
    retryStrategy: {limit: 1, backoff: {duration: 5s}}
    container: {image: i, command: [c]}
";
    let mut workflow = documents(retries).remove(0);
    workflow["metadata"] = json!({"name": "wf", "namespace": "NAMESPACE"});
    let script = |node: &str| Outcome {
        forever: node.ends_with("long"),
        exit_code: i32::from(node.contains("bad")),
        ..Outcome::default()
    };
    let mut world = World::new(workflow, Library::default(), Config::default(), Box::new(script));
    world.run();
    assert_eq!(node(&world, "wf.long").0, "Running");
    assert_eq!(
        node(&world, "wf.bad(1)").0,
        "",
        "the attempt would be a second pod"
    );
}

#[test]
fn a_template_that_gives_up_is_looked_at_once_a_child_fails() {
    let spec = "
kind: Workflow
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: inner, template: inner}]]
  - name: inner
    failFast: true
    steps: [[{name: wait, template: wait}, {name: bad, template: bad}]]
  - name: wait
    suspend: {}
  - name: work
    container: {image: i, command: [c]}
  - name: bad
    container: {image: i, command: [c]}
";
    let mut workflow = documents(spec).remove(0);
    workflow["metadata"] = json!({"name": "wf", "namespace": "NAMESPACE"});
    let script = |node: &str| Outcome {
        exit_code: i32::from(node.ends_with("bad")),
        ..Outcome::default()
    };
    let mut world = World::new(workflow, Library::default(), Config::default(), Box::new(script));
    world.run();
    let said = "template has failed or errored children and failFast enabled".to_owned();
    assert_eq!(node(&world, "wf[0].inner"), ("Failed".to_owned(), said.clone()));
    assert_eq!(node(&world, "wf[0].inner[0]"), ("Failed".to_owned(), said));
}

#[test]
fn a_pod_that_ended_unseen_has_run() {
    let mut world = world(&SPEC.replace("name: long", "name: short"));
    let mut pod = world.pods.values().next().unwrap().clone();
    pod["metadata"]["annotations"]["plimsoll.dev/exec"] = "true".into();
    pod["spec"]["nodeName"] = "machine".into();
    pod["status"] = json!({"phase": "Succeeded", "containerStatuses": [{"name": "main",
        "state": {"terminated": {"exitCode": 0, "finishedAt": "2026-01-01T00:00:00Z"}}}]});
    world
        .machine
        .observe(Event::Pod(serde_json::from_value(pod).unwrap()), world.now);
    let shown = world.machine.nodes().find(|n| n.name == "wf[0].short").unwrap();
    assert_eq!(
        (shown.phase.as_str(), shown.host_node_name.as_str()),
        ("Running", "machine")
    );
}

#[test]
fn a_machine_made_after_the_workflow_was_stopped_ends_what_runs() {
    for (shutdown, exit) in [("Stop", "Succeeded"), ("Terminate", "")] {
        let mut world = world(SPEC);
        world.run();
        let patch = json!({"spec": {"shutdown": shutdown}});
        support::merge_patch(&mut world.workflow, &patch);
        world.machine = Machine::rebuild(world.inputs(), world.now);
        world.carry_out();
        world.run();
        check(&world, "Failed", &format!("Stopped with strategy '{shutdown}'"));
        assert_eq!(node(&world, "wf.onExit").0, exit);
    }
}

#[test]
fn a_dag_ends_once_what_an_error_left_running_has_ended() {
    let spec = "
kind: Workflow
spec:
  entrypoint: main
  templates:
  - name: main
    dag: {tasks: [{name: inner, template: inner}]}
  - name: inner
    steps: [[{name: wrong, template: wrong}, {name: work, template: work}]]
  - name: wrong
    synchronization: {semaphores: [{configMapKeyRef: {name: none, key: none}}]}
    container: {image: i, command: [c]}
  - name: work
    container: {image: i, command: [c]}
";
    let mut world = world(spec);
    world.run();
    assert_eq!(node(&world, "wf.inner[0].work").0, "Succeeded");
    assert_ne!(world.phase(), "Running");
}

#[test]
fn nodes_that_are_around_each_other_are_looked_at_once() {
    let mut world = world(SPEC);
    world.run();
    let nodes = world.workflow["status"]["nodes"].as_object_mut().unwrap();
    for (id, node) in nodes {
        node["boundaryID"] = id.clone().into();
    }
    let patch = json!({"spec": {"shutdown": "Stop"}});
    support::merge_patch(&mut world.workflow, &patch);
    let one = Machine::rebuild(world.inputs(), world.now);
    let other = Machine::rebuild(world.inputs(), world.now);
    assert_eq!(one.difference(&other), None);
}

#[test]
fn a_dag_is_over_once_a_hook_of_its_step_is() {
    let spec = "
kind: Workflow
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: work, template: inner, hooks: {soon: {template: pod, expression: 'true'}}}]]
  - name: inner
    dag: {tasks: [{name: only, template: pod}]}
  - name: pod
    container: {image: i, command: [c]}
";
    let mut workflow = documents(spec).remove(0);
    workflow["metadata"] = json!({"name": "wf", "namespace": "NAMESPACE"});
    let script = |node: &str| Outcome {
        forever: node.ends_with("soon"),
        ..Outcome::default()
    };
    let mut world = World::new(workflow, Library::default(), Config::default(), Box::new(script));
    world.run();
    assert_eq!(node(&world, "wf[0].work.only").0, "Succeeded");
    assert_eq!(node(&world, "wf[0].work").0, "Running");
    world.script = Box::new(|_| Outcome::default());
    world.run();
    check(&world, "Succeeded", "");
}

/// A pod that failed may have reported before it did, and is asked for that for a while: then it is over.
#[test]
fn a_pod_is_over_while_the_workflow_is_suspended() {
    let spec = "
kind: Workflow
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: i, command: [c]}
    outputs: {parameters: [{name: p, valueFrom: {path: /p}}]}
";
    let mut world = world(spec);
    let mut pod = world.pods.values().next().unwrap().clone();
    pod["status"] = json!({"phase": "Failed", "containerStatuses": [{"name": "main",
        "state": {"terminated": {"exitCode": 137, "finishedAt": "2026-01-01T00:00:00Z"}}}]});
    world.now = "2026-01-01T00:00:01Z".parse().unwrap();
    world
        .machine
        .observe(Event::Pod(serde_json::from_value(pod).unwrap()), world.now);
    patch(&mut world, &json!({"spec": {"suspend": true}}));
    let phase = |world: &World| world.machine.nodes().next().unwrap().phase.clone();
    assert_eq!(phase(&world), "Running");
    world.now = "2026-01-01T00:00:09Z".parse().unwrap();
    world.machine.observe(Event::Time, world.now);
    assert_eq!(phase(&world), "Failed");
}

/// Argo asks for ever for what a step that was skipped would have printed.
#[test]
fn what_waits_in_vain_ends_with_its_workflow() {
    let steps = "steps: [[{name: a, template: pod, when: 'false'}], [{name: b, template: pod, when: '{{steps.a.outputs.result}} > 1'}]]";
    let dag = "dag: {tasks: [{name: a, template: pod, when: 'false'}, {name: b, depends: a.Skipped, template: pod, when: '{{tasks.a.outputs.result}} > 1'}]}";
    for main in [steps, dag] {
        let spec = format!(
            "
kind: Workflow
spec:
  entrypoint: main
  templates:
  - name: main
    {main}
  - name: pod
    container: {{image: i, command: [c]}}
"
        );
        let mut stopped = world(&spec);
        stopped.run();
        assert_eq!(stopped.phase(), "Running", "{main}");
        patch(&mut stopped, &json!({"spec": {"shutdown": "Stop"}}));
        stopped.run();
        check(&stopped, "Failed", "Stopped with strategy 'Stop'");
        let mut late = world(&spec.replace("  entrypoint", "  activeDeadlineSeconds: 5\n  entrypoint"));
        late.run();
        assert_eq!(late.phase(), "Failed", "{main}");
    }
}
