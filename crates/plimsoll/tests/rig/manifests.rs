//! Workflows for fake nodes, whose pods end as their annotations tell.

use serde_json::{Value, json};

/// A template whose pod runs for this long and ends with this code.
pub(crate) fn template(name: &str, run_for: &str, exit_code: u8) -> Value {
    json!({
        "name": name,
        "metadata": {"annotations": {
            "rig.plimsoll.dev/run-for": run_for,
            "rig.plimsoll.dev/exit-code": exit_code.to_string(),
        }},
        "container": {"image": "fake", "command": ["true"]},
    })
}

/// A chain of steps, each of this template.
pub(crate) fn chain(length: usize, template: &Value) -> Value {
    let steps: Vec<Value> = (0..length)
        .map(|index| json!([{"name": format!("step-{index}"), "template": template["name"]}]))
        .collect();
    json!({"entrypoint": "chain", "templates": [{"name": "chain", "steps": steps}, template]})
}
