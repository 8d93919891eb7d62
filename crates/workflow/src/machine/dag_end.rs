//! How a dag ends: once everything that was started is over, the phases that reach its targets decide.
//! Rule: workflow/controller/dag.go, `assessDAGPhase`.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::Machine;
use super::nodes::Ix;
use super::plan::{DagPlan, Frame, Plan};
use super::steps::continues;
use crate::phase::{self, ERROR, FAILED, RUNNING, SUCCEEDED, kind};

impl Machine {
    /// Ends the dag if its targets have decided.
    pub(super) fn assess_dag(&mut self, ix: Ix, plan: Box<DagPlan>) -> Result<Plan, String> {
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
        let exits_over = || {
            let mut exits = plan.targets.iter().filter_map(|t| plan.tasks[*t].slot.exit);
            exits.all(|exit| self.fulfilled(exit))
        };
        if self.control.shutdown.enabled() && !plan.frame.on_exit && exits_over() {
            return FAILED;
        }
        if plan.unresolved.is_some() && self.waits_no_longer(ix).is_some() {
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
            if !phase::fulfilled(status) && !self.is_spent(node) {
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

    /// Whether a node is a loop whose turns are all over, and which nobody looks at any more: what is around
    /// it gave up. Argo passes over it, too.
    fn is_spent(&self, node: Ix) -> bool {
        let children = || self.children(node);
        self.nodes.status(node).r#type == kind::TASK_GROUP
            && children().into_iter().all(|child| self.fulfilled(child))
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
