//! What is in the cells of tables.

use std::fmt::Write;

use meta::Timestamp;
use serde_json::{Map, Value};

use super::{age, jsonpath};

const NONE: &str = "<none>";

/// A value as text, or `<none>`.
pub(super) fn or_none(value: &Value) -> Value {
    match value {
        Value::String(text) if !text.is_empty() => value.clone(),
        Value::Number(_) | Value::Bool(_) => value.clone(),
        _ => NONE.into(),
    }
}

/// A cell of a CRD's column.
pub(super) fn custom(column: &Value, object: &Value, now: Timestamp) -> Value {
    let path = column["jsonPath"].as_str().unwrap_or_default();
    let found = jsonpath::select(object, path);
    let Some(first) = found.first().copied().filter(|value| !value.is_null()) else {
        return Value::Null;
    };
    match column["type"].as_str().unwrap_or_default() {
        "date" => age::since(first, now).into(),
        "integer" | "number" | "boolean" => first.clone(),
        _ => join(found.iter().map(|value| text(value))).into(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn join(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(",")
}

fn join_or_none(words: impl Iterator<Item = String>) -> Value {
    match join(words) {
        words if words.is_empty() => NONE.into(),
        words => words.into(),
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.len(),
        Value::Array(list) => list.len(),
        _ => 0,
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn map(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

pub(super) fn data(object: &Value, _: Timestamp) -> Value {
    (count(&object["data"]) + count(&object["binaryData"])).into()
}

pub(super) fn min_available(budget: &Value, _: Timestamp) -> Value {
    or_not_applicable(&budget["spec"]["minAvailable"])
}

pub(super) fn max_unavailable(budget: &Value, _: Timestamp) -> Value {
    or_not_applicable(&budget["spec"]["maxUnavailable"])
}

fn or_not_applicable(value: &Value) -> Value {
    match value {
        Value::Null => "N/A".into(),
        value => text(value).into(),
    }
}

pub(super) fn disruptions_allowed(budget: &Value, _: Timestamp) -> Value {
    budget["status"]["disruptionsAllowed"]
        .as_i64()
        .unwrap_or(0)
        .into()
}

pub(super) fn attributes_class(object: &Value, _: Timestamp) -> Value {
    match object["spec"]["volumeAttributesClassName"].as_str() {
        Some(class) => class.into(),
        None => "<unset>".into(),
    }
}

/// The access modes of a claim once it has a volume.
pub(super) fn bound_access_modes(claim: &Value, now: Timestamp) -> Value {
    match claim["spec"]["volumeName"].as_str() {
        None | Some("") => "".into(),
        Some(_) => access_modes(claim, now),
    }
}

pub(super) fn node_status(node: &Value, _: Timestamp) -> Value {
    let ready = list(&node["status"]["conditions"]).find(|condition| condition["type"] == "Ready");
    let mut status = match ready.map(|condition| condition["status"].as_str()) {
        Some(Some("True")) => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if node["spec"]["unschedulable"] == true {
        status.push_str(",SchedulingDisabled");
    }
    status.into()
}

pub(super) fn node_roles(node: &Value, _: Timestamp) -> Value {
    let mut roles: Vec<String> = map(&node["metadata"]["labels"])
        .filter_map(
            |(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
                Some(role) if !role.is_empty() => Some(role.to_owned()),
                _ => (key == "kubernetes.io/role").then(|| text(value)),
            },
        )
        .collect();
    roles.sort_unstable();
    join_or_none(roles.into_iter())
}

pub(super) fn internal_ip(node: &Value, _: Timestamp) -> Value {
    address(node, "InternalIP")
}

pub(super) fn external_ip(node: &Value, _: Timestamp) -> Value {
    address(node, "ExternalIP")
}

fn address(node: &Value, kind: &str) -> Value {
    let found = list(&node["status"]["addresses"]).find(|address| address["type"] == kind);
    found.map_or_else(|| NONE.into(), |address| or_none(&address["address"]))
}

pub(super) fn service_ports(service: &Value, _: Timestamp) -> Value {
    join_or_none(list(&service["spec"]["ports"]).map(|port| {
        let mut text = port["port"].to_string();
        if let Some(node_port) = port["nodePort"].as_i64().filter(|p| *p != 0) {
            let _ = write!(text, ":{node_port}");
        }
        format!("{text}/{}", port["protocol"].as_str().unwrap_or("TCP"))
    }))
}

pub(super) fn selector(object: &Value, _: Timestamp) -> Value {
    join_or_none(map(&object["spec"]["selector"]).map(|(key, value)| format!("{key}={}", text(value))))
}

pub(super) fn access_modes(object: &Value, _: Timestamp) -> Value {
    let short = |mode: &Value| match mode.as_str() {
        Some("ReadWriteOnce") => "RWO",
        Some("ReadOnlyMany") => "ROX",
        Some("ReadWriteMany") => "RWX",
        Some("ReadWriteOncePod") => "RWOP",
        _ => "",
    };
    let modes = match &object["status"]["accessModes"] {
        Value::Null => &object["spec"]["accessModes"],
        modes => modes,
    };
    join(list(modes).map(|mode| short(mode).to_owned())).into()
}

pub(super) fn claim(volume: &Value, _: Timestamp) -> Value {
    let claim = &volume["spec"]["claimRef"];
    if claim.is_null() {
        return "".into();
    }
    format!("{}/{}", text(&claim["namespace"]), text(&claim["name"])).into()
}

pub(super) fn last_seen(event: &Value, now: Timestamp) -> Value {
    let times = [
        &event["series"]["lastObservedTime"],
        &event["lastTimestamp"],
        &event["firstTimestamp"],
        &event["eventTime"],
    ];
    since_first(&times, now)
}

pub(super) fn first_seen(event: &Value, now: Timestamp) -> Value {
    since_first(&[&event["firstTimestamp"], &event["eventTime"]], now)
}

fn since_first(times: &[&Value], now: Timestamp) -> Value {
    let time = times.iter().find(|time| time.is_string());
    age::since(time.unwrap_or(&&Value::Null), now).into()
}

pub(super) fn event_object(event: &Value, _: Timestamp) -> Value {
    let object = &event["involvedObject"];
    format!(
        "{}/{}",
        text(&object["kind"]).to_lowercase(),
        text(&object["name"])
    )
    .into()
}

pub(super) fn event_source(event: &Value, _: Timestamp) -> Value {
    let component = event["source"]["component"]
        .as_str()
        .or(event["reportingComponent"].as_str());
    match (component.unwrap_or_default(), event["source"]["host"].as_str()) {
        (component, Some(host)) if !host.is_empty() => format!("{component}, {host}").into(),
        (component, _) => component.into(),
    }
}

pub(super) fn event_count(event: &Value, _: Timestamp) -> Value {
    let count = event["series"]["count"].as_i64().or(event["count"].as_i64());
    count.unwrap_or(1).into()
}

pub(super) fn message(event: &Value, _: Timestamp) -> Value {
    event["message"].as_str().unwrap_or_default().trim().into()
}
