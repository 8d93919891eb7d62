//! The workflow's own status: phase, conditions, progress, and the variables that follow from them; and what
//! others changed in it.

use argo::status::Condition;
use meta::time::seconds;
use serde_json::json;

use super::nodes::{Ix, numbers};
use super::{Machine, Shutdown};
use crate::contract::{Effect, LABEL_COMPLETED, LABEL_PHASE, WorkflowView};
use crate::names;
use crate::phase::{self, RUNNING, kind};
use crate::vars;

impl Machine {
    pub(super) fn set_phase(&mut self, phase: &str, message: &str) {
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

    pub(super) fn set_status_var(&mut self, phase: &str) {
        self.globals
            .insert("workflow.status".to_owned(), vars::text(phase));
        let started = self.status.started_at.map_or(self.now, |t| t.0);
        let passed = self.now.duration_since(started).as_secs_f64().max(0.0);
        self.globals
            .insert("workflow.duration".to_owned(), vars::text(format!("{passed:.6}")));
    }

    /// `workflow.failures`: JSON within a quoted string, so that quotes survive substitution.
    pub(super) fn set_failures(&mut self) {
        let failed = self.nodes.failed().map(|node| &node.status);
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
    pub(super) fn refresh(&mut self) {
        let counts = self.nodes.counts(None);
        if counts.total > 0 {
            self.status.progress = format!("{}/{}", counts.done, counts.total);
        }
        if self.status.phase == RUNNING && !self.pods.is_empty() {
            let running = if counts.running_pods > 0 { "True" } else { "False" };
            self.set_condition("PodRunning", running);
        }
    }

    /// A node around others that is over shows their progress. (While it goes on it does not: each of its pods
    /// would change all nodes around it.) Rule: workflow/progress/updater.go.
    pub(super) fn sum_up(&mut self, ix: Ix) {
        let (done, total) = match self.nodes.status(ix).r#type.as_str() {
            kind::STEPS | kind::DAG => {
                let counts = self.nodes.counts(Some(ix));
                (counts.done + counts.inner.0, counts.total + counts.inner.1)
            }
            kind::STEP_GROUP | kind::TASK_GROUP | kind::RETRY => {
                let children = self.children(ix).into_iter();
                let each = children.filter_map(|c| numbers(&self.nodes.status(c).progress));
                each.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
            }
            _ => return,
        };
        if total > 0 {
            self.nodes
                .change(ix, |status| status.progress = format!("{done}/{total}"));
        }
    }

    /// Others changed the Workflow: suspended, resumed, stopped, terminated it, or resumed a node.
    pub(super) fn workflow_seen(&mut self, view: WorkflowView) {
        if view.uid != self.meta.uid {
            return;
        }
        self.control.deleting |= view.deleting;
        if self.over() {
            // Somebody's retry: it takes the phase away and gives a new start.
            if !phase::completed(&view.phase)
                && (view.started || !view.phase.is_empty())
                && view.resource_version != self.meta.resource_version
            {
                self.out.push(Effect::Rebuild);
            }
            return;
        }
        let resumed = self.control.suspended && !view.suspend;
        self.control.suspended = view.suspend;
        if resumed {
            self.take_up();
        }
        let shutdown = Shutdown::from_spec(&view.shutdown);
        if shutdown.enabled() && shutdown != self.control.shutdown {
            self.control.shutdown = shutdown;
            self.stop_waiting_workflow();
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
