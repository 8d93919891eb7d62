//! Where GPUs and machines are wasted, one list a kind of waste.

use crate::amount::{Dollars, Gpus};
use crate::class::Class;
use crate::cluster::Pod;
use crate::labels::Capacity;
use crate::machine::{Machine, Room};
use crate::report::{CpuPods, Findings, IdlePod, KeptUp, OnDemand, Untainted};
use crate::stranded::{stranded, stranded_if};
use crate::view::{PodView, View};

/// A pod is small on a machine if it takes no more than this part of any of its resources.
const SMALL: f64 = 0.25;

/// Kinds of owners whose pods end by themselves.
const TRAINING_OWNERS: [&str; 12] = [
    "Job",
    "JobSet",
    "PyTorchJob",
    "TFJob",
    "MPIJob",
    "XGBoostJob",
    "PaddleJob",
    "JAXJob",
    "TrainJob",
    "RayJob",
    "Workflow",
    "AppWrapper",
];

/// Every finding.
pub(crate) fn findings(view: &View<'_>) -> Findings {
    let gpu_machines = || (0..view.machines.len()).filter(|index| view.machines[*index].has_gpus());
    let mut found = Findings {
        idle: view.pods.iter().filter_map(|pod| idle_pod(view, pod)).collect(),
        kept_up: (0..view.machines.len())
            .filter_map(|machine| kept_up(view, machine))
            .collect(),
        cpu_pods: gpu_machines()
            .filter_map(|machine| cpu_pods(view, machine))
            .collect(),
        untainted: gpu_machines()
            .filter_map(|machine| untainted(&view.machines[machine]))
            .collect(),
        on_demand: view.pods.iter().filter_map(|pod| on_demand(view, pod)).collect(),
    };
    found
        .idle
        .sort_by(|a, b| descending(a.cost, b.cost).then(b.idle.cmp(&a.idle)));
    found.kept_up.sort_by(|a, b| descending(a.cost, b.cost));
    found
        .cpu_pods
        .sort_by_key(|at| (std::cmp::Reverse(at.strand), std::cmp::Reverse(at.pods.len())));
    found
        .untainted
        .sort_by_key(|machine| std::cmp::Reverse(machine.gpus));
    found
        .on_demand
        .sort_by(|a, b| descending(a.cost, b.cost).then(b.gpus.cmp(&a.gpus)));
    found
}

/// The dearer first, the unknown last; names keep their order among equals.
fn descending(a: Option<Dollars>, b: Option<Dollars>) -> std::cmp::Ordering {
    let amount = |dollars: Option<Dollars>| dollars.map_or(-1.0, |dollars| dollars.0);
    amount(b).total_cmp(&amount(a))
}

fn idle_pod(view: &View<'_>, pod: &PodView<'_>) -> Option<IdlePod> {
    let (_, idle) = crate::account::idle(view, pod);
    (idle > Gpus::ZERO).then(|| IdlePod {
        pod: pod.pod.title(),
        team: pod.team.to_owned(),
        node: pod.pod.node().unwrap_or_default().to_owned(),
        requested: pod.gpus,
        idle,
        cost: view
            .cost(pod)
            .map(|cost| Dollars(cost.0 * idle.part_of(pod.gpus))),
    })
}

fn kept_up(view: &View<'_>, index: usize) -> Option<KeptUp> {
    let machine = &view.machines[index];
    let mut guests = view.guests(machine);
    let (Some(pod), None) = (guests.next(), guests.next()) else {
        return None;
    };
    let takes = takes(machine, view.class(pod));
    (takes <= SMALL).then(|| KeptUp {
        node: machine.name().to_owned(),
        pool: machine.pool.to_owned(),
        gpus: machine.gpus(),
        pod: pod.pod.title(),
        takes: (takes * 1000.0).round() / 1000.0,
        fits_on: elsewhere(view, pod.class, index),
        cost: machine.cost(),
    })
}

/// The largest part that a pod takes of any resource of a machine; places for pods do not count.
fn takes(machine: &Machine<'_>, class: &Class) -> f64 {
    let parts = class
        .requirements
        .requests
        .iter()
        .filter(|(name, _)| *name != "pods");
    let parts = parts.map(|(name, amount)| {
        let all = machine.placement.allocatable.get(name).as_millis();
        if all > 0 {
            amount.as_millis() as f64 / all as f64
        } else {
            0.0
        }
    });
    let shared = class
        .fraction
        .as_ref()
        .map_or(0.0, |_| machine.held(class).part_of(machine.gpus()));
    parts.fold(shared, f64::max)
}

/// A machine in use, other than this one, that would take a pod of the class.
fn elsewhere(view: &View<'_>, class: usize, not: usize) -> Option<String> {
    let others = view
        .machines
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != not);
    let mut taking =
        others.filter(|(index, machine)| view.fits(class, *index) && view.guests(machine).nth(1).is_some());
    taking.next().map(|(_, machine)| machine.name().to_owned())
}

fn cpu_pods(view: &View<'_>, index: usize) -> Option<CpuPods> {
    let machine = &view.machines[index];
    let pods: Vec<&PodView<'_>> = view
        .guests(machine)
        .filter(|pod| !view.class(pod).wants_gpus())
        .collect();
    if pods.is_empty() {
        return None;
    }
    let mut without: Room = machine.room.clone();
    pods.iter().for_each(|pod| without.give_back(view.class(pod)));
    let cpu = view.dimensions.index("cpu");
    let millis: i64 = pods
        .iter()
        .filter_map(|pod| Some(view.class(pod).amounts[cpu?]))
        .sum();
    Some(CpuPods {
        node: machine.name().to_owned(),
        pool: machine.pool.to_owned(),
        cores: millis as f64 / 1000.0,
        strand: (stranded(view, index).expected - stranded_if(view, index, &without).expected).or_none(),
        pods: pods.iter().map(|pod| pod.pod.title()).collect(),
    })
}

fn untainted(machine: &Machine<'_>) -> Option<Untainted> {
    (!machine.is_guarded()).then(|| Untainted {
        node: machine.name().to_owned(),
        pool: machine.pool.to_owned(),
        gpus: machine.gpus(),
    })
}

fn on_demand(view: &View<'_>, pod: &PodView<'_>) -> Option<OnDemand> {
    let machine = &view.machines[pod.machine?];
    if machine.capacity != Capacity::OnDemand || pod.gpus == Gpus::ZERO || !ends(pod.pod) {
        return None;
    }
    let cost = view.cost(pod);
    let spared = machine
        .price
        .map(|price| 1.0 - price.spot.0 / price.on_demand.0)
        .filter(|part| part.is_finite());
    Some(OnDemand {
        pod: pod.pod.title(),
        owner: owner(pod.pod),
        node: machine.name().to_owned(),
        pool: machine.pool.to_owned(),
        gpus: pod.gpus,
        cost,
        saving: cost.zip(spared).map(|(cost, part)| Dollars(cost.0 * part)),
    })
}

/// Whether a pod ends by itself, as training does and services do not.
fn ends(pod: &Pod) -> bool {
    let by_owner = pod
        .metadata
        .controller()
        .is_some_and(|owner| TRAINING_OWNERS.contains(&owner.kind.as_str()));
    by_owner || matches!(pod.spec.more.restart_policy.as_str(), "Never" | "OnFailure")
}

fn owner(pod: &Pod) -> String {
    let owner = pod.metadata.controller();
    owner.map_or_else(
        || "Pod".to_owned(),
        |owner| format!("{}/{}", owner.kind, owner.name),
    )
}
