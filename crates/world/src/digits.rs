//! The shape of the digits pipeline, with virtual steps: a source, a fan-out of twelve trainings that fail
//! now and then, a fan-in, an evaluation, a gate, and a report whatever happened.

use std::collections::BTreeMap;
use std::sync::Arc;

use meta::seeded::Seeded;
use serde_json::{Value, json};

use crate::scenario::{Outcome, Scenario, Step};

/// Trainings in the fan-out.
const MODELS: usize = 12;
/// Attempts after the first: more than chance will need, so that the workflow always gets through.
const RETRIES: u32 = 12;
/// The gate's threshold.
const THRESHOLD: f64 = 0.9;
/// Processes of the workflow at the same time.
const PARALLELISM: usize = 5;

/// The scenario.
pub fn digits() -> Scenario {
    Scenario {
        workflows: vec![workflow("digits")],
        script: Arc::new(script),
        expect: Arc::new(expect),
        parallelism: Some(PARALLELISM),
        machines: vec![("m1".to_owned(), 3), ("m2".to_owned(), 4)],
    }
}

fn workflow(name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"namespace": "default", "name": name},
        "spec": {
            "entrypoint": "pipeline",
            "onExit": "report",
            "parallelism": PARALLELISM,
            "arguments": {"parameters": [{"name": "threshold", "value": THRESHOLD.to_string()}]},
            "templates": [pipeline(), etl(), grid(), train(), select(), evaluate(), plain("publish"), plain("report")],
        },
    })
}

fn pipeline() -> Value {
    let item = |name: &str| json!({"name": name, "value": format!("{{{{item.{name}}}}}")});
    json!({"name": "pipeline", "dag": {"tasks": [
        {"name": "etl", "template": "etl"},
        {"name": "grid", "template": "grid"},
        {"name": "train", "template": "train", "depends": "etl && grid",
         "withParam": "{{tasks.grid.outputs.result}}",
         "arguments": {"parameters": [item("name"), item("rate")]}},
        {"name": "select", "template": "select", "depends": "train",
         "arguments": {"parameters": [{"name": "models", "value": "{{tasks.train.outputs.parameters.metrics}}"}]}},
        {"name": "evaluate", "template": "evaluate", "depends": "select",
         "arguments": {"parameters": [{"name": "best", "value": "{{tasks.select.outputs.parameters.best}}"}]}},
        {"name": "publish", "template": "publish", "depends": "evaluate",
         "when": "{{tasks.evaluate.outputs.parameters.test-accuracy}} >= {{workflow.parameters.threshold}}"},
    ]}})
}

fn container(name: &str) -> Value {
    json!({
        "name": name,
        "retryStrategy": {"limit": RETRIES, "retryPolicy": "Always"},
        "container": {"image": "step", "command": ["step"], "resources": {"requests": {"cpu": "1"}}},
    })
}

fn plain(name: &str) -> Value {
    container(name)
}

fn with(mut template: Value, field: &str, value: Value) -> Value {
    template[field] = value;
    template
}

fn parameters(names: &[&str]) -> Value {
    let one = |name: &&str| json!({"name": name, "valueFrom": {"path": format!("/tmp/{name}")}});
    json!({"parameters": names.iter().map(one).collect::<Vec<_>>()})
}

fn inputs(names: &[&str]) -> Value {
    let one = |name: &&str| json!({"name": name});
    json!({"parameters": names.iter().map(one).collect::<Vec<_>>()})
}

fn etl() -> Value {
    with(container("etl"), "outputs", parameters(&["rejected"]))
}

fn grid() -> Value {
    json!({
        "name": "grid",
        "retryStrategy": {"limit": RETRIES, "retryPolicy": "Always"},
        "script": {"image": "step", "command": ["step"], "source": "print", "resources": {"requests": {"cpu": "1"}}},
    })
}

fn train() -> Value {
    let template = with(container("train"), "inputs", inputs(&["name", "rate"]));
    with(template, "outputs", parameters(&["metrics"]))
}

fn select() -> Value {
    let template = with(container("select"), "inputs", inputs(&["models"]));
    with(template, "outputs", parameters(&["best"]))
}

fn evaluate() -> Value {
    let template = with(container("evaluate"), "inputs", inputs(&["best"]));
    with(template, "outputs", parameters(&["test-accuracy"]))
}

/// Trainings take seconds and fail one time in four; other steps take less and fail seldom. The last
/// attempt always succeeds.
fn script(step: &Step, random: &mut Seeded) -> Outcome {
    let (longest, fails) = match step.task() {
        "train" => (20_000, 25),
        "etl" => (5_000, 5),
        _ => (500, 5),
    };
    let accuracy = 850 + random.below(100);
    let outputs = match step.task() {
        "etl" => vec![("rejected", "3".to_owned())],
        "train" => vec![("metrics", json!({"accuracy": accuracy}).to_string())],
        "select" => vec![("best", "m01".to_owned())],
        "evaluate" => vec![("test-accuracy", format!("0.{accuracy}"))],
        _ => vec![],
    };
    let fails = step.attempt() < RETRIES && random.chance(fails);
    Outcome {
        millis: random.below(longest),
        exit: i32::from(fails),
        result: models(),
        parameters: outputs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// What the grid prints: one setting per model.
fn models() -> String {
    let models: Vec<Value> = (1..=MODELS)
        .map(|i| json!({"name": format!("m{i:02}"), "rate": format!("0.{i:02}")}))
        .collect();
    Value::from(models).to_string()
}

/// What is wrong with the workflow's end.
fn expect(workflow: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let nodes: Vec<&Value> = workflow["status"]["nodes"]
        .as_object()
        .into_iter()
        .flat_map(|n| n.values())
        .collect();
    let named = |name: &str| {
        nodes
            .iter()
            .find(|node| node["displayName"] == name)
            .copied()
            .unwrap_or(&Value::Null)
    };
    let mut check = |right: bool, what: &str| {
        if !right {
            problems.push(what.to_owned());
        }
    };
    check(
        workflow["status"]["phase"] == "Succeeded",
        "the workflow succeeds",
    );
    let trained = nodes.iter().filter(|node| {
        node["type"] == "Retry" && node["templateName"] == "train" && node["phase"] == "Succeeded"
    });
    check(trained.count() == MODELS, "twelve models are trained");
    let outputs = &named("evaluate")["outputs"]["parameters"];
    let accuracy = outputs[0]["value"]
        .as_str()
        .and_then(|value| value.parse::<f64>().ok());
    let passes = accuracy.is_some_and(|accuracy| accuracy >= THRESHOLD);
    let published = if passes { "Succeeded" } else { "Skipped" };
    check(accuracy.is_some(), "the evaluation gives an accuracy");
    check(
        named("publish")["phase"] == published,
        "the gate decides whether the model is published",
    );
    check(
        named("digits.onExit")["phase"] == "Succeeded",
        "the report is written",
    );
    problems
}
