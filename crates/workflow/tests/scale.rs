//! An event costs what it changes: large workflows take time in proportion to their size.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

mod support;

use std::time::Instant;

use serde_json::json;
use support::{Outcome, World};
use workflow::contract::{Config, Library};

#[expect(clippy::needless_pass_by_value, reason = "it is made for the call")]
fn run(spec: serde_json::Value) -> f64 {
    let workflow = json!({"kind": "Workflow", "metadata": {"name": "wf", "namespace": "n"}, "spec": spec});
    let began = Instant::now();
    let mut world = World::new(
        workflow,
        Library::default(),
        Config::default(),
        Box::new(|_| Outcome::default()),
    );
    eprintln!("  start {:.2}", began.elapsed().as_secs_f64());
    world.check_rebuild = false;
    world.fast();
    assert_eq!(world.phase(), "Succeeded");
    began.elapsed().as_secs_f64()
}

fn fan_out(count: usize, parallelism: usize) -> serde_json::Value {
    json!({"entrypoint": "main", "parallelism": parallelism, "templates": [
        {"name": "main", "steps": [[{"name": "all", "template": "work", "withSequence": {"count": count.to_string()}}]]},
        {"name": "work", "container": {"image": "i", "command": ["c"]}},
    ]})
}

fn chain(count: usize) -> serde_json::Value {
    let tasks: Vec<_> = (0..count)
        .map(|i| {
            let depends = if i == 0 {
                String::new()
            } else {
                format!("t{}", i - 1)
            };
            json!({"name": format!("t{i}"), "template": "work", "depends": depends})
        })
        .collect();
    json!({"entrypoint": "main", "templates": [
        {"name": "main", "dag": {"tasks": tasks}},
        {"name": "work", "container": {"image": "i", "command": ["c"]}},
    ]})
}

#[test]
#[ignore = "a measurement, run by hand"]
fn figures() {
    for n in [500, 1000] {
        eprintln!(
            "{n}: fan-out {:.2} s, fan-out by 10 {:.2} s, chain {:.2} s",
            run(fan_out(n, 100_000)),
            run(fan_out(n, 10)),
            run(chain(n))
        );
    }
}
