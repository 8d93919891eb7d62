//! From an edited Workflow to what is written: merge patches (RFC 7396) that name the version they were made from.

use argo::Workflow;
use serde_json::{Map, Value, json};

use crate::machine::diff::diff;

/// The patch that makes `new` of a Workflow as it is stored; none if it changes nothing. `new` must be stored in the same
/// way: see [`crate::layout::dehydrate`].
///
/// # Errors
/// One of them cannot be written as JSON.
pub fn patch(stored: &Workflow, new: &Workflow) -> Result<Option<Value>, serde_json::Error> {
    let patch = diff(&serde_json::to_value(stored)?, &serde_json::to_value(new)?);
    Ok(patch.map(|patch| of_version(stored, patch)))
}

/// The patch that makes `new` of a Workflow that may be running, wherever its nodes are stored: those that changed are
/// written whole into the Workflow, where they hide older versions of themselves.
///
/// # Errors
/// One of them cannot be written as JSON.
pub fn patch_nodes(hydrated: &Workflow, new: &Workflow) -> Result<Value, serde_json::Error> {
    let mut nodes = Map::new();
    for (id, node) in &new.status.nodes {
        let old = hydrated.status.nodes.get(id);
        if old != Some(node) {
            nodes.insert(id.clone(), whole(&json!(old), &serde_json::to_value(node)?));
        }
    }
    let mut patch = json!({"status": {"nodes": nodes}});
    if hydrated.spec.suspend != new.spec.suspend {
        patch["spec"] = json!({"suspend": new.spec.suspend});
    }
    if let Some(outputs) = diff(&json!(hydrated.status.outputs), &json!(new.status.outputs)) {
        patch["status"]["outputs"] = outputs;
    }
    Ok(of_version(hydrated, patch))
}

/// All of `new`, and a null for each field of `old` that it lacks.
fn whole(old: &Value, new: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        return new.clone();
    };
    let gone = before.keys().filter(|field| !after.contains_key(*field));
    let gone = gone.map(|field| (field.clone(), Value::Null));
    let kept = after.iter().map(|(field, value)| {
        let value = before
            .get(field)
            .map_or_else(|| value.clone(), |old| whole(old, value));
        (field.clone(), value)
    });
    Value::Object(gone.chain(kept).collect())
}

/// What others wrote meanwhile is not overwritten.
fn of_version(of: &Workflow, mut patch: Value) -> Value {
    patch["metadata"]["uid"] = of.metadata.uid.clone().into();
    patch["metadata"]["resourceVersion"] = of.metadata.resource_version.clone().into();
    patch
}
