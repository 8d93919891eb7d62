//! The desk where news is put down and plans are made: the planner's state, and whether it changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meta::ObjectKey;
use meta::devices::Grant;
use scheduler::{Binding, Machine, Settings, State, WhyNot};
use tokio::sync::Notify;

use crate::informer::Change;
use crate::kind::Projection;
use crate::projections::{Namespace, Node, Pod};
use crate::scheduler::Config;
use crate::scheduler::beside::Beside;
use crate::scheduler::given::Given;

/// A pod to bind to a machine.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    pub(super) key: ObjectKey,
    pub(super) uid: String,
    pub(super) node: String,
    pub(super) devices: Option<Grant>,
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
    given: Given,
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    state: State,
    keys: BTreeMap<String, ObjectKey>,
    arrived: Vec<String>,
    needs_plan: bool,
    /// What a shadow would have done.
    beside: Option<Beside>,
}

impl Desk {
    pub(super) fn new(config: Config) -> Self {
        let mut state = State::new(Settings::default());
        if !config.expected.is_empty() {
            state.expect(&config.expected);
        }
        let inner = Inner {
            state,
            beside: config.shadow.map(Beside::new),
            ..Inner::default()
        };
        Self {
            scheduler: config.name,
            given: Given::new(config.nodes),
            inner: Mutex::new(inner),
            changed: Notify::new(),
        }
    }

    pub(super) fn node_changed(&self, change: &Change<Node>) {
        let node = change.object();
        let name = node.key().name;
        match change {
            Change::Applied(_) if self.given.has(&node.metadata.labels) => {
                let labels = (*node.metadata.labels).clone();
                let spec = self.given.to_us(&self.scheduler, &node.spec);
                let machine = Machine::new(&name, labels, spec, node.status.clone());
                self.given.check(&self.scheduler, &name, &node.spec);
                self.inner().state.machine_applied(machine);
            }
            _ => {
                self.given.is_gone(&name);
                self.inner().state.machine_deleted(&name);
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
        let uid = pod.uid();
        let seen = crate::scheduler::seen(pod, &self.scheduler);
        if !seen.finished
            && !seen.ours
            && let Some(node) = &seen.node
        {
            self.given.is_taken(node, &pod.placement.scheduler_name);
        }
        let mut inner = self.inner();
        inner.compare(pod, &seen);
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
        if let Some(beside) = &mut inner.beside {
            beside.is_gone(uid);
        }
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

    /// Whether a placement still stands.
    pub(super) fn confirm(&self, placement: &Placement) -> bool {
        let binding = Binding {
            pod: placement.uid.clone(),
            node: placement.node.clone(),
            devices: placement.devices.clone(),
        };
        self.inner().state.confirm(&binding)
    }

    pub(super) fn plan(&self) -> Plan {
        self.inner().plan()
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

impl Inner {
    fn plan(&mut self) -> Plan {
        let plan = self.state.plan();
        self.needs_plan = plan.more;
        let placements = plan.bindings.into_iter().filter_map(|binding| {
            Some(Placement {
                key: self.keys.get(&binding.pod)?.clone(),
                uid: binding.pod,
                node: binding.node,
                devices: binding.devices,
            })
        });
        let placements: Vec<Placement> = placements.collect();
        // Those that the plan's bound kept from being tried are told another time.
        let (arrived, untried) = std::mem::take(&mut self.arrived)
            .into_iter()
            .filter(|uid| self.state.is_waiting(uid))
            .partition(|uid| self.state.why(uid).is_some());
        self.arrived = untried;
        let plan = Plan {
            placements,
            arrived,
            refused: plan.refused > 0,
        };
        self.note_beside(plan)
    }

    /// A shadow takes note of a plan, and has nothing to do.
    fn note_beside(&mut self, plan: Plan) -> Plan {
        let Some(beside) = &mut self.beside else {
            return plan;
        };
        for placement in &plan.placements {
            beside.would_bind(placement);
        }
        for uid in &plan.arrived {
            if let (Some(key), Some(why)) = (self.keys.get(uid), self.state.why(uid)) {
                beside.would_wait(key, uid, &why);
            }
        }
        Plan::default()
    }

    /// A shadow decides on a pod before it sees that others bound it, and then compares.
    fn compare(&mut self, pod: &Pod, seen: &scheduler::Pod) {
        let Some(node) = seen.node.as_ref().filter(|_| self.beside.is_some()) else {
            return;
        };
        if self.state.is_waiting(&seen.uid) {
            self.plan();
        }
        if let Some(beside) = &mut self.beside {
            beside.was_bound(&pod.key(), &seen.uid, node, seen.devices.as_ref());
        }
    }
}
