//! The variables that every node sees: `workflow.*`.

use argo::{ObjectMeta, WorkflowSpec, WorkflowStatus};
use meta::Timestamp;
use meta::time::seconds;
use serde_json::Value;

use crate::args::config_map_value;
use crate::contract::Library;
use crate::vars::{self, VarMap};

/// All that is known when the workflow starts. `workflow.status`, `workflow.failures` and
/// `workflow.duration` are set as it goes on.
pub(crate) fn globals(
    meta: &ObjectMeta,
    spec: &WorkflowSpec,
    status: &WorkflowStatus,
    library: &Library,
) -> Result<VarMap, String> {
    let mut vars = VarMap::new();
    let mut set = |name: &str, value: &str| drop(vars.insert(format!("workflow.{name}"), vars::text(value)));
    set("name", &meta.name);
    set("namespace", &meta.namespace);
    set("mainEntrypoint", &spec.entrypoint);
    set("serviceAccountName", &spec.service_account_name);
    set("uid", &meta.uid);
    if let Some(time) = meta.annotations.get("workflows.argoproj.io/scheduled-time") {
        set("scheduledTime", time);
    }
    if let Some(priority) = spec.priority {
        set("priority", &priority.to_string());
    }
    if let Some(created) = meta.creation_timestamp {
        creation(&mut set, created.0);
    }
    let parameters = serde_json::to_string(&spec.arguments.parameters).unwrap_or_default();
    set("parameters", &parameters);
    set("parameters.json", &parameters);
    for parameter in &spec.arguments.parameters {
        let value = argument(parameter, library)?;
        set(&format!("parameters.{}", parameter.name), &value);
    }
    metadata(&mut set, meta, spec, !status.phase.is_empty());
    for output in status.outputs.iter().flat_map(|o| &o.parameters) {
        if let Some(value) = &output.value {
            set(&format!("outputs.parameters.{}", output.name), value.as_str());
        }
    }
    Ok(vars)
}

fn creation(set: &mut impl FnMut(&str, &str), created: Timestamp) {
    for (letter, text) in expr::strftime::letters(created) {
        set(&format!("creationTimestamp.{letter}"), &text);
    }
    set("creationTimestamp", &seconds(created));
    set("creationTimestamp.RFC3339", &seconds(created));
    set("creationTimestamp.s", &created.as_second().to_string());
}

fn argument(parameter: &argo::Parameter, library: &Library) -> Result<String, String> {
    if let Some(value) = &parameter.value {
        return Ok(value.0.clone());
    }
    let from = parameter.value_from.as_ref();
    let Some(reference) = from.and_then(|f| f.config_map_key_ref.as_ref()) else {
        let name = &parameter.name;
        return Err(format!(
            "either value or valueFrom must be specified in order to set global parameter {name}"
        ));
    };
    let (name, key) = (
        reference.text("name").unwrap_or_default(),
        reference.text("key").unwrap_or_default(),
    );
    config_map_value(library, name, key).or_else(|error| {
        let default = from.and_then(|f| f.default.as_ref()).map(|d| d.0.clone());
        default.ok_or_else(|| {
            format!(
                "failed to set global parameter {} from configmap with name {name} and key {key}: {}",
                parameter.name,
                error.message()
            )
        })
    })
}

fn metadata(set: &mut impl FnMut(&str, &str), meta: &ObjectMeta, spec: &WorkflowSpec, started: bool) {
    let annotations = Value::from_iter(meta.annotations.clone()).to_string();
    set("annotations", &annotations);
    set("annotations.json", &annotations);
    let labels = Value::from_iter(meta.labels.clone()).to_string();
    set("labels", &labels);
    set("labels.json", &labels);
    let own = spec.workflow_metadata.as_ref();
    for (key, value) in meta
        .annotations
        .iter()
        .chain(own.iter().flat_map(|m| &m.annotations))
    {
        set(&format!("annotations.{key}"), value);
    }
    // Labels that are computed are known once the workflow has them.
    let computed = |key: &String| !started && own.is_some_and(|m| m.labels_from.contains_key(key));
    for (key, value) in meta.labels.iter().chain(own.iter().flat_map(|m| &m.labels)) {
        if !computed(key) {
            set(&format!("labels.{key}"), value);
        }
    }
}
