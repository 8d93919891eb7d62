//! Steps that run under `plimsoll exec`: which do, and what it is told.

use std::collections::BTreeMap;
use std::path::Path;

use argo::exec::{INSTALL, Orders, Peers, SECRETS, Script};
use argo::location::ArtifactLocation;
use argo::repository::ArtifactRepository;
use argo::template::ContainerSetTemplate;
use argo::{Artifact, Template, ValueFrom};
use serde_json::{Value, json};

use super::spec::empty_dir;
use super::{Job, MAIN};
use crate::contract::{Delivery, ExecConfig};

/// Where the script of a script template is written.
const SCRIPT: &str = "/argo/staging/script";
/// The folder of it.
const STAGING: &str = "/argo/staging";
/// Where containers tell each other how they ended.
const PEERS: &str = "/var/run/argo/ctr";
/// Names of the volumes.
const STAGING_VOLUME: &str = "argo-staging";
const PEERS_VOLUME: &str = "var-run-argo";
const EXEC_VOLUME: &str = "plimsoll";
const SECRETS_VOLUME: &str = "argo-secrets";

/// Which of a pod's containers run under the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrapping {
    /// The main one: something must be done around its command, and reported.
    pub(super) main: bool,
    /// All main ones and sidecars: they wait for each other.
    pub(super) peers: bool,
}

impl Wrapping {
    pub(super) fn of(job: &Job<'_>) -> Self {
        let set = job.template.container_set.as_ref();
        let waits =
            set.is_some_and(|s| s.retry_strategy.is_some() || has_order(s) || gathers(job.template, s));
        let has_main = set.is_none_or(|s| s.containers.iter().any(|c| c.container.name == MAIN));
        Self {
            main: has_main && is_needed(job),
            peers: waits || !job.template.sidecars.is_empty(),
        }
    }

    pub(super) fn any(self) -> bool {
        self.main || self.peers
    }

    fn wraps(self, container: &str) -> bool {
        self.peers || self.main && container == MAIN
    }
}

fn has_order(set: &ContainerSetTemplate) -> bool {
    set.containers.iter().any(|c| !c.dependencies.is_empty())
}

/// Whether containers besides the main one may write what the main one's executor collects: Argo's own collects what
/// lies on a volume of the set once all of them have ended, and the rest when the main one has.
/// Rule: workflow/common/util.go, `FindOverlappingVolume`; cmd/argoexec/commands/emissary.go, `saveArtifact`.
fn gathers(template: &Template, set: &ContainerSetTemplate) -> bool {
    let outputs = &template.outputs;
    let artifacts = outputs.artifacts.iter().map(|a| a.path.as_str());
    let sources = outputs.parameters.iter().filter_map(|p| p.value_from.as_ref());
    let mut paths = artifacts.chain(sources.map(|source| source.path.as_str()));
    let shared = |path: &str| {
        let mut mounts = set
            .volume_mounts
            .iter()
            .filter_map(|mount| mount.text("mountPath"));
        mounts.any(|mount| Path::new(path).starts_with(mount))
    };
    set.containers.len() > 1 && paths.any(shared)
}

/// Whether something must be done around the main container's command.
fn is_needed(job: &Job<'_>) -> bool {
    let template = job.template;
    is_own_work(template)
        || script_source(template).is_some()
        || job.include_result
        || !template.inputs.artifacts.is_empty()
        || !template.outputs.artifacts.is_empty()
        || template
            .outputs
            .parameters
            .iter()
            .any(|p| p.value_from.as_ref().is_some_and(|f| !f.path.is_empty()))
        || archives_logs(job)
}

/// Whether the executor itself does the step's work: there is no command.
pub(super) fn is_own_work(template: &Template) -> bool {
    template.resource.is_some() || template.http.is_some()
}

fn script_source(template: &Template) -> Option<&str> {
    template
        .script
        .as_ref()
        .map(|s| s.source.as_str())
        .filter(|s| !s.is_empty())
}

/// Whether logs are kept as an artifact: the repository, else the template, else the workflow says so.
fn archives_logs(job: &Job<'_>) -> bool {
    let repository = job.repository;
    let own = job
        .template
        .archive_location
        .as_ref()
        .and_then(|l| l.archive_logs);
    repository.is_some_and(ArtifactRepository::archives_logs)
        || own.or(job.spec.archive_logs).unwrap_or_default() && place(job).is_some()
}

/// The executor's volumes.
pub(super) fn volumes(job: &Job<'_>, wrapping: Wrapping) -> Vec<Value> {
    let exec = &job.config.exec;
    let mut volumes = Vec::new();
    if wrapping.any() {
        volumes.push(match exec.delivery {
            Delivery::ImageVolume => json!({
                "name": EXEC_VOLUME,
                "image": { "reference": exec.image, "pullPolicy": "IfNotPresent" },
            }),
            Delivery::InitContainer => empty_dir(EXEC_VOLUME),
        });
    }
    if script_source(job.template).is_some() {
        volumes.push(empty_dir(STAGING_VOLUME));
    }
    if wrapping.peers {
        volumes.push(empty_dir(PEERS_VOLUME));
    }
    volumes
}

/// Puts the executor in front of the commands of containers that need it, and gives it its orders.
pub(super) fn inject(job: &Job<'_>, pod: &str, wrapping: Wrapping, spec: &mut Value) -> Result<(), String> {
    let mut secrets = Secrets::new();
    let containers = spec.get_mut("containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
        let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
        if wrapping.wraps(name) {
            let mut orders = if wrapping.main && name == MAIN {
                orders(job, pod)?
            } else {
                silent_orders(job, pod)
            };
            orders.peers = if wrapping.peers {
                Some(peers(job, name)?)
            } else {
                None
            };
            let own = secrets_of(&orders);
            wrap(job, container, &orders, &own)?;
            secrets.extend(own);
        }
    }
    if let (false, Value::Object(spec)) = (secrets.is_empty(), &mut *spec) {
        list(spec, "volumes").push(secrets_volume(&secrets));
    }
    if let (Delivery::InitContainer, true, Value::Object(spec)) =
        (job.config.exec.delivery, wrapping.any(), spec)
    {
        // First: containers of the user's own may run for long.
        list(spec, "initContainers").insert(0, copies_the_binary(&job.config.exec));
    }
    Ok(())
}

/// Orders of a container that only has others to care for.
fn silent_orders(job: &Job<'_>, pod: &str) -> Orders {
    Orders {
        workflow: job.meta.name.clone(),
        workflow_uid: job.meta.uid.clone(),
        namespace: job.meta.namespace.clone(),
        node_id: job.node.id.clone(),
        pod_name: pod.to_owned(),
        silent: true,
        ..Orders::default()
    }
}

/// What a container has to do with the others: members of a set wait for those that they depend on, sidecars
/// end with the main ones.
fn peers(job: &Job<'_>, name: &str) -> Result<Peers, String> {
    let template = job.template;
    let mut peers = Peers {
        folder: PEERS.to_owned(),
        name: name.to_owned(),
        ..Peers::default()
    };
    if template.sidecars.iter().any(|s| s.container.name == name) {
        peers.until = super::main_containers(job)?.into_iter().map(|c| c.name).collect();
    }
    let Some(set) = &template.container_set else {
        return Ok(peers);
    };
    let node = set.containers.iter().find(|c| c.container.name == name);
    peers.after = node.map(|n| n.dependencies.clone()).unwrap_or_default();
    if name == MAIN && gathers(template, set) {
        let names = set.containers.iter().map(|c| c.container.name.clone());
        peers.gather = names.filter(|name| name != MAIN).collect();
    }
    if let Some(retry) = set.retry_strategy.as_ref().filter(|_| node.is_some()) {
        let attempts = retry.retries.as_ref().and_then(argo::IntOrString::as_int);
        peers.attempts = attempts.and_then(|a| u32::try_from(a).ok()).unwrap_or_default();
        peers.pause = pause(&retry.duration)?;
    }
    Ok(peers)
}

/// Milliseconds of a duration as Go writes it.
fn pause(duration: &str) -> Result<u32, String> {
    if duration.is_empty() {
        return Ok(0);
    }
    let parsed = meta::duration::parse(duration).map_err(|e| format!("failed to get retry strategy: {e}"))?;
    u32::try_from(parsed.as_millis())
        .map_err(|_| format!("duration has to be positive, current duration: {duration} "))
}

/// Puts the executor in front of a container's command.
fn wrap(
    job: &Job<'_>,
    container: &mut serde_json::Map<String, Value>,
    orders: &Orders,
    secrets: &Secrets,
) -> Result<(), String> {
    let variables = orders.to_env().map_err(|e| e.to_string())?;
    if !holds(container, "command") && !is_own_work(job.template) {
        take_image_command(job, container)?;
    }
    let own = container
        .get("command")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let exec = [
        format!("{}/plimsoll", job.config.exec.mount),
        "exec".to_owned(),
        "--".to_owned(),
    ]
    .map(Value::from);
    let full: Vec<Value> = exec.into_iter().chain(own.cloned()).collect();
    container.insert("command".to_owned(), full.into());
    let mount = |name: &str, path: &str| json!({ "name": name, "mountPath": path });
    if orders.script.is_some() {
        list(container, "args").push(SCRIPT.into());
        list(container, "volumeMounts").push(mount(STAGING_VOLUME, STAGING));
    }
    if orders.peers.is_some() {
        list(container, "volumeMounts").push(mount(PEERS_VOLUME, PEERS));
    }
    if !secrets.is_empty() {
        list(container, "volumeMounts").push(json!({
            "name": SECRETS_VOLUME, "mountPath": SECRETS, "readOnly": true,
        }));
    }
    list(container, "volumeMounts").push(json!({
        "name": EXEC_VOLUME, "mountPath": job.config.exec.mount, "readOnly": true,
    }));
    let env = variables
        .into_iter()
        .map(|(name, value)| json!({ "name": name, "value": value }));
    list(container, "env").extend(env);
    Ok(())
}

/// Names of Secrets and of their keys, and whether each may be absent.
type Secrets = BTreeMap<(String, String), bool>;

/// The secrets that the executor needs to reach its artifacts.
fn secrets_of(orders: &Orders) -> Secrets {
    let outputs = orders.output_artifacts.iter();
    let own = |artifact: &&Artifact| artifact.location.has_location() || artifact.location.has_key();
    let common = orders.archive_logs || !outputs.clone().all(|artifact| own(&artifact));
    let named = orders
        .inputs
        .iter()
        .chain(outputs)
        .map(|artifact| &artifact.location);
    let places = named.chain(orders.archive_location.iter().filter(|_| common));
    let mut secrets = Secrets::new();
    for selector in places.flat_map(ArtifactLocation::secrets) {
        if let Some((name, key)) = selector.named() {
            let may_lack = secrets.entry((name.to_owned(), key.to_owned())).or_insert(true);
            *may_lack &= selector.is_optional();
        }
    }
    secrets
}

/// One volume for all of them: the value of a key is the file `NAME/KEY`.
fn secrets_volume(secrets: &Secrets) -> Value {
    let source = |((name, key), optional): (&(String, String), &bool)| {
        json!({"secret": {
            "name": name, "optional": optional, "items": [{"key": key, "path": format!("{name}/{key}")}],
        }})
    };
    let sources: Vec<Value> = secrets.iter().map(source).collect();
    json!({"name": SECRETS_VOLUME, "projected": {"sources": sources}})
}

/// The container that copies the binary to where the others find it.
fn copies_the_binary(exec: &ExecConfig) -> Value {
    json!({
        "name": "init",
        "image": exec.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/plimsoll", "exec", INSTALL, exec.mount],
        "volumeMounts": [{ "name": EXEC_VOLUME, "mountPath": exec.mount }],
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
        },
    })
}

fn list<'a>(object: &'a mut serde_json::Map<String, Value>, field: &str) -> &'a mut Vec<Value> {
    let value = object.entry(field).or_insert_with(|| json!([]));
    if !value.is_array() {
        *value = json!([]);
    }
    match value {
        Value::Array(list) => list,
        _ => unreachable!("just made a list"),
    }
}

/// Gives a container without a command what its image runs.
fn take_image_command(job: &Job<'_>, container: &mut serde_json::Map<String, Value>) -> Result<(), String> {
    let text = |field: &str| container.get(field).and_then(Value::as_str).unwrap_or_default();
    let image = text("image");
    let known = job
        .config
        .images
        .iter()
        .find(|known| meta::image::matches(&known.pattern, image));
    let known = known.filter(|known| !known.entrypoint.is_empty() || !known.arguments.is_empty());
    let Some(known) = known else {
        return Err(format!(
            "container \"{}\" in template \"{}\", does not have the command specified: a step with outputs, \
             artifacts, sidecars or a result must say its command, or the image's command must be configured",
            text("name"),
            job.template.name
        ));
    };
    if !holds(container, "args") {
        container.insert("args".to_owned(), json!(known.arguments));
    }
    container.insert("command".to_owned(), json!(known.entrypoint));
    Ok(())
}

/// Whether a list is there and not empty.
fn holds(object: &serde_json::Map<String, Value>, field: &str) -> bool {
    let list = object.get(field).and_then(Value::as_array);
    list.is_some_and(|list| !list.is_empty())
}

fn orders(job: &Job<'_>, pod: &str) -> Result<Orders, String> {
    let template = job.template;
    let place = replaced_place(job)?;
    let mut inputs = Vec::new();
    for input in template.inputs.artifacts.iter().filter(|a| !a.path.is_empty()) {
        let mut input = input.clone();
        if let Some(place) = &place {
            input.location.relocate(place);
        }
        if !(input.location.has_location() || input.location.has_key()) && input.optional {
            continue;
        }
        inputs.push(input);
    }
    let outputs = template
        .outputs
        .artifacts
        .iter()
        .map(|a| output(a, place.as_ref()))
        .collect();
    let parameters = template.outputs.parameters.iter();
    let read = |from: &ValueFrom| !from.path.is_empty() || template.resource.is_some();
    Ok(Orders {
        workflow: job.meta.name.clone(),
        workflow_uid: job.meta.uid.clone(),
        namespace: job.meta.namespace.clone(),
        node_id: job.node.id.clone(),
        pod_name: pod.to_owned(),
        inputs,
        script: script_source(template).map(|source| Script {
            path: SCRIPT.to_owned(),
            source: source.to_owned(),
        }),
        output_parameters: parameters
            .filter(|p| p.value_from.as_ref().is_some_and(read))
            .cloned()
            .collect(),
        resource: super::own_work::resource(job)?,
        http: template.http.as_deref().cloned(),
        output_artifacts: outputs,
        archive_location: place,
        include_result: job.include_result,
        archive_logs: archives_logs(job) && template.http.is_none(),
        deadline: job.deadline.map(meta::time::seconds).unwrap_or_default(),
        repository: job.repository.cloned(),
        ..Orders::default()
    })
}

/// Where artifacts without a place of their own go.
fn place(job: &Job<'_>) -> Option<ArtifactLocation> {
    let own = job.template.archive_location.clone();
    let repository = || job.repository.map(ArtifactRepository::location);
    own.filter(ArtifactLocation::has_location).or_else(repository)
}

fn replaced_place(job: &Job<'_>) -> Result<Option<ArtifactLocation>, String> {
    let Some(place) = place(job) else { return Ok(None) };
    let value = serde_json::to_value(&place).map_err(|e| e.to_string())?;
    serde_json::from_value(job.replaced(&value)?).map_err(|e| e.to_string())
}

/// An output with its whole place: its own, or a file of its name in the common one.
fn output(artifact: &Artifact, place: Option<&ArtifactLocation>) -> Artifact {
    let mut output = artifact.clone();
    let Some(place) = place else { return output };
    if output.location.has_key() {
        output.location.relocate(place);
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NAME/KEY`, with `?` where it may be absent.
    fn check(orders: &Value, expected: &[&str]) {
        let orders: Orders = serde_json::from_value(orders.clone()).expect("orders");
        let found: Vec<String> = secrets_of(&orders)
            .into_iter()
            .map(|((name, key), optional)| format!("{name}/{key}{}", if optional { "?" } else { "" }))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn only_the_secrets_of_places_that_are_used_are_mounted() {
        let secret = |key: &str| json!({"name": "s", "key": key});
        let place = |key: &str| json!({"s3": {"endpoint": "e", "bucket": "b", "key": "k", "accessKeySecret": secret(key)}});
        let at = |key: &str| {
            let mut artifact = place(key);
            artifact["name"] = "a".into();
            artifact
        };
        check(&json!({"archiveLocation": place("common")}), &[]);
        check(
            &json!({"archiveLocation": place("common"), "archiveLogs": true}),
            &["s/common"],
        );
        check(
            &json!({"archiveLocation": place("common"), "outputArtifacts": [{"name": "a", "path": "/a"}]}),
            &["s/common"],
        );
        check(
            &json!({"archiveLocation": place("common"), "inputs": [at("in")], "outputArtifacts": [at("out")]}),
            &["s/in", "s/out"],
        );
        let optional = json!({"http": {"url": "u", "auth": {"basicAuth": {
            "usernameSecret": {"name": "s", "key": "user", "optional": true},
        }}}});
        check(&json!({"inputs": [optional]}), &["s/user?"]);
    }
}
