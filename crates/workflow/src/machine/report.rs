//! Why a workflow is not further, as data.

use super::Machine;
use super::nodes::{Ix, Node};
use super::plan::Plan;
use crate::contract::{Report, WaitReason, Waiting};
use crate::phase;

impl Machine {
    pub(super) fn make_report(&self) -> Report {
        let mut waiting = Vec::new();
        if self.control.suspended && !self.over() {
            waiting.push(Waiting {
                node: self.meta.name.clone(),
                reason: WaitReason::WorkflowSuspended,
            });
        }
        for (ix, node) in self.nodes.iter().filter(|(_, n)| !phase::over(&n.status.phase)) {
            let reason = self.wait_reason(ix, node);
            waiting.extend(reason.map(|reason| Waiting {
                node: node.status.name.clone(),
                reason,
            }));
        }
        Report {
            waiting,
            finished: self.over(),
        }
    }

    fn wait_reason(&self, ix: Ix, node: &Node) -> Option<WaitReason> {
        let lock = node
            .status
            .synchronization_status
            .as_ref()
            .map(|s| s.waiting.clone());
        if let Some(name) = lock.filter(|l| !l.is_empty()) {
            return Some(WaitReason::Lock { name });
        }
        match &node.plan {
            Plan::Pod(_) => Some(self.pod_reason(node)),
            Plan::Suspend(template) => {
                let until = self.suspended_until(ix, template).ok().flatten();
                Some(WaitReason::Suspended { until })
            }
            Plan::Retry(_) => {
                let until = self.timers.of(ix)?;
                Some(WaitReason::Backoff { until })
            }
            Plan::Group(plan) if plan.unresolved.is_some() => {
                plan.unresolved.clone().map(|tag| WaitReason::Variable { tag })
            }
            Plan::Dag(plan) if plan.unresolved.is_some() => {
                plan.unresolved.clone().map(|tag| WaitReason::Variable { tag })
            }
            _ if self.blocked.contains(ix, node.depth) => Some(WaitReason::Parallelism),
            _ => None,
        }
    }

    fn pod_reason(&self, node: &Node) -> WaitReason {
        let Some(pod) = self.pods.get(&node.status.id) else {
            return WaitReason::Pod {
                phase: String::new(),
                message: String::new(),
            };
        };
        if matches!(pod.phase.as_str(), "Succeeded" | "Failed") {
            return WaitReason::TaskResult;
        }
        let message = if node.status.message.is_empty() {
            &pod.unschedulable
        } else {
            &node.status.message
        };
        WaitReason::Pod {
            phase: pod.phase.clone(),
            message: message.clone(),
        }
    }
}
