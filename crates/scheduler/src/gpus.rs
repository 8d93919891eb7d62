//! Packing whole devices: what machines and pods of Kubernetes are to `packing`, and what it says of a placement.
//!
//! ```text
//!     machines, requirements seen so far ──► Packer { FutureFit, numbers } ──cost(pod, machine)──► score
//! ```
//!
//! Devices are counted (`nvidia.com/gpu`): which of a machine's devices a pod gets is kubelet's choice. The model is
//! the label that NVIDIA's feature discovery sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meta::Quantity;

use crate::filter;
use crate::machine::Machine;
use crate::packing::{
    self, DEVICES_MAX, Fleet, FutureFit, MachineId, Model, ModelSet, Request, WHOLE, Workload,
};
use crate::pod::Requirements;
use crate::resources::{PODS, Resources};

/// The resource that counts NVIDIA's devices.
const DEVICES: &str = "nvidia.com/gpu";
/// The label that says which model a machine's devices are.
const MODEL: &str = "nvidia.com/gpu.product";
/// Bytes in a MiB.
const MIB: i64 = 1 << 20;

/// The requirements that were seen, and how often: what is expected to come.
#[derive(Default)]
pub(crate) struct History {
    counts: BTreeMap<Arc<Requirements>, usize>,
    total: usize,
}

impl History {
    /// Takes note of a pod.
    pub(crate) fn note(&mut self, requirements: &Arc<Requirements>) {
        *self.counts.entry(Arc::clone(requirements)).or_default() += 1;
        self.total += 1;
    }

    /// How many pods were seen.
    pub(crate) fn total(&self) -> usize {
        self.total
    }
}

/// Judges placements by what machines can still do.
pub(crate) struct Packer {
    policy: FutureFit,
    numbers: BTreeMap<String, MachineId>,
    models: BTreeMap<String, Model>,
}

impl Packer {
    /// A judge for these machines, in order of name; `None` where none has devices, or no pod asked for any.
    pub(crate) fn new(machines: &[&Machine], history: &History) -> Option<Self> {
        let devices = |resources: &Resources| resources.get(DEVICES) > Quantity::ZERO;
        if !machines.iter().any(|machine| devices(&machine.allocatable))
            || !history
                .counts
                .keys()
                .any(|requirements| devices(&requirements.requests))
        {
            return None;
        }
        let models = models(machines);
        let mut fleet = Fleet::new(0);
        let mut numbers = BTreeMap::new();
        for machine in machines {
            let number = fleet.add(free(machine, &Resources::default(), &models), &[]);
            numbers.insert(machine.name.clone(), number);
        }
        let counted = history.counts.iter().map(|(requirements, count)| {
            let allowed = allowed(requirements, machines, &models);
            (request(requirements, allowed), *count)
        });
        let policy = FutureFit::new(&Workload::new(counted, 1.0), &fleet);
        Some(Self {
            policy,
            numbers,
            models,
        })
    }

    /// How good a place is for what is to come; higher is better.
    pub(crate) fn score(&self, requirements: &Requirements, machine: &Machine, used: &Resources) -> i32 {
        let unknown = MachineId(u32::MAX);
        let number = self.numbers.get(&machine.name).copied().unwrap_or(unknown);
        let request = request(requirements, ModelSet::ANY);
        self.policy
            .judge(number, &free(machine, used, &self.models), &request)
            .score
    }
}

/// Numbers for the models there are, in order of name. Beyond what numbers there are, models are taken for one.
fn models(machines: &[&Machine]) -> BTreeMap<String, Model> {
    let names: BTreeSet<&String> = machines
        .iter()
        .filter_map(|machine| machine.labels.get(MODEL))
        .collect();
    let number = |(place, name): (usize, &String)| (name.clone(), Model::new(place + 1).unwrap_or_default());
    names.into_iter().enumerate().map(number).collect()
}

fn model(machine: &Machine, models: &BTreeMap<String, Model>) -> Model {
    let name = machine.labels.get(MODEL);
    name.and_then(|name| models.get(name))
        .copied()
        .unwrap_or_default()
}

/// The models of the machines whose labels will do.
fn allowed(requirements: &Requirements, machines: &[&Machine], models: &BTreeMap<String, Model>) -> ModelSet {
    let will_do = machines
        .iter()
        .filter(|machine| filter::affinity(requirements, machine).is_none());
    will_do.fold(ModelSet::NONE, |set, machine| set.with(model(machine, models)))
}

/// What is free on a machine.
fn free(machine: &Machine, used: &Resources, models: &BTreeMap<String, Model>) -> packing::Machine {
    let left = |name: &str| machine.allocatable.get(name) - used.get(name);
    let devices = whole(machine.allocatable.get(DEVICES)).min(DEVICES_MAX);
    let pods = clamped(left(PODS).as_millis() / 1000);
    let free = packing::Machine::new(
        millis(left("cpu")),
        mebibytes(left("memory")),
        pods,
        devices,
        model(machine, models),
    );
    free.with_busy(whole(used.get(DEVICES)))
}

fn request(requirements: &Requirements, models: ModelSet) -> Request {
    let requests = &requirements.requests;
    let gpus = u8::try_from(whole(requests.get(DEVICES))).unwrap_or(u8::MAX);
    Request {
        cpu: millis(requests.get("cpu")),
        memory: mebibytes(requests.get("memory")),
        gpus,
        share: if gpus > 0 { WHOLE } else { 0 },
        models,
        extended: Vec::new(),
    }
}

fn millis(amount: Quantity) -> i32 {
    clamped(amount.as_millis())
}

fn mebibytes(amount: Quantity) -> i32 {
    clamped(amount.as_millis() / 1000 / MIB)
}

/// Kept well within what sums of a few stay in.
fn clamped(amount: i64) -> i32 {
    const FAR: i64 = i32::MAX as i64 / 4;
    i32::try_from(amount.clamp(-FAR, FAR)).unwrap_or(0)
}

fn whole(amount: Quantity) -> usize {
    usize::try_from(amount.as_millis() / 1000).unwrap_or(0)
}
