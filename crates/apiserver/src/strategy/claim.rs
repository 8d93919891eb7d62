//! Volume claims and volumes: what a new one starts with. Nothing binds them yet.

use serde_json::Value;

use crate::object::{child, default_to};
use crate::status::Cause;

/// Claims ask for a file system unless they say otherwise.
pub(crate) fn default(object: &mut Value) {
    default_to(child(object, "spec"), "volumeMode", "Filesystem");
}

/// A new claim waits.
pub(crate) fn prepare(object: &mut Value) {
    child(object, "status").insert("phase".to_owned(), "Pending".into());
}

/// A new volume is free.
pub(crate) fn prepare_volume(object: &mut Value) {
    let spec = child(object, "spec");
    default_to(spec, "persistentVolumeReclaimPolicy", "Retain");
    default_to(spec, "volumeMode", "Filesystem");
    child(object, "status").insert("phase".to_owned(), "Available".into());
}

/// A claim says how it is used and how much it needs.
pub(crate) fn validate(object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let mut causes = Vec::new();
    if spec["accessModes"].as_array().is_none_or(Vec::is_empty) {
        causes.push(Cause::required(
            "spec.accessModes",
            "at least 1 access mode is required",
        ));
    }
    if spec["resources"]["requests"]["storage"].is_null() {
        causes.push(Cause::required("spec.resources[storage]", ""));
    }
    causes
}
