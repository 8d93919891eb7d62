//! The workflow as a whole: how it starts, what makes it end, and what follows its end.
//! Rule: workflow/controller/operator.go, `operate` and `markWorkflowPhase`.

use argo::Arguments;
use argo::spec::LifecycleHook;
use argo::status::NodeFlag;
use meta::Timestamp;
use meta::time::SignedDuration;

use super::hooks::hook_holder;
use super::nodes::Ix;
use super::plan::{Call, Plan, Role, Stop};
use super::{Machine, whole_seconds};
use crate::contract::LABEL_COMPLETED;
use crate::glue::{NotText, truth};
use crate::names;
use crate::phase::{self, ERROR, FAILED, PENDING, RUNNING, SUCCEEDED, kind};
use crate::template::{Base, Holder};
use crate::vars::{self, VarMap};

impl Machine {
    /// Whether the workflow has ended.
    pub(super) fn over(&self) -> bool {
        phase::completed(&self.status.phase)
    }

    /// Starts the workflow, or takes it up again, once it holds what it must.
    pub(super) fn begin(&mut self) {
        if self.over() {
            let ids: Vec<String> = self.pods.keys().cloned().collect();
            ids.iter().for_each(|id| self.let_go(id));
            return;
        }
        if self.status.phase.is_empty()
            && let Err(message) = self.label_workflow()
        {
            self.end(ERROR, &message);
            return;
        }
        if self.has_own_locks() {
            self.start();
        }
    }

    /// Starts the workflow, or takes it up again.
    pub(super) fn start(&mut self) {
        if matches!(self.status.phase.as_str(), "" | PENDING)
            && let Err(message) = self.start_workflow()
        {
            self.end(ERROR, &message);
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
            .filter(|(_, n)| kind::has_pod(&n.status.r#type) && !phase::over(&n.status.phase))
            .map(|(ix, _)| ix)
            .collect();
        if !self.control.suspended {
            self.call_root();
        }
        for ix in open {
            // What was just decided may have ended them, a daemon whose work is over, whatever their pods still do.
            if !phase::over(self.phase(ix)) {
                self.assess(ix);
            }
        }
        // Somebody stopped it while nobody watched.
        if self.control.shutdown.enabled() {
            self.enforce();
        }
    }

    /// A workflow that was held when its machine was made has yet to be taken up: its root runs, and nothing evaluates it.
    pub(super) fn take_up(&mut self) {
        let root = self.nodes.find(&self.meta.name);
        let idle = |ix: Ix| matches!(self.nodes.get(ix).plan, Plan::Idle) && !phase::over(self.phase(ix));
        if root.is_some_and(idle) {
            self.call_root();
        }
    }

    fn start_workflow(&mut self) -> Result<(), String> {
        if self.status.artifact_repository_ref.is_none() {
            self.status.artifact_repository_ref = crate::repository::resolve(
                self.spec.artifact_repository_ref.as_ref(),
                &self.meta.namespace,
                &self.templates.library,
                &self.config,
            )?;
        }
        self.make_budget();
        self.make_claims().map_err(|m| format!("pvc create error: {m}"))?;
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
            let said = |problem: String| {
                let expression = &from.expression;
                format!("failed to evaluate label \"{name}\" expression \"{expression}\"{problem}")
            };
            let value = crate::glue::string(&from.expression, vars).map_err(|problem| match problem {
                NotText::Failed(why) => said(format!(": {why}")),
                NotText::Is(kind) => said(format!(" evaluted to {kind} but must be a string")),
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
        // The spec may refer to them.
        let spec = self.substitute_spec((*self.spec).clone())?;
        self.use_spec(spec);
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
        if self.over() || self.control.suspended || self.awaits_own_locks() {
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
        self.timers.clear_all();
        self.blocked.clear();
        self.out.forget_pods();
        self.unlock_all();
        match phase {
            SUCCEEDED => self.out.event(false, "WorkflowSucceeded", "Workflow completed"),
            _ => self.out.event(true, "WorkflowFailed", message),
        }
        self.clean_up();
    }
}

/// The phase of a workflow whose root has this phase.
fn workflow_phase(root: &str) -> &'static str {
    match root {
        FAILED => FAILED,
        ERROR => ERROR,
        PENDING => PENDING,
        phase if phase::over(phase) => SUCCEEDED,
        _ => RUNNING,
    }
}
