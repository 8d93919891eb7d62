//! Whether the promise was kept for one workflow: its final status against the ledger and the model.

use serde_json::Value;

use super::chaos::Weather;
use super::ledger::{Ledger, Pod};
use super::manifest;
use super::model::{Expected, expected};
use super::plan::{Act, Part, Step, Workflow};

/// What became of a workflow.
pub(crate) struct Fate<'a> {
    pub(crate) workflow: &'a Workflow,
    /// The object after its end; none if it was deleted.
    pub(crate) object: Option<&'a Value>,
    pub(crate) weather: Weather,
    /// Whether it was stopped, or lost a pod.
    pub(crate) hurt: bool,
}

/// Every promise that was not kept, in words.
pub(crate) fn broken(fate: &Fate<'_>, ledger: &Ledger) -> Vec<String> {
    let prefix = format!("{}-", fate.workflow.name);
    let pods: Vec<(&String, &Pod)> = ledger
        .iter()
        .filter(|(name, _)| **name == fate.workflow.name || name.starts_with(&prefix))
        .collect();
    let mut found = Vec::new();
    for (name, pod) in &pods {
        if pod.starts != 1 {
            found.push(format!("{name} started {} times", pod.starts));
        }
        if pod.codes.len() > 1 {
            found.push(format!("{name} ended {} times", pod.codes.len()));
        }
    }
    if let Some(object) = fate.object {
        found.extend(values(fate, &pods));
        found.extend(nodes(fate, object, ledger, &pods));
        if fate.weather != Weather::Rough && !fate.hurt {
            found.extend(against_model(&expected(fate.workflow), object, &pods));
        }
    }
    found
}

/// Values arrive whole and at the right step.
fn values(fate: &Fate<'_>, pods: &[(&String, &Pod)]) -> Vec<String> {
    let mut wanted = Vec::new();
    handed_on(&fate.workflow.part, &mut wanted);
    let wrong = pods.iter().filter_map(|(name, pod)| {
        let (_, value) = wanted.iter().find(|(step, _)| *step == pod.step)?;
        (pod.value != *value).then(|| format!("{name} was handed {:?}, not {value:?}", pod.value))
    });
    wrong.collect()
}

fn handed_on(part: &Part, wanted: &mut Vec<(u32, String)>) {
    match part {
        Part::Relay { from, to, .. } => wanted.push((*to, manifest::token(*from))),
        Part::Gather { from, count, to } => wanted.push((*to, manifest::tokens(*from, *count))),
        _ => part.parts().into_iter().for_each(|part| handed_on(part, wanted)),
    }
}

/// Every node of a pod says what the pod did, and every pod has a node.
fn nodes(fate: &Fate<'_>, object: &Value, ledger: &Ledger, pods: &[(&String, &Pod)]) -> Vec<String> {
    let empty = serde_json::Map::new();
    let nodes = object["status"]["nodes"].as_object().unwrap_or(&empty);
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for node in nodes.values() {
        let phase = node["phase"].as_str().unwrap_or_default();
        // A pause that begins while its workflow is being stopped has nobody who ends it.
        let pauses = fate.hurt && node["type"] != "Pod";
        if ["", "Pending", "Running"].contains(&phase) && !pauses {
            found.push(format!(
                "{} is {phase:?} in a workflow that is over",
                node["name"]
            ));
        }
        if node["type"] != "Pod" {
            continue;
        }
        let Some(name) = pod_name(&fate.workflow.name, node) else {
            continue;
        };
        found.extend(outcome(fate, node, &name, ledger.get(&name)));
        seen.push(name);
    }
    let strange = pods.iter().filter(|(name, _)| !seen.contains(name));
    found.extend(strange.map(|(name, _)| format!("{name} ran, and the workflow knows no such node")));
    found
}

fn pod_name(workflow: &str, node: &Value) -> Option<String> {
    let id = node["id"].as_str()?;
    if id == workflow {
        return Some(id.to_owned());
    }
    let hash = id.rsplit_once('-')?.1;
    Some(format!("{workflow}-{}-{hash}", node["templateName"].as_str()?))
}

/// The phase of a pod's node against what the pod wrote.
fn outcome(fate: &Fate<'_>, node: &Value, name: &str, pod: Option<&Pod>) -> Option<String> {
    let phase = node["phase"].as_str().unwrap_or_default();
    let codes = pod.map_or(&[][..], |pod| &pod.codes);
    let started = pod.is_some();
    let message = &node["message"];
    let say = |what: &str| Some(format!("{name} is {phase} ({message}), and {what} {codes:?}"));
    match phase {
        // A daemon may be ended before it could say anything.
        "Succeeded" if is_daemon(fate, node) => None,
        "Succeeded" if codes != [0] => say("the ledger has the ends"),
        "Failed" | "Error" if codes == [0] && !is_excused(fate, pod) => say("it ended well:"),
        "Failed" | "Error" if codes.is_empty() && !is_excused(fate, pod) => say("nobody cut it off:"),
        "Skipped" | "Omitted" if started => say("it ran:"),
        _ => None,
    }
}

/// Whether something else than the step itself may have ended it.
fn is_excused(fate: &Fate<'_>, pod: Option<&Pod>) -> bool {
    let part = &fate.workflow.part;
    let overdue = |step: u32| {
        has_step(part, &|other| {
            other.id == step && matches!(other.act, Act::Overdue)
        })
    };
    let never_began = || has_step(part, &|other| matches!(other.act, Act::Overdue));
    fate.hurt
        || fate.weather == Weather::Rough
        || fate.workflow.late.is_some()
        || pod.map_or_else(never_began, |pod| overdue(pod.step))
}

fn is_daemon(fate: &Fate<'_>, node: &Value) -> bool {
    let spec = fate.object.map(|object| &object["spec"]["templates"]);
    let templates = spec.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    templates
        .iter()
        .any(|template| template["name"] == node["templateName"] && template["daemon"] == true)
}

fn has_step(part: &Part, wanted: &dyn Fn(&Step) -> bool) -> bool {
    match part {
        Part::Step(step) | Part::Fan { step, .. } | Part::Daemon { beside: step, .. } => wanted(step),
        _ => part.parts().into_iter().any(|part| has_step(part, wanted)),
    }
}

/// Phase and numbers of starts, where nothing may have changed them.
fn against_model(expected: &Expected, object: &Value, pods: &[(&String, &Pod)]) -> Vec<String> {
    let mut found = Vec::new();
    let status = &object["status"];
    let wanted = if expected.succeeds { "Succeeded" } else { "Failed" };
    if status["phase"] != wanted {
        found.push(format!(
            "is {} ({}), not {wanted}",
            status["phase"], status["message"]
        ));
    }
    for (step, range) in &expected.starts {
        let starts = pods.iter().filter(|(_, pod)| pod.step == *step).count() as u64;
        if !(range.least..=range.most).contains(&starts) {
            found.push(format!("step {step} started {starts} times, not {range:?}"));
        }
    }
    let unexpected = pods
        .iter()
        .filter(|(_, pod)| !expected.starts.contains_key(&pod.step));
    found.extend(unexpected.map(|(name, _)| format!("{name} should never have started")));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workflow(act: Act) -> Workflow {
        Workflow {
            name: "w".into(),
            part: Part::Step(Step {
                id: 1,
                millis: 0,
                act,
            }),
            on_exit: None,
            parallelism: None,
            pod_gc: None,
            late: None,
            mounts: false,
        }
    }

    fn object(phase: &str) -> Value {
        let node = json!({"id": "w-7", "name": "w", "type": "Pod", "templateName": "t0", "phase": phase});
        json!({"status": {"phase": phase, "nodes": {"w-7": node}}})
    }

    #[track_caller]
    fn check(weather: Weather, phase: &str, starts: u64, codes: &[i64], expected: usize) {
        let pod = Pod {
            step: 1,
            starts,
            value: "-".into(),
            codes: codes.to_vec(),
        };
        let fate = Fate {
            workflow: &workflow(Act::Exit(0)),
            object: Some(&object(phase)),
            weather,
            hurt: false,
        };
        let found = broken(&fate, &Ledger::from([("w-t0-7".to_owned(), pod)]));
        assert_eq!(found.len(), expected, "{found:?}");
    }

    #[test]
    fn what_breaks_the_promise_is_found() {
        check(Weather::Gentle, "Succeeded", 1, &[0], 0);
        // A second start, and so a second end.
        check(Weather::Rough, "Succeeded", 2, &[0, 0], 3);
        // An outcome that was lost.
        check(Weather::Gentle, "Error", 1, &[0], 2);
        check(Weather::Rough, "Error", 1, &[0], 0);
        // A success that nobody had.
        check(Weather::Rough, "Succeeded", 1, &[], 1);
        check(Weather::Rough, "Succeeded", 1, &[3], 1);
        // A workflow that ended too early.
        check(Weather::Rough, "Running", 1, &[0], 1);
    }
}
