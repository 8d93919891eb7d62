//! Checks of a pod: the essentials, in kube-apiserver's words. Rule: `ValidatePodSpec`.

use std::collections::BTreeSet;

use meta::Quantity;
use meta::names::check_label;
use serde_json::{Map, Value, json};

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
    causes
}

fn check_spec(spec: &Value, causes: &mut Vec<Cause>) {
    one_of(spec, "restartPolicy", &["Always", "Never", "OnFailure"], causes);
    let policies = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
    one_of(spec, "dnsPolicy", &policies, causes);
    let deadline = &spec["activeDeadlineSeconds"];
    if deadline.as_i64().is_some_and(|d| d < 1) {
        let why = "must be between 1 and 2147483647, inclusive";
        causes.push(Cause::invalid("spec.activeDeadlineSeconds", deadline, why));
    }
    let grace = &spec["terminationGracePeriodSeconds"];
    if grace.as_i64().is_some_and(|g| g < 0) {
        let why = "must be greater than or equal to 0";
        causes.push(Cause::invalid("spec.terminationGracePeriodSeconds", grace, why));
    }
}

fn one_of(spec: &Value, field: &str, allowed: &[&str], causes: &mut Vec<Cause>) {
    let value = &spec[field];
    if !value.as_str().is_some_and(|text| allowed.contains(&text)) {
        causes.push(Cause::not_supported(format!("spec.{field}"), value, allowed));
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
    }
    names
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
    check_mounts(&container["volumeMounts"], path, volumes, causes);
    check_env(&container["env"], path, causes);
    check_resources(&container["resources"], path, causes);
}

fn check_mounts(mounts: &Value, path: &str, volumes: &BTreeSet<&str>, causes: &mut Vec<Cause>) {
    let mut places = BTreeSet::new();
    for (i, mount) in mounts.as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.volumeMounts[{i}]");
        let (name, place) = (&mount["name"], &mount["mountPath"]);
        match name.as_str().unwrap_or_default() {
            "" => causes.push(Cause::required(format!("{path}.name"), "")),
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
    }
}

fn check_resources(resources: &Value, path: &str, causes: &mut Vec<Cause>) {
    let quantity = |value: &Value| serde_json::from_value::<Quantity>(value.clone()).ok();
    for side in ["limits", "requests"] {
        for (name, value) in resources[side].as_object().into_iter().flat_map(Map::iter) {
            let field = format!("{path}.resources.{side}[{name}]");
            match quantity(value) {
                None => causes.push(Cause::invalid(
                    field,
                    value,
                    "quantities must match the regular expression \
                     '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
                )),
                Some(amount) if amount < Quantity::ZERO => {
                    let why = "must be greater than or equal to 0";
                    causes.push(Cause::invalid(field, value, why));
                }
                Some(_) => {}
            }
        }
    }
    for (name, request) in resources["requests"].as_object().into_iter().flat_map(Map::iter) {
        let limit = &resources["limits"][name.as_str()];
        let exceeds =
            matches!((quantity(request), quantity(limit)), (Some(asked), Some(most)) if asked > most);
        if exceeds {
            let limit = limit.as_str().map_or_else(|| limit.to_string(), str::to_owned);
            let why = format!("must be less than or equal to {name} limit of {limit}");
            causes.push(Cause::invalid(
                format!("{path}.resources.requests"),
                request,
                &why,
            ));
        }
    }
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
                "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"Never\", \
               \"OnFailure\"",
            ],
        );
        check(
            json!({"containers": [{"name": "a", "image": "i",
                "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1", "memory": "x"}}}]}),
            &[
                "spec.containers[0].resources.limits[memory]: Invalid value: \"x\": quantities must match the regular \
                 expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
                "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu \
                 limit of 1",
            ],
        );
    }
}
