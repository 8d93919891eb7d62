//! Volume claims and volumes: what a new one starts with. Nothing binds them yet.

use meta::Quantity;
use serde_json::{Map, Value};

use crate::object::{child, default_to};
use crate::status::Cause;

/// Fields of a volume's spec that do not say where it is.
const NO_SOURCES: [&str; 9] = [
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
];

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
    if let Some(path) = spec.get_mut("hostPath").and_then(Value::as_object_mut) {
        default_to(path, "type", "");
    }
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
    check_modes(&spec["accessModes"], &mut causes);
    let storage = &spec["resources"]["requests"]["storage"];
    if storage.is_null() {
        causes.push(Cause::required("spec.resources[storage]", ""));
    } else if serde_json::from_value::<Quantity>(storage.clone()).is_ok_and(|amount| amount <= Quantity::ZERO)
    {
        causes.push(Cause::invalid(
            "spec.resources[storage]",
            storage,
            "must be greater than zero",
        ));
    }
    causes
}

fn check_modes(modes: &Value, causes: &mut Vec<Cause>) {
    let allowed = [
        "ReadOnlyMany",
        "ReadWriteMany",
        "ReadWriteOnce",
        "ReadWriteOncePod",
    ];
    for mode in modes.as_array().into_iter().flatten() {
        if !mode.as_str().is_some_and(|mode| allowed.contains(&mode)) {
            causes.push(Cause::not_supported("spec.accessModes", mode, &allowed));
        }
    }
}

/// A claim may grow, and is given its volume; else it stays as it was made.
pub(crate) fn validate_update(new: &Value, old: &Value) -> Vec<Cause> {
    let fixed = |claim: &Value| {
        let mut spec = claim["spec"].clone();
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("volumeAttributesClassName");
            if old["spec"]["volumeName"].as_str().is_none_or(str::is_empty) {
                spec.remove("volumeName");
            }
            if let Some(requests) = spec
                .get_mut("resources")
                .and_then(|resources| resources.get_mut("requests"))
            {
                requests["storage"] = Value::Null;
            }
        }
        spec
    };
    if fixed(new) == fixed(old) {
        return Vec::new();
    }
    let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
    vec![Cause::forbidden("spec", why)]
}

/// A volume says how large it is, how it is used, and where it is.
pub(crate) fn validate_volume(object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let mut causes = Vec::new();
    if spec["accessModes"].as_array().is_none_or(Vec::is_empty) {
        causes.push(Cause::required("spec.accessModes", ""));
    }
    check_modes(&spec["accessModes"], &mut causes);
    if spec["capacity"].as_object().is_none_or(Map::is_empty) {
        causes.push(Cause::required("spec.capacity", ""));
    }
    if spec["capacity"]["storage"].is_null() {
        let shown = Value::from(
            spec["capacity"]
                .as_object()
                .map(|map| map.keys().cloned().collect::<Vec<_>>()),
        );
        causes.push(Cause::not_supported("spec.capacity", &shown, &["storage"]));
    }
    let fields = spec.as_object().into_iter().flat_map(Map::keys);
    if fields
        .filter(|field| !NO_SOURCES.contains(&field.as_str()))
        .count()
        == 0
    {
        causes.push(Cause::required("spec", "must specify a volume type"));
    }
    causes
}
