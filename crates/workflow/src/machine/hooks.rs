//! Hooks and exit handlers of steps and tasks.
//! Rule: workflow/controller/hooks.go and exit_handler.go.

use std::sync::Arc;

use argo::spec::LifecycleHook;
use argo::status::NodeFlag;
use argo::{Arguments, DagTask, Outputs};

use super::fan::mark_absent_args;
use super::nodes::Ix;
use super::plan::{Call, Frame, Role, Slot, Stop};
use super::{Machine, Note};
use crate::glue::truth;
use crate::names;
use crate::phase::{self, RUNNING};
use crate::subst::{self, Failure, Unknown};
use crate::template::Holder;
use crate::vars::{self, VarMap};

/// The hook that runs at the end.
pub(super) const EXIT: &str = "exit";

/// Why hooks of a node could not be run.
pub(super) enum HookFailure {
    /// A named hook's expression or call failed.
    Named(String),
    /// The exit handler's did.
    Exit(String),
}

impl HookFailure {
    pub(super) fn message(self) -> String {
        match self {
            Self::Named(message) | Self::Exit(message) => message,
        }
    }
}

impl Machine {
    /// Runs what hooks of a slot's node are due, and finds whether the slot is over.
    pub(super) fn tend(&mut self, owner: Ix, frame: &Arc<Frame>, slot: &mut Slot) -> Result<(), HookFailure> {
        let Some(node) = slot.node else { return Ok(()) };
        let acts = slot.eager || self.fulfilled(node) || self.phase(node) == RUNNING;
        let run = |m: &mut Self, slot: &mut Slot| m.run_hooks(owner, frame, slot, node);
        if acts && !run(self, slot).map_err(HookFailure::Named)? {
            return Ok(());
        }
        if !self.fulfilled(node) {
            // Hooks are children of their node, and a dag is not over before its children are.
            if !slot.hooks.is_empty() {
                self.enqueue(node, Note::Own);
            }
            return Ok(());
        }
        let ends = phase::completed(self.phase(node));
        if ends
            && !self
                .run_exit(owner, frame, slot, node)
                .map_err(HookFailure::Exit)?
        {
            return Ok(());
        }
        slot.settled = true;
        Ok(())
    }

    /// Starts hooks whose expression holds; answers whether all that were started are over.
    fn run_hooks(
        &mut self,
        owner: Ix,
        frame: &Arc<Frame>,
        slot: &mut Slot,
        node: Ix,
    ) -> Result<bool, String> {
        if slot.task.hooks.keys().all(|name| name == EXIT) {
            return Ok(true);
        }
        let task = slot.task.clone();
        let locals = self.hook_locals(frame, slot, node);
        for (name, hook) in task.hooks.iter().filter(|(name, _)| *name != EXIT) {
            let node_name = names::hook(&self.nodes.status(node).name, name);
            if hook.expression.is_empty() {
                return Err(format!("Expression required for hook {node_name}"));
            }
            let known = self
                .nodes
                .find(&names::node_id(self.name(), &node_name))
                .is_some();
            let vars = self.vars(&locals, Some(&frame.refs));
            if slot.hooks.iter().any(|(started, _)| started == name)
                || !(known || truth(&hook.expression, vars)?)
            {
                continue;
            }
            let started = self.start_hook(owner, frame, slot, node, &node_name, hook, false)?;
            slot.hooks.extend(started.map(|ix| (name.clone(), ix)));
        }
        Ok(slot.hooks.iter().all(|(_, hook)| self.fulfilled(*hook)))
    }

    /// Starts the exit handler, if there is one; answers whether it is over.
    fn run_exit(&mut self, owner: Ix, frame: &Arc<Frame>, slot: &mut Slot, node: Ix) -> Result<bool, String> {
        if let Some(exit) = slot.exit {
            return Ok(self.fulfilled(exit));
        }
        let Some(hook) = self.exit_hook(&slot.task) else {
            return Ok(true);
        };
        if !self.control.shutdown.allows(true) {
            return Ok(true);
        }
        if !hook.expression.is_empty() {
            let locals = self.hook_locals(frame, slot, node);
            let vars = self.vars(&locals, Some(&frame.refs));
            if !truth(&hook.expression, vars)? {
                return Ok(true);
            }
        }
        let name = names::on_exit(&self.nodes.status(node).name);
        slot.exit = self.start_hook(owner, frame, slot, node, &name, &hook, true)?;
        Ok(slot.exit.is_some_and(|exit| self.fulfilled(exit)))
    }

    /// The exit handler that a step or task declares, in either of the two ways.
    fn exit_hook(&self, task: &DagTask) -> Option<LifecycleHook> {
        let arguments = || self.spec.arguments.clone();
        if !task.on_exit.is_empty() {
            let template = task.on_exit.clone();
            return Some(LifecycleHook {
                template,
                arguments: arguments(),
                ..LifecycleHook::default()
            });
        }
        let mut hook = task.hooks.get(EXIT)?.clone();
        if hook.arguments.is_empty() {
            hook.arguments = arguments();
        }
        Some(hook)
    }

    /// What a hook's expression sees beside the frame: the node's phase, and its inputs.
    fn hook_locals(&self, frame: &Frame, slot: &Slot, node: Ix) -> VarMap {
        let mut locals = frame.inputs.clone();
        let status = self.nodes.status(node);
        let name = if frame.refs.prefix == "steps" {
            &status.display_name
        } else {
            &slot.origin
        };
        for (field, var) in self.node_vars(node) {
            locals.insert(format!("{}.{}.{field}", frame.refs.prefix, slot.origin), var);
        }
        locals.insert(
            format!("{}.{name}.status", frame.refs.prefix),
            vars::text(status.phase.as_str()),
        );
        locals
    }

    #[expect(clippy::too_many_arguments, reason = "one call for hooks of both kinds")]
    fn start_hook(
        &mut self,
        owner: Ix,
        frame: &Arc<Frame>,
        slot: &Slot,
        node: Ix,
        name: &str,
        hook: &LifecycleHook,
        on_exit: bool,
    ) -> Result<Option<Ix>, String> {
        let outputs = self.last_attempt_outputs(node);
        let args = if hook.arguments.is_empty() || !on_exit && outputs.is_none() {
            hook.arguments.clone()
        } else {
            self.hook_args(frame, slot, &hook.arguments, outputs.as_ref())?
        };
        let call = Call {
            name: name.to_owned(),
            holder: hook_holder(hook),
            base: frame.base.clone(),
            args,
            boundary: Some(frame.boundary),
            parent: Some(owner),
            on_exit: on_exit || frame.on_exit,
            flag: Some(NodeFlag {
                hooked: true,
                ..NodeFlag::default()
            }),
            role: Role::Hook,
            level: frame.level,
        };
        match self.call(call) {
            Ok(ix) | Err(Stop::Depth(ix)) => {
                self.nodes.link(node, ix);
                Ok(Some(ix))
            }
            Err(Stop::Blocked) => {
                self.block(owner);
                Ok(None)
            }
            Err(Stop::Error(message)) => {
                if let Some(ix) = self.nodes.find(&names::node_id(self.name(), name)) {
                    self.nodes.link(node, ix);
                }
                Err(message)
            }
        }
    }

    /// The outputs of a node; of a retry node, those of its last attempt.
    fn last_attempt_outputs(&self, node: Ix) -> Option<Outputs> {
        let last = self.last_attempt(node).unwrap_or(node);
        self.nodes.status(last).outputs.clone()
    }

    fn hook_args(
        &self,
        frame: &Frame,
        slot: &Slot,
        args: &Arguments,
        outputs: Option<&Outputs>,
    ) -> Result<Arguments, String> {
        let mut frame = frame.clone();
        let prefix = format!("{}.{}.outputs", frame.refs.prefix, slot.origin);
        for parameter in outputs.iter().flat_map(|o| &o.parameters) {
            let value = parameter.value.as_ref().map_or("", |v| v.as_str());
            frame.inputs.insert(
                format!("{prefix}.parameters.{}", parameter.name),
                vars::text(value),
            );
        }
        for artifact in outputs.iter().flat_map(|o| &o.artifacts) {
            let name = format!("{prefix}.artifacts.{}", artifact.name);
            frame.inputs.insert(name, vars::artifact(artifact));
        }
        let mut args = args.clone();
        let vars = self.vars(&frame.inputs, Some(&frame.refs));
        mark_absent_args(&mut args, vars);
        let mut args = subst::in_object(&args, vars, Unknown::Keep).map_err(Failure::message)?;
        for artifact in &mut args.artifacts {
            if artifact.from.is_empty() && artifact.from_expression.is_empty() {
                continue;
            }
            match self.artifact(artifact, &frame) {
                Ok(found) => *artifact = found,
                Err(_) if artifact.optional => {}
                Err(e) => return Err(format!("unable to resolve references: {e}")),
            }
        }
        Ok(args)
    }
}

/// How a hook names its template.
pub(super) fn hook_holder(hook: &LifecycleHook) -> Holder {
    Holder {
        template: hook.template.clone(),
        reference: hook.template_ref.clone(),
        ..Holder::default()
    }
}
