//! Packing devices: what machines and pods of Kubernetes are to `packing`, and what it says of a placement.
//!
//! ```text
//!     machines, requirements seen so far ──► Packer { FutureFit, numbers } ──judge(slot, request)──► score, devices
//! ```
//!
//! The model is the label that NVIDIA's feature discovery sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meta::Quantity;

use crate::devices::{Devices, MODEL};
use crate::filter;
use crate::machine::Machine;
use crate::packing::{self, Fleet, FutureFit, MachineId, Model, ModelSet, Offer, Request, Workload};
use crate::pod::Requirements;
use crate::resources::{PODS, Resources};
use crate::stock::Stock;

/// Bytes in a MiB.
const MIB: i64 = 1 << 20;
/// Requirements that are remembered: with more, all count half, and those that count for nothing go.
const REMEMBERED: usize = 4096;

/// The requirements that were seen, and how often: what is expected to come.
#[derive(Default)]
pub(crate) struct History {
    counts: BTreeMap<Arc<Requirements>, usize>,
    total: usize,
    /// Whether any pod asked for devices.
    asks_devices: bool,
    /// Whether it takes note of nothing more.
    closed: bool,
}

impl History {
    /// Takes note of a pod.
    pub(crate) fn note(&mut self, requirements: &Arc<Requirements>) {
        if self.closed {
            return;
        }
        if self.counts.len() >= REMEMBERED && !self.counts.contains_key(requirements) {
            self.fade();
        }
        *self.counts.entry(Arc::clone(requirements)).or_default() += 1;
        self.total += 1;
        self.asks_devices |= requirements.asks_devices();
    }

    /// Takes note of nothing more.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    fn fade(&mut self) {
        self.counts.retain(|_, count| {
            *count /= 2;
            *count > 0
        });
    }

    /// How many pods were seen.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Whether any of them asked for devices.
    pub(crate) fn asks_devices(&self) -> bool {
        self.asks_devices
    }
}

/// Judges placements by what machines can still do.
pub(crate) struct Packer {
    policy: FutureFit,
    /// By slot: the machine's number in the judge's fleet, which has those alone that are known.
    numbers: Vec<MachineId>,
}

impl Packer {
    /// A judge for these machines; `None` where none has devices, or no pod asked for any.
    pub(crate) fn new(stock: &Stock, history: &History) -> Option<Self> {
        if !history.asks_devices || stock.machines().all(|machine| machine.devices.count == 0) {
            return None;
        }
        let models = Models::of(stock);
        let mut fleet = Fleet::new(0);
        let mut numbers = Vec::new();
        for slot in stock.slots() {
            // Of a machine that is not known nobody asks.
            let mut number = MachineId(u32::MAX);
            if let Some(machine) = &slot.machine {
                let mut all = free(machine, &Resources::default());
                all.model = models.of_machine(machine);
                number = fleet.add(all, &[]);
            }
            numbers.push(number);
        }
        let workload = workload(stock, history, &models);
        let policy = FutureFit::new(&workload, &fleet);
        Some(Self { policy, numbers })
    }

    /// How good a place is for what is to come (higher is better), and which devices to give. The request fits there.
    pub(crate) fn judge(&self, slot: usize, free: &packing::Machine, request: &Request) -> Offer {
        let unknown = MachineId(u32::MAX);
        let number = self.numbers.get(slot).copied().unwrap_or(unknown);
        self.policy.judge(number, free, request)
    }
}

/// What is expected: requests as they are on the commonest devices.
fn workload(stock: &Stock, history: &History, models: &Models) -> Workload {
    let devices = commonest(stock);
    let mut known = BTreeMap::new();
    let counted = history.counts.iter().map(|(requirements, count)| {
        let place = (&requirements.node_selector, &requirements.required);
        let allowed = *known
            .entry(place)
            .or_insert_with(|| models.allowed(requirements, stock));
        let request = requirements
            .ask()
            .request(&requirements.requests, &devices, allowed);
        (request, *count)
    });
    Workload::history(counted)
}

/// The kind of devices of which there are most.
fn commonest(stock: &Stock) -> Devices {
    let mut counts = vec![0; stock.flavours().len()];
    for slot in stock.slots() {
        counts[slot.flavour] += slot.machine.as_ref().map_or(0, |machine| machine.devices.count);
    }
    let most = (0..counts.len()).max_by_key(|flavour| (counts[*flavour], std::cmp::Reverse(*flavour)));
    most.map(|flavour| stock.flavours()[flavour].clone())
        .unwrap_or_default()
}

/// Numbers for the models there are, in order of name. Beyond what numbers there are, models are taken for one.
struct Models(BTreeMap<String, Model>);

impl Models {
    fn of(stock: &Stock) -> Self {
        let names: BTreeSet<&String> = stock
            .machines()
            .filter_map(|machine| machine.labels.get(MODEL))
            .collect();
        let number =
            |(place, name): (usize, &String)| (name.clone(), Model::new(place + 1).unwrap_or_default());
        Self(names.into_iter().enumerate().map(number).collect())
    }

    fn of_machine(&self, machine: &Machine) -> Model {
        let name = machine.labels.get(MODEL);
        name.and_then(|name| self.0.get(name))
            .copied()
            .unwrap_or_default()
    }

    /// The models of the machines whose labels will do.
    fn allowed(&self, requirements: &Requirements, stock: &Stock) -> ModelSet {
        if requirements.node_selector.is_empty() && requirements.required.is_none() {
            return ModelSet::ANY;
        }
        let will_do = stock
            .machines()
            .filter(|machine| filter::affinity(requirements, machine).is_none());
        will_do.fold(ModelSet::NONE, |set, machine| set.with(self.of_machine(machine)))
    }
}

/// What is free on a machine of which this is used, its devices aside.
pub(crate) fn free(machine: &Machine, used: &Resources) -> packing::Machine {
    let left = |name: &str| machine.allocatable.get(name) - used.get(name);
    packing::Machine::new(
        millis(left("cpu")),
        mebibytes(left("memory")),
        clamped(left(PODS).as_millis() / 1000),
        machine.devices.count,
        Model::default(),
    )
}

/// Thousandths of a unit.
pub(crate) fn millis(amount: Quantity) -> i32 {
    clamped(amount.as_millis())
}

/// MiB of so many bytes.
pub(crate) fn mebibytes(amount: Quantity) -> i32 {
    clamped(amount.as_millis() / 1000 / MIB)
}

/// Kept well within what sums of a few stay in.
fn clamped(amount: i64) -> i32 {
    const FAR: i64 = i32::MAX as i64 / 4;
    i32::try_from(amount.clamp(-FAR, FAR)).unwrap_or(0)
}
