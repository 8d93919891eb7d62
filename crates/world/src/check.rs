//! The checkers at the end: what the machines' ledger and the Workflows' last state must agree on.
//!
//! The promise (DESIGN.md): *an attempt starts at most once; its known outcome advances the workflow exactly
//! once; an unknown outcome is an Error, and only retryStrategy repeats it.*

use std::collections::BTreeMap;

use controller::Kind;
use controller::projections::{CLUSTER_TEMPLATES, CONFIG_MAPS, TEMPLATES};
use serde_json::Value;

use crate::generate::{is_sure, locks_of};
use crate::ledger::{End, Ledger, Limits, Start};
use crate::normal;
use crate::observe::{is_over, nodes};
use crate::problem::{Problem, Promise};
use crate::script::{Script, name};

/// The kind of an object that a script may start with.
pub(crate) fn kind(object: &Value) -> Option<Kind> {
    let known = [TEMPLATES, CLUSTER_TEMPLATES, CONFIG_MAPS];
    known.into_iter().find(|kind| object["kind"] == kind.kind)
}

/// What must never be exceeded in the script's world.
pub(crate) fn limits(script: &Script) -> Limits {
    let machines = script.machines.iter().map(|machine| {
        let offers = serde_json::to_value(&machine.offers).unwrap_or_default();
        (
            machine.name.clone(),
            serde_json::from_value(offers).unwrap_or_default(),
        )
    });
    let parallelism = script.workflows().filter_map(|workflow| {
        let limit = workflow["spec"]["parallelism"].as_u64()?;
        Some((name(workflow).to_owned(), usize::try_from(limit).ok()?))
    });
    Limits {
        machines: machines.collect(),
        parallelism: parallelism.collect(),
        locks: locks_of(&script.objects),
    }
}

/// What is wrong with the ends of workflows, by the ledger.
pub(crate) fn outcomes(workflows: &[Value], ledger: &Ledger) -> Vec<Problem> {
    let starts = ledger.starts();
    let mut by_owner: BTreeMap<&str, Vec<&Start>> = BTreeMap::new();
    for start in &starts {
        by_owner.entry(&start.owner).or_default().push(start);
    }
    let mut problems = Vec::new();
    for workflow in workflows {
        let uid = workflow["metadata"]["uid"].as_str().unwrap_or_default();
        let starts = by_owner.get(uid).map_or(&[][..], Vec::as_slice);
        let strict = is_sure(workflow) && !ledger.is_touched(name(workflow));
        problems.extend(of_starts(workflow, starts, strict));
        problems.extend(of_nodes(workflow, starts, strict));
    }
    problems
}

/// The outcome of every attempt is in the Workflow's status, and is what the machine saw.
fn of_starts(workflow: &Value, starts: &[&Start], strict: bool) -> Vec<Problem> {
    let nodes = &workflow["status"]["nodes"];
    let told = starts.iter().filter_map(|start| {
        let text = differs(start, &nodes[&start.node_id], strict)?;
        Some(Promise::Outcomes.broken(text))
    });
    told.collect()
}

/// How a node differs from what its process did. Where it is strict, nothing but the process decided.
fn differs(start: &Start, node: &Value, strict: bool) -> Option<String> {
    let (name, phase) = (&start.node_name, node["phase"].as_str().unwrap_or("missing"));
    let message = node["message"].as_str().unwrap_or_default();
    let from_process = message.is_empty() || message.starts_with("main: ");
    let right = match start.end {
        None => return Some(format!("{name} still runs, and is {phase}")),
        Some(End::Natural(0)) if phase == "Succeeded" => return wrong_outputs(start, node),
        // What was ended by a limit or by people may have ended by itself just before.
        Some(End::Natural(0)) => !strict && !from_process,
        Some(End::Natural(_)) => matches!(phase, "Failed" | "Error"),
        Some(End::Untold(code)) => is_over(&node["phase"]) && (code == 0 || phase != "Succeeded"),
        Some(End::Lost) => phase == "Error" || phase == "Failed" && !from_process,
        Some(End::Asked) => is_over(&node["phase"]),
    };
    let daemon = node["daemoned"] == true || is_daemon(start);
    let end = start.end;
    (!right && !daemon).then(|| format!("{name} ended with {end:?} and is {phase} ({message})"))
}

/// Whether a process serves others: how it ends says little.
fn is_daemon(start: &Start) -> bool {
    start.locks.iter().any(|lock| lock == DAEMON)
}

/// In place of a lock: the mark of a daemon.
pub(crate) const DAEMON: &str = "daemon";

fn wrong_outputs(start: &Start, node: &Value) -> Option<String> {
    let outputs = &node["outputs"];
    if outputs["result"]
        .as_str()
        .is_some_and(|result| result != start.result)
    {
        let text = format!("printed {:?}, and {} is kept", start.result, outputs["result"]);
        return Some(format!("{} {text}", start.node_name));
    }
    let kept = outputs["parameters"].as_array().into_iter().flatten();
    let value = |name: &str| {
        let mut named = kept.clone().filter(|parameter| parameter["name"] == name);
        named.next().and_then(|parameter| parameter["value"].as_str())
    };
    let mut lost = start
        .parameters
        .iter()
        .filter(|(name, given)| value(name) != Some(given.as_str()));
    let (parameter, given) = lost.next()?;
    let kept = value(parameter);
    Some(format!(
        "{} gave {parameter} as {given}, and {kept:?} is kept",
        start.node_name
    ))
}

/// Every node of a workflow that is over is over, and what ended was run: a phase that nothing stands behind
/// is an outcome made up.
fn of_nodes(workflow: &Value, starts: &[&Start], strict: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (id, node) in nodes(&workflow["status"]).into_iter().flatten() {
        let (name, phase) = (&node["name"], &node["phase"]);
        let message = node["message"].as_str().unwrap_or_default();
        let ran = starts.iter().any(|start| start.node_id == *id);
        let known = phase == "Succeeded" || phase == "Failed" && message.starts_with("main: ");
        if node["type"] == "Pod" && known && !ran {
            let text = format!("{name} has the phase {phase} and never ran");
            problems.push(Promise::Outcomes.broken(text));
        }
        // A workflow that people or a limit ended leaves nodes as they were, but no pod.
        if !is_over(phase) && (strict || ran) {
            let text = format!("the workflow is over, and {name} is {phase}");
            problems.push(Promise::Outcomes.broken(text));
        }
    }
    problems
}

/// Why a workflow that does not go on ought to: none if it waits for something that only others can give.
pub(crate) fn why_stuck(workflow: &Value, objects: &[Value], ledger: &Ledger) -> Option<String> {
    let open = nodes(&workflow["status"]).into_iter().flatten();
    let mut open = open.filter(|(_, node)| !is_over(&node["phase"]));
    let waits =
        workflow["spec"]["suspend"] == true || open.any(|(id, node)| waits(id, node, objects, ledger));
    (!waits).then(|| {
        let name = name(workflow);
        format!("{name} is {} and waits for nothing", workflow["status"]["phase"])
    })
}

/// Whether a node waits for something that only others can give.
fn waits(id: &str, node: &Value, objects: &[Value], ledger: &Ledger) -> bool {
    let lock = node["synchronizationStatus"]["waiting"].as_str();
    if lock.is_some_and(|lock| !lock.is_empty()) {
        return true;
    }
    match node["type"].as_str() {
        Some("Suspend") => node["phase"] == "Running",
        // What has ended and is not known to have is waited for in vain.
        Some("Pod") if ledger.has_ended(id) => false,
        Some("Pod") => objects.iter().any(|object| {
            let annotations = &object["metadata"]["annotations"];
            object["kind"] == "Pod"
                && annotations[workflow::contract::ANNOTATION_NODE_ID] == id
                && !matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
        }),
        _ => false,
    }
}

/// Workflows that nobody had a hand in and whose ends differ from those in a calm world.
pub(crate) fn same_ends(workflows: &[Value], calm: &[Value], touched: impl Fn(&str) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for workflow in workflows.iter().filter(|w| is_sure(w) && !touched(name(w))) {
        let Some(other) = calm.iter().find(|other| name(other) == name(workflow)) else {
            continue;
        };
        if let Some(difference) = normal::difference(workflow, other) {
            let text = format!("{}: {difference}", name(workflow));
            problems.push(Promise::SameEnd.broken(text));
        }
    }
    problems
}
