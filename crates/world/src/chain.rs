//! A chain of steps that take no time: whatever time it takes is the platform's own.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::scenario::{Outcome, Scenario};

/// The scenario of this many steps, one after the other.
pub fn chain(steps: usize) -> Scenario {
    Scenario {
        workflows: vec![workflow(steps)],
        script: Arc::new(|_, _| Outcome::default()),
        expect: Arc::new(expect),
        parallelism: Some(1),
        machines: vec![("m1".to_owned(), 4)],
    }
}

fn workflow(steps: usize) -> Value {
    let step = |i| json!([{"name": format!("s{i}"), "template": "step"}]);
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"namespace": "default", "name": "chain"},
        "spec": {"entrypoint": "all", "templates": [
            {"name": "all", "steps": (0..steps).map(step).collect::<Vec<_>>()},
            {"name": "step", "container": {"image": "step", "command": ["true"]}},
        ]},
    })
}

fn expect(workflow: &Value) -> Vec<String> {
    let phase = &workflow["status"]["phase"];
    let wrong = (phase != "Succeeded").then(|| format!("the chain is {phase}"));
    wrong.into_iter().collect()
}
