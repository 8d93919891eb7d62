//! Scripts of a certain shape: a chain of instant steps, and the digits pipeline.

use serde_json::{Value, json};

use crate::generate::SURE;
use crate::script::{Action, Machine, Script, Timed};

/// Trainings in the fan-out.
const MODELS: usize = 12;
/// Attempts after the first: more than chance will need, so that the workflow always gets through.
const RETRIES: u32 = 12;
/// Processes of the workflow at the same time.
const PARALLELISM: usize = 5;
/// What short steps do.
const SHORT: &str = "takes=500 fails=5";

/// A chain of steps that take no time: whatever time it takes is the platform's own.
pub fn chain(steps: usize) -> Script {
    let step = |i| json!([{"name": format!("s{i}"), "template": "step"}]);
    let workflow = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"namespace": "default", "name": "chain"},
        "spec": {"entrypoint": "all", "templates": [
            {"name": "all", "steps": (0..steps).map(step).collect::<Vec<_>>()},
            {"name": "step", "container": {"image": "step", "command": ["act"]}},
        ]},
    });
    submit(workflow, &[("m1", "4")])
}

/// The shape of the digits pipeline, with virtual steps: a source, a fan-out of twelve trainings that fail
/// now and then, a fan-in, an evaluation, a gate, and a report whatever happened.
pub fn digits() -> Script {
    submit(workflow("digits"), &[("m1", "3"), ("m2", "4")])
}

/// A calm world of these machines, in which this is submitted.
fn submit(workflow: Value, machines: &[(&str, &str)]) -> Script {
    let machine = |(name, cpus): &(&str, &str)| {
        let offers = [("cpu", *cpus), ("memory", "64Gi"), ("pods", "110")];
        let offers = offers.map(|(name, amount)| (name.to_owned(), amount.to_owned()));
        Machine {
            name: (*name).to_owned(),
            offers: offers.into(),
        }
    };
    Script {
        seed: 1,
        machines: machines.iter().map(machine).collect(),
        actions: vec![Timed {
            at: 0,
            action: Action::Submit(workflow),
        }],
        ..Script::default()
    }
}

fn workflow(name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"namespace": "default", "name": name, "annotations": {SURE: "true"}},
        "spec": {
            "entrypoint": "pipeline",
            "onExit": "report",
            "parallelism": PARALLELISM,
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
         "when": "'{{tasks.evaluate.outputs.parameters.test-accuracy}}' =~ '[0-4]$'"},
    ]}})
}

fn container(name: &str, words: &str) -> Value {
    json!({
        "name": name,
        "retryStrategy": {"limit": RETRIES, "retryPolicy": "Always"},
        "container": {"image": "step", "command": ["act"], "args": [words], "resources": {"requests": {"cpu": "1"}}},
    })
}

fn plain(name: &str) -> Value {
    container(name, SHORT)
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
    with(
        container("etl", "takes=5000 fails=5"),
        "outputs",
        parameters(&["rejected"]),
    )
}

fn grid() -> Value {
    json!({
        "name": "grid",
        "retryStrategy": {"limit": RETRIES, "retryPolicy": "Always"},
        "script": {"image": "step", "command": ["act", &format!("prints=models:{MODELS}"), SHORT], "source": "print", "resources": {"requests": {"cpu": "1"}}},
    })
}

fn train() -> Value {
    let template = with(
        container("train", "takes=20000 fails=25"),
        "inputs",
        inputs(&["name", "rate"]),
    );
    with(template, "outputs", parameters(&["metrics"]))
}

fn select() -> Value {
    let template = with(container("select", SHORT), "inputs", inputs(&["models"]));
    with(template, "outputs", parameters(&["best"]))
}

fn evaluate() -> Value {
    let template = with(container("evaluate", SHORT), "inputs", inputs(&["best"]));
    with(template, "outputs", parameters(&["test-accuracy"]))
}
