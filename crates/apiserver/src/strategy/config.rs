//! ConfigMaps, Secrets, Services and Events.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::object::{child, default_to};
use crate::status::Cause;

/// Fields of events that selectors may name.
pub(crate) const EVENT_FIELDS: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

/// How long events are kept: an hour, as kube-apiserver's default.
pub(crate) const EVENT_TTL: Duration = Duration::from_secs(3600);

/// Largest sum of a ConfigMap's or Secret's values, in bytes (1 MiB, as kube-apiserver).
const DATA_MAX: usize = 1 << 20;

/// Bytes are kept in one line of base64.
pub(crate) fn default_config_map(object: &mut Value) {
    join_lines(object, "binaryData");
}

/// Base64 may come in lines, as in a block of YAML; Go decodes and writes it again without them.
fn join_lines(object: &mut Value, field: &str) {
    let fields = object.get_mut(field).and_then(Value::as_object_mut);
    for value in fields.into_iter().flat_map(Map::values_mut) {
        if let Value::String(text) = value {
            text.retain(|c| !matches!(c, '\r' | '\n'));
        }
    }
}

/// `stringData` becomes `data`; a Secret without a type is Opaque.
pub(crate) fn default_secret(object: &mut Value) {
    join_lines(object, "data");
    let Some(secret) = object.as_object_mut() else {
        return;
    };
    default_to(secret, "type", "Opaque");
    let Some(Value::Object(texts)) = secret.remove("stringData") else {
        return;
    };
    let data = child(object, "data");
    for (key, text) in texts {
        if let Some(text) = text.as_str() {
            data.insert(key, STANDARD.encode(text).into());
        }
    }
}

/// Services are ClusterIP services unless they say otherwise.
pub(crate) fn default_service(object: &mut Value) {
    let spec = child(object, "spec");
    default_to(spec, "type", "ClusterIP");
    default_to(spec, "sessionAffinity", "None");
    for port in spec
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let Some(port) = port.as_object_mut() else {
            continue;
        };
        default_to(port, "protocol", "TCP");
        let target = port.get("port").cloned().unwrap_or_default();
        default_to(port, "targetPort", target);
    }
}

/// Keys are file names; the whole stays small.
pub(crate) fn validate_config_map(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut size = 0;
    for field in ["data", "binaryData"] {
        size += check_map(object, field, &mut causes);
    }
    let both = map(object, "data").filter_map(|(key, _)| map(object, "binaryData").find(|(k, _)| *k == key));
    causes.extend(both.map(|(key, _)| {
        Cause::invalid(
            format!("data[{key}]"),
            &json!(key),
            "duplicate of key present in binaryData",
        )
    }));
    too_long(size, "", &mut causes);
    causes
}

/// Values are base64; the whole stays small.
pub(crate) fn validate_secret(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let size = check_map(object, "data", &mut causes);
    too_long(size, "data", &mut causes);
    let broken =
        map(object, "data").filter(|(_, value)| value.as_str().is_none_or(|v| STANDARD.decode(v).is_err()));
    causes.extend(broken.map(|(key, _)| {
        // The value is secret: it is not shown.
        Cause::invalid(format!("data[{key}]"), &json!("<redacted>"), "must be base64")
    }));
    causes
}

/// A Secret's type never changes; an immutable one's data neither.
pub(crate) fn validate_secret_update(new: &Value, old: &Value) -> Vec<Cause> {
    let mut causes = validate_immutable(new, old);
    if new["type"] != old["type"] {
        causes.push(Cause::invalid("type", &new["type"], "field is immutable"));
    }
    causes
}

/// What is `immutable` stays so, and its data with it.
pub(crate) fn validate_immutable(new: &Value, old: &Value) -> Vec<Cause> {
    if old["immutable"] != true {
        return Vec::new();
    }
    let mut fixed = vec!["data", "binaryData"];
    if new["immutable"] != true {
        fixed.push("immutable");
    }
    fixed.retain(|field| new[*field] != old[*field]);
    fixed
        .into_iter()
        .map(|field| Cause::forbidden(field, "field is immutable when `immutable` is set"))
        .collect()
}

fn map<'v>(object: &'v Value, field: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    object[field].as_object().into_iter().flat_map(Map::iter)
}

/// Checks the keys of a map of data and returns its size.
fn check_map(object: &Value, field: &str, causes: &mut Vec<Cause>) -> usize {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut size = 0;
    for (key, value) in map(object, field) {
        size += value.as_str().map_or(0, str::len);
        if key.is_empty() || key.len() > 253 || !key.chars().all(fine) || key == "." || key.starts_with("..")
        {
            causes.push(Cause::invalid(
                format!("{field}[{key}]"),
                &json!(key),
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
                 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
            ));
        }
    }
    size
}

fn too_long(size: usize, field: &str, causes: &mut Vec<Cause>) {
    if size > DATA_MAX {
        causes.push(Cause::too_long(field, DATA_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_in_lines_is_joined() {
        let check = |default: fn(&mut Value), field: &str| {
            let mut object = json!({ field: { "key": "aGVs\nbG8=\r\n" } });
            default(&mut object);
            assert_eq!(object[field]["key"], "aGVsbG8=");
        };
        check(default_config_map, "binaryData");
        check(default_secret, "data");
    }
}
