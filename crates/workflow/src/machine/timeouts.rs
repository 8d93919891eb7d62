//! `timeout` and `pendingTimeout`: nodes that wait too long for their pod, or for a lock.
//! Rule: workflow/controller/operator.go, `checkTemplateTimeouts`.
//!
//! While a pod runs, its own `activeDeadlineSeconds` is the limit, and kubelet keeps it.

use argo::Template;
use meta::Timestamp;

use super::fan::TIMEOUT;
use super::nodes::Ix;
use super::plan::{Plan, TimeLimits};
use super::{Machine, Note};
use crate::phase::{FAILED, PENDING};

impl Machine {
    /// The limits of a node whose template sets some. It is looked at again when they have passed.
    pub(super) fn time_limits(&self, ix: Ix, template: &Template) -> Result<TimeLimits, String> {
        let timeout = self.limit(ix, &template.timeout)?;
        let pending = self.limit(ix, &template.pending_timeout)?;
        Ok(TimeLimits {
            timeout,
            pending: [timeout, pending].into_iter().flatten().min(),
        })
    }

    fn limit(&self, ix: Ix, duration: &str) -> Result<Option<Timestamp>, String> {
        if duration.is_empty() {
            return Ok(None);
        }
        let after =
            meta::duration::parse_or_seconds(duration).map_err(|e| format!("invalid timeout format {e}"))?;
        let started = self.nodes.status(ix).started_at.map_or(self.now, |t| t.0);
        Ok(started.checked_add(after).ok())
    }

    /// Gives a pending node up once its time has passed; answers whether it did.
    pub(super) fn check_pending(&mut self, ix: Ix) -> bool {
        let pending = match &self.nodes.get(ix).plan {
            Plan::Pod(plan) => plan.limits.pending,
            Plan::Locked(plan) => plan.limits.pending,
            _ => None,
        };
        let Some(at) = pending.filter(|_| self.phase(ix) == PENDING) else {
            return false;
        };
        if self.now <= at {
            self.timers.set(super::just_after(at), ix);
            return false;
        }
        self.delete_pod_of(ix);
        self.nodes.get_mut(ix).plan = Plan::Idle;
        self.mark(ix, FAILED, TIMEOUT);
        match self.nodes.get(ix).parent {
            Some(parent) => self.enqueue(parent, Note::Child(ix, Some(TIMEOUT.to_owned()))),
            None => self.call_failed(ix, TIMEOUT),
        }
        true
    }
}
