//! The pod of a node.
//!
//! A step without outputs, artifacts or script is one container with nothing injected. Others run under
//! `plimsoll exec`, which an image volume brings and which takes its orders from the environment.
//! Rule: workflow/controller/workflowpod.go.

mod affinity;
mod orders;
mod own_work;
mod spec;

use argo::core::{Container, Volume};
use argo::repository::ArtifactRepository;
use argo::template::{ContainerNode, ContainerSetTemplate};
use argo::{NodeStatus, ObjectMeta, Template, WorkflowSpec};
use meta::Timestamp;
use meta::names::ACTS_ANNOTATION;
use serde_json::{Map, Value, json};

use crate::contract::{
    ANNOTATION_ATTEMPT, ANNOTATION_EXEC, ANNOTATION_NODE_ID, ANNOTATION_NODE_NAME, Config, LABEL_COMPLETED,
    LABEL_INSTANCE, LABEL_WORKFLOW, POD_FINALIZER,
};
use crate::names::pod_name;
use crate::subst::{self, Unknown};
use crate::vars::{self, VarMap, Vars};

/// The name of the container that does the step's work.
const MAIN: &str = "main";

/// Everything a pod is made from.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    /// Of the workflow.
    pub(crate) meta: &'a ObjectMeta,
    pub(crate) spec: &'a WorkflowSpec,
    pub(crate) config: &'a Config,
    /// Where the workflow's artifacts go that name no place.
    pub(crate) repository: Option<&'a ArtifactRepository>,
    pub(crate) globals: &'a VarMap,
    /// Volumes of claims that were made for the workflow.
    pub(crate) claims: &'a [Volume],
    pub(crate) node: &'a NodeStatus,
    /// Its tags replaced.
    pub(crate) template: &'a Template,
    /// The template around it.
    pub(crate) around: Option<&'a Template>,
    pub(crate) on_exit: bool,
    pub(crate) include_result: bool,
    /// When the node must be over.
    pub(crate) deadline: Option<Timestamp>,
    /// When the workflow must be over; none for exit handlers.
    pub(crate) workflow_deadline: Option<Timestamp>,
    pub(crate) now: Timestamp,
    /// Machines that the pod is kept off: attempts before it failed there.
    pub(crate) keep_off: Vec<String>,
}

impl Job<'_> {
    fn pod_name(&self) -> String {
        pod_name(&self.meta.name, &self.node.name, &self.template.name)
    }

    /// The last substitution: what config maps and volumes brought in.
    fn vars_of_pod(&self) -> VarMap {
        let mut locals = VarMap::from([("pod.name".to_owned(), vars::text(self.pod_name()))]);
        for input in &self.template.inputs.parameters {
            let value = input.value.as_ref().map_or("", |v| v.as_str());
            locals.insert(format!("inputs.parameters.{}", input.name), vars::text(value));
        }
        locals
    }

    fn replaced(&self, value: &Value) -> Result<Value, String> {
        let locals = self.vars_of_pod();
        let vars = Vars {
            locals: &locals,
            refs: None,
            globals: self.globals,
            now: self.now,
        };
        subst::in_value(value, vars, Unknown::Keep).map_err(subst::Failure::message)
    }
}

/// The pod's name and the whole object.
pub(crate) fn build(job: &Job<'_>) -> Result<(String, Value), String> {
    let name = job.pod_name();
    let wrapping = orders::Wrapping::of(job);
    let mut spec = spec::build(job, wrapping)?;
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(job, &name, wrapping.main),
        "spec": Value::Null,
    });
    spec = job.replaced(&spec)?;
    pod["metadata"] = job.replaced(&pod["metadata"])?;
    spec = spec::patched(job, spec)?;
    affinity::keep_off(&mut spec, &job.keep_off);
    orders::inject(job, &name, wrapping, &mut spec)?;
    pod["spec"] = spec;
    Ok((name, pod))
}

fn metadata(job: &Job<'_>, name: &str, exec: bool) -> Value {
    let mut labels = Map::new();
    let mut annotations = Map::new();
    labels.insert(LABEL_WORKFLOW.to_owned(), job.meta.name.clone().into());
    labels.insert(LABEL_COMPLETED.to_owned(), "false".into());
    if let Some(instance) = &job.config.instance_id {
        labels.insert(LABEL_INSTANCE.to_owned(), instance.clone().into());
    }
    if job.on_exit {
        labels.insert("workflows.argoproj.io/on-exit".to_owned(), "true".into());
    }
    annotations.insert(ANNOTATION_NODE_NAME.to_owned(), job.node.name.clone().into());
    annotations.insert(ANNOTATION_NODE_ID.to_owned(), job.node.id.clone().into());
    annotations.insert(
        "kubectl.kubernetes.io/default-container".to_owned(),
        default_container(job.template).into(),
    );
    if let Some(attempt) = job.meta.annotations.get(ANNOTATION_ATTEMPT) {
        annotations.insert(ANNOTATION_ATTEMPT.to_owned(), attempt.clone().into());
    }
    if exec {
        annotations.insert(ANNOTATION_EXEC.to_owned(), "true".into());
    }
    if job.template.resource.is_some() {
        annotations.insert(ACTS_ANNOTATION.to_owned(), "true".into());
    }
    for more in job.spec.pod_metadata.iter().chain(&job.template.metadata) {
        labels.extend(more.labels.iter().map(|(k, v)| (k.clone(), v.clone().into())));
        annotations.extend(
            more.annotations
                .iter()
                .map(|(k, v)| (k.clone(), v.clone().into())),
        );
    }
    json!({
        "name": name,
        "namespace": job.meta.namespace,
        "labels": labels,
        "annotations": annotations,
        "finalizers": [POD_FINALIZER],
        "ownerReferences": [owner(job.meta)],
    })
}

/// The container that logs are read from where none is named: `main`, or the last one.
fn default_container(template: &Template) -> &str {
    let set = template.container_set.iter().flat_map(|s| &s.containers);
    let names = set.map(|c| c.container.name.as_str());
    names
        .reduce(|last, name| if last == MAIN { last } else { name })
        .unwrap_or(MAIN)
}

/// The template's main containers, named as Argo names them.
fn main_containers(job: &Job<'_>) -> Result<Vec<Container>, String> {
    let template = job.template;
    let mut containers = match (&template.container, &template.script, &template.container_set) {
        (Some(container), _, _) => vec![(**container).clone()],
        (_, Some(script), _) => vec![script.container.clone()],
        (_, _, Some(set)) => return Ok(set.containers.iter().map(|c| member(c, set)).collect()),
        _ if orders::is_own_work(template) => vec![own_work::container(job)],
        _ => return Err(format!("Template '{}' missing specification", template.name)),
    };
    MAIN.clone_into(&mut containers[0].name);
    Ok(containers)
}

/// A container of a set, with what all of the set mount.
fn member(node: &ContainerNode, set: &ContainerSetTemplate) -> Container {
    let mut container = node.container.clone();
    container.volume_mounts.extend(set.volume_mounts.iter().cloned());
    if container.name.is_empty() {
        MAIN.clone_into(&mut container.name);
    }
    container
}

/// The workflow as the owner of what is made for it.
pub(crate) fn owner(workflow: &ObjectMeta) -> Value {
    json!({
        "apiVersion": argo::API_VERSION,
        "kind": "Workflow",
        "name": workflow.name,
        "uid": workflow.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}
