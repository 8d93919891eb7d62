//! Checks of a pod: the essentials, in kube-apiserver's words. Rule: `ValidatePodSpec`.

use std::collections::BTreeSet;

use meta::names::{check_label, check_subdomain};
use serde_json::{Map, Value, json};

use super::config::{PORT_MAX, PROTOCOLS};
use super::{pod_placement, pod_resources};
use crate::status::Cause;

/// Fields of a volume that are not its source.
const NOT_A_SOURCE: &str = "name";

/// Checks a pod that has its defaults.
pub(crate) fn validate(object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let mut causes = Vec::new();
    let volumes = check_volumes(&spec["volumes"], &mut causes);
    let mut names = BTreeSet::new();
    for field in ["initContainers", "containers"] {
        let list = spec[field].as_array().map_or(&[][..], Vec::as_slice);
        if field == "containers" && list.is_empty() {
            causes.push(Cause::required("spec.containers", ""));
        }
        for (i, container) in list.iter().enumerate() {
            let path = format!("spec.{field}[{i}]");
            check_container_name(container, &path, &mut names, &mut causes);
            check_container(container, &path, &volumes, &mut causes);
        }
    }
    check_spec(spec, &mut causes);
    causes.extend(pod_placement::validate(spec));
    causes
}

fn check_spec(spec: &Value, causes: &mut Vec<Cause>) {
    one_of(
        spec,
        "spec.",
        "restartPolicy",
        &["Always", "OnFailure", "Never"],
        causes,
    );
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(spec, "spec.", "dnsPolicy", &policies, causes);
    let deadline = &spec["activeDeadlineSeconds"];
    if deadline.as_i64().is_some_and(|d| d < 1) {
        let why = "must be between 1 and 2147483647, inclusive";
        causes.push(Cause::invalid("spec.activeDeadlineSeconds", deadline, why));
    }
    for field in ["hostname", "subdomain"] {
        if let Some(Err(why)) = spec[field]
            .as_str()
            .filter(|name| !name.is_empty())
            .map(check_label)
        {
            causes.push(Cause::invalid(format!("spec.{field}"), &spec[field], &why));
        }
    }
    if let Some(Err(why)) = spec["nodeName"]
        .as_str()
        .filter(|name| !name.is_empty())
        .map(check_subdomain)
    {
        causes.push(Cause::invalid("spec.nodeName", &spec["nodeName"], &why));
    }
}

/// A field that must have one of these values.
pub(super) fn one_of(at: &Value, path: &str, field: &str, allowed: &[&str], causes: &mut Vec<Cause>) {
    let value = &at[field];
    if !value.as_str().is_some_and(|text| allowed.contains(&text)) {
        causes.push(Cause::not_supported(format!("{path}{field}"), value, allowed));
    }
}

/// Checks volumes and returns their names.
fn check_volumes<'v>(volumes: &'v Value, causes: &mut Vec<Cause>) -> BTreeSet<&'v str> {
    let mut names = BTreeSet::new();
    for (i, volume) in volumes.as_array().into_iter().flatten().enumerate() {
        let path = format!("spec.volumes[{i}]");
        let name = volume["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            causes.push(Cause::required(format!("{path}.name"), ""));
        } else if let Err(why) = check_label(name) {
            causes.push(Cause::invalid(format!("{path}.name"), &json!(name), &why));
        }
        if !names.insert(name) && !name.is_empty() {
            causes.push(Cause::duplicate(format!("{path}.name"), &json!(name)));
        }
        let sources = volume.as_object().into_iter().flat_map(Map::iter);
        let sources = sources.filter(|(key, value)| *key != NOT_A_SOURCE && !value.is_null());
        for (source, _) in sources.skip(1) {
            let why = "may not specify more than 1 volume type";
            causes.push(Cause::forbidden(format!("{path}.{source}"), why));
        }
        check_source(volume, &path, causes);
    }
    names
}

/// What a volume's source needs.
fn check_source(volume: &Value, path: &str, causes: &mut Vec<Cause>) {
    let needed = [
        ("configMap", "name"),
        ("secret", "secretName"),
        ("hostPath", "path"),
        ("persistentVolumeClaim", "claimName"),
    ];
    for (source, field) in needed {
        let source_value = &volume[source];
        if source_value.is_object() && source_value[field].as_str().is_none_or(str::is_empty) {
            causes.push(Cause::required(format!("{path}.{source}.{field}"), ""));
        }
    }
    for source in ["configMap", "secret", "downwardAPI", "projected"] {
        let path = format!("{path}.{source}");
        let mode = &volume[source]["defaultMode"];
        if mode.as_i64().is_some_and(|mode| !(0..=0o777).contains(&mode)) {
            let why = "must be a number between 0 and 0777 (octal), both inclusive";
            causes.push(Cause::invalid(format!("{path}.defaultMode"), mode, why));
        }
        let items = volume[source]["items"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate();
        for (at, item) in items.filter(|_| matches!(source, "configMap" | "secret")) {
            check_item(item, &format!("{path}.items[{at}]"), causes);
        }
    }
}

/// A key, and the file it becomes.
fn check_item(item: &Value, path: &str, causes: &mut Vec<Cause>) {
    if item["key"].as_str().is_none_or(str::is_empty) {
        causes.push(Cause::required(format!("{path}.key"), ""));
    }
    let file = item["path"].as_str().unwrap_or_default();
    let field = format!("{path}.path");
    if file.is_empty() {
        causes.push(Cause::required(field, ""));
    } else if file.starts_with('/') {
        causes.push(Cause::invalid(field, &item["path"], "must be a relative path"));
    } else if file.split('/').any(|part| part == "..") {
        causes.push(Cause::invalid(field, &item["path"], "must not contain '..'"));
    }
}

fn check_container_name<'v>(
    container: &'v Value,
    path: &str,
    names: &mut BTreeSet<&'v str>,
    causes: &mut Vec<Cause>,
) {
    let field = format!("{path}.name");
    let name = container["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        causes.push(Cause::required(field, ""));
    } else if let Err(why) = check_label(name) {
        causes.push(Cause::invalid(field, &json!(name), &why));
    } else if !names.insert(name) {
        causes.push(Cause::duplicate(field, &json!(name)));
    }
}

fn check_container(container: &Value, path: &str, volumes: &BTreeSet<&str>, causes: &mut Vec<Cause>) {
    let image = container["image"].as_str().unwrap_or_default();
    if image.is_empty() {
        causes.push(Cause::required(format!("{path}.image"), ""));
    } else if image.trim() != image {
        let why = "must not have leading or trailing whitespace";
        causes.push(Cause::invalid(format!("{path}.image"), &container["image"], why));
    }
    if container["imagePullPolicy"].is_string() {
        let policies = ["Always", "IfNotPresent", "Never"];
        one_of(
            container,
            &format!("{path}."),
            "imagePullPolicy",
            &policies,
            causes,
        );
    }
    check_mounts(&container["volumeMounts"], path, volumes, causes);
    check_env(&container["env"], path, causes);
    check_ports(&container["ports"], path, causes);
    check_handlers(container, path, causes);
    pod_resources::validate(&container["resources"], path, causes);
}

fn check_mounts(mounts: &Value, path: &str, volumes: &BTreeSet<&str>, causes: &mut Vec<Cause>) {
    let mut places = BTreeSet::new();
    for (i, mount) in mounts.as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.volumeMounts[{i}]");
        let (name, place) = (&mount["name"], &mount["mountPath"]);
        match name.as_str().unwrap_or_default() {
            "" => {
                causes.push(Cause::required(format!("{path}.name"), ""));
                causes.push(Cause::not_found(format!("{path}.name"), &"".into()));
            }
            text if !volumes.contains(text) => causes.push(Cause::not_found(format!("{path}.name"), name)),
            _ => {}
        }
        match place.as_str().unwrap_or_default() {
            "" => causes.push(Cause::required(format!("{path}.mountPath"), "")),
            text if !places.insert(text) => {
                causes.push(Cause::invalid(
                    format!("{path}.mountPath"),
                    place,
                    "must be unique",
                ));
            }
            _ => {}
        }
    }
}

fn check_env(env: &Value, path: &str, causes: &mut Vec<Cause>) {
    for (i, variable) in env.as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.env[{i}]");
        let name = variable["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            causes.push(Cause::required(format!("{path}.name"), ""));
        } else if name.contains('=') || !name.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            let why = "a valid environment variable name must consist only of printable ASCII characters other than '='";
            causes.push(Cause::invalid(format!("{path}.name"), &variable["name"], why));
        }
        let both =
            !variable["valueFrom"].is_null() && variable["value"].as_str().is_some_and(|v| !v.is_empty());
        if both {
            let why = "may not be specified when `value` is not empty";
            causes.push(Cause::invalid(format!("{path}.valueFrom"), &json!(""), why));
        }
        check_value_source(&variable["valueFrom"], &format!("{path}.valueFrom"), causes);
    }
}

/// Fields of a pod that its containers may be told of.
const TOLD: [&str; 10] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
    "metadata.labels",
];

fn check_value_source(source: &Value, path: &str, causes: &mut Vec<Cause>) {
    let Some(fields) = source.as_object() else { return };
    if fields.is_empty() {
        let why = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
        causes.push(Cause::invalid(path, &json!(""), why));
    }
    let told = &source["fieldRef"]["fieldPath"];
    let known = |field: &str| {
        TOLD.contains(&field)
            || field.starts_with("metadata.labels['")
            || field.starts_with("metadata.annotations['")
    };
    if let Some(field) = told.as_str().filter(|field| !known(field)) {
        let why = format!("error converting fieldPath: field label not supported: {field}");
        causes.push(Cause::invalid(format!("{path}.fieldRef.fieldPath"), told, &why));
    }
}

fn check_ports(ports: &Value, path: &str, causes: &mut Vec<Cause>) {
    let mut names = BTreeSet::new();
    for (at, port) in ports.as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.ports[{at}]");
        if let Some(name) = port["name"].as_str().filter(|name| !name.is_empty()) {
            let field = format!("{path}.name");
            causes.extend(
                port_name(name)
                    .into_iter()
                    .map(|why| Cause::invalid(field.clone(), &port["name"], why)),
            );
            if !names.insert(name) {
                causes.push(Cause::duplicate(field, &port["name"]));
            }
        }
        let number = port["containerPort"].as_i64().unwrap_or(0);
        if number == 0 {
            causes.push(Cause::required(format!("{path}.containerPort"), ""));
        } else if !(1..=PORT_MAX).contains(&number) {
            let why = format!("must be between 1 and {PORT_MAX}, inclusive");
            causes.push(Cause::invalid(
                format!("{path}.containerPort"),
                &port["containerPort"],
                &why,
            ));
        }
        one_of(port, &format!("{path}."), "protocol", &PROTOCOLS, causes);
    }
}

/// Rule: apimachinery's `IsValidPortName`.
fn port_name(name: &str) -> Vec<&'static str> {
    let mut why = Vec::new();
    if name.len() > 15 {
        why.push("must be no more than 15 characters");
    }
    if !name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        why.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    }
    if !name.bytes().any(|b| b.is_ascii_lowercase()) {
        why.push("must contain at least one letter (a-z)");
    }
    if name.contains("--") {
        why.push("must not contain consecutive hyphens");
    }
    if name.starts_with('-') || name.ends_with('-') {
        why.push("must not begin or end with a hyphen");
    }
    why
}

/// Probes and hooks do one thing each.
fn check_handlers(container: &Value, path: &str, causes: &mut Vec<Cause>) {
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        check_handler(
            &container[probe],
            &["exec", "httpGet", "tcpSocket", "grpc"],
            &format!("{path}.{probe}"),
            causes,
        );
    }
    for hook in ["postStart", "preStop"] {
        let path = format!("{path}.lifecycle.{hook}");
        check_handler(
            &container["lifecycle"][hook],
            &["exec", "httpGet", "tcpSocket", "sleep"],
            &path,
            causes,
        );
    }
}

fn check_handler(handler: &Value, kinds: &[&str], path: &str, causes: &mut Vec<Cause>) {
    if !handler.is_object() {
        return;
    }
    let mut there = kinds.iter().filter(|kind| !handler[**kind].is_null());
    match there.next() {
        None => causes.push(Cause::required(path, "must specify a handler type")),
        Some(&"exec") if handler["exec"]["command"].as_array().is_none_or(Vec::is_empty) => {
            causes.push(Cause::required(format!("{path}.exec.command"), ""));
        }
        Some(_) => {}
    }
    let why = "may not specify more than 1 handler type";
    causes.extend(there.map(|kind| Cause::forbidden(format!("{path}.{kind}"), why)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mut spec: Value, expected: &[&str]) {
        for (field, value) in [("restartPolicy", "Always"), ("dnsPolicy", "ClusterFirst")] {
            if spec[field].is_null() {
                spec[field] = value.into();
            }
        }
        let causes = validate(&json!({"spec": spec}));
        let lines: Vec<String> = causes
            .iter()
            .map(|c| format!("{}: {}", c.field, c.message))
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn essentials() {
        check(json!({"containers": [{"name": "a", "image": "i"}]}), &[]);
        check(json!({}), &["spec.containers: Required value"]);
        check(
            json!({"containers": [{"name": "a", "image": "i"}, {"name": "a"}]}),
            &[
                "spec.containers[1].name: Duplicate value: \"a\"",
                "spec.containers[1].image: Required value",
            ],
        );
        check(
            json!({"containers": [{"name": "a", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/x"}]}]}),
            &["spec.containers[0].volumeMounts[0].name: Not found: \"v\""],
        );
        check(
            json!({"containers": [{"name": "a", "image": "i"}], "restartPolicy": "Sometimes"}),
            &[
                "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \
               \"OnFailure\", \"Never\"",
            ],
        );
        check(
            json!({"containers": [{"name": "a", "image": "i",
                "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1", "memory": "2"}}}]}),
            &[
                "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu \
                 limit of 1",
            ],
        );
    }
}
