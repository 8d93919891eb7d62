//! A pod's status, logs and events in the form of `conformance/pods/*.json`.

use kinds::k8s::api::core::v1::{Event, Pod};
use serde_json::{Map, Value, json};

/// What depends on the run or on the container runtime, and is not compared: kubelet's events of its runtime's work.
const RUNTIME_EVENTS: [&str; 5] = ["Pulling", "Pulled", "Created", "Started", "Scheduled"];

/// The fields of the status that are compared.
pub(crate) fn status(pod: &Pod) -> Map<String, Value> {
    let status = serde_json::to_value(&pod.status).unwrap();
    let mut out = Map::new();
    for field in ["phase", "reason", "message", "qosClass"] {
        if let Some(value) = status.get(field).filter(|value| !value.is_null()) {
            out.insert(field.to_owned(), value.clone());
        }
    }
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let mut conditions: Vec<_> = conditions.iter().map(condition).collect();
    conditions.sort();
    out.insert("conditions".to_owned(), conditions.into());
    for (from, to) in [
        ("initContainerStatuses", "initContainers"),
        ("containerStatuses", "containers"),
    ] {
        if let Some(statuses) = status[from].as_array().filter(|statuses| !statuses.is_empty()) {
            out.insert(to.to_owned(), statuses.iter().map(container).collect());
        }
    }
    out
}

fn condition(condition: &Value) -> String {
    let text = |field: &str| condition[field].as_str().unwrap_or_default();
    let mut line = format!("{}={}", text("type"), text("status"));
    if !text("reason").is_empty() {
        line.push_str(&format!(" {}", text("reason")));
    }
    if !text("message").is_empty() {
        line.push_str(&format!(": {}", text("message")));
    }
    line
}

fn container(container: &Value) -> Value {
    let mut out = Map::new();
    for field in ["name", "ready", "started", "restartCount"] {
        out.insert(field.to_owned(), container[field].clone());
    }
    for field in ["state", "lastState"] {
        let state = state(&container[field]);
        if field == "state" || state != json!({}) {
            out.insert(field.to_owned(), state);
        }
    }
    out.into()
}

fn state(state: &Value) -> Value {
    let mut out = Map::new();
    for (kind, detail) in state
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, detail)| !detail.is_null())
    {
        let kept = ["reason", "message", "exitCode", "signal"]
            .iter()
            .filter_map(|field| {
                let value = detail.get(*field).filter(|value| !value.is_null())?;
                Some(((*field).to_owned(), value.clone()))
            });
        out.insert(kind.clone(), kept.collect::<Map<_, _>>().into());
    }
    out.into()
}

/// Events as lines, without those of the runtime's work.
pub(crate) fn events(events: &[Event]) -> Vec<String> {
    let line = |event: &Event| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let component = event
            .source
            .as_ref()
            .map(|source| text(&source.component))
            .unwrap_or_default();
        format!(
            "{} {} ({component}): {}",
            text(&event.type_),
            text(&event.reason),
            text(&event.message)
        )
    };
    let mut lines: Vec<_> = events.iter().map(line).filter(|line| !is_runtime(line)).collect();
    lines.sort();
    lines.dedup();
    lines
}

/// Whether an event line is about the runtime's own work, or the scheduler's.
pub(crate) fn is_runtime(line: &str) -> bool {
    let reason = line.split(' ').nth(1).unwrap_or_default();
    RUNTIME_EVENTS.contains(&reason) || reason == "FailedScheduling"
}

/// A text with what is different in every run replaced, and the shell's name for its lines dropped.
pub(crate) fn normal(text: &str, pod: &Pod) -> String {
    let meta = &pod.metadata;
    let uid = meta.uid.as_deref().unwrap_or("?");
    let namespace = meta.namespace.as_deref().unwrap_or("?");
    text.replace(uid, "UID").replace(namespace, "NAMESPACE")
}
