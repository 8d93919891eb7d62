//! The incremental planner: a view of machines and pods that changes one object at a time, and plans.
//!
//! ```text
//!     machine / pod changed ──► State { machines with what is taken, classes of waiting pods }
//!                                 │ plan()
//!                                 ▼
//!     bindings (already assumed: their room is taken) + for each class that must wait, a WhyNot
//! ```
//!
//! Waiting pods are kept by *class*, pods with equal requirements. Once one pod of a class finds no place,
//! no other of the class would, so a burst costs what it places and not what it holds; and a class that
//! failed is not tried again until some machine gained room or changed.

mod explain;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::company::Company;
use crate::filter::{self, Taken};
use crate::gpus::{History, Packer};
use crate::machine::Machine;
use crate::pod::{Pod, Requirements};
use crate::score;
use crate::surroundings::Surroundings;
use crate::why_not::WhyNot;

/// Bounds of one plan.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Bindings in one plan at most, so that a plan stays short; the rest follows in the next one.
    pub bindings_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        // 1,000 placements on one machine take about a millisecond.
        Self { bindings_max: 1000 }
    }
}

/// A decision to place a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The pod's uid.
    pub pod: String,
    /// The machine's name.
    pub node: String,
}

/// A pod that must wait, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The pod's uid.
    pub pod: String,
    /// Why no machine will do.
    pub why: Arc<WhyNot>,
}

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Pods to bind, in the order of decision.
    pub bindings: Vec<Binding>,
    /// Whether the plan stopped at its bound and more can be placed.
    pub more: bool,
    /// Classes of pods that were tried and found no place, so that the reason to wait may have changed.
    pub refused: usize,
}

/// A machine and what is taken of it. The machine may be unknown while pods bound to it are known.
#[derive(Default)]
struct Slot {
    machine: Option<Machine>,
    taken: Taken,
}

/// Where a pod stands.
enum Place {
    /// It waits in the queue of this class.
    Waits(Order, Arc<Requirements>),
    /// It takes room on this machine: bound, or assumed to be bound soon.
    Takes { node: String, assumed: bool },
}

struct Known {
    pod: Pod,
    place: Place,
    /// When it came; it keeps its turn if an assumed placement comes to nothing.
    arrival: u64,
}

impl Known {
    /// Where it takes room.
    fn placed(&self) -> Option<(&str, &Pod)> {
        match &self.place {
            Place::Takes { node, .. } => Some((node, &self.pod)),
            Place::Waits(..) => None,
        }
    }
}

/// Higher priority first, then who came first.
type Order = (Reverse<i32>, u64);

/// Pods that wait with equal requirements.
#[derive(Default)]
struct Class {
    queue: BTreeMap<Order, String>,
    /// Why the class failed, and the state's improvement count then.
    failed: Option<(u64, Arc<WhyNot>)>,
}

/// Machines, pods and what was assumed.
#[derive(Default)]
pub struct State {
    settings: Settings,
    machines: BTreeMap<String, Slot>,
    pods: BTreeMap<String, Known>,
    classes: BTreeMap<Arc<Requirements>, Class>,
    /// How often a machine appeared, changed or went.
    machine_changes: u64,
    /// Pods that came so far; orders those of equal priority.
    arrivals: u64,
    /// How often a machine gained room or changed.
    improvements: u64,
    around: Surroundings,
    history: History,
    packer: Packing,
}

/// The judge of packing, and what it was made from.
#[derive(Default)]
struct Packing {
    judge: Option<Packer>,
    /// Changes of machines that it knows of.
    machines: u64,
    /// Pods that it has learned from.
    learned: usize,
}

impl State {
    /// An empty view.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// A machine appeared or changed.
    pub fn machine_applied(&mut self, machine: Machine) {
        let slot = self.machines.entry(machine.name.clone()).or_default();
        if slot.machine.as_ref() != Some(&machine) {
            slot.machine = Some(machine);
            self.machine_changes += 1;
            self.improvements += 1;
        }
    }

    /// A machine is gone.
    pub fn machine_deleted(&mut self, name: &str) {
        if let Some(slot) = self.machines.get_mut(name) {
            slot.machine = None;
            self.machine_changes += 1;
            // What waits may now have another reason to wait.
            self.improvements += 1;
        }
    }

    /// A namespace appeared or its labels changed.
    pub fn namespace_applied(&mut self, name: &str, labels: BTreeMap<String, String>) {
        self.improvements += u64::from(self.around.namespace(name, Some(labels)));
    }

    /// A namespace is gone.
    pub fn namespace_deleted(&mut self, name: &str) {
        self.improvements += u64::from(self.around.namespace(name, None));
    }

    /// A pod appeared or changed. An assumed placement stands until the pod shows one, ends or is forgotten.
    pub fn pod_applied(&mut self, mut pod: Pod) {
        let known = self.pods.get(&pod.uid);
        if let Some(known) = known
            && known.pod.requirements == pod.requirements
        {
            pod.requirements = Arc::clone(&known.pod.requirements);
        }
        if let Some(Known {
            pod: before,
            place: Place::Takes { assumed: true, .. },
            ..
        }) = known
            && pod.node.is_none()
            && !pod.finished
            && before.requirements == pod.requirements
        {
            return;
        }
        if known.is_some_and(|known| known.pod == pod) {
            return;
        }
        let arrival = self.leave(&pod.uid);
        self.enter(pod, arrival);
    }

    /// A pod is gone.
    pub fn pod_deleted(&mut self, uid: &str) {
        self.leave(uid);
    }

    /// An assumed placement came to nothing: the pod waits again, in its old place of the queue.
    pub fn forget(&mut self, uid: &str) {
        if let Some(known) = self.pods.get(uid)
            && matches!(known.place, Place::Takes { assumed: true, .. })
        {
            let pod = known.pod.clone();
            let arrival = self.leave(uid);
            self.enter(pod, arrival);
        }
    }

    /// Pods that wait.
    pub fn waiting(&self) -> usize {
        self.classes.values().map(|class| class.queue.len()).sum()
    }

    /// Whether a pod waits for a place.
    pub fn is_waiting(&self, uid: &str) -> bool {
        let known = self.pods.get(uid);
        known.is_some_and(|known| matches!(known.place, Place::Waits(..)))
    }

    /// Why a pod waits, once a plan found no place for its class.
    pub fn why(&self, uid: &str) -> Option<Arc<WhyNot>> {
        let known = self.pods.get(uid)?;
        let Place::Waits(_, class) = &known.place else {
            return None;
        };
        let class = self.classes.get(class)?;
        class.failed.as_ref().map(|(_, why)| Arc::clone(why))
    }

    /// Places what can be placed, and assumes it bound.
    pub fn plan(&mut self) -> Plan {
        self.learn();
        let mut plan = Plan::default();
        // A placement may make room for those that want it near, who found none before.
        while !plan.more && self.place(&mut plan) {}
        plan
    }

    /// Tries each class that is worth trying; whether there was any.
    fn place(&mut self, plan: &mut Plan) -> bool {
        let mut heads = self.heads();
        let any = !heads.is_empty();
        while let Some((_, class)) = heads.pop_first() {
            if plan.bindings.len() >= self.settings.bindings_max {
                plan.more = true;
                break;
            }
            let (binding, next) = self.try_head(&class);
            plan.refused += usize::from(binding.is_none());
            plan.bindings.extend(binding);
            if let Some(order) = next {
                heads.insert((order, class));
            }
        }
        any
    }

    /// Brings the judge of packing up to date: when machines changed, and when a quarter more pods have come.
    fn learn(&mut self) {
        let Packing {
            machines, learned, ..
        } = self.packer;
        let seen = self.history.total();
        if machines == self.machine_changes && seen <= learned + learned / 4 {
            return;
        }
        let machines = self.machines.values().filter_map(|slot| slot.machine.as_ref());
        self.packer = Packing {
            judge: Packer::new(&machines.collect::<Vec<_>>(), &self.history),
            machines: self.machine_changes,
            learned: seen,
        };
    }

    /// The first pod of each class worth trying.
    fn heads(&self) -> BTreeSet<(Order, Arc<Requirements>)> {
        let worth_trying = |class: &Class| {
            let failed_now = class
                .failed
                .as_ref()
                .is_some_and(|(at, _)| *at == self.improvements);
            !failed_now
        };
        self.classes
            .iter()
            .filter(|(_, class)| worth_trying(class))
            .filter_map(|(key, class)| Some((*class.queue.first_key_value()?.0, Arc::clone(key))))
            .collect()
    }

    /// Places the first pod of a class; also gives the order of the class's next pod if it is worth trying.
    fn try_head(&mut self, key: &Arc<Requirements>) -> (Option<Binding>, Option<Order>) {
        let placed = self.pods.values().filter_map(Known::placed);
        self.around.count(key, &placed);
        let choice = self.choose(key);
        let improvements = self.improvements;
        let Some(class) = self.classes.get_mut(key) else {
            return (None, None);
        };
        match choice {
            Err(why) => {
                class.failed = Some((improvements, Arc::new(why)));
                (None, None)
            }
            Ok(node) => {
                let head = class.queue.pop_first();
                let next = class.queue.first_key_value().map(|(order, _)| *order);
                if next.is_none() {
                    self.classes.remove(key);
                }
                (head.map(|(_, uid)| self.assume(uid, node)), next)
            }
        }
    }

    fn choose(&self, requirements: &Requirements) -> Result<String, WhyNot> {
        let mut why = WhyNot::default();
        let mut candidates = Vec::new();
        let machines = self.company_of(requirements);
        let company = machines
            .as_deref()
            .map(|machines| Company::new(requirements, &self.around, machines));
        for slot in self.machines.values() {
            let Some(machine) = &slot.machine else { continue };
            match filter::check(requirements, machine, &slot.taken, company.as_ref()) {
                None => candidates.push((machine, &slot.taken.resources)),
                Some(refusal) => why.count(refusal),
            }
        }
        match score::best(
            requirements,
            &candidates,
            self.packer.judge.as_ref(),
            company.as_ref(),
        ) {
            Some(best) => Ok(candidates[best].0.name.clone()),
            None => Err(why),
        }
    }

    /// The machines, where it matters which pods are on them.
    fn company_of(&self, requirements: &Requirements) -> Option<Vec<&Machine>> {
        let matters = requirements.relations.is_some()
            || self
                .around
                .pulls(requirements.appearance.as_ref())
                .next()
                .is_some();
        let machines = self.machines.values().filter_map(|slot| slot.machine.as_ref());
        matters.then(|| machines.collect())
    }

    fn assume(&mut self, uid: String, node: String) -> Binding {
        if let Some(known) = self.pods.get_mut(&uid) {
            let slot = self.machines.entry(node.clone()).or_default();
            slot.taken.add(&known.pod.requirements);
            self.improvements += u64::from(self.around.came(&node, &known.pod));
            known.place = Place::Takes {
                node: node.clone(),
                assumed: true,
            };
        }
        Binding { pod: uid, node }
    }

    /// Takes a pod out of wherever it stands; gives its arrival.
    fn leave(&mut self, uid: &str) -> Option<u64> {
        let known = self.pods.remove(uid)?;
        match known.place {
            Place::Waits(order, class) => self.leave_queue(&class, order),
            Place::Takes { node, .. } => {
                if let Some(slot) = self.machines.get_mut(&node) {
                    slot.taken.subtract(&known.pod.requirements);
                }
                self.around.went(&node, &known.pod);
                self.improvements += 1;
            }
        }
        Some(known.arrival)
    }

    fn leave_queue(&mut self, key: &Arc<Requirements>, order: Order) {
        if let Some(class) = self.classes.get_mut(key) {
            class.queue.remove(&order);
            if class.queue.is_empty() {
                self.classes.remove(key);
            }
        }
    }

    /// Notes a pod that takes room or waits for it. Others, of which the finished ones become many, are not kept.
    fn enter(&mut self, mut pod: Pod, arrival: Option<u64>) {
        if pod.finished || pod.node.is_none() && !pod.ours {
            return;
        }
        let arrival = arrival.unwrap_or_else(|| {
            self.arrivals += 1;
            self.history.note(&pod.requirements);
            self.arrivals
        });
        if self.around.mention(&pod.requirements) {
            self.classify_anew();
        }
        let place = if let Some(node) = pod.node.clone() {
            let slot = self.machines.entry(node.clone()).or_default();
            slot.taken.add(&pod.requirements);
            self.improvements += u64::from(self.around.came(&node, &pod));
            Place::Takes { node, assumed: false }
        } else {
            let order = (Reverse(pod.priority), arrival);
            Place::Waits(order, self.enqueue(&mut pod, order))
        };
        self.pods.insert(pod.uid.clone(), Known { pod, place, arrival });
    }

    /// Puts a pod into the queue of its class; gives the class.
    fn enqueue(&mut self, pod: &mut Pod, order: Order) -> Arc<Requirements> {
        let mut key = Arc::clone(&pod.requirements);
        if let Some(appearance) = self.around.appearance(&pod.identity) {
            Arc::make_mut(&mut key).appearance = Some(appearance);
        }
        if let Some((shared, _)) = self.classes.get_key_value(&key) {
            key = Arc::clone(shared);
        }
        if key.appearance.is_none() {
            pod.requirements = Arc::clone(&key);
        }
        let class = self.classes.entry(Arc::clone(&key)).or_default();
        class.queue.insert(order, pod.uid.clone());
        key
    }

    /// Pods that were alike may no longer be: another rule speaks of them.
    fn classify_anew(&mut self) {
        self.classes.clear();
        let mut pods = std::mem::take(&mut self.pods);
        for Known { pod, place, .. } in pods.values_mut() {
            if let Place::Waits(order, class) = place {
                *class = self.enqueue(pod, *order);
            }
        }
        self.pods = pods;
    }
}

/// Plans from nothing: all machines, pods that take room, and pods to place, in order. The reference that
/// the incremental state is compared with.
pub fn plan(machines: &[Machine], pods: &[Pod]) -> (Plan, Vec<Waiting>) {
    let mut state = State::new(Settings {
        bindings_max: usize::MAX,
    });
    for machine in machines {
        state.machine_applied(machine.clone());
    }
    for pod in pods {
        state.pod_applied(pod.clone());
    }
    let plan = state.plan();
    let waiting = pods
        .iter()
        .filter_map(|pod| {
            let why = state.why(&pod.uid)?;
            Some(Waiting {
                pod: pod.uid.clone(),
                why,
            })
        })
        .collect();
    (plan, waiting)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
