//! Argo's hardest rules, each as a table of small workflows and what becomes of them.
//!
//! | rule | what it says | where |
//! | --- | --- | --- |
//! | 1 | a dag's phase comes from its targets, over the branches that lead to them | `rule_1_dag_phase` |
//! | 2 | `depends`, `dependencies` and `continueOn` | `rule_2_depends` |
//! | 3 | retry nodes: order of checks, back-off, policies, messages | `rule_3_retry` |
//! | 4 | tags are replaced in two passes, strictly where they name steps or tasks | `rule_4_substitution` |
//! | 5 | what a producer that did not run gives | `rule_5_absent` |
//! | 6 | daemons | `rule_6_daemons` |
//! | 7 | exit handlers and hooks | `rule_7_hooks` |
//! | 8 | parallelism and the template's `failFast` | `rule_8_limits` |
//! | 9 | locks | `rule_9_locks`, and `controller` for those between workflows |
//! | 10 | from a pod to its node | `rule_10_pods` |
//! | 12 | stop, terminate, suspend, resume | `rule_12_control`, and `control.rs` |
//! | also | loops, time limits, templates of others, container sets; memoized steps; resource and http templates | `also_easily_wrong`, `memoize`, `own_work` |
//!
//! Pods end by what their steps are called: `bad...` fails, `odd...` is an executor's error, `long...` and
//! `served...` run until they are ended, `stuck...` never starts, anything else succeeds. `again(1)` and
//! later attempts of a step called `shaky` succeed.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

#[path = "rules/also_easily_wrong.rs"]
mod also_easily_wrong;
#[path = "rules/memoize.rs"]
mod memoize;
#[path = "rules/own_work.rs"]
mod own_work;
#[path = "rules/rule_10_pods.rs"]
mod rule_10_pods;
#[path = "rules/rule_12_control.rs"]
mod rule_12_control;
#[path = "rules/rule_1_dag_phase.rs"]
mod rule_1_dag_phase;
#[path = "rules/rule_2_depends.rs"]
mod rule_2_depends;
#[path = "rules/rule_3_retry.rs"]
mod rule_3_retry;
#[path = "rules/rule_4_substitution.rs"]
mod rule_4_substitution;
#[path = "rules/rule_5_absent.rs"]
mod rule_5_absent;
#[path = "rules/rule_6_daemons.rs"]
mod rule_6_daemons;
#[path = "rules/rule_7_hooks.rs"]
mod rule_7_hooks;
#[path = "rules/rule_8_limits.rs"]
mod rule_8_limits;
#[path = "rules/rule_9_locks.rs"]
mod rule_9_locks;

use serde_json::{Value, json};
use support::{Outcome, World, documents, library};
use workflow::contract::{Config, Event, WorkflowView};

/// Templates that the workflows of these tests call.
const TEMPLATES: &str = "
  - name: work
    container: {image: i, command: [c]}
  - name: give
    outputs: {parameters: [{name: out, valueFrom: {path: /o}}]}
    container: {image: i, command: [c]}
  - name: given
    outputs: {parameters: [{name: out, valueFrom: {path: /o, default: spare}}]}
    container: {image: i, command: [c]}
  - name: take
    inputs: {parameters: [{name: p}]}
    container: {image: i, command: [c], args: ['{{inputs.parameters.p}}']}
  - name: taken
    inputs: {parameters: [{name: p, default: own}]}
    container: {image: i, command: [c], args: ['{{inputs.parameters.p}}']}
  - name: serve
    daemon: true
    container: {image: i, command: [c]}
  - name: wait
    suspend: {}
";

/// How the pod of a node ends.
fn outcome(node: &str) -> Outcome {
    let step = node.rsplit('.').next().unwrap_or(node);
    let name = step.split('(').next().unwrap_or(step);
    let fails = name.starts_with("bad") || name.starts_with("shaky") && step.ends_with("(0)");
    Outcome {
        exit_code: i32::from(fails),
        error: if name.starts_with("odd") {
            "lost".to_owned()
        } else {
            String::new()
        },
        forever: name.starts_with("long") || name.starts_with("served"),
        pending: name.starts_with("stuck"),
        outputs: Some(json!({
            "result": "7",
            "parameters": [{"name": "out", "value": format!("of {step}")}],
        })),
        ..Outcome::default()
    }
}

/// A workflow called `wf` with these lines of its spec, and the templates above.
fn start(spec: &str) -> World {
    start_with(spec, "", Config::default())
}

/// As [`start`], with other objects that it refers to, and a configuration.
fn start_with(spec: &str, others: &str, config: Config) -> World {
    let named = if spec.contains("entrypoint:") {
        ""
    } else {
        "  entrypoint: main\n"
    };
    let templates = if spec.contains("templates:") {
        TEMPLATES
    } else {
        ""
    };
    let text = format!(
        "kind: Workflow\nspec:\n{named}{spec}\n{}",
        templates.trim_start_matches('\n')
    );
    let mut workflow = documents(&text).remove(0);
    workflow["metadata"] = json!({"name": "wf", "namespace": "ns"});
    World::new(workflow, library(&documents(others)), config, Box::new(outcome))
}

/// Runs a workflow as far as it goes.
fn run(spec: &str) -> World {
    let mut world = start(spec);
    world.run();
    world
}

/// Compares what became of a workflow: lines `NODE: PHASE[: MESSAGE]`, `workflow` for the whole; `none` for a
/// node that must not be there. A `$` ends a line whose last character is a blank.
fn expect(world: &World, expected: &str) {
    let nodes = world.workflow["status"]["nodes"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let told = |of: &Value| -> String {
        let text = |field: &str| of[field].as_str().unwrap_or_default().to_owned();
        match text("message") {
            message if message.is_empty() => text("phase"),
            message => format!("{}: {message}", text("phase")),
        }
    };
    let mut wrong = Vec::new();
    for line in expected.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (name, rest) = line.split_once(": ").unwrap();
        let rest = rest.strip_suffix('$').unwrap_or(rest);
        let found = match name {
            "workflow" => told(&world.workflow["status"]),
            name => nodes
                .values()
                .find(|n| n["name"] == name)
                .map_or("none".to_owned(), told),
        };
        if found != rest {
            wrong.push(format!("{name}: {found}\n    and not {rest}"));
        }
    }
    let all: Vec<String> = nodes
        .values()
        .map(|n| format!("{}: {}", n["name"].as_str().unwrap(), told(n)))
        .collect();
    assert!(wrong.is_empty(), "{}\nof\n{}", wrong.join("\n"), all.join("\n"));
}

/// Runs a workflow and compares what became of it.
fn check(spec: &str, expected: &str) {
    expect(&run(spec), expected);
}

/// Somebody patches the Workflow, and the machine sees it.
fn patch(world: &mut World, patch: &Value) {
    support::merge_patch(&mut world.workflow, patch);
    let view: WorkflowView = serde_json::from_value(world.workflow.clone()).unwrap();
    world.machine.observe(Event::Workflow(view), world.now);
    world.carry_out();
}

/// The stored node of a name.
fn node(world: &World, name: &str) -> Value {
    let nodes = world.workflow["status"]["nodes"].as_object().unwrap();
    nodes
        .values()
        .find(|n| n["name"] == name)
        .cloned()
        .unwrap_or_default()
}

/// The arguments of the main container of a node's pod.
fn args(world: &World, node: &str) -> Value {
    let of = |p: &&Value| p["metadata"]["annotations"]["workflows.argoproj.io/node-name"] == node;
    let pod = world.pods.values().find(of).unwrap();
    pod["spec"]["containers"][0]["args"].clone()
}
