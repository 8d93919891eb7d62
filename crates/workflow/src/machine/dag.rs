//! A dag node: tasks start when what they depend on is over, and the targets' ends decide its own.
//! Rule: workflow/controller/dag.go.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use argo::{DagTask, Template};
use expr::depends::{ContinueOn, Depends, TaskResult};

use super::nodes::Ix;
use super::plan::{Call, DagPlan, FanPlan, Frame, Plan, Role, Slot, Stop, Task, is_loop};
use super::steps::continues;
use super::{Machine, Note};
use crate::glue::when;
use crate::phase::{self, ERROR, FAILED, OMITTED, RUNNING, SUCCEEDED, kind};
use crate::subst::Failure;

/// Tasks that may start, in the order in which they are looked at: rank and index.
type Ready = BTreeSet<(usize, usize)>;

/// The plan of a dag that has not started.
pub(super) fn plan(template: &Arc<Template>, frame: Frame) -> Result<DagPlan, String> {
    let empty = Vec::new();
    let declared = template.dag.as_ref().map_or(&empty, |d| &d.tasks);
    let index: HashMap<&str, usize> = declared
        .iter()
        .enumerate()
        .map(|(i, t)| (t.name.as_str(), i))
        .collect();
    let mut tasks = Vec::with_capacity(declared.len());
    for task in declared {
        let logic = logic(task, declared)?;
        let dependencies = logic.tasks().into_iter().map(|name| {
            let found = index.get(name).copied();
            found.ok_or_else(|| format!("task '{}' depends on '{name}', which does not exist", task.name))
        });
        let dependencies = dependencies.collect::<Result<Vec<_>, _>>()?;
        tasks.push(Task {
            slot: Slot::new(Arc::new(task.clone()), task.name.clone()),
            missing: dependencies.len(),
            logic,
            dependencies,
            dependents: Vec::new(),
            rank: None,
        });
    }
    for i in 0..tasks.len() {
        for dependency in tasks[i].dependencies.clone() {
            tasks[dependency].dependents.push(i);
        }
    }
    let targets = targets(template, &tasks, &index)?;
    let order = order(&mut tasks, &targets);
    Ok(DagPlan {
        template: template.clone(),
        frame: Arc::new(frame),
        tasks,
        targets,
        order,
        by_node: HashMap::new(),
        unsettled: 0,
        blocked: VecDeque::new(),
        started: false,
    })
}

/// When a task may start, among its siblings.
fn logic(task: &DagTask, tasks: &[DagTask]) -> Result<Depends, String> {
    let declared = if task.depends.is_empty() {
        Depends::of_dependencies(task.dependencies.iter().cloned())
    } else {
        Depends::parse(&task.depends).map_err(|e| e.message)?
    };
    Ok(declared.expand(&|name| {
        let on = tasks
            .iter()
            .find(|t| t.name == name)
            .and_then(|t| t.continue_on.as_ref());
        ContinueOn {
            error: on.is_some_and(|c| c.error),
            failed: on.is_some_and(|c| c.failed),
        }
    }))
}

/// The tasks of `target`, or those that no other depends on, by name.
fn targets(template: &Template, tasks: &[Task], index: &HashMap<&str, usize>) -> Result<Vec<usize>, String> {
    let named = template.dag.as_ref().map_or("", |d| d.target.as_str());
    if named.is_empty() {
        let mut leaves: Vec<usize> = (0..tasks.len())
            .filter(|i| tasks[*i].dependents.is_empty())
            .collect();
        leaves.sort_by(|a, b| tasks[*a].slot.origin.cmp(&tasks[*b].slot.origin));
        return Ok(leaves);
    }
    let of = |name: &str| {
        index
            .get(name)
            .copied()
            .ok_or_else(|| format!("target '{name}' is not defined"))
    };
    named.split_whitespace().map(of).collect()
}

/// What the targets need, dependencies before dependants; iteratively, since chains may be long.
fn order(tasks: &mut [Task], targets: &[usize]) -> Vec<usize> {
    let mut order = Vec::new();
    let mut seen = vec![false; tasks.len()];
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for target in targets {
        stack.push((*target, 0));
        while let Some((task, next)) = stack.pop() {
            if next == 0 && std::mem::replace(&mut seen[task], true) {
                continue;
            }
            match tasks[task].dependencies.get(next).copied() {
                Some(dependency) => {
                    stack.push((task, next + 1));
                    if !seen[dependency] {
                        stack.push((dependency, 0));
                    }
                }
                None => {
                    tasks[task].rank = Some(order.len());
                    order.push(task);
                }
            }
        }
    }
    order
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
        while let Some((_, task)) = ready.pop_first() {
            if phase::over(self.phase(ix)) {
                return Ok(Plan::Idle);
            }
            let over = self.run_task(ix, &mut plan, task)?;
            if over {
                self.task_settled(&mut plan, task, &mut ready)?;
            }
        }
        self.assess_dag(ix, plan)
    }

    /// Takes note of what changed; answers the tasks that may start.
    fn dag_changes(&mut self, ix: Ix, plan: &mut DagPlan, notes: Vec<Note>) -> Result<Ready, String> {
        let ranked = |t: usize, plan: &DagPlan| (plan.tasks[t].rank.unwrap_or_default(), t);
        let mut ready: Ready = std::mem::take(&mut plan.blocked)
            .into_iter()
            .map(|t| ranked(t, plan))
            .collect();
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
        for task in plan.order.clone() {
            let slot = &plan.tasks[task].slot;
            let over = !slot.settled && slot.node.is_some_and(|n| self.fulfilled(n));
            if over && self.tend_task(ix, plan, task)? {
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
        let settled = slot.settled;
        let node = slot.node;
        plan.tasks[task].slot = slot;
        if settled {
            plan.unsettled -= 1;
        }
        match (outcome, node) {
            (Err(message), Some(node)) => {
                self.mark(node, ERROR, &message);
                Ok(false)
            }
            _ => Ok(settled),
        }
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
        if !of
            .logic
            .evaluate(&|name, result| self.task_result(plan, of, name, result))
        {
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
            Err(Failure::Missing(_)) => return None,
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
                plan.blocked.push_back(task);
                self.blocked.insert(ix);
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
        let origin = plan.tasks[task].slot.origin.clone();
        let fan = FanPlan {
            frame: plan.frame.clone(),
            unsettled: turns.len(),
            waiting: (0..turns.len()).collect(),
            slots: turns
                .into_iter()
                .map(|t| Slot::new(Arc::new(t), origin.clone()))
                .collect(),
            by_node: HashMap::new(),
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

    /// Ends the dag if its targets have decided.
    fn assess_dag(&mut self, ix: Ix, plan: Box<DagPlan>) -> Result<Plan, String> {
        let verdict = self.dag_verdict(ix, &plan);
        if verdict == RUNNING {
            return Ok(Plan::Dag(plan));
        }
        self.dag_outbound(ix, &plan);
        if verdict != SUCCEEDED {
            self.kill_daemons(Some(ix));
            self.mark_phase(ix, verdict);
            return Ok(Plan::Idle);
        }
        let frame = self.whole_scope(&plan)?;
        let outputs = self.outputs_from_scope(&plan.template, &frame)?;
        self.succeed(ix, outputs);
        Ok(Plan::Idle)
    }

    /// The scope of the dag's own outputs: every task that has a node.
    fn whole_scope(&mut self, plan: &DagPlan) -> Result<Frame, String> {
        let mut frame = (*plan.frame).clone();
        for task in plan.tasks.iter().map(|t| &t.slot) {
            let Some(node) = task.node.filter(|_| !task.settled) else {
                continue;
            };
            let vars = self.node_vars(node);
            frame.refs.by_name.insert(task.origin.clone(), Arc::new(vars));
        }
        Ok(frame)
    }

    fn dag_outbound(&mut self, ix: Ix, plan: &DagPlan) {
        let mut ids = Vec::new();
        for node in plan.targets.iter().filter_map(|t| plan.tasks[*t].slot.node) {
            ids.extend(
                self.outbound(node)
                    .into_iter()
                    .map(|e| self.nodes.status(e).id.clone()),
            );
        }
        self.apply(ix, |status, _| status.outbound_nodes = ids);
    }

    /// The phase that the dag has come to. `Running` until everything that was started is over; a target that
    /// did not run takes its phase from the branches that lead to it.
    fn dag_verdict(&self, ix: Ix, plan: &DagPlan) -> &'static str {
        let exits_over = plan.targets.iter().all(|t| {
            let exit = plan.tasks[*t].slot.exit;
            exit.is_none_or(|e| self.fulfilled(e))
        });
        if self.control.shutdown.enabled() && exits_over && !plan.frame.on_exit {
            return FAILED;
        }
        if plan.unsettled > 0 {
            return RUNNING;
        }
        let Some(branches) = self.branch_phases(ix, plan) else {
            return RUNNING;
        };
        let fail_fast = plan
            .template
            .dag
            .as_ref()
            .is_none_or(|d| d.fail_fast != Some(false));
        verdict(plan, fail_fast, &branches)
    }

    /// The phase that reaches each target; none while a node is not over.
    fn branch_phases(&self, ix: Ix, plan: &DagPlan) -> Option<HashMap<usize, &'static str>> {
        let mut found = HashMap::new();
        let mut queue: VecDeque<(Ix, &'static str)> =
            self.children(ix).into_iter().map(|c| (c, SUCCEEDED)).collect();
        let mut seen: HashSet<(Ix, &'static str)> = queue.iter().copied().collect();
        let targets: HashMap<Ix, usize> = plan
            .targets
            .iter()
            .filter_map(|t| Some((plan.tasks[*t].slot.node?, *t)))
            .collect();
        while let Some((node, inherited)) = queue.pop_front() {
            let status = self.nodes.status(node);
            if !phase::fulfilled(status) {
                return None;
            }
            let branch = decided(&status.phase).unwrap_or(inherited);
            if let Some(target) = targets.get(&node) {
                let known = found.entry(*target).or_insert(branch);
                if !phase::failed(known) {
                    *known = branch;
                }
            }
            for child in self.branch_children(node) {
                if seen.insert((child, branch)) {
                    queue.push_back((child, branch));
                }
            }
        }
        Some(found)
    }

    /// Where a branch goes on: of a retry node, behind its last attempt.
    fn branch_children(&self, node: Ix) -> Vec<Ix> {
        if self.nodes.status(node).r#type != kind::RETRY {
            return self.children(node);
        }
        let mut next = Vec::new();
        for child in self.children(node).into_iter().rev() {
            if phase::hooked(self.nodes.status(child)) {
                next.push(child);
            } else {
                next.extend(self.children(child));
            }
        }
        next
    }
}

/// The phase of a node that ran.
fn decided(phase: &str) -> Option<&'static str> {
    [SUCCEEDED, FAILED, ERROR].into_iter().find(|p| *p == phase)
}

/// The dag's phase from those of its targets.
fn verdict(plan: &DagPlan, fail_fast: bool, branches: &HashMap<usize, &'static str>) -> &'static str {
    let mut result = SUCCEEDED;
    for target in &plan.targets {
        match branches.get(target) {
            None => {
                result = RUNNING;
                if !fail_fast {
                    break;
                }
            }
            Some(branch) if phase::failed(branch) => {
                if continues(plan.tasks[*target].slot.task.continue_on.as_ref(), branch) {
                    continue;
                }
                result = branch;
                if fail_fast {
                    break;
                }
            }
            Some(_) => {}
        }
    }
    result
}
