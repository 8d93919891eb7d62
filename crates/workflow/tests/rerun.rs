//! What people do to workflows: retry, resubmit, resume and set, as rules and on the machine.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;

use argo::Workflow;
use serde_json::{Value, json};
use support::{Outcome, World, library, merge_patch, start_time};
use workflow::Machine;
use workflow::contract::{Config, Event, WorkflowView};
use workflow::rerun::{self, NodeChange, NodeSelector, ResubmitOptions, RetryOptions};

/// A world in which the steps named fail, as often as they run.
fn world(manifest: &str, fails: &'static [&'static str]) -> World {
    let workflow: Value = serde_saphyr::from_str(manifest).unwrap();
    let script = move |node: &str| Outcome {
        exit_code: i32::from(fails.iter().any(|step| node.ends_with(step))),
        ..Outcome::default()
    };
    let mut world = World::new(workflow, library(&[]), Config::default(), Box::new(script));
    world.run();
    world
}

fn typed(world: &World) -> Workflow {
    serde_json::from_value(world.workflow.clone()).unwrap()
}

/// Name and phase of each node.
fn phases(workflow: &Value) -> BTreeMap<String, String> {
    let nodes = workflow["status"]["nodes"].as_object().unwrap().values();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    nodes
        .map(|node| (text(&node["name"]), text(&node["phase"])))
        .collect()
}

/// A controller that knows only what is stored.
fn restart(world: &mut World) {
    world.queue.clear();
    world.machine = Machine::rebuild(world.inputs(), world.now);
    world.carry_out();
}

/// Retries, and goes on with steps that succeed now; gives the nodes whose pods were made again.
fn retry(world: &mut World, options: &RetryOptions) -> Vec<String> {
    let stored = typed(world);
    let retried = rerun::retry(&stored, options, world.now).unwrap();
    let patch = rerun::patch(&stored, &retried.workflow).unwrap().unwrap();
    for pod in &retried.pods {
        world.pods.remove(pod);
    }
    merge_patch(&mut world.workflow, &patch);
    world.script = Box::new(|_| Outcome::default());
    world.created.clear();
    restart(world);
    world.run();
    let mut created = std::mem::take(&mut world.created);
    created.sort();
    created
}

const STEPS: &str = "
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf, namespace: ns}
spec:
  entrypoint: main
  onExit: bye
  arguments: {parameters: [{name: p, value: x}]}
  templates:
  - name: main
    steps:
    - [{name: good, template: work}, {name: bad, template: work}]
    - [{name: after, template: work}]
  - name: work
    container: {image: i, command: [c], args: ['{{workflow.parameters.p}}']}
  - name: bye
    container: {image: i, command: [c]}
";

#[test]
fn what_failed_runs_again_and_what_succeeded_does_not() {
    let mut world = world(STEPS, &["bad"]);
    assert_eq!(world.phase(), "Failed");
    let created = retry(&mut world, &RetryOptions::default());
    assert_eq!(world.phase(), "Succeeded");
    assert_eq!(created, ["wf.onExit", "wf[0].bad", "wf[1].after"]);
}

#[test]
fn a_pod_of_the_attempt_before_says_nothing() {
    let mut world = world(STEPS, &["bad"]);
    let stale = world.pods.clone();
    let stored = typed(&world);
    let retried = rerun::retry(&stored, &RetryOptions::default(), world.now).unwrap();
    let patch = rerun::patch(&stored, &retried.workflow).unwrap().unwrap();
    merge_patch(&mut world.workflow, &patch);
    // The controller has not heard yet that the pods are gone.
    world.pods = stale;
    restart(&mut world);
    assert_eq!(world.phase(), "Running");
    let nodes = phases(&world.workflow);
    assert_eq!(nodes["wf[0].bad"], "Pending", "{nodes:?}");
}

#[test]
fn what_a_retry_edits() {
    let world = world(STEPS, &["bad"]);
    let mut options = RetryOptions::default();
    options.parameters.push(("p".to_owned(), "y".to_owned()));
    let retried = rerun::retry(&typed(&world), &options, start_time()).unwrap();
    let new = serde_json::to_value(&retried.workflow).unwrap();
    assert_eq!(
        new["metadata"]["labels"]["workflows.argoproj.io/completed"],
        Value::Null
    );
    assert_eq!(new["metadata"]["annotations"]["plimsoll.dev/attempt"], "1");
    assert_eq!(
        new["spec"]["arguments"]["parameters"],
        json!([{"name": "p", "value": "y"}])
    );
    assert_eq!(new["status"]["phase"], Value::Null);
    assert_eq!(new["status"]["finishedAt"], Value::Null);
    // With other parameters the group's steps are made anew, the good one too.
    let expected = [("wf", "Running"), ("wf[0]", "Running")];
    let expected = expected.map(|(name, phase)| (name.to_owned(), phase.to_owned()));
    assert_eq!(phases(&new), BTreeMap::from(expected));
    assert_eq!(retried.pods.len(), 3, "{:?}", retried.pods);
}

#[test]
fn what_cannot_be_retried_says_why() {
    let check = |phase: &str, options: &RetryOptions, expected: &str| {
        let mut workflow = Workflow::default();
        phase.clone_into(&mut workflow.status.phase);
        let refused = rerun::retry(&workflow, options, start_time()).expect_err(phase);
        assert_eq!(refused, expected);
    };
    let select = "To retry a succeeded workflow, set the options restartSuccessful and nodeFieldSelector";
    check(
        "Running",
        &RetryOptions::default(),
        "Cannot retry a workflow in phase Running",
    );
    check("Succeeded", &RetryOptions::default(), select);
    let unselective = RetryOptions {
        restart_successful: true,
        ..RetryOptions::default()
    };
    check("Succeeded", &unselective, select);
}

#[test]
fn what_succeeded_runs_again_if_it_is_selected() {
    let mut world = world(STEPS, &[]);
    let options = RetryOptions {
        restart_successful: true,
        nodes: NodeSelector::parse("displayName=good").unwrap(),
        ..RetryOptions::default()
    };
    let created = retry(&mut world, &options);
    assert_eq!(world.phase(), "Succeeded");
    assert_eq!(created, ["wf.onExit", "wf[0].good", "wf[1].after"]);
}

const NESTED: &str = "
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf, namespace: ns}
spec:
  entrypoint: main
  templates:
  - name: main
    dag:
      tasks:
      - {name: a, template: work}
      - {name: b, depends: a, template: inner}
      - {name: c, depends: b, template: work}
      - {name: d, depends: a, template: work}
  - name: inner
    steps:
    - [{name: many, template: tried, withItems: [u, v]}]
  - name: tried
    retryStrategy: {limit: 1}
    container: {image: i, command: [c]}
  - name: work
    container: {image: i, command: [c]}
";

#[test]
fn groups_retries_and_boundaries_above_run_again() {
    let mut world = world(NESTED, &["many(1:v)(0)", "many(1:v)(1)"]);
    assert_eq!(world.phase(), "Failed");
    let created = retry(&mut world, &RetryOptions::default());
    assert_eq!(world.phase(), "Succeeded", "{:?}", phases(&world.workflow));
    assert_eq!(created, ["wf.b[0].many(1:v)(0)", "wf.c"]);
}

#[test]
fn a_memoized_resubmission_skips_what_succeeded() {
    let before = world(STEPS, &["bad"]);
    let options = ResubmitOptions {
        memoized: Some("abcde".to_owned()),
        parameters: Vec::new(),
    };
    let new = rerun::resubmit(&typed(&before), &options, before.now).unwrap();
    let new = serde_json::to_value(&new).unwrap();
    assert_eq!(new["metadata"]["name"], "wf-abcde");
    assert_eq!(
        new["metadata"]["labels"]["workflows.argoproj.io/resubmitted-from-workflow"],
        "wf"
    );
    let mut world = World::new(
        new,
        library(&[]),
        Config::default(),
        Box::new(|_| Outcome::default()),
    );
    world.run();
    assert_eq!(world.phase(), "Succeeded", "{:?}", phases(&world.workflow));
    world.created.sort();
    assert_eq!(
        world.created,
        ["wf-abcde.onExit", "wf-abcde[0].bad", "wf-abcde[1].after"]
    );
    assert_eq!(phases(&world.workflow)["wf-abcde[0].good"], "Skipped");
}

#[test]
fn a_plain_resubmission_carries_the_spec_and_the_users_metadata_only() {
    let mut before = world(STEPS, &["bad"]);
    before.workflow["metadata"]["labels"]["team"] = "a".into();
    before.workflow["spec"]["shutdown"] = "Stop".into();
    let options = ResubmitOptions {
        parameters: vec![("p".to_owned(), "y".to_owned())],
        ..ResubmitOptions::default()
    };
    let new = serde_json::to_value(rerun::resubmit(&typed(&before), &options, before.now).unwrap()).unwrap();
    let labels = json!({"team": "a", "workflows.argoproj.io/resubmitted-from-workflow": "wf"});
    assert_eq!(new["metadata"]["generateName"], "wf-");
    assert_eq!(new["metadata"]["labels"], labels);
    assert_eq!(new["spec"]["shutdown"], Value::Null);
    assert_eq!(
        new["spec"]["arguments"]["parameters"],
        json!([{"name": "p", "value": "y"}])
    );
    assert!(
        new.get("status").is_none_or(|status| *status == json!({})),
        "{new}"
    );
}

const PAUSE: &str = "
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: wf, namespace: ns}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - name: ask
        template: ask
    - - name: tell
        template: tell
        arguments: {parameters: [{name: said, value: '{{steps.ask.outputs.parameters.answer}}'}]}
  - name: ask
    suspend: {}
    outputs:
      parameters:
      - {name: answer, globalName: answer, valueFrom: {supplied: {}}}
  - name: tell
    inputs: {parameters: [{name: said}]}
    container: {image: i, command: [c], args: ['{{inputs.parameters.said}}']}
";

#[test]
fn a_pause_takes_an_answer_and_ends() {
    let mut world = world(PAUSE, &[]);
    let selector = NodeSelector::parse("displayName=ask").unwrap();
    let before = typed(&world);
    let refused = rerun::resume(&before, world.now).expect_err("nobody answered");
    assert_eq!(
        refused,
        "raw output parameter 'answer' has not been set and does not have a default value"
    );
    let answer = NodeChange {
        phase: Some("Succeeded".to_owned()),
        message: "by me".to_owned(),
        outputs: vec![("answer".to_owned(), "yes".to_owned())],
    };
    let new = rerun::set(&before, &selector, &answer, world.now).unwrap();
    merge_patch(&mut world.workflow, &rerun::patch_nodes(&before, &new).unwrap());
    let view: WorkflowView = serde_json::from_value(world.workflow.clone()).unwrap();
    world.machine.observe(Event::Workflow(view), world.now);
    world.carry_out();
    world.run();
    assert_eq!(world.phase(), "Succeeded");
    let nodes = world.workflow["status"]["nodes"].as_object().unwrap();
    let tell = nodes.values().find(|node| node["displayName"] == "tell").unwrap();
    assert_eq!(tell["inputs"]["parameters"][0]["value"], "yes");
    assert_eq!(
        world.workflow["status"]["outputs"]["parameters"][0]["value"],
        "yes"
    );
}

#[test]
fn what_cannot_be_set_says_why() {
    let before = typed(&world(PAUSE, &[]));
    let check = |selector: &str, output: &str, expected: &str| {
        let change = NodeChange {
            outputs: vec![(output.to_owned(), String::new())],
            ..NodeChange::default()
        };
        let selector = NodeSelector::parse(selector).unwrap();
        let refused = rerun::set(&before, &selector, &change, start_time()).expect_err(expected);
        assert_eq!(refused, expected);
    };
    check(
        "displayName=tell",
        "answer",
        "currently, set only targets suspend nodes: no suspend nodes matching nodeFieldSelector",
    );
    check("", "other", "node is not expecting output parameter 'other'");
}
