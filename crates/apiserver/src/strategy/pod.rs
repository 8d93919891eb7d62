//! Pods: the defaults that kube-apiserver and its default admission plugins fill in, and what may change later.
//!
//! One thing is left out on purpose: no service account token is mounted into every pod. A pod that needs one says so
//! by a projected volume.

use serde_json::{Map, Value, json};

pub(crate) use super::pod_checks::validate;
use super::qos;
use crate::object::{child, default_to};
use crate::status::Cause;

/// Fields that selectors may name.
pub(crate) const FIELDS: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
];

/// 0644, as files of volumes have it.
const MODE: u32 = 0o644;

/// Lists of containers in a pod's spec.
pub(super) const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Fills in defaults.
pub(crate) fn default(object: &mut Value) {
    let spec = child(object, "spec");
    default_to(spec, "restartPolicy", "Always");
    default_to(spec, "terminationGracePeriodSeconds", 30);
    default_to(spec, "dnsPolicy", "ClusterFirst");
    default_to(spec, "securityContext", json!({}));
    default_to(spec, "schedulerName", "default-scheduler");
    default_to(spec, "enableServiceLinks", true);
    for field in CONTAINERS {
        each(spec, field, default_container);
    }
    each(spec, "volumes", default_volume);
    // A negative time is the shortest.
    if spec["terminationGracePeriodSeconds"]
        .as_i64()
        .is_some_and(|seconds| seconds < 0)
    {
        spec.insert("terminationGracePeriodSeconds".to_owned(), 1.into());
    }
}

/// What admission adds to a new pod, and its first status.
pub(crate) fn prepare(object: &mut Value) {
    let spec = child(object, "spec");
    let account = ["serviceAccountName", "serviceAccount"]
        .iter()
        .find_map(|field| {
            spec.get(*field)
                .filter(|v| v.as_str().is_some_and(|s| !s.is_empty()))
        })
        .cloned()
        .unwrap_or_else(|| "default".into());
    spec.insert("serviceAccountName".to_owned(), account.clone());
    spec.insert("serviceAccount".to_owned(), account);
    default_to(spec, "priority", 0);
    default_to(spec, "preemptionPolicy", "PreemptLowerPriority");
    tolerate(spec);
    let class = qos::class(&object["spec"]);
    let status = child(object, "status");
    status.insert("phase".to_owned(), "Pending".into());
    status.insert("qosClass".to_owned(), class.into());
}

/// Pods stay five minutes on a node that is not ready or unreachable (`DefaultTolerationSeconds`).
fn tolerate(spec: &mut Map<String, Value>) {
    default_to(spec, "tolerations", json!([]));
    let Some(list) = spec["tolerations"].as_array_mut() else {
        return;
    };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerated = |t: &Value| {
            let key_fits = t["key"] == key || (t["key"].is_null() && t["operator"] == "Exists");
            key_fits && (t["effect"].is_null() || t["effect"] == "NoExecute")
        };
        if !list.iter().any(tolerated) {
            list.push(
                json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}),
            );
        }
    }
}

fn default_container(container: &mut Map<String, Value>) {
    default_to(container, "terminationMessagePath", "/dev/termination-log");
    default_to(container, "terminationMessagePolicy", "File");
    default_to(container, "resources", json!({}));
    let policy = pull_policy(container.get("image").and_then(Value::as_str).unwrap_or_default());
    default_to(container, "imagePullPolicy", policy);
    default_requests(&mut container["resources"]);
    each(container, "ports", |port| default_to(port, "protocol", "TCP"));
    each(container, "env", |variable| {
        if let Some(field) = variable
            .get_mut("valueFrom")
            .and_then(|from| from.get_mut("fieldRef"))
        {
            default_field_ref(field);
        }
    });
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe).and_then(Value::as_object_mut) {
            default_probe(probe);
        }
    }
}

/// Images without a tag, or with the tag `latest`, are pulled always.
fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or_default();
    let tag = match name.split_once('@') {
        Some(_) => return "IfNotPresent",
        None => name.split_once(':').map_or("latest", |(_, tag)| tag),
    };
    if tag == "latest" { "Always" } else { "IfNotPresent" }
}

/// What is limited and not requested is requested to its limit.
fn default_requests(resources: &mut Value) {
    let Some(limits) = resources["limits"].as_object().cloned() else {
        return;
    };
    let requests = child(resources, "requests");
    for (resource, limit) in limits {
        default_to(requests, &resource, limit);
    }
}

fn default_probe(probe: &mut Map<String, Value>) {
    for (field, value) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        default_to(probe, field, value);
    }
    if let Some(get) = probe.get_mut("httpGet").and_then(Value::as_object_mut) {
        default_to(get, "path", "/");
        default_to(get, "scheme", "HTTP");
    }
}

fn default_volume(volume: &mut Map<String, Value>) {
    if volume.len() == 1 && volume.contains_key("name") {
        volume.insert("emptyDir".to_owned(), json!({}));
    }
    for source in ["configMap", "secret", "downwardAPI", "projected"] {
        let Some(source) = volume.get_mut(source).and_then(Value::as_object_mut) else {
            continue;
        };
        default_to(source, "defaultMode", MODE);
        each(source, "items", default_item);
        each(source, "sources", default_projection);
    }
    if let Some(path) = volume.get_mut("hostPath").and_then(Value::as_object_mut) {
        default_to(path, "type", "");
    }
}

fn default_projection(source: &mut Map<String, Value>) {
    if let Some(token) = source
        .get_mut("serviceAccountToken")
        .and_then(Value::as_object_mut)
    {
        default_to(token, "expirationSeconds", 3600);
    }
    if let Some(downward) = source.get_mut("downwardAPI").and_then(Value::as_object_mut) {
        each(downward, "items", default_item);
    }
}

fn default_item(item: &mut Map<String, Value>) {
    if let Some(field) = item.get_mut("fieldRef") {
        default_field_ref(field);
    }
}

fn default_field_ref(field: &mut Value) {
    if let Some(field) = field.as_object_mut() {
        default_to(field, "apiVersion", "v1");
    }
}

/// Does `change` to every object in a list, if there is one.
fn each(map: &mut Map<String, Value>, list: &str, change: impl Fn(&mut Map<String, Value>)) {
    let items = map.get_mut(list).and_then(Value::as_array_mut);
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
        .for_each(change);
}

/// A pod's spec is fixed but for a few fields.
pub(crate) fn validate_update(new: &Value, old: &Value) -> Vec<Cause> {
    if new["spec"] == old["spec"] {
        return Vec::new();
    }
    let count = |pod: &Value, field: &str| pod["spec"][field].as_array().map_or(0, Vec::len);
    for field in ["containers", "initContainers"] {
        if count(new, field) != count(old, field) {
            let why = format!(
                "pod updates may not add or remove {}",
                match field {
                    "containers" => "containers",
                    _ => "init containers",
                }
            );
            return vec![Cause::forbidden(format!("spec.{field}"), &why)];
        }
    }
    let mut causes: Vec<Cause> = check_deadline(&new["spec"], &old["spec"]).into_iter().collect();
    if !tolerations_grow(&new["spec"]["tolerations"], &old["spec"]["tolerations"]) {
        causes.push(Cause::forbidden(
            "spec.tolerations",
            "existing toleration can not be modified except its tolerationSeconds",
        ));
    }
    if fixed_part(new) != fixed_part(old) {
        causes.push(Cause::forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
             `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
             `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        ));
    }
    causes
}

/// A deadline may be set, and brought nearer.
fn check_deadline(new: &Value, old: &Value) -> Option<Cause> {
    const FIELD: &str = "spec.activeDeadlineSeconds";
    let (after, before) = (&new["activeDeadlineSeconds"], &old["activeDeadlineSeconds"]);
    match (after.as_i64(), before.as_i64()) {
        (Some(after_s), Some(before_s)) if after_s > before_s => Some(Cause::invalid(
            FIELD,
            after,
            "must be less than or equal to previous value",
        )),
        (None, Some(_)) => Some(Cause::invalid(
            FIELD,
            after,
            "must not update from a positive integer to nil value",
        )),
        _ => None,
    }
}

fn tolerations_grow(new: &Value, old: &Value) -> bool {
    let but_seconds = |toleration: &Value| {
        let mut toleration = toleration.clone();
        if let Some(map) = toleration.as_object_mut() {
            map.remove("tolerationSeconds");
        }
        toleration
    };
    let kept: Vec<Value> = new.as_array().into_iter().flatten().map(but_seconds).collect();
    old.as_array()
        .into_iter()
        .flatten()
        .all(|t| kept.contains(&but_seconds(t)))
}

/// The spec without what may change.
fn fixed_part(pod: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("activeDeadlineSeconds");
        spec.remove("tolerations");
        for field in CONTAINERS {
            each(spec, field, |container| {
                container.remove("image");
            });
        }
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_policy_follows_the_tag() {
        for (image, expected) in [
            ("busybox", "Always"),
            ("busybox:latest", "Always"),
            ("busybox:1.36", "IfNotPresent"),
            ("localhost:5000/busybox", "Always"),
            ("a/b@sha256:00", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), expected, "{image}");
        }
    }

    #[test]
    fn defaults_are_those_of_a_real_server() {
        let mut pod = json!({"spec": {
            "containers": [{"name": "c", "image": "a:1", "ports": [{"containerPort": 80}],
                "resources": {"limits": {"cpu": "1"}}, "readinessProbe": {"httpGet": {"port": 80}},
                "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}],
            "volumes": [{"name": "e"}, {"name": "c", "configMap": {"name": "x"}}]}});
        default(&mut pod);
        prepare(&mut pod);
        let spec = &pod["spec"];
        let container = &spec["containers"][0];
        assert_eq!(spec["restartPolicy"], "Always");
        assert_eq!(spec["serviceAccountName"], "default");
        assert_eq!(spec["tolerations"].as_array().map(Vec::len), Some(2));
        assert_eq!(container["imagePullPolicy"], "IfNotPresent");
        assert_eq!(container["ports"][0]["protocol"], "TCP");
        assert_eq!(container["resources"]["requests"]["cpu"], "1");
        assert_eq!(container["readinessProbe"]["httpGet"]["scheme"], "HTTP");
        assert_eq!(container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"], "v1");
        assert_eq!(spec["volumes"][0]["emptyDir"], json!({}));
        assert_eq!(spec["volumes"][1]["configMap"]["defaultMode"], 420);
        assert_eq!(
            pod["status"],
            json!({"phase": "Pending", "qosClass": "Burstable"})
        );
        let once = pod.clone();
        default(&mut pod);
        assert_eq!(pod, once, "defaulting twice changes nothing");
    }

    #[test]
    fn only_a_few_fields_may_change() {
        let old = json!({"spec": {"containers": [{"image": "a"}], "tolerations": [{"key": "k"}]}});
        let check = |path: &str, value: Value, fine: bool| {
            let mut new = old.clone();
            if let Some(at) = new.pointer_mut(path) {
                *at = value;
            }
            assert_eq!(validate_update(&new, &old).is_empty(), fine, "{path}");
        };
        check("/spec/containers/0/image", json!("b"), true);
        check(
            "/spec/tolerations",
            json!([{"key": "k", "tolerationSeconds": 3}, {"key": "l"}]),
            true,
        );
        check("/spec/tolerations", json!([]), false);
        check(
            "/spec/containers/0",
            json!({"image": "a", "command": ["x"]}),
            false,
        );
    }
}
