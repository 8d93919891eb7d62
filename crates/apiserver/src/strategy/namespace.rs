//! Namespaces: Active until they are deleted, Terminating until they are empty.

use serde_json::{Value, json};

use crate::object::{child, default_to, meta, meta_mut};

/// The finalizer in `spec.finalizers` that stands for the namespace's contents.
const FINALIZER: &str = "kubernetes";

/// Every namespace is labelled with its own name, so that selectors can name it.
pub(crate) fn default(object: &mut Value) {
    let name = Value::from(meta(object, "name"));
    let metadata = meta_mut(object);
    default_to(metadata, "labels", json!({}));
    metadata["labels"]["kubernetes.io/metadata.name"] = name;
}

/// A new namespace is Active.
pub(crate) fn prepare(object: &mut Value) {
    default_to(child(object, "spec"), "finalizers", json!([FINALIZER]));
    child(object, "status").insert("phase".to_owned(), "Active".into());
}
