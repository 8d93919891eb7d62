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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::scenario::Outcome;

    fn scenario() -> Scenario {
        Scenario {
            workflows: vec![json!({"metadata": {"name": "w"}})],
            script: Arc::new(|_, _| Outcome::default()),
            expect: Arc::new(|_| Vec::new()),
            parallelism: Some(1),
            machines: vec![("m".to_owned(), 2)],
        }
    }

    /// A ledger of starts: pod, attempt, and exit code if it ended.
    fn ledger(starts: &[(&str, &str, Option<i32>)]) -> Ledger {
        let ledger = Ledger::default();
        for (pod, attempt, exit) in starts {
            ledger.started(Start {
                pod: (*pod).to_owned(),
                node_id: (*attempt).to_owned(),
                node_name: (*attempt).to_owned(),
                workflow: "w".to_owned(),
                cpu: 1000,
                machine: "m".to_owned(),
                exit: None,
            });
            if let Some(exit) = exit {
                ledger.ended(pod, *exit);
            }
        }
        ledger
    }

    fn workflow(nodes: &[(&str, &str)]) -> Value {
        let nodes: serde_json::Map<String, Value> = nodes
            .iter()
            .map(|(id, phase)| {
                (
                    (*id).to_owned(),
                    json!({"type": "Pod", "name": id, "phase": phase}),
                )
            })
            .collect();
        json!({"metadata": {"name": "w"}, "status": {"nodes": nodes}})
    }

    fn check(starts: &[(&str, &str, Option<i32>)], nodes: &[(&str, &str)], expected: &[&str]) {
        let found = problems(&scenario(), &ledger(starts), &[workflow(nodes)]);
        assert_eq!(found, expected);
    }

    #[test]
    fn kept_promises_are_no_problem() {
        check(
            &[("p", "a", Some(0)), ("q", "b", Some(1))],
            &[("a", "Succeeded"), ("b", "Failed")],
            &[],
        );
    }

    #[test]
    fn every_broken_promise_is_found() {
        check(
            &[("p", "a", Some(0)), ("p", "a", Some(0))],
            &[("a", "Succeeded")],
            &["pod p was started 2 times", "the attempt a was started 2 times"],
        );
        check(
            &[("p", "a", Some(0))],
            &[("a", "Failed")],
            &["a ended with Some(0) and is Failed"],
        );
        check(
            &[("p", "a", Some(0))],
            &[],
            &["a ended with Some(0) and is missing"],
        );
        check(
            &[],
            &[("a", "Succeeded")],
            &[r#""a" has the phase "Succeeded" and never ran"#],
        );
        check(
            &[("p", "a", None), ("q", "b", Some(0)), ("r", "c", None)],
            &[("a", "Succeeded"), ("b", "Succeeded"), ("c", "Failed")],
            &[
                "2 processes of w ran at once",
                "a ended with None and is Succeeded",
                "c ended with None and is Failed",
            ],
        );
    }
}
