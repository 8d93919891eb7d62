//! The checkers: what the machines' ledger and the Workflows' final state must agree on.
//!
//! The promise (DESIGN.md): *an attempt starts at most once; its known outcome advances the workflow exactly
//! once; an unknown outcome is an Error, and only retryStrategy repeats it.*

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ledger::{Ledger, Start};
use crate::scenario::Scenario;

/// Every promise that was broken, in sentences.
pub(crate) fn problems(scenario: &Scenario, ledger: &Ledger, workflows: &[Value]) -> Vec<String> {
    let starts = ledger.starts();
    let mut problems = Vec::new();
    problems.extend(started_twice(&starts));
    problems.extend(limits(scenario, ledger));
    for workflow in workflows {
        problems.extend((scenario.expect)(workflow));
        problems.extend(outcomes(workflow, &starts));
        problems.extend(attempts(workflow, &starts));
    }
    problems
}

fn started_twice(starts: &[Start]) -> Vec<String> {
    let (mut pods, mut nodes) = (BTreeMap::new(), BTreeMap::new());
    for start in starts {
        *pods.entry(&start.pod).or_insert(0) += 1;
        *nodes.entry((&start.workflow, &start.node_name)).or_insert(0) += 1;
    }
    let pods = pods
        .into_iter()
        .filter(|(_, n)| *n > 1)
        .map(|(pod, n)| format!("pod {pod} was started {n} times"));
    let nodes = nodes
        .into_iter()
        .filter(|(_, n)| *n > 1)
        .map(|((_, node), n)| format!("the attempt {node} was started {n} times"));
    pods.chain(nodes).collect()
}

fn limits(scenario: &Scenario, ledger: &Ledger) -> Vec<String> {
    let mut problems = Vec::new();
    for workflow in &scenario.workflows {
        let name = workflow["metadata"]["name"].as_str().unwrap_or_default();
        let at_once = ledger.busiest(name);
        if scenario.parallelism.is_some_and(|limit| at_once > limit) {
            problems.push(format!("{at_once} processes of {name} ran at once"));
        }
    }
    let offered: BTreeMap<_, _> = scenario
        .machines
        .iter()
        .map(|(name, cpus)| (name, *cpus))
        .collect();
    for (machine, in_use) in ledger.fullest() {
        if offered
            .get(&machine)
            .is_none_or(|cpus| in_use > i64::from(*cpus) * 1000)
        {
            problems.push(format!("{machine} was overcommitted: {in_use}m CPU in use"));
        }
    }
    problems
}

/// The outcome of every attempt is in the Workflow's status, and is what the machine saw.
fn outcomes(workflow: &Value, starts: &[Start]) -> Vec<String> {
    let nodes = &workflow["status"]["nodes"];
    let of_it = starts
        .iter()
        .filter(|start| workflow["metadata"]["name"] == start.workflow.as_str());
    let mut problems = Vec::new();
    for start in of_it {
        let phase = nodes[&start.node_id]["phase"].as_str().unwrap_or("missing");
        let right = match start.exit {
            Some(0) => phase == "Succeeded",
            Some(_) => matches!(phase, "Failed" | "Error"),
            None => false,
        };
        if !right {
            problems.push(format!(
                "{} ended with {:?} and is {phase}",
                start.node_name, start.exit
            ));
        }
    }
    problems
}

/// Every pod node of the status was run: a phase that nothing stands behind is an outcome made up.
fn attempts(workflow: &Value, starts: &[Start]) -> Vec<String> {
    let nodes = workflow["status"]["nodes"].as_object();
    let pods = nodes
        .into_iter()
        .flatten()
        .filter(|(_, node)| node["type"] == "Pod");
    pods.filter(|(id, _)| !starts.iter().any(|start| &start.node_id == *id))
        .filter(|(_, node)| matches!(node["phase"].as_str(), Some("Succeeded" | "Failed")))
        .map(|(_, node)| format!("{} has the phase {} and never ran", node["name"], node["phase"]))
        .collect()
}
