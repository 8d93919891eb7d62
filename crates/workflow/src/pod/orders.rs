//! Steps that run under `plimsoll exec`: which do, and what it is told.

use argo::exec::{INSTALL, Orders, Script};
use argo::location::ArtifactLocation;
use argo::{Artifact, Template};
use serde_json::{Value, json};

use super::Job;
use super::spec::empty_dir;
use crate::contract::{Delivery, ExecConfig};

/// Where the script of a script template is written.
const SCRIPT: &str = "/argo/staging/script";
/// The folder of it.
const STAGING: &str = "/argo/staging";
/// Names of the volumes.
const STAGING_VOLUME: &str = "argo-staging";
const EXEC_VOLUME: &str = "plimsoll";

/// Whether something must be done around the step's command.
pub(super) fn needed(job: &Job<'_>) -> bool {
    let template = job.template;
    script_source(template).is_some()
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

fn script_source(template: &Template) -> Option<&str> {
    template
        .script
        .as_ref()
        .map(|s| s.source.as_str())
        .filter(|s| !s.is_empty())
}

/// Whether logs are kept as an artifact: the repository, else the template, else the workflow says so.
fn archives_logs(job: &Job<'_>) -> bool {
    let repository = job.config.artifact_repository.as_ref();
    let own = job
        .template
        .archive_location
        .as_ref()
        .and_then(|l| l.archive_logs);
    repository.is_some_and(argo::repository::ArtifactRepository::archives_logs)
        || own.or(job.spec.archive_logs).unwrap_or_default() && place(job).is_some()
}

/// The executor's volumes.
pub(super) fn volumes(job: &Job<'_>) -> Vec<Value> {
    let exec = &job.config.exec;
    let mut volumes = vec![match exec.delivery {
        Delivery::ImageVolume => json!({
            "name": EXEC_VOLUME,
            "image": { "reference": exec.image, "pullPolicy": "IfNotPresent" },
        }),
        Delivery::InitContainer => empty_dir(EXEC_VOLUME),
    }];
    if script_source(job.template).is_some() {
        volumes.push(empty_dir(STAGING_VOLUME));
    }
    volumes
}

/// Puts the executor in front of the main container's command and gives it its orders.
pub(super) fn inject(job: &Job<'_>, pod: &str, spec: &mut Value) -> Result<(), String> {
    let orders = orders(job, pod)?;
    let variables = orders.to_env().map_err(|e| e.to_string())?;
    let containers = spec.get_mut("containers").and_then(Value::as_array_mut);
    let main = containers.and_then(|c| c.iter_mut().find(|c| c["name"] == "main"));
    let Some(Value::Object(main)) = main else {
        return Err("the pod has no main container".to_owned());
    };
    if !holds(main, "command") {
        take_image_command(job, main)?;
    }
    let own = main
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
    main.insert("command".to_owned(), full.into());
    if orders.script.is_some() {
        list(main, "args").push(SCRIPT.into());
        list(main, "volumeMounts").push(json!({ "name": STAGING_VOLUME, "mountPath": STAGING }));
    }
    list(main, "volumeMounts").push(json!({
        "name": EXEC_VOLUME, "mountPath": job.config.exec.mount, "readOnly": true,
    }));
    let env = variables
        .into_iter()
        .map(|(name, value)| json!({ "name": name, "value": value }));
    list(main, "env").extend(env);
    if let (Delivery::InitContainer, Value::Object(spec)) = (job.config.exec.delivery, spec) {
        // First: containers of the user's own may run for long.
        list(spec, "initContainers").insert(0, copies_the_binary(&job.config.exec));
    }
    Ok(())
}

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
fn take_image_command(job: &Job<'_>, main: &mut serde_json::Map<String, Value>) -> Result<(), String> {
    let image = main.get("image").and_then(Value::as_str).unwrap_or_default();
    let known = job
        .config
        .images
        .iter()
        .find(|known| meta::image::matches(&known.pattern, image));
    let known = known.filter(|known| !known.entrypoint.is_empty() || !known.arguments.is_empty());
    let Some(known) = known else {
        return Err(format!(
            "container \"main\" in template \"{}\", does not have the command specified: a step with outputs, \
             artifacts or a result must say its command, or the image's command must be configured",
            job.template.name
        ));
    };
    if !holds(main, "args") {
        main.insert("args".to_owned(), json!(known.arguments));
    }
    main.insert("command".to_owned(), json!(known.entrypoint));
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
            .filter(|p| p.value_from.as_ref().is_some_and(|f| !f.path.is_empty()))
            .cloned()
            .collect(),
        output_artifacts: outputs,
        archive_location: place,
        include_result: job.include_result,
        archive_logs: archives_logs(job),
        deadline: job.deadline.map(meta::time::seconds).unwrap_or_default(),
        repository: job.config.artifact_repository.clone(),
    })
}

/// Where artifacts without a place of their own go.
fn place(job: &Job<'_>) -> Option<ArtifactLocation> {
    let own = job.template.archive_location.clone();
    let repository = || job.config.artifact_repository.as_ref().map(|r| r.location());
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
