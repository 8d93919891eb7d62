//! Pods: they are asked for, watched, and their outcome is folded into their nodes exactly once.
//! Rule: workflow/controller/operator.go, `assessNodeStatus` and `inferFailedReason`.
//!
//! ```text
//!   node Pending --> pod asked for --> seen: Pending, Running --> over --> [task result] --> node over
//!                                                                              --> patch --> pod released
//! ```

use std::sync::Arc;

use argo::{NodeStatus, Outputs, Template};
use meta::time::SignedDuration;

use super::nodes::Ix;
use super::outcome::{assess, exit_code, latest_finish, until_reported, worst_exit};
use super::plan::{Plan, PodPlan};
use super::{Machine, just_after, mark, whole_seconds};
use crate::contract::{ANNOTATION_ATTEMPT, PodView, TaskResult};
use crate::phase::{self, ERROR, FAILED, PENDING, SUCCEEDED};
use crate::template::{Base, Holder};

/// How long a pod that should be there may be missing before its outcome is unknown.
const MISSING_GRACE: SignedDuration = SignedDuration::from_secs(10);
/// How long the report of a pod that succeeded is waited for.
const RESULT_GRACE: SignedDuration = SignedDuration::from_mins(10);
/// How long the report of a pod that failed is waited for: it may have died before reporting.
const FAILED_RESULT_GRACE: SignedDuration = SignedDuration::from_secs(2);

impl Machine {
    /// Asks for a node's pod if it is not there, or looks at it.
    pub(super) fn evaluate_pod(&mut self, ix: Ix, plan: Box<PodPlan>) -> Result<Plan, String> {
        let id = self.nodes.status(ix).id.clone();
        if self.pods.contains_key(&id) {
            self.nodes.get_mut(ix).plan = Plan::Pod(plan);
            self.assess(ix);
            self.check_pending(ix);
            return Ok(std::mem::take(&mut self.nodes.get_mut(ix).plan));
        }
        if self.phase(ix) != PENDING {
            return Ok(self.missing_pod(ix, plan));
        }
        self.nodes.get_mut(ix).plan = Plan::Pod(plan);
        if self.check_pending(ix) {
            return Ok(Plan::Idle);
        }
        let Plan::Pod(plan) = std::mem::take(&mut self.nodes.get_mut(ix).plan) else {
            return Ok(Plan::Idle);
        };
        if !self.control.shutdown.allows(plan.on_exit) {
            let message = format!(
                "workflow shutdown with strategy: {}",
                self.control.shutdown.name()
            );
            self.mark(ix, FAILED, &message);
            return Ok(Plan::Idle);
        }
        if self.control.expired && !plan.on_exit {
            self.mark(ix, FAILED, super::limits::DEADLINE);
            return Ok(Plan::Idle);
        }
        self.out.want_pod(ix);
        Ok(Plan::Pod(plan))
    }

    /// A node whose pod was seen once and is not there now: its outcome is unknown after a while.
    fn missing_pod(&mut self, ix: Ix, plan: Box<PodPlan>) -> Plan {
        let started = self.nodes.status(ix).started_at.map_or(self.now, |t| t.0);
        let until = started.checked_add(MISSING_GRACE).unwrap_or(self.now);
        if self.now <= until {
            self.timers.set(just_after(until), ix);
            return Plan::Pod(plan);
        }
        self.pod_lost(ix);
        Plan::Idle
    }

    pub(super) fn pod_seen(&mut self, pod: Arc<PodView>) {
        let id = pod.node_id.clone();
        if !self.concerns(&pod) {
            if pod.held {
                self.out.release_pod(pod.name.clone(), pod.uid.clone());
            }
            return;
        }
        self.pod_nodes.insert(pod.name.clone(), id.clone());
        self.pods.insert(id.clone(), pod);
        let Some(ix) = self.nodes.find(&id) else { return };
        self.look_at_pod(ix);
    }

    /// Looks at a node's pod, or lets it go.
    pub(super) fn look_at_pod(&mut self, ix: Ix) {
        if phase::over(self.phase(ix)) {
            self.let_go(&self.nodes.status(ix).id.clone());
        } else {
            self.timers.clear(ix);
            self.assess(ix);
            self.check_pending(ix);
        }
    }

    /// Whether a pod says something of this attempt at the workflow, or of a node that an earlier one ended for good.
    pub(super) fn concerns(&self, pod: &PodView) -> bool {
        let over = |ix: Ix| phase::over(self.phase(ix));
        pod.attempt == self.own_attempt() || self.nodes.find(&pod.node_id).is_some_and(over)
    }

    /// Pods that were there before a retry are no pods of the nodes that it made room for.
    pub(super) fn pass_over_earlier_pods(&mut self) {
        let earlier = self.pods.values().filter(|pod| !self.concerns(pod));
        for pod in earlier.cloned().collect::<Vec<_>>() {
            self.pods.remove(&pod.node_id);
            self.pod_seen(pod);
        }
    }

    fn own_attempt(&self) -> &str {
        let attempt = self.meta.annotations.get(ANNOTATION_ATTEMPT);
        attempt.map_or("", String::as_str)
    }

    /// A pod is gone. Held pods cannot go before their outcome is known, so this is somebody's force.
    pub(super) fn pod_gone(&mut self, name: &str, uid: &str) {
        let Some(id) = self.pod_nodes.get(name).cloned() else {
            return;
        };
        if self.pods.get(&id).is_none_or(|p| p.uid != uid) {
            return;
        }
        let gone = self.pods.remove(&id);
        let Some(ix) = self.nodes.find(&id).filter(|ix| !phase::over(self.phase(*ix))) else {
            return;
        };
        if self.phase(ix) == PENDING && gone.is_some_and(|pod| pod.host.is_empty()) {
            // No machine ever had it, so it never ran: it is asked for again.
            self.enqueue(ix, super::Note::Own);
        } else {
            self.pod_lost(ix);
        }
    }

    /// Nobody will ever know how a node's pod ended.
    fn pod_lost(&mut self, ix: Ix) {
        self.apply(ix, |status, now| {
            status.daemoned = None;
            mark(status, now, ERROR, Some("pod deleted"));
        });
        self.end_containers(ix, ERROR, "container deleted");
    }

    pub(super) fn pod_refused(&mut self, id: &str, message: &str) {
        let Some(ix) = self.nodes.find(id) else { return };
        if self.phase(ix) == PENDING && !self.pods.contains_key(id) {
            self.fail(ix, message.to_owned());
        }
    }

    pub(super) fn result_seen(&mut self, result: TaskResult) {
        let id = result.node_id.clone();
        self.results.insert(id.clone(), result);
        let Some(ix) = self.nodes.find(&id) else { return };
        if phase::over(self.phase(ix)) {
            self.out.drop_result(id);
        } else if self.pods.contains_key(&id) {
            self.look_at_pod(ix);
        }
    }

    /// Folds what is known of a node's pod into the node.
    pub(super) fn assess(&mut self, ix: Ix) {
        let Some(pod) = self.pods.get(&self.nodes.status(ix).id).cloned() else {
            return;
        };
        let Some(template) = self.pod_template(ix) else {
            return;
        };
        if pod.deleting && pod.host.is_empty() && pod.held && pod.phase == PENDING {
            // It never ran, so there is no outcome to hold it for.
            self.out.release_pod(pod.name.clone(), pod.uid.clone());
        }
        self.assess_containers(ix, &pod, &template);
        let status = self.nodes.status(ix).clone();
        let Some(mut news) = assess(&status, &pod, &template) else {
            return;
        };
        if phase::completed(&news.phase) && !self.result_is_in(ix, &pod, &template) {
            news = until_reported(&status, &pod);
        }
        if phase::completed(&news.phase) {
            self.fold(&mut news, &pod, &template);
        } else if let Some(result) = self.results.get(&status.id) {
            news.task_result_synced = Some(result.completed);
            if !result.result.progress.is_empty() {
                news.progress.clone_from(&result.result.progress);
            }
        }
        let became_daemon = phase::daemoned(&news) && !phase::daemoned(&status);
        self.apply(ix, |status, _| *status = news);
        if became_daemon {
            self.note_daemon(ix);
        }
        if phase::over(self.phase(ix)) {
            self.nodes.get_mut(ix).plan = Plan::Idle;
            self.let_go(&status.id);
        }
    }

    /// Takes over what the executor reported, and the exit code.
    fn fold(&mut self, status: &mut NodeStatus, pod: &PodView, template: &Template) {
        if let Some(result) = self.results.get(&status.id) {
            status.task_result_synced = Some(true);
            if !result.result.phase.is_empty() && result.result.phase != SUCCEEDED {
                // The executor failed at its own part.
                status.phase.clone_from(&result.result.phase);
                status.message.clone_from(&result.result.message);
            }
            let reported = result.result.outputs.clone();
            status.outputs = reported
                .map(|o| with_declared(o, template))
                .filter(|o| !o.is_empty());
            if !result.result.progress.is_empty() {
                status.progress.clone_from(&result.result.progress);
            }
        }
        let fixed = template.outputs.parameters.iter().filter(|p| p.value.is_some());
        for output in fixed {
            let given = status.outputs.get_or_insert_default();
            if given.parameter(&output.name).is_none() {
                given.parameters.push(output.clone());
            }
        }
        if let Some(code) = exit_code(pod).filter(|_| template.http.is_none()) {
            status.outputs.get_or_insert_default().exit_code = Some(code.to_string());
        }
        status.finished_at = Some(latest_finish(pod).unwrap_or_else(|| whole_seconds(self.now)));
        status.resources_duration = crate::usage::of_pod(pod);
        for (resource, seconds) in &status.resources_duration {
            *self
                .status
                .resources_duration
                .entry(resource.clone())
                .or_default() += seconds;
        }
        if status.phase == SUCCEEDED {
            status.progress = complete(&status.progress);
        }
    }

    /// Whether nothing more will be reported of a pod that is over.
    fn result_is_in(&mut self, ix: Ix, pod: &PodView, template: &Template) -> bool {
        if !pod.exec || self.results.get(&pod.node_id).is_some_and(|r| r.completed) {
            return true;
        }
        // The executor says by its exit code, or by never having run, that no report will come.
        let failed = pod.phase == "Failed";
        if failed && worst_exit(pod, template).is_none_or(|c| c == argo::exec::EXECUTOR_FAILED) {
            return true;
        }
        let grace = if failed { FAILED_RESULT_GRACE } else { RESULT_GRACE };
        let ended = latest_finish(pod).map_or(self.now, |t| t.0);
        let until = ended.checked_add(grace).unwrap_or(self.now);
        if self.now > until {
            return true;
        }
        self.timers.set(just_after(until), ix);
        false
    }

    /// The template of a pod's node; after a restart it may have to be found again.
    fn pod_template(&mut self, ix: Ix) -> Option<Arc<Template>> {
        if let Plan::Pod(plan) = &self.nodes.get(ix).plan {
            return Some(Arc::clone(&plan.template));
        }
        let status = self.nodes.status(ix);
        let holder = Holder {
            template: status.template_name.clone(),
            reference: status.template_ref.clone(),
            ..Holder::default()
        };
        let base = Base::from_scope(&status.template_scope);
        self.templates
            .resolve(&base, &holder)
            .ok()
            .map(|(_, template)| template)
    }

    /// Ends a node's pod and says why.
    pub(super) fn end_pod(&mut self, ix: Ix, message: &str) {
        self.delete_pod_of(ix);
        self.nodes.get_mut(ix).plan = Plan::Idle;
        self.apply(ix, |status, now| {
            status.daemoned = None;
            mark(status, now, FAILED, Some(message));
        });
        self.end_containers(ix, FAILED, message);
    }

    pub(super) fn delete_pod_of(&mut self, ix: Ix) {
        let status = self.nodes.status(ix);
        self.out.forget_pod(ix);
        if let Some(pod) = self.pods.get(&status.id) {
            self.out.delete_pod(pod.name.clone(), pod.uid.clone());
        }
    }

    /// A node is over: its pod need not be held once it has ended, and its report is not needed.
    pub(super) fn let_go(&mut self, id: &str) {
        if self.results.contains_key(id) {
            self.out.drop_result(id.to_owned());
        }
        let Some(pod) = self.pods.get(id).cloned() else {
            return;
        };
        let ended = matches!(pod.phase.as_str(), "Succeeded" | "Failed");
        if ended || pod.host.is_empty() && pod.deleting {
            let garbage = ended && !pod.deleting && self.is_garbage(&pod);
            if garbage && self.is_kept_a_while(id, &pod) {
                return;
            }
            if pod.held || !pod.completed {
                self.out.release_pod(pod.name.clone(), pod.uid.clone());
            }
            if garbage {
                self.out.collect_pod(pod.name.clone(), pod.uid.clone());
            }
        } else if !pod.deleting {
            // Its node is over, so nothing waits for what it does.
            self.out.delete_pod(pod.name.clone(), pod.uid.clone());
        }
    }
}

/// Reported outputs with what only their declaration says.
fn with_declared(mut outputs: Outputs, template: &Template) -> Outputs {
    for output in &mut outputs.parameters {
        if let Some(declared) = template.outputs.parameter(&output.name) {
            output.global_name.clone_from(&declared.global_name);
            output.value_from = declared.value_from.clone();
            output.description.clone_from(&declared.description);
        }
    }
    for output in &mut outputs.artifacts {
        if let Some(declared) = template.outputs.artifact(&output.name) {
            output.global_name.clone_from(&declared.global_name);
        }
    }
    outputs
}

/// Progress of a node that succeeded: all of it.
fn complete(progress: &str) -> String {
    let total = progress.split_once('/').map_or("1", |(_, total)| total);
    format!("{total}/{total}")
}
