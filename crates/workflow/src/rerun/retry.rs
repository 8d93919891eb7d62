//! `retry`: the same Workflow, its failed nodes gone, what is above them running again.

use std::collections::{BTreeMap, BTreeSet};

use argo::values::ValueFrom;
use argo::{NodeStatus, Parameter, Time, Workflow};
use meta::Timestamp;

use super::graph::Graph;
use super::reset::Fates;
use super::{LABEL_ARCHIVING, NodeSelector, clear_shutdown, override_parameters};
use crate::contract::{ANNOTATION_ATTEMPT, LABEL_COMPLETED};
use crate::names;
use crate::phase::{self, ERROR, FAILED, RUNNING, SKIPPED, SUCCEEDED, kind};

/// What is to be retried beside what failed.
#[derive(Clone, Debug, Default)]
pub struct RetryOptions {
    /// Nodes that succeeded too, where the selector means them.
    pub restart_successful: bool,
    /// Which nodes.
    pub nodes: NodeSelector,
    /// Other values of arguments, by name.
    pub parameters: Vec<(String, String)>,
}

/// What a retry comes to.
#[derive(Clone, Debug)]
pub struct Retried {
    /// The Workflow, edited.
    pub workflow: Workflow,
    /// The names of pods that must be gone before it is written: their successors have the same names.
    pub pods: Vec<String>,
}

/// Takes a workflow that is over back to where it can go on.
///
/// # Errors
/// Argo's messages: it is not over, or has succeeded and nothing is selected, or its nodes do not hang together.
pub fn retry(workflow: &Workflow, options: &RetryOptions, now: Timestamp) -> Result<Retried, String> {
    let selects = options.restart_successful && !options.nodes.is_empty();
    match workflow.status.phase.as_str() {
        FAILED | ERROR => {}
        SUCCEEDED if selects => {}
        SUCCEEDED => {
            return Err(
                "To retry a succeeded workflow, set the options restartSuccessful and nodeFieldSelector"
                    .to_owned(),
            );
        }
        phase => return Err(format!("Cannot retry a workflow in phase {phase}")),
    }
    let nodes = &workflow.status.nodes;
    let graph = Graph::new(nodes)?;
    let fates = fates(workflow, &graph, options, selects)?;
    let mut gone = fates.delete.clone();
    gone.extend(exit_nodes(workflow, &graph));
    Ok(Retried {
        pods: pods(workflow, &gone),
        workflow: edited(workflow, options, &gone, &fates.reset, now),
    })
}

fn fates(
    workflow: &Workflow,
    graph: &Graph<'_>,
    options: &RetryOptions,
    selects: bool,
) -> Result<Fates, String> {
    let nodes = &workflow.status.nodes;
    let selected = nodes
        .values()
        .filter(|node| selects && options.nodes.matches(node));
    let mut rerun: BTreeSet<String> = selected.map(|node| node.id.clone()).collect();
    let above_success = graph.above_success(&rerun);
    let failed = nodes
        .values()
        .filter(|node| phase::failed(&node.phase) && is_work(node));
    let failed = failed.filter(|node| {
        let of = if phase::retried(node) {
            graph.parent(&node.id)
        } else {
            Some(*node)
        };
        of.is_some_and(|of| !above_success.contains(of.id.as_str()))
    });
    rerun.extend(failed.map(|node| node.id.clone()));

    let mut fates = Fates::default();
    for id in graph
        .from(&workflow.metadata.name)
        .into_iter()
        .filter(|id| rerun.contains(*id))
    {
        fates.rerun(graph, id)?;
    }
    if !options.parameters.is_empty() {
        expand_again(graph, &mut fates);
    }
    Ok(fates)
}

/// With other parameters, groups that run again are made anew from them.
fn expand_again(graph: &Graph<'_>, fates: &mut Fates) {
    let groups: Vec<&NodeStatus> = fates
        .reset
        .difference(&fates.delete)
        .filter_map(|id| graph.get(id))
        .filter(|node| [kind::TASK_GROUP, kind::STEP_GROUP].contains(&node.r#type.as_str()))
        .collect();
    for child in groups.into_iter().flat_map(|group| &group.children) {
        fates.delete_from(graph, child);
    }
}

/// Nodes that do the work.
fn is_work(node: &NodeStatus) -> bool {
    [kind::CONTAINER, kind::POD, kind::HTTP, kind::PLUGIN].contains(&node.r#type.as_str())
}

/// The workflow's exit handler and all that it started: it runs again after every end.
fn exit_nodes(workflow: &Workflow, graph: &Graph<'_>) -> BTreeSet<String> {
    let exit = names::on_exit(&workflow.metadata.name);
    let handlers = workflow
        .status
        .nodes
        .values()
        .filter(|node| node.name.starts_with(&exit));
    handlers
        .flat_map(|node| graph.from(&node.id))
        .map(str::to_owned)
        .collect()
}

fn pods(workflow: &Workflow, gone: &BTreeSet<String>) -> Vec<String> {
    let nodes = gone.iter().filter_map(|id| workflow.status.nodes.get(id));
    let pods = nodes.filter(|node| kind::has_pod(&node.r#type)).map(|node| {
        let template = node
            .template_ref
            .as_ref()
            .map_or(&node.template_name, |of| &of.template);
        names::pod_name(&workflow.metadata.name, &node.name, template)
    });
    pods.collect::<BTreeSet<_>>().into_iter().collect()
}

fn edited(
    workflow: &Workflow,
    options: &RetryOptions,
    gone: &BTreeSet<String>,
    reset: &BTreeSet<String>,
    now: Timestamp,
) -> Workflow {
    let now = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
    let mut new = workflow.clone();
    new.metadata.labels.remove(LABEL_COMPLETED);
    new.metadata.labels.remove(LABEL_ARCHIVING);
    count_attempt(&mut new.metadata.annotations);
    clear_shutdown(&mut new);
    override_parameters(&mut new, &options.parameters);
    let status = &mut new.status;
    if let Some(stored) = &mut status.stored_workflow_template_spec {
        stored.shutdown.clear();
    }
    status.phase.clear();
    status.message.clear();
    status.started_at = Some(now);
    status.finished_at = None;
    status.persistent_volume_claims.clear();
    for condition in status
        .conditions
        .iter_mut()
        .filter(|condition| condition.r#type == "Completed")
    {
        "False".clone_into(&mut condition.status);
    }
    status.nodes.retain(|id, _| !gone.contains(id));
    for (id, node) in &mut status.nodes {
        node.children.retain(|child| !gone.contains(child));
        node.outbound_nodes.retain(|outbound| !gone.contains(outbound));
        if reset.contains(id) {
            start_again(node, now);
        }
    }
    new
}

fn count_attempt(annotations: &mut BTreeMap<String, String>) {
    let before = annotations
        .get(ANNOTATION_ATTEMPT)
        .and_then(|count| count.parse().ok())
        .unwrap_or(0_u64);
    annotations.insert(
        ANNOTATION_ATTEMPT.to_owned(),
        before.saturating_add(1).to_string(),
    );
}

fn start_again(node: &mut NodeStatus, now: Time) {
    if node.r#type == kind::SUSPEND {
        for output in node
            .outputs
            .iter_mut()
            .flat_map(|outputs| &mut outputs.parameters)
        {
            *output = Parameter {
                name: std::mem::take(&mut output.name),
                value_from: Some(ValueFrom {
                    supplied: Some(Default::default()),
                    ..ValueFrom::default()
                }),
                ..Parameter::default()
            };
        }
    }
    if node.phase != SKIPPED {
        RUNNING.clone_into(&mut node.phase);
    }
    node.message.clear();
    node.started_at = Some(now);
    node.finished_at = None;
}
