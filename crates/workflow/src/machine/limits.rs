//! Limits on what may run: parallelism, fail-fast, deadlines, stopping, daemons whose time is over.
//! Rule: workflow/controller/operator.go, `checkParallelism` and `failNodesWithoutCreatedPods...`, and
//! exec_control.go.

use argo::Template;

use super::nodes::Ix;
use super::plan::{Plan, Stop};
use super::{Machine, mark};
use crate::phase::{self, FAILED, SUCCEEDED, kind};

/// What is said of a template that gave up because a child failed.
const FAIL_FAST: &str = "template has failed or errored children and failFast enabled";
/// What is said of nodes that the workflow's deadline ended.
pub(super) const DEADLINE: &str = "Step exceeded its deadline";

impl Machine {
    /// Whether as many pods are active as the workflow allows.
    pub(super) fn workflow_is_full(&self) -> bool {
        self.spec
            .parallelism
            .is_some_and(|limit| self.nodes.counts(None).active_pods >= limit)
    }

    /// Whether limits on parallelism leave no room for another attempt at a node that counts only by its
    /// attempts. Argo minds the workflow's limit here, and forgets the template's.
    pub(super) fn has_no_room(&mut self, ix: Ix) -> bool {
        if self.workflow_is_full() {
            self.blocked.hit(None);
            return true;
        }
        let boundary = self.nodes.find(&self.nodes.status(ix).boundary_id);
        let crowded = boundary.filter(|boundary| self.is_crowded(*boundary));
        if crowded.is_some() {
            self.blocked.hit(crowded);
        }
        crowded.is_some()
    }

    /// Whether as many children of a node are active as its template allows.
    fn is_crowded(&self, boundary: Ix) -> bool {
        let limit = self
            .boundaries
            .get(&boundary)
            .and_then(|template| template.parallelism);
        limit.is_some_and(|limit| self.nodes.counts(Some(boundary)).active_children >= limit)
    }

    /// Whether a new node may start within a boundary.
    pub(super) fn check_limits(&mut self, boundary: Option<Ix>) -> Result<(), Stop> {
        if self.workflow_is_full() {
            self.blocked.hit(None);
            return Err(Stop::Blocked);
        }
        if boundary.is_some_and(|boundary| self.boundary_is_full(boundary)) {
            self.blocked.hit(boundary);
            return Err(Stop::Blocked);
        }
        Ok(())
    }

    /// Whether nothing new may start within a boundary: it has given up, or as many are active as it allows.
    fn boundary_is_full(&mut self, boundary: Ix) -> bool {
        let Some(template) = self.boundaries.get(&boundary).cloned() else {
            return false;
        };
        self.fail_fast(boundary, &template) || self.is_crowded(boundary)
    }

    /// Whether a template has given up because a child failed; once no pod of it is active it is failed.
    pub(super) fn fail_fast(&mut self, ix: Ix, template: &Template) -> bool {
        let counts = self.nodes.counts(Some(ix));
        if template.fail_fast != Some(true) || counts.unsuccessful == 0 {
            return false;
        }
        if counts.active_pods == 0 {
            if !template.steps.is_empty()
                && let Some(group) = self.last_group(ix)
            {
                self.mark(group, FAILED, FAIL_FAST);
            }
            self.kill_daemons(Some(ix));
            self.mark(ix, FAILED, FAIL_FAST);
        }
        true
    }

    /// Whether a node has given up, or is about to, because a child failed.
    pub(super) fn fails_fast(&self, ix: Ix) -> bool {
        let eager = self
            .boundaries
            .get(&ix)
            .is_some_and(|t| t.fail_fast == Some(true));
        eager && self.nodes.counts(Some(ix)).unsuccessful > 0
    }

    /// The last step group that a walk through the children of a node meets and that has not succeeded: that
    /// stays as it is.
    fn last_group(&self, ix: Ix) -> Option<Ix> {
        let mut last = None;
        let mut seen = std::collections::HashSet::new();
        let mut stack = vec![ix];
        while let Some(node) = stack.pop() {
            if !seen.insert(node) {
                continue;
            }
            let status = self.nodes.status(node);
            if status.r#type == kind::STEP_GROUP && status.phase != SUCCEEDED {
                last = Some(node);
            }
            stack.extend(self.children(node).into_iter().rev());
        }
        last
    }

    /// Acts on the workflow's deadline once it has passed.
    pub(super) fn expire(&mut self) {
        let passed = self.control.deadline.is_some_and(|d| self.now > d);
        if passed && !self.control.expired && !phase::completed(&self.status.phase) {
            self.control.expired = true;
            self.enforce();
        }
    }

    /// Ends what may no longer run, after a stop or the deadline.
    pub(super) fn enforce(&mut self) {
        let open: Vec<Ix> = self
            .nodes
            .iter()
            .filter(|(_, n)| !phase::over(&n.status.phase))
            .map(|(ix, _)| ix)
            .collect();
        for ix in open {
            self.enforce_on(ix);
        }
    }

    fn enforce_on(&mut self, ix: Ix) {
        let shutdown = self.control.shutdown;
        let on_exit = self.is_on_exit(ix);
        let expired = self.control.expired && !on_exit;
        let stopped = shutdown.enabled() && !shutdown.allows(on_exit);
        let (kind, phase) = (self.nodes.status(ix).r#type.clone(), self.phase(ix).to_owned());
        match kind.as_str() {
            _ if self.waits_for_lock(ix) => drop(self.end_waiting(ix)),
            kind::POD | kind::HTTP if stopped => {
                self.end_pod(
                    ix,
                    &format!("workflow shutdown with strategy:  {}", shutdown.name()),
                );
            }
            kind::POD | kind::HTTP if expired => self.end_pod(ix, DEADLINE),
            kind::SUSPEND if stopped && phase == phase::RUNNING => drop(self.end_waiting(ix)),
            kind::SUSPEND if expired => self.mark(ix, FAILED, DEADLINE),
            kind::STEPS | kind::DAG | kind::STEP_GROUP | kind::TASK_GROUP | kind::RETRY => {
                self.enqueue(ix, super::Note::Own);
            }
            _ => {}
        }
    }

    /// Why a node may wait no longer: the workflow was stopped, or is late.
    pub(super) fn waits_no_longer(&self, ix: Ix) -> Option<String> {
        let (shutdown, on_exit) = (self.control.shutdown, self.is_on_exit(ix));
        if shutdown.enabled() && !shutdown.allows(on_exit) {
            return Some(format!("Stopped with strategy '{}'", shutdown.name()));
        }
        (self.control.expired && !on_exit).then(|| DEADLINE.to_owned())
    }

    /// Ends a node that waits, if it may no longer; whether it did.
    pub(super) fn end_waiting(&mut self, ix: Ix) -> bool {
        let why = self.waits_no_longer(ix);
        if let Some(why) = &why {
            self.mark(ix, FAILED, why);
        }
        why.is_some()
    }

    fn waits_for_lock(&self, ix: Ix) -> bool {
        let waits = self.nodes.status(ix).synchronization_status.as_ref();
        waits.is_some_and(|s| !s.waiting.is_empty())
    }

    /// Whether a node is part of an exit handler: it or a boundary around it is one.
    pub(super) fn is_on_exit(&self, ix: Ix) -> bool {
        let exits = |ix: Ix| self.nodes.status(ix).display_name.ends_with(".onExit");
        exits(ix) || self.nodes.around(ix).any(exits)
    }

    /// Remembers a daemon for the end of its boundary.
    pub(super) fn note_daemon(&mut self, ix: Ix) {
        let boundary = self.nodes.status(ix).boundary_id.clone();
        let known = self.daemons.entry(boundary).or_default();
        if !known.contains(&ix) {
            known.push(ix);
        }
    }

    /// Ends the daemons of a boundary whose work is over.
    pub(super) fn kill_daemons(&mut self, boundary: Option<Ix>) {
        let id = boundary
            .map(|b| self.nodes.status(b).id.clone())
            .unwrap_or_default();
        if self.daemons.get(&id).is_none_or(Vec::is_empty) {
            return;
        }
        for ix in self.daemons.remove(&id).unwrap_or_default() {
            if !phase::daemoned(self.nodes.status(ix)) {
                continue;
            }
            self.delete_pod_of(ix);
            self.nodes.get_mut(ix).plan = Plan::Idle;
            self.apply(ix, |status, now| {
                status.daemoned = None;
                mark(status, now, SUCCEEDED, None);
            });
        }
    }
}
