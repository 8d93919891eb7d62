//! The workflow as a whole: how it starts, what makes it end, and what follows its end.
//! Rule: workflow/controller/operator.go, `operate` and `markWorkflowPhase`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argo::spec::LifecycleHook;
use argo::status::{ArtifactRepositoryRefStatus, Condition, NodeFlag};
use argo::{Arguments, ObjectMeta, Workflow, WorkflowSpec};
use meta::Timestamp;
use meta::time::{SignedDuration, seconds};
use serde_json::json;

use super::effects::Outbox;
use super::hooks::hook_holder;
use super::nodes::{Ix, Nodes};
use super::plan::{Call, Role, Stop};
use super::{Control, Machine, Shutdown, whole_seconds};
use crate::contract::{Effect, Inputs, LABEL_COMPLETED, LABEL_PHASE, Library, WorkflowView};
use crate::glue::truth;
use crate::names;
use crate::phase::{self, ERROR, FAILED, RUNNING, SUCCEEDED, kind};
use crate::template::{Base, Holder, Templates};
use crate::validate::{Rules, validate};
use crate::vars::{self, VarMap};

/// A machine that holds what is stored and has not looked at it yet.
pub(super) fn load(inputs: Inputs, now: Timestamp) -> Machine {
    let Inputs {
        workflow,
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
    let stored = std::mem::take(&mut status.nodes);
    let written_status = serde_json::to_value(&status).unwrap_or_default();
    let mut nodes = Nodes::default();
    let daemons = load_nodes(&mut nodes, stored);
    let control = control(&declared, metadata.deletion_timestamp.is_some());
    let invalid = status
        .phase
        .is_empty()
        .then(|| first_problem(&metadata, &declared, &library))
        .flatten();
    let written_meta = (metadata.labels.clone(), metadata.annotations.clone());
    let mut machine = Machine {
        templates: Templates::new(
            Arc::new(WorkflowSpec::default()),
            &status.stored_templates,
            library,
        ),
        scope_name: if declared.workflow_template_ref.is_some() {
            String::new()
        } else {
            metadata.name.clone()
        },
        spec: Arc::new(declared),
        config,
        written_meta,
        globals: VarMap::new(),
        written_status,
        nodes,
        pods: pods.into_iter().map(|p| (p.node_id.clone(), p)).collect(),
        results: results.into_iter().map(|r| (r.node_id.clone(), r)).collect(),
        boundaries: BTreeMap::new(),
        daemons,
        queue: BTreeMap::new(),
        blocked: BTreeSet::new(),
        freed: false,
        timers: BTreeSet::new(),
        control,
        nesting: 0,
        out: Outbox::default(),
        now,
        meta: metadata,
        status,
    };
    if let Some(problem) = invalid {
        machine.end(FAILED, &format!("invalid spec: {problem}"));
    }
    if !machine.over()
        && let Err((phase, message)) = machine.adopt_spec()
    {
        machine.end(phase, &message);
    }
    machine
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

fn load_nodes(nodes: &mut Nodes, stored: BTreeMap<String, argo::NodeStatus>) -> BTreeMap<String, Vec<Ix>> {
    let mut daemons: BTreeMap<String, Vec<Ix>> = BTreeMap::new();
    for (_, status) in stored {
        let boundary = phase::daemoned(&status).then(|| status.boundary_id.clone());
        let ix = nodes.load(status);
        if let Some(boundary) = boundary {
            daemons.entry(boundary).or_default().push(ix);
        }
    }
    nodes.loaded();
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
            Some(defaults) => crate::merge::over(defaults, declared),
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
    crate::merge::over(&crate::merge::over(&base, template)?, declared)
}

impl Machine {
    /// Whether the workflow has ended.
    pub(super) fn over(&self) -> bool {
        phase::completed(&self.status.phase)
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
        self.globals = crate::globals::globals(&self.meta, &spec, &self.status, &library)
            .map_err(|m| (FAILED, format!("failed to set global parameters: {m}")))?;
        for artifact in self.status.outputs.iter().flat_map(|o| &o.artifacts) {
            let name = format!("workflow.outputs.artifacts.{}", artifact.name);
            self.globals.insert(name, vars::artifact(artifact));
        }
        let spec = self.substitute_spec(spec).map_err(|m| (ERROR, m))?;
        self.spec = Arc::new(spec);
        self.templates = Templates::new(self.spec.clone(), &self.status.stored_templates, library);
        Ok(())
    }

    /// Replaces global tags in the spec; templates keep theirs until they are called.
    fn substitute_spec(&self, mut spec: WorkflowSpec) -> Result<WorkflowSpec, String> {
        let templates = std::mem::take(&mut spec.templates);
        let none = VarMap::new();
        let vars = self.vars(&none, None);
        let keep = crate::subst::Unknown::Keep;
        let mut spec = crate::subst::in_object(&spec, vars, keep).map_err(crate::subst::Failure::message)?;
        spec.templates = templates;
        Ok(spec)
    }

    /// Starts the workflow, or takes it up again.
    pub(super) fn begin(&mut self) {
        if self.over() {
            let ids: Vec<String> = self.pods.keys().cloned().collect();
            ids.iter().for_each(|id| self.let_go(id));
            return;
        }
        if self.status.phase.is_empty()
            && let Err(message) = self.start_workflow()
        {
            self.end(FAILED, &message);
            return;
        }
        self.control.deadline = self.deadline();
        self.set_status_var(RUNNING);
        let known: Vec<String> = self.pods.keys().cloned().collect();
        for id in known {
            let over = self.nodes.find(&id).is_some_and(|ix| phase::over(self.phase(ix)));
            if over {
                self.let_go(&id);
            }
        }
        // Nodes whose callers are over are not taken up again below; their pods are looked at here.
        let open: Vec<Ix> = self
            .nodes
            .iter()
            .filter(|(_, n)| n.status.r#type == kind::POD && !phase::over(&n.status.phase))
            .map(|(ix, _)| ix)
            .collect();
        if !self.control.suspended {
            self.call_root();
        }
        open.into_iter().for_each(|ix| self.assess(ix));
    }

    fn start_workflow(&mut self) -> Result<(), String> {
        if let Some(repository) = &self.config.artifact_repository {
            self.status.artifact_repository_ref = Some(ArtifactRepositoryRefStatus {
                default: true,
                artifact_repository: Some(repository.clone()),
                ..ArtifactRepositoryRefStatus::default()
            });
        }
        self.label_workflow()?;
        self.make_claims()?;
        self.set_phase(RUNNING, "");
        self.status.started_at = Some(whole_seconds(self.now));
        self.status.progress = "0/0".to_owned();
        self.out.event(false, "WorkflowRunning", "Workflow Running");
        Ok(())
    }

    /// `workflowMetadata`: labels and annotations on the Workflow itself.
    fn label_workflow(&mut self) -> Result<(), String> {
        let Some(wanted) = self.spec.workflow_metadata.clone() else {
            return Ok(());
        };
        let none = VarMap::new();
        let mut labels = wanted.labels.clone();
        for (name, from) in &wanted.labels_from {
            let vars = self.vars(&none, None);
            let value = crate::glue::text(&from.expression, vars).map_err(|e| {
                format!(
                    "failed to evaluate label \"{name}\" expression \"{}\": {e}",
                    from.expression
                )
            })?;
            labels.insert(name.clone(), value);
        }
        for (name, value) in labels {
            self.globals
                .insert(format!("workflow.labels.{name}"), vars::text(value.as_str()));
            self.meta.labels.insert(name, value);
        }
        for (name, value) in wanted.annotations {
            self.globals
                .insert(format!("workflow.annotations.{name}"), vars::text(value.as_str()));
            self.meta.annotations.insert(name, value);
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Timestamp> {
        let after = SignedDuration::from_secs(self.spec.active_deadline_seconds?);
        self.status.started_at?.0.checked_add(after).ok()
    }

    fn root_call(&self, name: String, holder: Holder, args: Arguments, hook: bool, on_exit: bool) -> Call {
        Call {
            name,
            holder,
            base: Base::Local,
            args,
            boundary: None,
            parent: None,
            on_exit,
            flag: hook.then(|| NodeFlag {
                hooked: true,
                ..NodeFlag::default()
            }),
            role: Role::Workflow,
            level: 1,
        }
    }

    fn call_root(&mut self) {
        let holder = Holder::named(&self.spec.entrypoint);
        let call = self.root_call(
            self.meta.name.clone(),
            holder,
            self.spec.arguments.clone(),
            false,
            false,
        );
        if let Err(Stop::Error(message)) = self.call(call) {
            self.end(ERROR, &format!("error in entry template execution: {message}"));
        }
    }

    /// Looks at the workflow as a whole; answers whether that made something to evaluate.
    pub(super) fn conclude(&mut self) -> bool {
        self.refresh();
        if self.over() || self.control.suspended {
            return false;
        }
        let Some(root) = self.nodes.find(&self.meta.name) else {
            self.call_root();
            return !self.queue.is_empty() || self.over();
        };
        let hooks_over = self.workflow_hooks(root);
        if !self.queue.is_empty() {
            return true;
        }
        if !hooks_over || !self.fulfilled(root) {
            return false;
        }
        let outcome = workflow_phase(self.phase(root));
        self.set_status_var(outcome);
        self.set_failures();
        let exit = match self.exit_handler() {
            Ok(exit) => exit,
            Err(()) => return !self.queue.is_empty(),
        };
        if !self.queue.is_empty() {
            return true;
        }
        if exit.is_some_and(|e| !self.fulfilled(e)) {
            return false;
        }
        self.kill_daemons(None);
        self.finish(root, outcome, exit);
        false
    }

    /// Runs the workflow's named hooks whose expression holds; answers whether all of them are over.
    fn workflow_hooks(&mut self, root: Ix) -> bool {
        if self.spec.hooks.keys().all(|name| name == "exit") {
            return true;
        }
        self.set_status_var(workflow_phase(self.phase(root)));
        let spec = self.spec.clone();
        let mut all_over = true;
        for (name, hook) in spec.hooks.iter().filter(|(name, _)| *name != "exit") {
            match self.workflow_hook(root, name, hook) {
                Ok(over) => all_over &= over,
                Err(message) => self.mark(root, ERROR, &message),
            }
        }
        all_over
    }

    fn workflow_hook(&mut self, root: Ix, name: &str, hook: &LifecycleHook) -> Result<bool, String> {
        let node_name = names::hook(&self.meta.name, name);
        if hook.expression.is_empty() {
            return Err(format!("Expression required for hook {node_name}"));
        }
        let known = self.nodes.find(&names::node_id(self.name(), &node_name));
        if let Some(known) = known.filter(|k| phase::over(self.phase(*k)) || self.is_planned(*k)) {
            return Ok(self.fulfilled(known));
        }
        let none = VarMap::new();
        let vars = self.vars(&none, None);
        if known.is_none() && !truth(&hook.expression, vars)? {
            return Ok(true);
        }
        let call = self.root_call(node_name, hook_holder(hook), hook.arguments.clone(), true, false);
        match self.call(call) {
            Ok(ix) | Err(Stop::Depth(ix)) => {
                self.nodes.link(root, ix);
                Ok(self.fulfilled(ix))
            }
            Err(Stop::Blocked) => Ok(false),
            Err(Stop::Error(message)) => Err(message),
        }
    }

    /// Whether a node was taken up since the machine was made.
    fn is_planned(&self, ix: Ix) -> bool {
        !matches!(self.nodes.get(ix).plan, super::plan::Plan::Idle)
    }

    /// Runs the workflow's exit handler, if there is one; none may also mean that it may not run.
    fn exit_handler(&mut self) -> Result<Option<Ix>, ()> {
        let Some(hook) = self.workflow_exit_hook() else {
            return Ok(None);
        };
        let name = names::on_exit(&self.meta.name);
        let known = self.nodes.find(&names::node_id(self.name(), &name));
        if let Some(known) = known.filter(|k| phase::over(self.phase(*k)) || self.is_planned(*k)) {
            return Ok(Some(known));
        }
        if known.is_none() && !self.control.shutdown.allows(true) {
            return Ok(None);
        }
        let call = self.root_call(name, hook_holder(&hook), hook.arguments, true, true);
        match self.call(call) {
            Ok(ix) | Err(Stop::Depth(ix)) => Ok(Some(ix)),
            Err(Stop::Blocked) => Err(()),
            Err(Stop::Error(message)) => {
                self.end(ERROR, &format!("error in exit template execution : {message}"));
                Err(())
            }
        }
    }

    fn workflow_exit_hook(&self) -> Option<LifecycleHook> {
        let arguments = || self.spec.arguments.clone();
        if let Some(hook) = self.spec.hooks.get("exit") {
            let mut hook = hook.clone();
            if hook.arguments.is_empty() {
                hook.arguments = arguments();
            }
            return Some(hook);
        }
        let template = self.spec.on_exit.clone();
        (!template.is_empty()).then(|| LifecycleHook {
            template,
            arguments: arguments(),
            ..LifecycleHook::default()
        })
    }

    /// The workflow's end, from that of its root and of its exit handler.
    fn finish(&mut self, root: Ix, outcome: &'static str, exit: Option<Ix>) {
        let root_failed = phase::failed(self.phase(root));
        let message = if root_failed && self.control.shutdown.enabled() {
            format!("Stopped with strategy '{}'", self.control.shutdown.name())
        } else {
            self.nodes.status(root).message.clone()
        };
        let exit_failed = exit.filter(|e| phase::failed(self.phase(*e)));
        match (outcome, exit_failed) {
            (SUCCEEDED, Some(exit)) => {
                let message = self.nodes.status(exit).message.clone();
                let phase = if self.phase(exit) == FAILED { FAILED } else { ERROR };
                self.end(phase, &message);
            }
            (SUCCEEDED, None) => self.end(SUCCEEDED, ""),
            (outcome, _) => self.end(outcome, &message),
        }
    }

    /// Ends the workflow.
    pub(super) fn end(&mut self, phase: &'static str, message: &str) {
        self.kill_daemons(None);
        self.set_phase(phase, message);
        if phase == ERROR
            && let Some(root) = self
                .nodes
                .find(&self.meta.name)
                .filter(|r| self.phase(*r) == RUNNING)
        {
            self.mark(root, ERROR, "Workflow operation error");
        }
        let now = whole_seconds(self.now);
        self.status.started_at.get_or_insert(now);
        self.status.finished_at = Some(now);
        self.set_condition("Completed", "True");
        self.meta
            .labels
            .insert(LABEL_COMPLETED.to_owned(), "true".to_owned());
        self.queue.clear();
        self.timers.clear();
        self.blocked.clear();
        match phase {
            SUCCEEDED => self.out.event(false, "WorkflowSucceeded", "Workflow completed"),
            _ => self.out.event(true, "WorkflowFailed", message),
        }
        self.clean_up();
    }

    fn set_phase(&mut self, phase: &str, message: &str) {
        phase.clone_into(&mut self.status.phase);
        message.clone_into(&mut self.status.message);
        self.meta.labels.insert(LABEL_PHASE.to_owned(), phase.to_owned());
        self.meta
            .labels
            .entry(LABEL_COMPLETED.to_owned())
            .or_insert_with(|| "false".to_owned());
    }

    pub(super) fn set_condition(&mut self, kind: &str, status: &str) {
        match self.status.conditions.iter_mut().find(|c| c.r#type == kind) {
            Some(known) => status.clone_into(&mut known.status),
            None => self.status.conditions.push(Condition {
                r#type: kind.to_owned(),
                status: status.to_owned(),
                ..Condition::default()
            }),
        }
    }

    fn set_status_var(&mut self, phase: &str) {
        self.globals
            .insert("workflow.status".to_owned(), vars::text(phase));
        let started = self.status.started_at.map_or(self.now, |t| t.0);
        let passed = self.now.duration_since(started).as_secs_f64().max(0.0);
        self.globals
            .insert("workflow.duration".to_owned(), vars::text(format!("{passed:.6}")));
    }

    /// `workflow.failures`: JSON within a quoted string, so that quotes survive substitution.
    fn set_failures(&mut self) {
        let failed = self
            .nodes
            .iter()
            .map(|(_, n)| &n.status)
            .filter(|n| phase::failed(&n.phase));
        let list: Vec<_> = failed
            .map(|n| {
                let template = n.template_ref.as_ref().map_or(&n.template_name, |r| &r.template);
                json!({
                    "displayName": n.display_name,
                    "message": n.message,
                    "templateName": template,
                    "phase": n.phase,
                    "podName": names::pod_name(&self.meta.name, &n.name, template),
                    "finishedAt": n.finished_at.map(|t| seconds(t.0)),
                })
            })
            .collect();
        let text = if list.is_empty() {
            "null".to_owned()
        } else {
            serde_json::Value::from(list).to_string()
        };
        let quoted = serde_json::Value::from(text).to_string();
        self.globals
            .insert("workflow.failures".to_owned(), vars::text(quoted));
    }

    /// What follows from the nodes for the workflow's own status.
    fn refresh(&mut self) {
        let counts = self.nodes.counts(None);
        if counts.total > 0 {
            self.status.progress = format!("{}/{}", counts.done, counts.total);
        }
        if self.status.phase == RUNNING && !self.pods.is_empty() {
            let running = if counts.running_pods > 0 { "True" } else { "False" };
            self.set_condition("PodRunning", running);
        }
    }

    /// Others changed the Workflow: suspended, resumed, stopped, terminated it, or resumed a node.
    pub(super) fn workflow_seen(&mut self, view: WorkflowView) {
        if view.uid != self.meta.uid {
            return;
        }
        self.control.deleting |= view.deleting;
        if self.over() {
            if !view.phase.is_empty()
                && !phase::completed(&view.phase)
                && view.resource_version != self.meta.resource_version
            {
                self.out.push(Effect::Rebuild);
            }
            return;
        }
        self.control.suspended = view.suspend;
        let shutdown = Shutdown::from_spec(&view.shutdown);
        if shutdown.enabled() && shutdown != self.control.shutdown {
            self.control.shutdown = shutdown;
            self.enforce();
        }
        for (id, theirs) in view.suspend_nodes {
            let ours = self.nodes.find(&id).filter(|ix| self.phase(*ix) == RUNNING);
            if let Some(ix) = ours.filter(|_| phase::over(&theirs.phase) || theirs.phase == RUNNING) {
                self.apply(ix, |status, _| {
                    status.phase = theirs.phase;
                    status.message = theirs.message;
                    status.outputs = theirs.outputs;
                    if phase::over(&status.phase) {
                        status.finished_at = theirs.finished_at.or(status.finished_at);
                        status.progress = "1/1".to_owned();
                    }
                });
            }
        }
    }
}

/// The phase of a workflow whose root has this phase.
fn workflow_phase(root: &str) -> &'static str {
    match root {
        FAILED => FAILED,
        ERROR => ERROR,
        phase if phase::over(phase) => SUCCEEDED,
        _ => RUNNING,
    }
}
