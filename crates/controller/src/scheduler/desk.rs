//! The desk where news is put down and plans are made: the planner's state, and whether it changed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use meta::ObjectKey;
use scheduler::{Identity, Machine, Settings, State, WhyNot};
use std::sync::Arc;
use tokio::sync::Notify;

use crate::informer::Change;
use crate::kind::Projection;
use crate::projections::{Namespace, Node, Pod};

/// A pod to bind to a machine.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    pub(super) key: ObjectKey,
    pub(super) uid: String,
    pub(super) node: String,
}

/// What to do, and whom to tell.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) placements: Vec<Placement>,
    /// Pods that came since the last plan and still wait.
    pub(super) arrived: Vec<String>,
    /// Whether some that wait may now have another reason.
    pub(super) refused: bool,
}

/// The planner's state between the informers' tasks and the placing one.
pub(super) struct Desk {
    scheduler: String,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    state: State,
    keys: BTreeMap<String, ObjectKey>,
    arrived: Vec<String>,
    needs_plan: bool,
}

impl Desk {
    pub(super) fn new(scheduler: &str) -> Self {
        let inner = Inner {
            state: State::new(Settings::default()),
            ..Inner::default()
        };
        Self {
            scheduler: scheduler.to_owned(),
            inner: Mutex::new(inner),
            changed: Notify::new(),
        }
    }

    pub(super) fn node_changed(&self, change: &Change<Node>) {
        let node = change.object();
        let name = node.key().name;
        match change {
            Change::Deleted(_) => self.inner().state.machine_deleted(&name),
            Change::Applied(_) => {
                let labels = (*node.metadata.labels).clone();
                let machine = Machine::new(&name, labels, node.spec.clone(), node.status.clone());
                self.inner().state.machine_applied(machine);
            }
        }
        self.tell();
    }

    pub(super) fn namespace_changed(&self, change: &Change<Namespace>) {
        let namespace = change.object();
        let name = namespace.key().name;
        match change {
            Change::Deleted(_) => self.inner().state.namespace_deleted(&name),
            Change::Applied(_) => {
                let labels = (*namespace.metadata.labels).clone();
                self.inner().state.namespace_applied(&name, labels);
            }
        }
        self.tell();
    }

    pub(super) fn pod_changed(&self, change: &Change<Pod>) {
        let pod = change.object();
        match change {
            Change::Deleted(_) => self.pod_deleted(pod.uid()),
            Change::Applied(_) => self.pod_applied(pod),
        }
        self.tell();
    }

    fn pod_applied(&self, pod: &Pod) {
        let ended = matches!(pod.view.phase.as_str(), "Succeeded" | "Failed");
        let leaving = pod.view.deleting && pod.placement.node_name.is_empty();
        let uid = pod.uid();
        let identity = Identity {
            namespace: Arc::clone(&pod.metadata.namespace),
            labels: Arc::clone(&pod.metadata.labels),
            leaving: pod.view.deleting,
        };
        let finished = ended || leaving;
        let seen = scheduler::Pod::new(uid, identity, &pod.placement, finished, &self.scheduler);
        let mut inner = self.inner();
        if seen.ours && seen.node.is_none() && !seen.finished {
            let known = inner.keys.insert(uid.to_owned(), pod.key());
            if known.is_none() {
                inner.arrived.push(uid.to_owned());
            }
        } else {
            inner.keys.remove(uid);
        }
        inner.state.pod_applied(seen);
    }

    fn pod_deleted(&self, uid: &str) {
        let mut inner = self.inner();
        inner.keys.remove(uid);
        inner.state.pod_deleted(uid);
    }

    /// A binding was refused for good.
    pub(super) fn forget(&self, uid: &str) {
        self.inner().state.forget(uid);
        self.tell();
    }

    /// Resolves once something changed that no plan has seen.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(super) fn needs_plan(&self) -> bool {
        self.inner().needs_plan
    }

    pub(super) fn plan(&self) -> Plan {
        let mut inner = self.inner();
        let plan = inner.state.plan();
        inner.needs_plan = plan.more;
        let placements = plan.bindings.into_iter().filter_map(|binding| {
            Some(Placement {
                key: inner.keys.get(&binding.pod)?.clone(),
                uid: binding.pod,
                node: binding.node,
            })
        });
        let placements = placements.collect();
        // Those that the plan's bound kept from being tried are told another time.
        let (arrived, untried) = std::mem::take(&mut inner.arrived)
            .into_iter()
            .filter(|uid| inner.state.is_waiting(uid))
            .partition(|uid| inner.state.why(uid).is_some());
        inner.arrived = untried;
        Plan {
            placements,
            arrived,
            refused: plan.refused > 0,
        }
    }

    /// A waiting pod's name and why it waits; `None` if it waits no more.
    pub(super) fn why(&self, uid: &str) -> Option<(ObjectKey, Arc<WhyNot>)> {
        let inner = self.inner();
        Some((inner.keys.get(uid)?.clone(), inner.state.why(uid)?))
    }

    fn tell(&self) {
        self.inner().needs_plan = true;
        self.changed.notify_one();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
