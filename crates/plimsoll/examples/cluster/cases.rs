//! The workflows that are measured.

use serde::Deserialize;
use serde_json::{Value, json};

/// How many steps each case has.
#[derive(Deserialize)]
pub(crate) struct Sizes {
    chain: usize,
    fan_out: usize,
    many: usize,
    large: usize,
    outputs: usize,
}

/// Workflows of one kind, all submitted at once.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// How many workflows.
    pub(crate) workflows: usize,
    /// Steps of each.
    pub(crate) steps: usize,
    /// Whether steps come one after the other.
    pub(crate) serial: bool,
    pub(crate) spec: Value,
}

impl Case {
    /// Steps of all workflows together.
    pub(crate) fn all_steps(&self) -> usize {
        self.workflows * self.steps
    }

    /// One step of it, to see what its pods look like.
    pub(crate) fn of_one_step(&self) -> Value {
        let mut spec = self.spec.clone();
        spec["templates"][0]["steps"] = json!([[{"name": "s", "template": "step"}]]);
        spec
    }
}

/// All cases, in the order in which they run.
pub(crate) fn all(sizes: &Sizes) -> [Case; 6] {
    let case = |name, workflows, (steps, groups), template| Case {
        name,
        workflows,
        steps,
        serial: name.starts_with("chain"),
        spec: spec(&groups, &template),
    };
    [
        case("chain", 1, chain(sizes.chain), plain()),
        case("fan-out", 1, fan_out(sizes.fan_out), plain()),
        case("many", sizes.many, chain(3), plain()),
        case("large", 1, fan_out(sizes.large), plain()),
        case("chain-outputs", 1, chain(sizes.outputs), with_output()),
        case("fan-out-outputs", 1, fan_out(sizes.outputs), with_output()),
    ]
}

fn spec(groups: &Value, template: &Value) -> Value {
    json!({
        "entrypoint": "main",
        "templates": [{"name": "main", "steps": groups}, template],
        "nodeSelector": {"rig.plimsoll.dev/fake": "true"},
        "tolerations": [{"key": "rig.plimsoll.dev/fake", "operator": "Exists"}],
    })
}

fn chain(steps: usize) -> (usize, Value) {
    let groups = (0..steps).map(|number| json!([{"name": format!("s{number}"), "template": "step"}]));
    (steps, groups.collect())
}

fn fan_out(steps: usize) -> (usize, Value) {
    let items = json!({"count": steps.to_string()});
    (
        steps,
        json!([[{"name": "s", "template": "step", "withSequence": items}]]),
    )
}

fn plain() -> Value {
    json!({"name": "step", "container": {"image": "fake", "command": ["true"]}})
}

fn with_output() -> Value {
    let mut template = plain();
    template["outputs"] = json!({"parameters": [{"name": "said", "valueFrom": {"path": "/tmp/said"}}]});
    template
}
