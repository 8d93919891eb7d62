//! An event costs what it changes: how many nodes are looked at for each node that a workflow has does not
//! grow with the workflow, whatever its shape. Counted, not timed.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::VecDeque;

use serde_json::{Value, json};
use support::{Outcome, World};
use workflow::contract::{Config, Effect, Event, Library, PodView};

/// Sizes that are compared: what is linear costs the same for each node at both.
const SMALL: usize = 64;
const LARGE: usize = 512;
/// How much more a node of the large one may cost. Quadratic costs would make it eight times as much.
const SLACK: f64 = 1.5;

/// Visits for each node of a workflow whose pods succeed one after the other, each change an event of its own.
fn visits_per_node(spec: &Value) -> f64 {
    let workflow = json!({"kind": "Workflow", "metadata": {"name": "wf", "namespace": "n"}, "spec": spec});
    let script = Box::new(|_: &str| Outcome::default());
    let world = World::new(workflow, Library::default(), Config::default(), script);
    let mut machine = world.machine;
    let mut events: VecDeque<PodView> = VecDeque::new();
    let start = |node: &str, name: &str| {
        let phases = ["Pending", "Running", "Succeeded"];
        let (node, name) = (node.to_owned(), name.to_owned());
        phases.map(|phase| PodView {
            uid: name.clone(),
            name: name.clone(),
            node_id: node.clone(),
            host: "machine".into(),
            phase: phase.into(),
            held: true,
            ..PodView::default()
        })
    };
    for pod in world.pods.values() {
        let text = |pointer: &str| pod.pointer(pointer).unwrap().as_str().unwrap();
        events.extend(start(
            text("/metadata/annotations/workflows.argoproj.io~1node-id"),
            text("/metadata/name"),
        ));
    }
    while let Some(pod) = events.pop_front() {
        machine.observe(Event::Pod(pod.into()), world.now);
        for effect in machine.effects(world.now) {
            match effect {
                Effect::CreatePod { node, name, .. } => events.extend(start(&node, &name)),
                Effect::ReleasePod { name, uid } => machine.observe(Event::PodGone { name, uid }, world.now),
                _ => {}
            }
        }
    }
    let summary = machine.summary();
    assert_eq!(summary.phase, "Succeeded", "{}", summary.message);
    machine.visits() as f64 / machine.nodes().count() as f64
}

fn check(shape: &str, spec: impl Fn(usize) -> Value) {
    let (small, large) = (visits_per_node(&spec(SMALL)), visits_per_node(&spec(LARGE)));
    assert!(
        large <= small * SLACK,
        "{shape}: {small:.0} visits for each of {SMALL}, {large:.0} for each of {LARGE}"
    );
}

fn with_work(mut templates: Vec<Value>, rest: &Value) -> Value {
    templates.push(json!({"name": "work", "container": {"image": "i", "command": ["c"]}}));
    templates.push(json!({"name": "pause", "suspend": {"duration": "0"}}));
    let mut spec = json!({"entrypoint": "main", "templates": templates});
    support::merge_patch(&mut spec, rest);
    spec
}

fn fan(count: usize, step: &Value) -> Value {
    let mut step = step.clone();
    step["name"] = "all".into();
    step["withSequence"] = json!({"count": count.to_string()});
    json!({"name": "main", "steps": [[step]]})
}

fn dag(count: usize, task: impl Fn(usize) -> Value) -> Value {
    let tasks: Vec<Value> = (0..count)
        .map(|i| {
            let mut task = task(i);
            task["name"] = format!("t{i}").into();
            task
        })
        .collect();
    json!({"name": "main", "dag": {"tasks": tasks}})
}

#[test]
fn fans() {
    let work = json!({"template": "work"});
    check("all at once", |n| with_work(vec![fan(n, &work)], &json!({})));
    check("a few at a time", |n| {
        with_work(vec![fan(n, &work)], &json!({"parallelism": 5}))
    });
    check("a few at a time within a template", |n| {
        let mut main = fan(n, &work);
        main["parallelism"] = 5.into();
        with_work(vec![main], &json!({}))
    });
    check("skipped", |n| {
        with_work(
            vec![fan(n, &json!({"template": "work", "when": "false"}))],
            &json!({}),
        )
    });
    check("of steps, a few pods at a time", |n| {
        let inner = json!({"name": "inner", "steps": [
            [{"name": "a", "template": "work"}], [{"name": "b", "template": "work"}],
        ]});
        with_work(
            vec![fan(n, &json!({"template": "inner"})), inner],
            &json!({"parallelism": 5}),
        )
    });
    check("of steps that limit themselves", |n| {
        let inner = json!({"name": "inner", "parallelism": 1, "steps": [
            [{"name": "a", "template": "work"}, {"name": "b", "template": "work"}],
        ]});
        with_work(vec![fan(n, &json!({"template": "inner"})), inner], &json!({}))
    });
    check("a loop after a loop", |n| {
        let each = |name: &str| json!([{"name": name, "template": "work", "withSequence": {"count": n.to_string()}}]);
        let main = json!({"name": "main", "steps": [each("a"), each("b")]});
        with_work(vec![main], &json!({"parallelism": 5}))
    });
}

#[test]
fn chains() {
    check("of steps", |n| {
        let groups: Vec<Value> = (0..n)
            .map(|i| json!([{"name": format!("s{i}"), "template": "work"}]))
            .collect();
        with_work(vec![json!({"name": "main", "steps": groups})], &json!({}))
    });
    check("of tasks", |n| {
        let main = dag(n, |i| match i {
            0 => json!({"template": "work"}),
            _ => json!({"template": "work", "depends": format!("t{}", i - 1)}),
        });
        with_work(vec![main], &json!({}))
    });
}

#[test]
fn wide_graphs() {
    let after_first = |i: usize| match i {
        0 => json!({"template": "work"}),
        _ => json!({"template": "work", "dependencies": ["t0"]}),
    };
    check("tasks on their own", |n| {
        with_work(vec![dag(n, |_| json!({"template": "work"}))], &json!({}))
    });
    check("tasks on their own, a few at a time", |n| {
        with_work(
            vec![dag(n, |_| json!({"template": "work"}))],
            &json!({"parallelism": 5}),
        )
    });
    check("tasks after one", |n| {
        with_work(vec![dag(n, after_first)], &json!({}))
    });
    check("tasks after one, a few at a time", |n| {
        with_work(vec![dag(n, after_first)], &json!({"parallelism": 5}))
    });
}
