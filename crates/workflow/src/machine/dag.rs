//! A dag node: tasks start when what they depend on is over, and the targets' ends decide its own.
//! Rule: workflow/controller/dag.go.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use argo::DagTask;
use expr::depends::TaskResult;

use super::hooks::{EXIT, HookFailure};
use super::nodes::Ix;
use super::plan::{Call, DagPlan, FanPlan, Plan, Role, Slot, Stop, Task, is_loop};
use super::{Machine, Note};
use crate::glue::when;
use crate::phase::{self, ERROR, FAILED, OMITTED, RUNNING, SUCCEEDED, kind};
use crate::subst::Failure;

/// Tasks that may start, in the order in which they are looked at: rank and index.
type Ready = BTreeSet<(usize, usize)>;

/// The task to look at next: the first of those that may start and those that a limit stood against. Once it
/// stands against one again, those need not be tried.
fn next_task(ready: &mut Ready, blocked: &mut Ready, full: bool) -> Option<(usize, usize)> {
    let again = blocked.first().filter(|_| !full);
    if again.is_some_and(|again| ready.first().is_none_or(|first| again < first)) {
        blocked.pop_first()
    } else {
        ready.pop_first()
    }
}

impl Machine {
    pub(super) fn evaluate_dag(
        &mut self,
        ix: Ix,
        mut plan: Box<DagPlan>,
        notes: Vec<Note>,
    ) -> Result<Plan, String> {
        if self.fail_fast(ix, &plan.template) {
            return Ok(Plan::Dag(plan));
        }
        let mut ready = self.dag_changes(ix, &mut plan, notes)?;
        let mut full = false;
        while let Some((_, task)) = next_task(&mut ready, &mut plan.blocked, full) {
            if phase::over(self.phase(ix)) {
                return Ok(Plan::Idle);
            }
            let waiting = plan.blocked.len();
            let over = self.run_task(ix, &mut plan, task)?;
            if over {
                self.task_settled(&mut plan, task, &mut ready)?;
            }
            full |= plan.blocked.len() > waiting;
        }
        self.assess_dag(ix, plan)
    }

    /// Takes note of what changed; answers the tasks that may start.
    fn dag_changes(&mut self, ix: Ix, plan: &mut DagPlan, notes: Vec<Note>) -> Result<Ready, String> {
        let ranked = |t: usize, plan: &DagPlan| (plan.tasks[t].rank.unwrap_or_default(), t);
        let mut ready = Ready::new();
        if !plan.started {
            plan.started = true;
            let free = plan.order.iter().copied().filter(|t| plan.tasks[*t].missing == 0);
            ready.extend(free.map(|t| ranked(t, plan)));
        }
        for note in notes {
            let Note::Child(child, error) = note else {
                self.tend_unsettled_tasks(ix, plan, &mut ready)?;
                continue;
            };
            let Some(task) = plan.by_node.get(&child).copied() else {
                continue;
            };
            if let (Some(error), true) = (error, plan.tasks[task].slot.node == Some(child)) {
                let name = self.nodes.status(child).name.clone();
                self.task_error(child, &name, &error);
            }
            if self.tend_task(ix, plan, task)? {
                self.task_settled(plan, task, &mut ready)?;
            }
        }
        Ok(ready)
    }

    fn tend_unsettled_tasks(&mut self, ix: Ix, plan: &mut DagPlan, ready: &mut Ready) -> Result<(), String> {
        for task in std::mem::take(&mut plan.untended) {
            if self.tend_task(ix, plan, task)? {
                self.task_settled(plan, task, ready)?;
            }
        }
        Ok(())
    }

    /// Looks at a task's node, hooks and exit handler; answers whether it has just become over.
    fn tend_task(&mut self, ix: Ix, plan: &mut DagPlan, task: usize) -> Result<bool, String> {
        if plan.tasks[task].slot.settled {
            return Ok(false);
        }
        let empty = Slot::new(Arc::new(DagTask::default()), String::new());
        let mut slot = std::mem::replace(&mut plan.tasks[task].slot, empty);
        let outcome = self.tend(ix, &plan.frame.clone(), &mut slot);
        let started = slot.hooks.iter().map(|(_, hook)| *hook).chain(slot.exit);
        plan.by_node.extend(started.map(|node| (node, task)));
        // Argo asks again for an exit handler that it cannot start, but does not wait for it.
        slot.settled |= matches!(outcome, Err(HookFailure::Exit(_)));
        let (settled, node, is_target) = (slot.settled, slot.node, slot.eager);
        plan.tasks[task].slot = slot;
        if settled {
            plan.unsettled -= 1;
        } else if node.is_some_and(|node| self.fulfilled(node)) {
            plan.untended.insert(task);
        }
        let (Err(HookFailure::Named(message)), Some(node)) = (outcome, node) else {
            return Ok(settled);
        };
        self.mark(node, ERROR, &message);
        if is_target { Err(message) } else { Ok(false) }
    }

    /// Puts a task's outputs in scope and finds the dependants that it was the last to hold back.
    fn task_settled(&mut self, plan: &mut DagPlan, task: usize, ready: &mut Ready) -> Result<(), String> {
        let slot = &plan.tasks[task].slot;
        let Some(node) = slot.node else { return Ok(()) };
        let mut vars = if self.nodes.status(node).r#type == kind::TASK_GROUP {
            self.loop_vars(&self.children(node))?
        } else {
            crate::vars::VarMap::new()
        };
        vars.extend(self.node_vars(node));
        let (of, name) = (slot.task.clone(), slot.origin.clone());
        self.skipped_outputs(&mut vars, node, &of, &plan.frame.base, false);
        Arc::make_mut(&mut plan.frame)
            .refs
            .by_name
            .insert(name, Arc::new(vars));
        for dependent in plan.tasks[task].dependents.clone() {
            let dependent_task = &mut plan.tasks[dependent];
            dependent_task.missing -= 1;
            if let (0, Some(rank)) = (dependent_task.missing, dependent_task.rank) {
                ready.insert((rank, dependent));
            }
        }
        Ok(())
    }

    /// Starts a task whose dependencies are over; answers whether it is over already.
    fn run_task(&mut self, ix: Ix, plan: &mut DagPlan, task: usize) -> Result<bool, String> {
        let frame = plan.frame.clone();
        let declared = plan.tasks[task].slot.task.clone();
        let call = self.task_call(ix, &frame, &declared, Role::Task);
        let known = self.nodes.find(&crate::names::node_id(self.name(), &call.name));
        let over = known.filter(|n| phase::over(self.phase(*n)));
        let node = match over {
            Some(node) => {
                self.attach(node, &call);
                Some(node)
            }
            None => self.start_task(ix, plan, task, &call),
        };
        let Some(node) = node else { return Ok(false) };
        if plan.tasks[task].slot.node.is_none() {
            plan.unsettled += 1;
        }
        plan.tasks[task].slot.node = Some(node);
        plan.by_node.insert(node, task);
        self.tend_task(ix, plan, task)
    }

    /// The node of a task that starts, or does not run; none if a limit stands against it.
    fn start_task(&mut self, ix: Ix, plan: &mut DagPlan, task: usize, call: &Call) -> Option<Ix> {
        let of = &plan.tasks[task];
        // What has begun goes on, whatever becomes of a daemon that it depended on.
        let begun = self.nodes.find(&crate::names::node_id(self.name(), &call.name));
        let holds = |name: &str, result| self.task_result(plan, of, name, result);
        if begun.is_none() && !of.logic.evaluate(&holds) {
            let node = self.settled_marker(call, OMITTED, "omitted: depends condition not met");
            self.connect(ix, plan, task, node);
            return Some(node);
        }
        let frame = plan.frame.clone();
        let declared = of.slot.task.clone();
        let resolved = self.resolve_references(&declared, &frame, false);
        let turns = resolved.and_then(|task| {
            let turns = self.expand(&task, &frame).map_err(Failure::Bad)?;
            Ok((task, turns))
        });
        let (resolved, turns) = match turns {
            Ok(done) => done,
            // Argo asks again for ever; nothing that is still to come would change the answer.
            Err(Failure::Missing(tag)) => {
                plan.unresolved = Some(tag);
                return None;
            }
            Err(Failure::Bad(message)) => {
                let node = self.settled_marker(call, ERROR, &message);
                self.connect(ix, plan, task, node);
                return Some(node);
            }
        };
        if is_loop(&declared) {
            return Some(self.start_loop(ix, plan, task, call, turns));
        }
        plan.tasks[task].slot.task = Arc::new(resolved);
        self.start_single(ix, plan, task)
    }

    fn start_single(&mut self, ix: Ix, plan: &mut DagPlan, task: usize) -> Option<Ix> {
        let resolved = plan.tasks[task].slot.task.clone();
        let call = self.task_call(ix, &plan.frame, &resolved, Role::Task);
        match when(&resolved.when) {
            Ok(true) => {}
            Ok(false) => {
                let node = self.skip(&call, &format!("when '{}' evaluated false", resolved.when));
                self.connect(ix, plan, task, node);
                return Some(node);
            }
            Err(message) => {
                let node = self.settled_marker(&call, ERROR, &message);
                self.connect(ix, plan, task, node);
                return Some(node);
            }
        }
        let id = crate::names::node_id(self.name(), &call.name);
        match self.call(call.clone()) {
            Ok(node) | Err(Stop::Depth(node)) => {
                self.connect(ix, plan, task, node);
                Some(node)
            }
            Err(Stop::Blocked) => {
                let rank = plan.tasks[task].rank.unwrap_or_default();
                plan.blocked.insert((rank, task));
                self.block(ix);
                None
            }
            Err(Stop::Error(message)) => {
                let node = self.nodes.find(&id)?;
                self.connect(ix, plan, task, node);
                self.task_error(node, &call.name, &message);
                Some(node)
            }
        }
    }

    fn start_loop(
        &mut self,
        ix: Ix,
        plan: &mut DagPlan,
        task: usize,
        call: &Call,
        turns: Vec<DagTask>,
    ) -> Ix {
        if turns.is_empty() {
            let node = self.skip(call, "Skipped, empty params");
            self.connect(ix, plan, task, node);
            return node;
        }
        let known = self.nodes.find(&crate::names::node_id(self.name(), &call.name));
        let group = known.unwrap_or_else(|| self.marker(call, kind::TASK_GROUP, RUNNING, ""));
        self.attach(group, call);
        self.connect(ix, plan, task, group);
        let of = &plan.tasks[task].slot;
        let (origin, declared) = (of.origin.clone(), of.task.clone());
        let turns = turns.into_iter().map(|turn| with_exit_only(turn, &declared));
        let turns: Vec<DagTask> = turns.collect();
        let fan = FanPlan {
            frame: plan.frame.clone(),
            unsettled: turns.len(),
            waiting: (0..turns.len()).collect(),
            slots: turns
                .into_iter()
                .map(|t| Slot::new(Arc::new(t), origin.clone()))
                .collect(),
            by_node: HashMap::new(),
            tried: false,
            untended: BTreeSet::new(),
            unresolved: None,
            started: true,
        };
        self.nodes.get_mut(group).plan = Plan::Loop(Box::new(fan));
        let _ = self.start_now(group);
        group
    }

    /// Makes a task's node a child of what its dependencies ended in, or of the dag.
    fn connect(&mut self, ix: Ix, plan: &DagPlan, task: usize, node: Ix) {
        if plan.tasks[task].dependencies.is_empty() {
            self.nodes.link(ix, node);
            return;
        }
        for dependency in &plan.tasks[task].dependencies {
            let Some(before) = plan.tasks[*dependency].slot.node else {
                continue;
            };
            for end in self.outbound(before) {
                self.nodes.link(end, node);
            }
        }
    }

    /// A task's result, as `depends` names it.
    fn task_result(&self, plan: &DagPlan, of: &Task, name: &str, result: TaskResult) -> bool {
        let slot = of
            .dependencies
            .iter()
            .map(|d| &plan.tasks[*d].slot)
            .find(|s| s.origin == name);
        let Some(node) = slot.and_then(|s| s.node) else {
            return false;
        };
        let status = self.nodes.status(node);
        let phases = || -> Vec<&str> {
            let group = status.r#type == kind::TASK_GROUP;
            let children = if group { self.children(node) } else { Vec::new() };
            children.into_iter().map(|c| self.phase(c)).collect()
        };
        match result {
            TaskResult::Succeeded => status.phase == SUCCEEDED,
            TaskResult::Failed => status.phase == FAILED,
            TaskResult::Errored => status.phase == ERROR,
            TaskResult::Skipped => status.phase == phase::SKIPPED,
            TaskResult::Omitted => status.phase == OMITTED,
            TaskResult::Daemoned => phase::daemoned(status) && status.phase != phase::PENDING,
            TaskResult::AnySucceeded => phases().contains(&SUCCEEDED),
            TaskResult::AllFailed => {
                let phases = phases();
                !phases.is_empty() && phases.iter().all(|p| *p == FAILED)
            }
        }
    }

    pub(super) fn evaluate_loop(
        &mut self,
        ix: Ix,
        mut plan: Box<FanPlan>,
        notes: Vec<Note>,
    ) -> Result<Plan, String> {
        if let Err(message) = self.run_fan(ix, &mut plan, notes) {
            self.mark(ix, ERROR, &message);
            return Ok(Plan::Idle);
        }
        if plan.unsettled > 0 || phase::over(self.phase(ix)) {
            return Ok(Plan::Loop(plan));
        }
        let nodes = plan.slots.iter().filter_map(|s| s.node);
        let failed = nodes.map(|n| self.phase(n)).rfind(|p| phase::failed(p));
        let phase = failed.unwrap_or(SUCCEEDED).to_owned();
        self.mark_phase(ix, &phase);
        Ok(Plan::Idle)
    }
}

/// A turn of a task's loop: named hooks are those of the loop, the exit handler is each turn's too, as it is
/// declared and not as the item would have it.
fn with_exit_only(mut turn: DagTask, declared: &DagTask) -> DagTask {
    turn.hooks.clone_from(&declared.hooks);
    turn.hooks.retain(|name, _| name == EXIT);
    turn.on_exit.clone_from(&declared.on_exit);
    turn
}
