//! The observer: sees every durable change of every object, and minds what may never change again.
//!
//! It sees what is on the disk, not what is only in memory: that may be lost with the control plane, and be
//! decided anew.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};
use workflow::contract::{LABEL_COMPLETED, POD_FINALIZER};
use workflow::layout::{CHUNK_KIND, Chunk, hydrate_value};

use crate::problem::{Problem, Promise};
use crate::script::name;

/// Workflows with more nodes are compared with what they were only now and then.
const MANY_NODES: usize = 1000;
/// How often those are.
const NOW_AND_THEN: u64 = 16;

/// A Workflow as it was seen last.
#[derive(Default)]
struct Seen {
    key: String,
    status: Value,
    times: u64,
}

/// What was seen of all objects.
#[derive(Default)]
pub(crate) struct Observer {
    /// Workflows by uid.
    workflows: BTreeMap<String, Seen>,
    /// Parts of statuses, by the Workflow's uid and their number.
    chunks: BTreeMap<String, BTreeMap<u32, Chunk<Value>>>,
    /// Keys of Workflows that are not over.
    open: BTreeSet<String>,
    /// Keys of pods that are held for their workflows.
    held: BTreeSet<String>,
    /// Keys of everything that workflows make, and of themselves.
    made: BTreeSet<String>,
    problems: Vec<Problem>,
}

/// Where parts of large statuses are kept.
pub(crate) const CHUNKS: &str = "plimsoll.dev/workflowstatuschunks/";

/// The kinds that must be gone once all workflows are deleted.
const MADE: [&str; 6] = [
    CHUNKS,
    "argoproj.io/workflows/",
    "argoproj.io/workflowtaskresults/",
    "core/pods/",
    "core/persistentvolumeclaims/",
    "policy/poddisruptionbudgets/",
];

impl Observer {
    /// Takes in an object as it is now, or that it is gone.
    pub(crate) fn see(&mut self, key: &str, value: &[u8], gone: bool) {
        if !MADE.iter().any(|kind| key.starts_with(kind)) {
            return;
        }
        if gone {
            for keys in [&mut self.open, &mut self.held, &mut self.made] {
                keys.remove(key);
            }
            return;
        }
        self.made.insert(key.to_owned());
        let Ok(object) = serde_json::from_slice::<Value>(value) else {
            return;
        };
        match object["kind"].as_str() {
            Some("Workflow") => self.see_workflow(key, object),
            Some(CHUNK_KIND) => self.see_chunk(&object),
            Some("Pod") => {
                let finalizers = object["metadata"]["finalizers"].as_array();
                let held = finalizers.is_some_and(|all| all.iter().any(|f| f == POD_FINALIZER));
                set(&mut self.held, key, held);
            }
            _ => {}
        }
    }

    fn see_chunk(&mut self, object: &Value) {
        if let Ok(chunk) = Chunk::<Value>::deserialize(object) {
            let chunks = self.chunks.entry(chunk.workflow.clone()).or_default();
            chunks.insert(chunk.number, chunk);
        }
    }

    /// Puts the nodes of a Workflow into it, wherever they are stored.
    fn hydrate(&mut self, uid: &str, workflow: &mut Value) {
        let chunks = self.chunks.get(uid).into_iter().flat_map(BTreeMap::values);
        if let Err(error) = hydrate_value(workflow, chunks.cloned().collect()) {
            let text = format!("{}: {error}", name(workflow));
            self.problems.push(Promise::Outcomes.broken(text));
        }
    }

    fn see_workflow(&mut self, key: &str, mut workflow: Value) {
        let over = workflow["metadata"]["labels"][LABEL_COMPLETED] == "true";
        set(&mut self.open, key, !over);
        let uid = workflow["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let name = name(&workflow).to_owned();
        self.hydrate(&uid, &mut workflow);
        let seen = self.workflows.entry(uid).or_default();
        seen.times += 1;
        key.clone_into(&mut seen.key);
        let many = nodes(&workflow["status"]).is_some_and(|nodes| nodes.len() > MANY_NODES);
        if many && !over && !seen.times.is_multiple_of(NOW_AND_THEN) {
            return;
        }
        let spec = workflow["spec"].take();
        let status = workflow["status"].take();
        self.problems.extend(changes(&name, &seen.status, &status));
        self.problems.extend(limits(&name, &spec, &status));
        seen.status = status;
    }

    /// Whether all workflows are over and no pod is held for one.
    pub(crate) fn is_over(&self) -> bool {
        self.open.is_empty() && self.held.is_empty()
    }

    /// Workflows of a list with all their nodes in them.
    pub(crate) fn hydrated(&mut self, workflows: Vec<Value>) -> Vec<Value> {
        let hydrated = workflows.into_iter().map(|mut workflow| {
            let uid = workflow["metadata"]["uid"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            self.hydrate(&uid, &mut workflow);
            workflow
        });
        hydrated.collect()
    }

    /// Whether nothing is left of any workflow.
    pub(crate) fn is_clear(&self) -> bool {
        self.made.is_empty()
    }

    /// Keys of what is left of workflows.
    pub(crate) fn left(&self) -> Vec<&str> {
        self.made.iter().map(String::as_str).collect()
    }

    /// Keys of pods that are held for their workflows.
    pub(crate) fn held(&self) -> Vec<&str> {
        self.held.iter().map(String::as_str).collect()
    }

    /// Whether the Workflow of this uid is there.
    pub(crate) fn is_there(&self, uid: &str) -> bool {
        let seen = self.workflows.get(uid);
        seen.is_some_and(|seen| self.made.contains(&seen.key))
    }

    /// Forgets the objects whose keys are not these: they went while nobody looked.
    pub(crate) fn keep_only(&mut self, is_there: impl Fn(&str) -> bool) {
        for keys in [&mut self.open, &mut self.held, &mut self.made] {
            keys.retain(|key| is_there(key));
        }
    }

    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

fn set(keys: &mut BTreeSet<String>, key: &str, is_in: bool) {
    if is_in {
        keys.insert(key.to_owned());
    } else {
        keys.remove(key);
    }
}

/// The nodes of a status.
pub(crate) fn nodes(status: &Value) -> Option<&Map<String, Value>> {
    status["nodes"].as_object()
}

/// Whether a phase of a node is one that it keeps.
pub(crate) fn is_over(phase: &Value) -> bool {
    matches!(
        phase.as_str(),
        Some("Succeeded" | "Failed" | "Error" | "Skipped" | "Omitted")
    )
}

/// What changed that may not: ends, outputs, inputs and children that were once decided.
fn changes(workflow: &str, before: &Value, after: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    if is_over(&before["phase"]) && before["phase"] != after["phase"] {
        let text = format!("{workflow} was {} and is {}", before["phase"], after["phase"]);
        problems.push(Promise::Outcomes.broken(text));
    }
    for (id, was) in nodes(before).into_iter().flatten() {
        let name = &was["name"];
        let Some(is) = nodes(after).and_then(|nodes| nodes.get(id)) else {
            problems.push(Promise::Decisions.broken(format!("the node {name} was there and is gone")));
            continue;
        };
        for field in ["phase", "outputs", "finishedAt"] {
            if is_over(&was["phase"]) && was[field] != is[field] {
                let text = format!(
                    "{name} was over, and its {field} {} became {}",
                    was[field], is[field]
                );
                problems.push(Promise::Outcomes.broken(text));
            }
        }
        problems.extend(decisions(was, is));
    }
    problems
}

/// Decisions on a node that were made anew.
fn decisions(was: &Value, is: &Value) -> Vec<Problem> {
    let name = &was["name"];
    let mut problems = Vec::new();
    for field in ["inputs", "templateName", "type", "startedAt", "boundaryID"] {
        if !was[field].is_null() && was[field] != is[field] && was["type"] != "Suspend" {
            let text = format!("the {field} of {name} {} became {}", was[field], is[field]);
            problems.push(Promise::Decisions.broken(text));
        }
    }
    let children = |node: &Value| node["children"].as_array().cloned().unwrap_or_default();
    let after = children(is);
    for child in children(was).iter().filter(|child| !after.contains(child)) {
        problems.push(Promise::Decisions.broken(format!("{name} lost its child {child}")));
    }
    problems
}

/// Limits that the status itself shows to be exceeded: locks, and parallelism of templates.
fn limits(workflow: &str, spec: &Value, status: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut holders: BTreeMap<&str, usize> = BTreeMap::new();
    let held = status["synchronization"]["mutex"]["holding"].as_array();
    for mutex in held
        .into_iter()
        .flatten()
        .filter_map(|held| held["mutex"].as_str())
    {
        *holders.entry(mutex).or_default() += 1;
    }
    for (mutex, count) in holders.into_iter().filter(|(_, count)| *count > 1) {
        let text = format!("{count} nodes of {workflow} hold {mutex}");
        problems.push(Promise::Limits.broken(text));
    }
    problems.extend(crowded(spec, status));
    problems
}

/// Nodes with more active children than the parallelism of their template allows.
fn crowded(spec: &Value, status: &Value) -> Vec<Problem> {
    let templates = spec["templates"].as_array().into_iter().flatten();
    let limits: BTreeMap<&str, u64> = templates
        .filter_map(|template| Some((template["name"].as_str()?, template["parallelism"].as_u64()?)))
        .collect();
    let Some(all) = nodes(status).filter(|_| !limits.is_empty()) else {
        return Vec::new();
    };
    let mut active: BTreeMap<&str, u64> = BTreeMap::new();
    for node in all.values().filter(|node| is_active(node)) {
        *active
            .entry(node["boundaryID"].as_str().unwrap_or_default())
            .or_default() += 1;
    }
    let crowded = active.into_iter().filter_map(|(id, count)| {
        let node = all.get(id)?;
        let limit = limits.get(node["templateName"].as_str()?)?;
        let text = format!(
            "{count} children of {} are active, of {limit} at most",
            node["name"]
        );
        (count > *limit).then(|| Promise::Limits.broken(text))
    });
    crowded.collect()
}

fn is_active(node: &Value) -> bool {
    matches!(node["type"].as_str(), Some("Pod" | "Steps" | "DAG"))
        && matches!(node["phase"].as_str(), Some("Pending" | "Running"))
        && node["synchronizationStatus"]["waiting"]
            .as_str()
            .is_none_or(str::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(statuses: &[Value], expected: &[&str]) {
        let mut observer = Observer::default();
        for status in statuses {
            let workflow = json!({"kind": "Workflow", "metadata": {"name": "w", "uid": "u"},
                "spec": {"templates": [{"name": "t", "parallelism": 1}]}, "status": status});
            observer.see(
                "argoproj.io/workflows/default/w",
                workflow.to_string().as_bytes(),
                false,
            );
        }
        let found: Vec<&str> = observer.problems().iter().map(|p| p.text.as_str()).collect();
        assert_eq!(found, expected);
    }

    fn node(phase: &str, more: &Value) -> Value {
        let mut node = json!({"name": "n", "type": "Pod", "phase": phase});
        for (field, value) in more.as_object().into_iter().flatten() {
            node[field] = value.clone();
        }
        json!({"nodes": {"n": node}})
    }

    #[test]
    fn progress_is_no_problem() {
        let outputs = json!({"outputs": {"result": "1"}, "children": ["a"]});
        check(
            &[
                node("Pending", &json!({})),
                node("Running", &json!({"children": []})),
                node("Succeeded", &outputs),
                node(
                    "Succeeded",
                    &json!({"outputs": {"result": "1"}, "children": ["a", "b"]}),
                ),
            ],
            &[],
        );
    }

    #[test]
    fn what_was_decided_stays() {
        check(
            &[node("Failed", &json!({})), node("Succeeded", &json!({}))],
            &[r#""n" was over, and its phase "Failed" became "Succeeded""#],
        );
        check(
            &[
                node("Running", &json!({"inputs": 1, "children": ["a"]})),
                node("Running", &json!({"inputs": 2})),
                json!({}),
            ],
            &[
                r#"the inputs of "n" 1 became 2"#,
                r#""n" lost its child "a""#,
                r#"the node "n" was there and is gone"#,
            ],
        );
        check(
            &[json!({"phase": "Failed"}), json!({"phase": "Running"})],
            &[r#"w was "Failed" and is "Running""#],
        );
    }

    #[test]
    fn limits_hold_in_every_status() {
        let holding = json!([{"mutex": "d/Mutex/m", "holder": "a"}, {"mutex": "d/Mutex/m", "holder": "b"}]);
        check(
            &[json!({"synchronization": {"mutex": {"holding": holding}}})],
            &["2 nodes of w hold d/Mutex/m"],
        );
        let child = json!({"type": "Pod", "phase": "Running", "boundaryID": "p"});
        check(
            &[json!({"nodes": {"p": {"name": "p", "templateName": "t"}, "a": child, "b": child}})],
            &[r#"2 children of "p" are active, of 1 at most"#],
        );
    }
}
