//! `resubmit`: a new Workflow of the same spec; memoized, what succeeded before is not run again.

use std::collections::BTreeMap;

use argo::{NodeStatus, Time, Workflow};
use meta::Timestamp;

use super::graph::Graph;
use super::{LABEL_ARCHIVING, clear_shutdown, override_parameters};
use crate::contract::{ANNOTATION_ATTEMPT, LABEL_COMPLETED, LABEL_PHASE};
use crate::names;
use crate::phase::{self, ERROR, FAILED, PENDING, SKIPPED, kind};

/// Names the workflow that this one was made from.
const LABEL_PREVIOUS: &str = "workflows.argoproj.io/resubmitted-from-workflow";
/// Labels of the old workflow that say nothing of the new one.
const NOT_CARRIED: [&str; 6] = [
    "workflows.argoproj.io/creator",
    "workflows.argoproj.io/creator-email",
    "workflows.argoproj.io/creator-preferred-username",
    LABEL_PHASE,
    LABEL_COMPLETED,
    LABEL_ARCHIVING,
];

/// How to make the new workflow.
#[derive(Clone, Debug, Default)]
pub struct ResubmitOptions {
    /// Do not run again what succeeded; the end of the new name, which ids are made of.
    pub memoized: Option<String>,
    /// Other values of arguments, by name.
    pub parameters: Vec<(String, String)>,
}

/// The new Workflow.
///
/// # Errors
/// Argo's messages: only what failed can be resubmitted memoized; or the nodes do not hang together.
pub fn resubmit(workflow: &Workflow, options: &ResubmitOptions, now: Timestamp) -> Result<Workflow, String> {
    let mut new = Workflow {
        api_version: workflow.api_version.clone(),
        kind: workflow.kind.clone(),
        spec: workflow.spec.clone(),
        ..Workflow::default()
    };
    carry_metadata(workflow, &mut new);
    clear_shutdown(&mut new);
    override_parameters(&mut new, &options.parameters);
    let Some(suffix) = &options.memoized else {
        return Ok(new);
    };
    if ![FAILED, ERROR].contains(&workflow.status.phase.as_str()) {
        return Err("workflow must be Failed/Error to resubmit in memoized mode".to_owned());
    }
    new.metadata.name = format!("{}{suffix}", new.metadata.generate_name);
    new.status.nodes = Renamed {
        old: workflow,
        new: &new.metadata.name,
    }
    .nodes(now)?;
    new.status
        .stored_templates
        .clone_from(&workflow.status.stored_templates);
    new.status.conditions = vec![argo::status::Condition {
        r#type: "Completed".to_owned(),
        status: "False".to_owned(),
        ..argo::status::Condition::default()
    }];
    Ok(new)
}

fn carry_metadata(old: &Workflow, new: &mut Workflow) {
    let prefix = match old.metadata.generate_name.as_str() {
        "" => format!("{}-", old.metadata.name),
        prefix => prefix.to_owned(),
    };
    new.metadata.generate_name = prefix;
    new.metadata.namespace.clone_from(&old.metadata.namespace);
    new.metadata.labels = old.metadata.labels.clone();
    new.metadata
        .labels
        .retain(|label, _| !NOT_CARRIED.contains(&label.as_str()));
    new.metadata
        .labels
        .insert(LABEL_PREVIOUS.to_owned(), old.metadata.name.clone());
    new.metadata.annotations = old.metadata.annotations.clone();
    new.metadata.annotations.remove(ANNOTATION_ATTEMPT);
    new.metadata
        .owner_references
        .clone_from(&old.metadata.owner_references);
}

/// The nodes of a workflow under another's name.
struct Renamed<'a> {
    old: &'a Workflow,
    new: &'a str,
}

impl Renamed<'_> {
    fn nodes(&self, now: Timestamp) -> Result<BTreeMap<String, NodeStatus>, String> {
        let old = &self.old.status.nodes;
        let above_success = Graph::new(old)?.above_success(&Default::default());
        let exit = names::on_exit(&self.old.metadata.name);
        let kept = old
            .values()
            .filter(|node| !node.name.starts_with(&exit))
            .filter(|node| {
                // A skipped node decides anew, unless something below it has succeeded.
                node.r#type != kind::SKIPPED || above_success.contains(node.id.as_str())
            });
        let nodes = kept.map(|node| self.node(node, now));
        Ok(nodes.map(|node| (node.id.clone(), node)).collect())
    }

    fn node(&self, old: &NodeStatus, now: Timestamp) -> NodeStatus {
        let mut node = old.clone();
        let pod = node.r#type == kind::POD;
        let failed = phase::failed(&node.phase);
        node.name = self.name(&old.name);
        node.id = names::node_id(self.new, &node.name);
        node.boundary_id = match old.boundary_id.as_str() {
            "" => String::new(),
            boundary => self.id(boundary),
        };
        node.children = old.children.iter().map(|child| self.id(child)).collect();
        node.outbound_nodes = old
            .outbound_nodes
            .iter()
            .map(|outbound| self.id(outbound))
            .collect();
        let at = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
        node.started_at = (!(failed && pod)).then_some(at);
        node.finished_at = node.started_at;
        if pod && !failed {
            SKIPPED.clone_into(&mut node.phase);
            kind::SKIPPED.clone_into(&mut node.r#type);
            node.message = format!("original pod: {}", old.id);
        } else {
            PENDING.clone_into(&mut node.phase);
            node.message.clear();
        }
        node
    }

    fn name(&self, old: &str) -> String {
        match old.strip_prefix(&self.old.metadata.name) {
            Some(rest) => format!("{}{rest}", self.new),
            None => old.to_owned(),
        }
    }

    /// The new id of the node that has this id.
    fn id(&self, old: &str) -> String {
        let name = self.old.status.nodes.get(old).map_or("", |node| &node.name);
        names::node_id(self.new, &self.name(name))
    }
}
