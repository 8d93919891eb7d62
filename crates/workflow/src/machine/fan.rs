//! Steps of a group and turns of a loop: their tags replaced, loops expanded, started as limits allow, and
//! waited for with their hooks and exit handlers.

use std::sync::Arc;

use argo::DagTask;

use super::nodes::Ix;
use super::plan::{Call, FanPlan, Frame, Role, Slot, Stop, holder, is_loop};
use super::{Machine, Note};
use crate::args::ABSENT;
use crate::glue::when;
use crate::items;
use crate::phase::{self, ERROR, FAILED, SKIPPED, kind};
use crate::subst::{self, Failure, Unknown};
use expr::lang::Value;

use crate::vars::Vars;

impl Machine {
    /// Replaces the tags of a group's steps and makes turns of its loops.
    pub(super) fn expand_group(&mut self, ix: Ix, plan: &mut FanPlan) -> Result<(), Failure> {
        let steps = std::mem::take(&mut plan.slots);
        let frame = plan.frame.clone();
        let wrap = |f| match f {
            Failure::Bad(message) => Failure::Bad(format!("failed to resolve references: {message}")),
            missing @ Failure::Missing(_) => missing,
        };
        let mut resolved = Vec::new();
        for slot in steps {
            let task = self.resolve_references(&slot.task, &frame, true).map_err(wrap)?;
            resolved.push((task, slot.origin));
        }
        for (task, origin) in resolved {
            if !is_loop(&task) {
                plan.slots.push(Slot::of_step(Arc::new(task), origin));
                continue;
            }
            let turns = self.expand(&task, &frame).map_err(Failure::Bad)?;
            if turns.is_empty() {
                let call = self.task_call(ix, &frame, &task, Role::Step);
                let node = self.skip(&call, "Skipped, empty params");
                self.nodes.link(ix, node);
            }
            let slots = turns
                .into_iter()
                .map(|t| Slot::of_step(Arc::new(t), origin.clone()));
            plan.slots.extend(slots);
        }
        plan.unsettled = plan.slots.len();
        plan.waiting = (0..plan.slots.len()).collect();
        Ok(())
    }

    /// A step or task with its references to others replaced. One whose `when` is false already is left as it
    /// is: it will not run, so what it refers to need not be there.
    pub(super) fn resolve_references(
        &mut self,
        task: &DagTask,
        frame: &Frame,
        keep_missing_optional: bool,
    ) -> Result<DagTask, Failure> {
        let mut task = task.clone();
        let hooks = std::mem::take(&mut task.hooks);
        let vars = self.vars(&frame.inputs, Some(&frame.refs));
        if !task.when.is_empty() {
            let condition = subst::in_text(&task.when, vars, Unknown::KeepAllButRefs)?;
            match when(&condition) {
                Ok(true) => {}
                Ok(false) => {
                    task.when = condition;
                    task.hooks = hooks;
                    return Ok(task);
                }
                Err(message) if !is_loop(&task) => return Err(Failure::Bad(message)),
                // It may name the item of the loop.
                Err(_) => {}
            }
        }
        mark_absent(&mut task, vars);
        let mut task = subst::in_object(&task, vars, Unknown::KeepAllButRefs)?;
        task.hooks = hooks;
        self.resolve_artifacts(&mut task, frame, keep_missing_optional)
            .map_err(Failure::Bad)?;
        Ok(task)
    }

    /// Replaces `from` of a task's artifacts by where the artifacts lie.
    fn resolve_artifacts(&self, task: &mut DagTask, frame: &Frame, any_error: bool) -> Result<(), String> {
        let mut artifacts = Vec::new();
        for artifact in std::mem::take(&mut task.arguments.artifacts) {
            if artifact.from.is_empty() && artifact.from_expression.is_empty() {
                artifacts.push(artifact);
                continue;
            }
            match self.artifact(&artifact, frame) {
                Ok(found) => artifacts.push(found),
                Err(e) if artifact.optional && (any_error || e.contains("Unable to resolve")) => {}
                Err(e) if any_error => return Err(format!("unable to resolve references: {e}")),
                Err(e) => return Err(e),
            }
        }
        task.arguments.artifacts = artifacts;
        Ok(())
    }

    /// The turns of a loop, each with its name and its item's tags replaced.
    pub(super) fn expand(&self, task: &DagTask, frame: &Frame) -> Result<Vec<DagTask>, String> {
        let list = if !task.with_items.is_empty() {
            Ok(task.with_items.clone())
        } else if !task.with_param.is_empty() {
            items::param(&task.with_param)
        } else if let Some(sequence) = &task.with_sequence {
            items::sequence(sequence)
        } else {
            return Ok(vec![task.clone()]);
        };
        // A list that is wrong does not matter to a step that will not run.
        let list = match (list, when(&task.when)) {
            (Err(_), Ok(false)) => Vec::new(),
            (list, _) => list?,
        };
        let mut body = task.clone();
        body.with_items.clear();
        body.with_param.clear();
        body.with_sequence = None;
        let json = serde_json::to_value(&body).map_err(|e| e.to_string())?;
        let turns = list.iter().enumerate();
        turns
            .map(|(i, item)| self.turn(&body, &json, i, item, frame))
            .collect()
    }

    fn turn(
        &self,
        body: &DagTask,
        json: &serde_json::Value,
        index: usize,
        item: &argo::Item,
        frame: &Frame,
    ) -> Result<DagTask, String> {
        let (name, mut locals) = items::turn(&body.name, index, item);
        locals.extend(frame.inputs.iter().map(|(k, v)| (k.clone(), v.clone())));
        let vars = self.vars(&locals, Some(&frame.refs));
        let unknown = match when(&body.when) {
            Ok(false) => Unknown::Keep,
            _ => Unknown::Refuse,
        };
        let value = subst::in_value(json, vars, unknown).map_err(Failure::message)?;
        let mut turn: DagTask = serde_json::from_value(value).map_err(|e| e.to_string())?;
        turn.name = name;
        turn.template.clone_from(&body.template);
        Ok(turn)
    }

    /// The call that a step or task makes.
    pub(super) fn task_call(&self, parent: Ix, frame: &Frame, task: &DagTask, role: Role) -> Call {
        let prefix = match role {
            Role::Step => &self.nodes.status(parent).name,
            _ => &self.nodes.status(frame.boundary).name,
        };
        Call {
            name: format!("{prefix}.{}", task.name),
            holder: holder(task),
            base: frame.base.clone(),
            args: task.arguments.clone(),
            boundary: Some(frame.boundary),
            parent: Some(parent),
            on_exit: frame.on_exit,
            flag: None,
            role,
            level: frame.level,
        }
    }

    /// The node of a step that does not run.
    pub(super) fn skip(&mut self, call: &Call, why: &str) -> Ix {
        self.settled_marker(call, SKIPPED, why)
    }

    /// A node that is over from its start; an existing one is taken over.
    pub(super) fn settled_marker(&mut self, call: &Call, phase: &str, message: &str) -> Ix {
        let id = crate::names::node_id(self.name(), &call.name);
        match self.nodes.find(&id) {
            Some(ix) => {
                self.attach(ix, call);
                ix
            }
            None => self.marker(call, kind::SKIPPED, phase, message),
        }
    }

    /// Starts what can be started, and looks at the slots whose nodes changed.
    ///
    /// # Errors
    /// What makes the whole group an error.
    pub(super) fn run_fan(&mut self, ix: Ix, plan: &mut FanPlan, notes: Vec<Note>) -> Result<(), String> {
        for note in notes {
            let Note::Child(child, error) = note else {
                self.tend_unsettled(ix, plan)?;
                continue;
            };
            if let Some(slot) = plan.by_node.get(&child).copied() {
                if let Some(error) = error {
                    self.slot_error(ix, plan, slot, &error)?;
                }
                self.tend_slot(ix, plan, slot)?;
            }
        }
        self.start_waiting(ix, plan)
    }

    /// Looks at every slot whose node is over but whose hooks or exit handler are not, as when one of them
    /// could not start for a limit.
    fn tend_unsettled(&mut self, ix: Ix, plan: &mut FanPlan) -> Result<(), String> {
        for slot in std::mem::take(&mut plan.untended) {
            self.tend_slot(ix, plan, slot)?;
        }
        Ok(())
    }

    fn start_waiting(&mut self, ix: Ix, plan: &mut FanPlan) -> Result<(), String> {
        let mut held = std::collections::VecDeque::new();
        let mut full = false;
        while let Some(slot) = plan.waiting.pop_front() {
            if phase::over(self.phase(ix)) {
                return Ok(());
            }
            if !self.start_slot(ix, plan, slot, full)? {
                full = true;
                held.push_back(slot);
                if plan.tried {
                    break;
                }
            }
        }
        plan.tried = true;
        held.append(&mut plan.waiting);
        plan.waiting = held;
        Ok(())
    }

    /// Starts a slot. Answers false if a limit stands against it; one that is skipped needs no place.
    fn start_slot(&mut self, ix: Ix, plan: &mut FanPlan, slot: usize, full: bool) -> Result<bool, String> {
        let task = plan.slots[slot].task.clone();
        let role = if plan.frame.refs.prefix == "steps" {
            Role::Step
        } else {
            Role::Task
        };
        let call = self.task_call(ix, &plan.frame, &task, role);
        let proceed = match when(&task.when) {
            Ok(proceed) => proceed,
            Err(message) => return self.bad_when(ix, plan, slot, &call, message),
        };
        if !proceed {
            let node = self.skip(&call, &format!("when '{}' evaluated false", task.when));
            // A step that does not run has no hooks.
            Arc::make_mut(&mut plan.slots[slot].task).hooks.clear();
            self.seat(ix, plan, slot, node);
            self.tend_slot(ix, plan, slot)?;
            return Ok(true);
        }
        if full
            && self
                .nodes
                .find(&crate::names::node_id(self.name(), &call.name))
                .is_none()
        {
            return Ok(false);
        }
        match self.call(call.clone()) {
            Ok(node) | Err(Stop::Depth(node)) => self.seat(ix, plan, slot, node),
            Err(Stop::Blocked) => {
                self.block(ix);
                return Ok(false);
            }
            Err(Stop::Error(message)) => {
                if let Some(node) = self.nodes.find(&crate::names::node_id(self.name(), &call.name)) {
                    self.seat(ix, plan, slot, node);
                }
                self.slot_error(ix, plan, slot, &message)?;
            }
        }
        self.tend_slot(ix, plan, slot)?;
        Ok(true)
    }

    fn bad_when(
        &mut self,
        ix: Ix,
        plan: &mut FanPlan,
        slot: usize,
        call: &Call,
        message: String,
    ) -> Result<bool, String> {
        let node = self.settled_marker(call, ERROR, &message);
        self.seat(ix, plan, slot, node);
        if plan.frame.refs.prefix == "steps" {
            return Err(message);
        }
        self.tend_slot(ix, plan, slot)?;
        Ok(true)
    }

    /// Gives a slot its node.
    fn seat(&mut self, ix: Ix, plan: &mut FanPlan, slot: usize, node: Ix) {
        plan.slots[slot].node = Some(node);
        plan.by_node.insert(node, slot);
        self.nodes.link(ix, node);
    }

    /// An error of a call: a group of steps becomes an error itself, a turn of a task's loop only says so.
    fn slot_error(&mut self, ix: Ix, plan: &FanPlan, slot: usize, error: &str) -> Result<(), String> {
        let Some(node) = plan.slots[slot].node else {
            return Err(error.to_owned());
        };
        let name = self.nodes.status(node).name.clone();
        if plan.frame.refs.prefix == "steps" {
            if error == TIMEOUT {
                self.mark(ix, FAILED, error);
                return Ok(());
            }
            return Err(format!(
                "step group deemed errored due to child {name} error: {error}"
            ));
        }
        self.task_error(node, &name, error);
        Ok(())
    }

    /// The error of a task's call, on its node.
    pub(super) fn task_error(&mut self, node: Ix, name: &str, error: &str) {
        let phase = if error == TIMEOUT { FAILED } else { ERROR };
        let message = if error == TIMEOUT {
            error.to_owned()
        } else {
            format!("task '{name}' errored: {error}")
        };
        self.mark(node, phase, &message);
    }

    fn tend_slot(&mut self, ix: Ix, plan: &mut FanPlan, slot: usize) -> Result<(), String> {
        if plan.slots[slot].settled {
            return Ok(());
        }
        let frame = plan.frame.clone();
        let mut of = std::mem::replace(
            &mut plan.slots[slot],
            Slot::new(Arc::new(DagTask::default()), String::new()),
        );
        let outcome = self.tend(ix, &frame, &mut of);
        for (_, hook) in &of.hooks {
            plan.by_node.insert(*hook, slot);
        }
        if let Some(exit) = of.exit {
            plan.by_node.insert(exit, slot);
        }
        if of.settled {
            plan.unsettled -= 1;
        } else if of.node.is_some_and(|node| self.fulfilled(node)) {
            plan.untended.insert(slot);
        }
        if outcome.is_err() && frame.refs.prefix == "tasks" {
            // Argo looks at it again and again; nothing that is still to come would change the answer.
            of.settled = true;
            plan.unsettled -= 1;
        }
        plan.slots[slot] = of;
        match outcome {
            Err(failure) if frame.refs.prefix == "steps" => Err(failure.message()),
            _ => Ok(()),
        }
    }
}

/// What is said of a node that its template's `timeout` ended.
pub(super) const TIMEOUT: &str = "timeout";

/// Arguments that only refer to an output which a skipped node never gave become "not passed".
fn mark_absent(task: &mut DagTask, vars: Vars<'_>) {
    mark_absent_args(&mut task.arguments, vars);
}

/// As [`mark_absent`], for the arguments of hooks.
pub(super) fn mark_absent_args(args: &mut argo::Arguments, vars: Vars<'_>) {
    for parameter in &mut args.parameters {
        let reference = parameter
            .value
            .as_ref()
            .and_then(|v| v.as_str().strip_prefix("{{")?.strip_suffix("}}"))
            .filter(|key| !key.contains("{{") && !key.contains("}}"));
        if reference.is_some_and(|key| vars.get(key.trim()).is_some_and(Value::is_nil)) {
            parameter.value = Some(ABSENT.into());
        }
    }
}
