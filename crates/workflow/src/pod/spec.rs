//! The spec of a pod: what the template, the template around it and the workflow say of it.

use argo::core::Container;
use argo::template::UserContainer;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::orders::{self, Wrapping};
use super::{Job, main_containers};
use crate::merge;
use crate::subst::{self, Unknown};
use crate::vars::Vars;

/// The spec, without orders and patches.
pub(super) fn build(job: &Job<'_>, wrapping: Wrapping) -> Result<Value, String> {
    let (template, workflow) = (job.template, job.spec);
    let mut mains = main_containers(job)?;
    for main in &mut mains {
        main.env.extend(standard_env(job, &main.name));
    }
    let mut spec = Map::new();
    let mut set = |field: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|v| !is_empty(v)) {
            spec.insert(field.to_owned(), value);
        }
    };
    set("restartPolicy", Some("Never".into()));
    set("activeDeadlineSeconds", active_deadline(job)?.map(Value::from));
    set("imagePullSecrets", value(&workflow.image_pull_secrets));
    set(
        "hostNetwork",
        workflow.host_network.filter(|h| *h).map(Value::from),
    );
    set("dnsPolicy", value(&workflow.dns_policy));
    set("dnsConfig", value(&workflow.dns_config));
    placement(job, &mut set);
    set(
        "securityContext",
        value(&template.security_context).or_else(|| value(&workflow.security_context)),
    );
    let account = [&template.service_account_name, &workflow.service_account_name];
    set(
        "serviceAccountName",
        account
            .into_iter()
            .find(|a| !a.is_empty())
            .map(|a| a.clone().into()),
    );
    let mount = template
        .automount_service_account_token
        .or(workflow.automount_service_account_token);
    set(
        "automountServiceAccountToken",
        mount.filter(|m| !*m).map(Value::from),
    );
    let mut aliases = workflow.host_aliases.clone();
    aliases.extend(template.host_aliases.iter().cloned());
    set("hostAliases", value(&aliases));
    set(
        "resources",
        value(&template.pod_resources).or_else(|| value(&workflow.pod_resources)),
    );
    let claims = if template.resource_claims.is_empty() {
        &workflow.resource_claims
    } else {
        &template.resource_claims
    };
    set("resourceClaims", value(claims));
    // Without an executor before it, the command would be the first process of its container, which hears SIGTERM
    // only if it asks for it: a step that is stopped would live through its grace.
    set("shareProcessNamespace", (!wrapping.any()).then_some(true.into()));
    set("volumes", Some(volumes(job, &mains, wrapping)));
    let users =
        |of: &[UserContainer]| -> Vec<Value> { of.iter().map(|c| user_container(job, c, &mains)).collect() };
    set("initContainers", Some(users(&template.init_containers).into()));
    let mut containers: Vec<Value> = mains.iter().filter_map(value).collect();
    containers.extend(users(&template.sidecars));
    set("containers", Some(containers.into()));
    Ok(Value::Object(spec))
}

fn value<T: Serialize>(of: &T) -> Option<Value> {
    serde_json::to_value(of).ok().filter(|v| !v.is_null())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Where the pod may run. The template around a step speaks for steps that say nothing.
fn placement(job: &Job<'_>, set: &mut impl FnMut(&str, Option<Value>)) {
    let (template, workflow) = (job.template, job.spec);
    let said = |v: Option<Value>| v.filter(|v| !is_empty(v));
    let first = |own: Option<Value>, around: Option<Value>, all: Option<Value>| {
        said(own).or_else(|| said(around)).or_else(|| said(all))
    };
    let around = job.around;
    let selector = around.and_then(|a| value(&a.node_selector));
    set(
        "nodeSelector",
        first(
            value(&template.node_selector),
            selector,
            value(&workflow.node_selector),
        ),
    );
    let affinity = around.and_then(|a| value(&a.affinity));
    set(
        "affinity",
        first(value(&template.affinity), affinity, value(&workflow.affinity)),
    );
    let tolerations = around.and_then(|a| value(&a.tolerations));
    set(
        "tolerations",
        first(
            value(&template.tolerations),
            tolerations,
            value(&workflow.tolerations),
        ),
    );
    set(
        "schedulerName",
        first(
            value(&template.scheduler_name),
            None,
            value(&workflow.scheduler_name),
        ),
    );
    let class = value(&workflow.pod_priority_class_name);
    set(
        "priorityClassName",
        first(value(&template.priority_class_name), None, class),
    );
}

/// Seconds that the pod may be active: the template's own, and what the deadlines leave.
fn active_deadline(job: &Job<'_>) -> Result<Option<i64>, String> {
    let own = match &job.template.active_deadline_seconds {
        Some(seconds) => Some(
            seconds
                .as_int()
                .ok_or_else(|| format!("strconv.ParseInt: parsing \"{seconds}\": invalid syntax"))?,
        ),
        None => None,
    };
    let left = [job.deadline, job.workflow_deadline]
        .into_iter()
        .flatten()
        .map(|until| {
            // Rounded up, so that the workflow's own deadline is what people read of first.
            let left = until.duration_since(job.now);
            (left.as_secs() + i64::from(left.subsec_nanos() > 0)).max(1)
        });
    Ok(own.into_iter().chain(left).min())
}

/// What Argo's containers find in their environment.
fn standard_env(job: &Job<'_>, container: &str) -> Vec<argo::core::EnvVar> {
    let deadline = job.deadline.into_iter().chain(job.workflow_deadline).min();
    let deadline = deadline.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), meta::time::seconds);
    let variables = [
        ("ARGO_CONTAINER_NAME", container.to_owned()),
        ("ARGO_NODE_ID", job.node.id.clone()),
        ("ARGO_INCLUDE_SCRIPT_OUTPUT", job.include_result.to_string()),
        ("ARGO_DEADLINE", deadline),
        ("ARGO_WORKFLOW_NAME", job.meta.name.clone()),
    ];
    variables
        .into_iter()
        .map(|(name, value)| env_var(name, &value))
        .collect()
}

pub(super) fn env_var(name: &str, value: &str) -> argo::core::EnvVar {
    let fields = [
        ("name".to_owned(), name.into()),
        ("value".to_owned(), value.into()),
    ];
    argo::core::EnvVar(fields.into_iter().collect())
}

/// Volumes of the template, those of the workflow that a container mounts, and the executor's.
fn volumes(job: &Job<'_>, mains: &[Container], wrapping: Wrapping) -> Value {
    let mut volumes: Vec<Value> = job.template.volumes.iter().filter_map(value).collect();
    let users = job.template.init_containers.iter().chain(&job.template.sidecars);
    let mounts = users
        .flat_map(|c| &c.container.volume_mounts)
        .chain(mains.iter().flat_map(|m| &m.volume_mounts));
    let mounted: Vec<&str> = mounts.filter_map(|m| m.text("name")).collect();
    let devices = mains.iter().flat_map(|m| &m.volume_devices);
    let devices: Vec<&str> = devices.filter_map(|d| d.text("name")).collect();
    let mut known: Vec<String> = job
        .template
        .volumes
        .iter()
        .filter_map(|v| v.text("name"))
        .map(str::to_owned)
        .collect();
    for volume in job.spec.volumes.iter().chain(job.claims) {
        let Some(name) = volume.text("name") else { continue };
        let used = mounted.contains(&name) || devices.contains(&name);
        if used && !known.iter().any(|k| k == name) {
            known.push(name.to_owned());
            volumes.extend(value(volume));
        }
    }
    volumes.extend(orders::volumes(job, wrapping));
    Value::Array(volumes)
}

/// A sidecar or init container; it may see what the main containers mount.
fn user_container(job: &Job<'_>, user: &UserContainer, mains: &[Container]) -> Value {
    let mut container = user.container.clone();
    container.env.extend(standard_env(job, &container.name));
    if user.mirror_volume_mounts == Some(true) {
        for mount in mains.iter().flat_map(|m| &m.volume_mounts) {
            let place = |m: &argo::core::VolumeMount| m.text("mountPath").map(str::to_owned);
            if !container.volume_mounts.iter().any(|m| place(m) == place(mount)) {
                container.volume_mounts.push(mount.clone());
            }
        }
    }
    value(&container).unwrap_or_default()
}

/// The spec with `podSpecPatch` of workflow and template merged in, in this order.
pub(super) fn patched(job: &Job<'_>, mut spec: Value) -> Result<Value, String> {
    let patches = [&job.spec.pod_spec_patch, &job.template.pod_spec_patch];
    for patch in patches.into_iter().filter(|p| !p.is_empty()) {
        let locals = job.vars_of_pod();
        let vars = Vars {
            locals: &locals,
            refs: None,
            globals: job.globals,
            now: job.now,
        };
        let text = subst::in_text(patch, vars, Unknown::Keep)
            .map_err(|f| format!("Failed to substitute the PodSpecPatch variables: {}", f.message()))?;
        let patch: Value = parse(&text).map_err(|e| format!("Error applying PodSpecPatch: {e}"))?;
        merge::merge(&mut spec, patch);
    }
    Ok(spec)
}

/// A patch is JSON or YAML.
fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).or_else(|_| serde_saphyr::from_str(text).map_err(|e| e.to_string()))
}

/// An empty folder that containers of the pod share.
pub(super) fn empty_dir(name: &str) -> Value {
    json!({ "name": name, "emptyDir": {} })
}
