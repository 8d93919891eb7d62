//! Namespaces: Active until they are deleted, Terminating until they are empty.

use serde_json::{Value, json};

use crate::object::{child, default_to, meta, meta_mut};
use crate::status::Cause;

/// The finalizer in `spec.finalizers` that stands for the namespace's contents.
const FINALIZER: &str = "kubernetes";

/// Every namespace is labelled with its own name, so that selectors can name it.
pub(crate) fn default(object: &mut Value) {
    let name = Value::from(meta(object, "name"));
    let metadata = meta_mut(object);
    default_to(metadata, "labels", json!({}));
    metadata["labels"]["kubernetes.io/metadata.name"] = name;
}

/// The phase says whether the namespace is on its way out.
pub(crate) fn validate_status(object: &Value) -> Vec<Cause> {
    let leaving = !object["metadata"]["deletionTimestamp"].is_null();
    let (phase, fits) = match leaving {
        true => ("Terminating", "not empty"),
        false => ("Active", "empty"),
    };
    let actual = &object["status"]["phase"];
    if actual == phase {
        return Vec::new();
    }
    let why = format!("may only be '{phase}' if `deletionTimestamp` is {fits}");
    vec![Cause::invalid("status.Phase", actual, &why)]
}

/// A new namespace is Active.
pub(crate) fn prepare(object: &mut Value) {
    default_to(child(object, "spec"), "finalizers", json!([FINALIZER]));
    child(object, "status").insert("phase".to_owned(), "Active".into());
}
