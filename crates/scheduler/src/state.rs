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
mod planning;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use meta::devices::Grant;

use self::planning::Judging;
use crate::filter;
use crate::gpus::History;
use crate::machine::Machine;
use crate::pod::{Pod, Requirements};
use crate::stock::Stock;
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
    /// The devices that it gets there, if it asks for any.
    pub devices: Option<Grant>,
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

/// Where a pod stands.
enum Place {
    /// It waits in the queue of this class.
    Waits(Order, Arc<Requirements>),
    /// It takes room on this machine, and these devices if they are known: bound, or assumed to be bound soon.
    Takes {
        node: String,
        devices: Option<Grant>,
        assumed: bool,
    },
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

/// Higher priority first, then the elder, then who came first.
type Order = (Reverse<i32>, i64, u64);

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
    stock: Stock,
    pods: BTreeMap<String, Known>,
    classes: BTreeMap<Arc<Requirements>, Class>,
    /// Pods that came so far; orders those of equal priority and age.
    arrivals: u64,
    /// How often a machine gained room or changed.
    improvements: u64,
    around: Surroundings,
    history: History,
    judging: Judging,
}

impl State {
    /// An empty view.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Expects pods like these to come, instead of pods like those that came.
    pub fn expect<'a>(&mut self, pods: impl IntoIterator<Item = &'a Pod>) {
        self.history = History::default();
        for pod in pods {
            self.history.note(&pod.requirements);
        }
        self.history.close();
        self.judging.forget();
    }

    /// A machine appeared or changed.
    pub fn machine_applied(&mut self, machine: Machine) {
        self.improvements += u64::from(self.stock.applied(machine));
    }

    /// A machine is gone. What waits may now have another reason to wait.
    pub fn machine_deleted(&mut self, name: &str) {
        self.improvements += u64::from(self.stock.deleted(name));
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
        if known.is_some_and(|known| known.pod == pod) || self.is_confirmed(&mut pod) {
            return;
        }
        let arrival = self.leave(&pod.uid);
        self.enter(pod, arrival);
    }

    /// Whether a pod is bound as it was assumed to be: then nothing else changes.
    fn is_confirmed(&mut self, pod: &mut Pod) -> bool {
        let Some(known) = self.pods.get_mut(&pod.uid) else {
            return false;
        };
        let Place::Takes {
            node,
            devices,
            assumed,
        } = &mut known.place
        else {
            return false;
        };
        let alike = !pod.finished
            && known.pod.requirements == pod.requirements
            && known.pod.identity == pod.identity
            && pod.node.as_ref() == Some(node)
            && pod.devices == *devices;
        if alike {
            *assumed = false;
            known.pod = std::mem::take(pod);
        }
        alike
    }

    /// Whether what was planned still stands: the pod is assumed there, the machine is there and admits it, and has enough
    /// of what it takes. If not, the pod waits again.
    pub fn confirm(&mut self, binding: &Binding) -> bool {
        let as_planned = |place: &Place| match place {
            Place::Takes {
                node,
                devices,
                assumed,
            } => *assumed && *node == binding.node && *devices == binding.devices,
            Place::Waits(..) => false,
        };
        if !self
            .pods
            .get(&binding.pod)
            .is_some_and(|known| as_planned(&known.place))
        {
            return false;
        }
        let stands = self.admits(binding);
        if !stands {
            self.forget(&binding.pod);
        }
        stands
    }

    fn admits(&self, binding: &Binding) -> bool {
        let machine = self.stock.machine(&binding.node);
        let known = self.pods.get(&binding.pod);
        let (Some(machine), Some(known)) = (machine, known) else {
            return false;
        };
        let requirements = &known.pod.requirements;
        filter::standing(requirements, machine).is_none()
            && self
                .stock
                .holds(&binding.node, requirements, binding.devices.as_ref())
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

    fn assume(&mut self, uid: String, node: String, devices: Option<Grant>) -> Binding {
        if let Some(known) = self.pods.get_mut(&uid) {
            self.stock.took(&node, &known.pod.requirements, devices.as_ref());
            self.improvements += u64::from(self.around.came(&node, &known.pod));
            known.place = Place::Takes {
                node: node.clone(),
                devices: devices.clone(),
                assumed: true,
            };
        }
        Binding {
            pod: uid,
            node,
            devices,
        }
    }

    /// Takes a pod out of wherever it stands; gives its arrival.
    fn leave(&mut self, uid: &str) -> Option<u64> {
        let known = self.pods.remove(uid)?;
        match known.place {
            Place::Waits(order, class) => self.leave_queue(&class, order),
            Place::Takes { node, devices, .. } => {
                self.stock
                    .gave_back(&node, &known.pod.requirements, devices.as_ref());
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
            self.stock.took(&node, &pod.requirements, pod.devices.as_ref());
            self.improvements += u64::from(self.around.came(&node, &pod));
            Place::Takes {
                node,
                devices: pod.devices.clone(),
                assumed: false,
            }
        } else {
            let order = (Reverse(pod.priority), pod.created, arrival);
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
