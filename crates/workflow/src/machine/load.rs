//! From stored objects to a machine: the spec to run, the nodes there are, the global variables.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo::{ObjectMeta, Workflow, WorkflowSpec};
use meta::Timestamp;
use serde_json::json;

use super::blocked::Blocked;
use super::effects::Outbox;
use super::ledger::Ledger;
use super::locks::Locks;
use super::nodes::{Ix, Nodes};
use super::status::Record;
use super::timers::Timers;
use super::{Control, Machine, Shutdown};
use crate::contract::{Inputs, Library};
use crate::phase::{self, ERROR, FAILED};
use crate::template::Templates;
use crate::validate::{Rules, validate};
use crate::vars::{self, VarMap};

/// A machine that holds what is stored and has not looked at it yet.
pub(super) fn load(inputs: Inputs, now: Timestamp) -> Machine {
    let Inputs {
        workflow,
        chunks,
        pods,
        results,
        library,
        config,
    } = inputs;
    let Workflow {
        metadata,
        spec: declared,
        mut status,
        ..
    } = workflow;
    let pod_nodes = pods.iter().map(|p| (p.name.clone(), p.node_id.clone())).collect();
    let mut nodes = Nodes::default();
    let loaded = Ledger::load(&mut status, chunks, &mut nodes);
    nodes.loaded();
    let control = control(&declared, metadata.deletion_timestamp.is_some());
    let invalid = status
        .phase
        .is_empty()
        .then(|| first_problem(&metadata, &declared, &library))
        .flatten();
    let unreadable = loaded.as_ref().err().map(ToString::to_string);
    let mut machine = Machine {
        templates: Templates::new(
            Arc::new(WorkflowSpec::default()),
            &status.stored_templates,
            library,
        ),
        scope_name: own_scope(&declared, &metadata),
        record: Record::of(&metadata, &declared, &status),
        spec: Arc::new(declared),
        config,
        globals: VarMap::new(),
        daemons: daemons(&nodes),
        nodes,
        ledger: loaded.unwrap_or_default(),
        pods: pods.into_iter().map(|p| (p.node_id.clone(), p)).collect(),
        results: results.into_iter().map(|r| (r.node_id.clone(), r)).collect(),
        boundaries: BTreeMap::new(),
        results_wanted: BTreeMap::new(),
        pod_nodes,
        queue: BTreeMap::new(),
        blocked: Blocked::default(),
        timers: Timers::default(),
        locks: Locks::default(),
        memos: BTreeMap::new(),
        control,
        nesting: 0,
        out: Outbox::default(),
        now,
        meta: metadata,
        status,
    };
    machine.pass_over_earlier_pods();
    machine.start_or_end(unreadable, invalid);
    machine
}

/// The name by which the workflow's own templates are known; empty where they are another object's.
fn own_scope(spec: &WorkflowSpec, metadata: &ObjectMeta) -> String {
    let own = spec.workflow_template_ref.is_none();
    if own { metadata.name.clone() } else { String::new() }
}

/// What is wrong with a workflow that is about to start.
fn first_problem(metadata: &ObjectMeta, spec: &WorkflowSpec, library: &Library) -> Option<String> {
    let document = json!({ "kind": "Workflow", "metadata": metadata, "spec": spec });
    let rules = Rules {
        whole: true,
        submit: true,
    };
    validate(&document, library, rules)
        .into_iter()
        .next()
        .map(|p| p.message)
}

/// The daemons that serve, by their boundary.
fn daemons(nodes: &Nodes) -> BTreeMap<String, Vec<Ix>> {
    let mut daemons: BTreeMap<String, Vec<Ix>> = BTreeMap::new();
    for (ix, node) in nodes.iter().filter(|(_, node)| phase::daemoned(&node.status)) {
        let boundary = node.status.boundary_id.clone();
        daemons.entry(boundary).or_default().push(ix);
    }
    daemons
}

fn control(spec: &WorkflowSpec, deleting: bool) -> Control {
    Control {
        suspended: spec.suspend == Some(true),
        shutdown: Shutdown::from_spec(&spec.shutdown),
        deadline: None,
        expired: false,
        deleting,
    }
}

/// The spec to run: the workflow's own over the referenced template's over the controller's defaults.
fn merged_spec(
    declared: &WorkflowSpec,
    stored: Option<&WorkflowSpec>,
    defaults: Option<&WorkflowSpec>,
    library: &Library,
) -> Result<WorkflowSpec, String> {
    let base = defaults.cloned().unwrap_or_default();
    let Some(reference) = &declared.workflow_template_ref else {
        return match defaults {
            Some(defaults) => spec_over(defaults, declared),
            None => Ok(declared.clone()),
        };
    };
    if let Some(stored) = stored {
        let mut spec = stored.clone();
        spec.suspend = declared.suspend;
        spec.shutdown.clone_from(&declared.shutdown);
        return Ok(spec);
    }
    let (found, kind) = if reference.cluster_scope {
        (
            library.cluster_templates.get(&reference.name),
            "clusterworkflowtemplates",
        )
    } else {
        (library.templates.get(&reference.name), "workflowtemplates")
    };
    let template = found.ok_or_else(|| format!("{kind}.argoproj.io \"{}\" not found", reference.name))?;
    spec_over(&spec_over(&base, template)?, declared)
}

/// One spec over another: field by field, but for hooks, of which each is taken whole.
/// Rule: workflow/util/merge.go, `MergeTo`.
fn spec_over(base: &WorkflowSpec, over: &WorkflowSpec) -> Result<WorkflowSpec, String> {
    let mut merged = crate::merge::over(base, over)?;
    merged.hooks.extend(over.hooks.clone());
    Ok(merged)
}

impl Machine {
    /// Makes the spec ready to run, unless the workflow is over or cannot run.
    fn start_or_end(&mut self, unreadable: Option<String>, invalid: Option<String>) {
        if self.over() {
            return;
        }
        if let Some(problem) = unreadable {
            // Without its nodes everything would run again.
            self.end(ERROR, &problem);
        } else if let Some(problem) = invalid {
            self.end(FAILED, &format!("invalid spec: {problem}"));
        } else if let Err((phase, message)) = self.adopt_spec() {
            self.end(phase, &message);
        }
    }

    /// Works out the spec to run and the global variables.
    fn adopt_spec(&mut self) -> Result<(), (&'static str, String)> {
        let stored = self.status.stored_workflow_template_spec.as_deref();
        let library = self.library();
        let defaults = self.config.workflow_defaults.clone();
        let spec = merged_spec(&self.spec, stored, defaults.as_ref(), &library).map_err(|m| (ERROR, m))?;
        if self.spec.workflow_template_ref.is_some() && stored.is_none() {
            self.status.stored_workflow_template_spec = Some(Box::new(spec.clone()));
        }
        self.label_reference();
        self.globals = crate::globals::globals(&self.meta, &spec, &self.status, &library)
            .map_err(|m| (FAILED, format!("failed to set global parameters: {m}")))?;
        for artifact in self.status.outputs.iter().flat_map(|o| &o.artifacts) {
            let name = format!("workflow.outputs.artifacts.{}", artifact.name);
            self.globals.insert(name, vars::artifact(artifact));
        }
        let spec = self.substitute_spec(spec).map_err(|m| (ERROR, m))?;
        self.use_spec(spec);
        Ok(())
    }

    /// Takes a spec whose tags are replaced for the one to run.
    pub(super) fn use_spec(&mut self, spec: WorkflowSpec) {
        self.spec = Arc::new(spec);
        let library = self.library();
        self.templates = Templates::new(self.spec.clone(), &self.status.stored_templates, library);
    }

    /// A workflow that runs a template says which, for people who look for them.
    fn label_reference(&mut self) {
        if let Some(reference) = &self.spec.workflow_template_ref {
            let kind = if reference.cluster_scope {
                "cluster-workflow-template"
            } else {
                "workflow-template"
            };
            let label = format!("workflows.argoproj.io/{kind}");
            self.meta.labels.insert(label, reference.name.clone());
        }
    }

    /// Replaces global tags in the spec; templates keep theirs until they are called.
    pub(super) fn substitute_spec(&self, mut spec: WorkflowSpec) -> Result<WorkflowSpec, String> {
        let templates = std::mem::take(&mut spec.templates);
        let none = VarMap::new();
        let vars = self.vars(&none, None);
        let keep = crate::subst::Unknown::Keep;
        let mut spec = crate::subst::in_object(&spec, vars, keep).map_err(crate::subst::Failure::message)?;
        spec.templates = templates;
        Ok(spec)
    }
}
