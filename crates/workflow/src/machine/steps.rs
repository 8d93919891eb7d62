//! A steps node: groups one after another, each of steps that run together.
//! Rule: workflow/controller/steps.go.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use argo::template::ContinueOn;
use argo::{Arguments, Outputs};

use super::nodes::Ix;
use super::plan::{Call, FanPlan, Plan, Role, Slot, StepsPlan, as_task};
use super::{Machine, Note};
use crate::phase::{self, ERROR, FAILED, RUNNING, SUCCEEDED, kind};
use crate::template::Holder;

impl Machine {
    pub(super) fn evaluate_steps(
        &mut self,
        ix: Ix,
        mut plan: Box<StepsPlan>,
        _notes: &[Note],
    ) -> Result<Plan, String> {
        if self.fail_fast(ix, &plan.template) {
            return Ok(Plan::Steps(plan));
        }
        while plan.current < plan.template.steps.len() {
            let group = self.group(ix, &mut plan);
            if !self.fulfilled(group) {
                return Ok(Plan::Steps(plan));
            }
            if phase::failed(self.phase(group)) {
                self.finish_steps(ix, &plan, FAILED, group);
                return Ok(Plan::Idle);
            }
            self.group_outputs(&mut plan)?;
            plan.current += 1;
        }
        self.steps_outbound(ix, &plan);
        let outputs = self.outputs_from_scope(&plan.template, &plan.frame)?;
        self.succeed(ix, outputs);
        Ok(Plan::Idle)
    }

    /// Success, with outputs if the template has any.
    pub(super) fn succeed(&mut self, ix: Ix, outputs: Option<Outputs>) {
        self.kill_daemons(Some(ix));
        self.apply(ix, |status, now| {
            if outputs.is_some() {
                status.outputs = outputs;
            }
            super::mark(status, now, SUCCEEDED, None);
        });
    }

    fn finish_steps(&mut self, ix: Ix, plan: &StepsPlan, phase: &str, group: Ix) {
        self.steps_outbound(ix, plan);
        self.kill_daemons(Some(ix));
        let message = self.nodes.status(group).message.clone();
        self.mark(ix, phase, &message);
    }

    /// The node of the current group: it is made, linked and started if it is new.
    fn group(&mut self, ix: Ix, plan: &mut StepsPlan) -> Ix {
        if let Some(group) = plan.groups.get(plan.current) {
            return *group;
        }
        let call = self.group_call(ix, plan);
        let id = crate::names::node_id(self.name(), &call.name);
        let known = self.nodes.find(&id);
        let group = known.unwrap_or_else(|| self.marker(&call, kind::STEP_GROUP, RUNNING, ""));
        self.attach(group, &call);
        self.link_group(ix, plan, group);
        plan.groups.push(group);
        if !phase::over(self.phase(group)) {
            let fan = fan_of(plan);
            self.nodes.get_mut(group).plan = Plan::Group(Box::new(fan));
            let _ = self.start_now(group);
        }
        group
    }

    fn group_call(&self, ix: Ix, plan: &StepsPlan) -> Call {
        Call {
            name: format!("{}[{}]", self.nodes.status(ix).name, plan.current),
            holder: Holder::default(),
            base: plan.frame.base.clone(),
            args: Arguments::default(),
            boundary: Some(ix),
            parent: Some(ix),
            on_exit: plan.frame.on_exit,
            flag: None,
            role: Role::Step,
            level: plan.frame.level,
        }
    }

    /// The first group is the steps node's child; others are children of what the one before ended in.
    fn link_group(&mut self, ix: Ix, plan: &StepsPlan, group: Ix) {
        let Some(previous) = plan.groups.last().copied() else {
            self.nodes.link(ix, group);
            return;
        };
        let children = self.children(previous);
        if children.is_empty() {
            self.nodes.link(previous, group);
        }
        for child in children {
            for end in self.outbound(child) {
                self.nodes.link(end, group);
            }
        }
    }

    fn steps_outbound(&mut self, ix: Ix, plan: &StepsPlan) {
        let Some(last) = plan.groups.last().copied() else {
            return;
        };
        let mut ends = Vec::new();
        for child in self.children(last) {
            ends.extend(self.outbound(child));
        }
        let ids: Vec<String> = ends
            .into_iter()
            .map(|e| self.nodes.status(e).id.clone())
            .collect();
        self.apply(ix, |status, _| status.outbound_nodes = ids);
    }

    /// Puts the outputs of the group's steps in scope.
    fn group_outputs(&mut self, plan: &mut StepsPlan) -> Result<(), String> {
        let group = plan.groups[plan.current];
        let prefix = self.nodes.status(group).name.clone();
        let steps: Vec<_> = plan.template.steps[plan.current].iter().map(as_task).collect();
        for step in steps {
            let name = format!("{prefix}.{}", step.name);
            let id = crate::names::node_id(self.name(), &name);
            let vars = match self.nodes.find(&id) {
                Some(node) => {
                    let mut vars = self.node_vars(node);
                    self.skipped_outputs(&mut vars, node, &step, &plan.frame.base, true);
                    vars
                }
                None => {
                    let turns = self.turns(group, &name);
                    let mut vars = self.loop_vars(&turns)?;
                    vars.extend(self.node_vars(group));
                    vars
                }
            };
            Arc::make_mut(&mut plan.frame)
                .refs
                .by_name
                .insert(step.name.clone(), Arc::new(vars));
        }
        Ok(())
    }

    /// The nodes of a looped step's turns.
    fn turns(&self, group: Ix, name: &str) -> Vec<Ix> {
        let turn = |ix: &Ix| {
            let status = self.nodes.status(*ix);
            status.r#type != kind::SKIPPED
                && status
                    .name
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('('))
        };
        self.children(group).into_iter().filter(turn).collect()
    }

    pub(super) fn evaluate_group(
        &mut self,
        ix: Ix,
        mut plan: Box<FanPlan>,
        notes: Vec<Note>,
    ) -> Result<Plan, String> {
        if !plan.started {
            plan.started = true;
            if let Err(problem) = self.expand_group(ix, &mut plan) {
                return self.group_problem(ix, plan, problem);
            }
        }
        if let Err(message) = self.run_fan(ix, &mut plan, notes) {
            self.mark(ix, ERROR, &message);
            return Ok(Plan::Idle);
        }
        if phase::over(self.phase(ix)) {
            return Ok(Plan::Idle);
        }
        if plan.unresolved.is_some() {
            return Ok(self.wait_in_vain(ix, plan));
        }
        if plan.unsettled > 0 {
            return Ok(Plan::Group(plan));
        }
        self.finish_group(ix, &plan);
        Ok(Plan::Idle)
    }

    fn group_problem(
        &mut self,
        ix: Ix,
        mut plan: Box<FanPlan>,
        problem: crate::subst::Failure,
    ) -> Result<Plan, String> {
        match problem {
            crate::subst::Failure::Missing(tag) => {
                plan.unresolved = Some(tag);
                Ok(self.wait_in_vain(ix, plan))
            }
            crate::subst::Failure::Bad(message) => {
                self.mark(ix, ERROR, &message);
                Ok(Plan::Idle)
            }
        }
    }

    /// A variable that nothing gives is waited for until the workflow is stopped, or late.
    fn wait_in_vain(&mut self, ix: Ix, plan: Box<FanPlan>) -> Plan {
        if self.end_waiting(ix) {
            return Plan::Idle;
        }
        Plan::Group(plan)
    }

    /// The group failed if a step did that is not forgiven; the first such step is named.
    fn finish_group(&mut self, ix: Ix, plan: &FanPlan) {
        for child in self.children(ix) {
            let slot = plan.by_node.get(&child).map(|s| &plan.slots[*s]);
            let forgiven = slot.is_some_and(|s| continues(s.task.continue_on.as_ref(), self.phase(child)));
            if phase::failed(self.phase(child)) && !forgiven {
                let message = format!("child '{}' failed", self.nodes.status(child).id);
                self.mark(ix, FAILED, &message);
                return;
            }
        }
        self.mark_phase(ix, SUCCEEDED);
    }
}

/// Whether a failure is forgiven.
pub(super) fn continues(continue_on: Option<&ContinueOn>, phase: &str) -> bool {
    continue_on.is_some_and(|c| c.error && phase == ERROR || c.failed && phase == FAILED)
}

fn fan_of(plan: &StepsPlan) -> FanPlan {
    let steps = plan.template.steps[plan.current].iter().map(as_task);
    FanPlan {
        frame: plan.frame.clone(),
        slots: steps
            .map(|t| {
                let name = t.name.clone();
                Slot::of_step(Arc::new(t), name)
            })
            .collect(),
        by_node: HashMap::new(),
        waiting: VecDeque::new(),
        tried: false,
        untended: BTreeSet::new(),
        unsettled: 0,
        unresolved: None,
        started: false,
    }
}
