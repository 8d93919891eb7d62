//! ConfigMaps, Secrets, Services and Events.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::pod_checks::one_of;
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

/// Highest number of a port.
pub(super) const PORT_MAX: i64 = 65_535;
/// Protocols of ports.
pub(super) const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// What a Secret of a type must hold.
const SECRET_KEYS: [(&str, &[&str]); 4] = [
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
];

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

/// Services are reached over IPv4, within the cluster, and have no balancer yet.
pub(crate) fn prepare_service(object: &mut Value) {
    let spec = child(object, "spec");
    if spec.get("type").is_some_and(|kind| kind != "ExternalName") {
        default_to(spec, "internalTrafficPolicy", "Cluster");
        default_to(spec, "ipFamilies", json!(["IPv4"]));
        default_to(spec, "ipFamilyPolicy", "SingleStack");
        if let Some(address) = spec.get("clusterIP").cloned() {
            default_to(spec, "clusterIPs", json!([address]));
        }
    }
    default_to(child(object, "status"), "loadBalancer", json!({}));
}

/// Rule: `ValidateService`.
pub(crate) fn validate_service(object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let mut causes = Vec::new();
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !spec["type"].as_str().is_some_and(|kind| kinds.contains(&kind)) {
        causes.push(Cause::not_supported("spec.type", &spec["type"], &kinds));
    }
    let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
    if ports.is_empty() && spec["type"] != "ExternalName" && spec["clusterIP"] != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    for (at, port) in ports.iter().enumerate() {
        check_port(port, ports.len() > 1, &format!("spec.ports[{at}]"), &mut causes);
    }
    causes
}

fn check_port(port: &Value, named: bool, path: &str, causes: &mut Vec<Cause>) {
    if named && port["name"].as_str().is_none_or(str::is_empty) {
        causes.push(Cause::required(format!("{path}.name"), ""));
    }
    for field in ["port", "targetPort"] {
        let number = port[field].as_i64();
        if number.is_some_and(|number| !(1..=PORT_MAX).contains(&number)) {
            let why = format!("must be between 1 and {PORT_MAX}, inclusive");
            causes.push(Cause::invalid(format!("{path}.{field}"), &port[field], &why));
        }
    }
    one_of(port, &format!("{path}."), "protocol", &PROTOCOLS, causes);
}

/// Events of the older kind say nothing of what only the newer has.
pub(crate) fn default_event(object: &mut Value) {
    let Some(event) = object.as_object_mut() else {
        return;
    };
    event.entry("eventTime").or_insert(Value::Null);
    default_to(event, "reportingComponent", "");
    default_to(event, "reportingInstance", "");
}

/// Events are kept beside what they are about. Rule: `legacyValidateEvent`.
pub(crate) fn validate_event(object: &Value) -> Vec<Cause> {
    let about = &object["involvedObject"]["namespace"];
    let (about, own) = (
        about.as_str().unwrap_or_default(),
        &object["metadata"]["namespace"],
    );
    // What is in no namespace is told of in the default one.
    if about == own || (about.is_empty() && own == "default") {
        return Vec::new();
    }
    let why = "does not match event.namespace";
    vec![Cause::invalid("involvedObject.namespace", &about.into(), why)]
}

/// Rule: `ValidateLeaseSpec`.
pub(crate) fn validate_lease(object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let mut causes = Vec::new();
    if spec["leaseDurationSeconds"]
        .as_i64()
        .is_some_and(|seconds| seconds <= 0)
    {
        let (field, why) = ("spec.leaseDurationSeconds", "must be greater than 0");
        causes.push(Cause::invalid(field, &spec["leaseDurationSeconds"], why));
    }
    if spec["leaseTransitions"].as_i64().is_some_and(|count| count < 0) {
        let (field, why) = ("spec.leaseTransitions", "must be greater than or equal to 0");
        causes.push(Cause::invalid(field, &spec["leaseTransitions"], why));
    }
    causes
}

/// A new budget has counted nothing yet.
pub(crate) fn prepare_budget(object: &mut Value) {
    let status = child(object, "status");
    for count in [
        "currentHealthy",
        "desiredHealthy",
        "disruptionsAllowed",
        "expectedPods",
    ] {
        default_to(status, count, 0);
    }
}

/// Rule: `ValidatePodDisruptionBudgetSpec`.
pub(crate) fn validate_budget(object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    if spec["minAvailable"].is_null() || spec["maxUnavailable"].is_null() {
        return Vec::new();
    }
    let shown = json!({
        "MinAvailable": spec["minAvailable"], "Selector": spec["selector"], "MaxUnavailable": spec["maxUnavailable"],
        "UnhealthyPodEvictionPolicy": spec["unhealthyPodEvictionPolicy"],
    });
    vec![Cause::invalid(
        "spec",
        &shown,
        "minAvailable and maxUnavailable cannot be both set",
    )]
}

/// What is not known of a new node is empty.
pub(crate) fn prepare_node(object: &mut Value) {
    let status = child(object, "status");
    default_to(status, "daemonEndpoints", json!({"kubeletEndpoint": {"Port": 0}}));
    let info = [
        "architecture",
        "bootID",
        "containerRuntimeVersion",
        "kernelVersion",
        "kubeProxyVersion",
        "kubeletVersion",
        "machineID",
        "operatingSystem",
        "osImage",
        "systemUUID",
    ];
    let empty: Map<String, Value> = info
        .into_iter()
        .map(|field| (field.to_owned(), "".into()))
        .collect();
    default_to(status, "nodeInfo", Value::Object(empty));
}

/// Rule: `validateNodeTaints`.
pub(crate) fn validate_node(object: &Value) -> Vec<Cause> {
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    let taints = object["spec"]["taints"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate();
    let wrong = taints.filter(|(_, taint)| !taint["effect"].as_str().is_some_and(|e| effects.contains(&e)));
    wrong
        .map(|(at, taint)| {
            let field = format!("metadata.taints[{at}].effect");
            match taint["effect"].as_str() {
                None | Some("") => Cause::required(field, ""),
                Some(_) => Cause::not_supported(field, &taint["effect"], &effects),
            }
        })
        .collect()
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
    causes.extend(missing_keys(object));
    causes
}

/// What a Secret of its type lacks. Of a user's name and password one is enough.
fn missing_keys(object: &Value) -> Vec<Cause> {
    let required = |key: &str| Cause::required(format!("data[{key}]"), "");
    let absent = |key: &&str| object["data"][*key].is_null();
    let kind = object["type"].as_str().unwrap_or_default();
    if kind == "kubernetes.io/basic-auth" {
        let keys = ["username", "password"];
        return if keys.iter().all(absent) {
            keys.map(required).to_vec()
        } else {
            Vec::new()
        };
    }
    let keys = SECRET_KEYS
        .iter()
        .find(|(name, _)| *name == kind)
        .map_or(&[][..], |(_, keys)| keys);
    keys.iter()
        .filter(|key| absent(key))
        .map(|key| required(key))
        .collect()
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
        fixed.insert(0, "immutable");
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
        let place = format!("{field}[{key}]");
        if key == "." || key == ".." {
            causes.push(Cause::invalid(
                place,
                &json!(key),
                &format!("must not be '{key}'"),
            ));
        } else if key.starts_with("..") {
            causes.push(Cause::invalid(place, &json!(key), "must not start with '..'"));
        } else if key.is_empty() || key.len() > 253 || !key.chars().all(fine) {
            causes.push(Cause::invalid(
                place,
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
