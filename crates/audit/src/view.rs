//! The cluster put together: which pods hold what of which machine, and in which class each pod is.

use std::collections::BTreeMap;

use scheduler::Requirements;

use crate::Settings;
use crate::amount::{Dollars, Gpus};
use crate::class::{Class, Classes, Dimensions};
use crate::cluster::{Cluster, Pod};
use crate::gpus::{self, is_gpu};
use crate::labels::POOLS;
use crate::machine::{Machine, UNKNOWN};
use crate::prices::Prices;

/// Namespaces without a team, and teams without a name.
pub(crate) const NO_TEAM: &str = "(none)";

/// A pod that holds or waits for something.
#[derive(Debug)]
pub(crate) struct PodView<'a> {
    /// The pod.
    pub(crate) pod: &'a Pod,
    /// Its class, by number.
    pub(crate) class: usize,
    /// The machine it is bound to, by number; none while it waits, or if there is no such machine.
    pub(crate) machine: Option<usize>,
    /// Physical GPUs that it holds or waits for.
    pub(crate) gpus: Gpus,
    /// Its namespace's team.
    pub(crate) team: &'a str,
}

/// Everything, put together.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// Whose it is.
    pub(crate) cluster: &'a Cluster,
    /// How it is to be judged.
    pub(crate) settings: &'a Settings,
    /// The resources.
    pub(crate) dimensions: Dimensions,
    /// The machines, in order of name.
    pub(crate) machines: Vec<Machine<'a>>,
    /// The pods that have not ended, in order of namespace and name.
    pub(crate) pods: Vec<PodView<'a>>,
    classes: Classes,
    /// By class and machine: whether the machine's marks let pods of the class come.
    admits: Vec<Vec<bool>>,
}

impl<'a> View<'a> {
    /// Puts a cluster together.
    pub(crate) fn new(cluster: &'a Cluster, prices: &Prices, settings: &'a Settings) -> Self {
        let asking = |pod: &'a Pod| (pod, Requirements::new(&pod.spec.placement));
        let pods: Vec<(&Pod, Requirements)> = cluster.pods.iter().map(asking).collect();
        let offers = cluster.nodes.iter().flat_map(|node| {
            [
                &node.status.placement.allocatable,
                &node.status.placement.capacity,
            ]
        });
        let requests = pods.iter().map(|(_, requirements)| &requirements.requests);
        let dimensions = Dimensions::new(requests.chain(offers));
        let machines = machines(cluster, &dimensions, prices, settings);
        let mut view = Self {
            cluster,
            settings,
            dimensions,
            machines,
            pods: Vec::new(),
            classes: Classes::default(),
            admits: Vec::new(),
        };
        view.add_pods(pods);
        view.admits = view
            .classes
            .all()
            .iter()
            .map(|class| admits(class, &view.machines))
            .collect();
        view
    }

    fn add_pods(&mut self, mut pods: Vec<(&'a Pod, Requirements)>) {
        let names: BTreeMap<&str, usize> = self
            .machines
            .iter()
            .enumerate()
            .map(|(index, machine)| (machine.name(), index))
            .collect();
        let teams = teams(self.cluster, self.settings);
        pods.sort_by_key(|(pod, _)| (&pod.metadata.namespace, &pod.metadata.name));
        for (pod, requirements) in pods {
            let class = self.classes.of(pod, requirements, &self.dimensions);
            if pod.has_ended() {
                continue;
            }
            let machine = pod.node().and_then(|name| names.get(name)).copied();
            let team = teams
                .get(pod.metadata.namespace.as_str())
                .copied()
                .unwrap_or(NO_TEAM);
            self.pods.push(PodView {
                pod,
                class,
                machine,
                gpus: Gpus::ZERO,
                team,
            });
        }
        for index in 0..self.pods.len() {
            self.settle(index);
        }
    }

    /// Takes from its machine what a pod holds, and notes how many GPUs that is.
    fn settle(&mut self, index: usize) {
        let PodView {
            pod, class, machine, ..
        } = self.pods[index];
        let class = &self.classes.all()[class];
        let Some(at) = machine else {
            self.pods[index].gpus = self.estimate(class);
            return;
        };
        let machine = &mut self.machines[at];
        machine.pods.push(index);
        machine.room.take(class);
        let held = machine.held(class);
        self.pods[index].gpus = held;
        let Some(group) = gpus::group(pod).or(class.fraction.as_ref().map(|_| "")) else {
            return;
        };
        let shared = machine.room.shared.entry(group.to_owned()).or_default();
        if class.fraction.is_some() {
            shared.taken += held;
        } else {
            // The pod only holds the GPU for those of its group.
            shared.reserved += held.rounded_up();
            self.pods[index].gpus = Gpus::ZERO;
        }
    }

    /// The GPUs that a class asks for, by the first machine that has such units.
    fn estimate(&self, class: &Class) -> Gpus {
        let offers = |machine: &&Machine<'_>| {
            self.dimensions
                .gpus()
                .iter()
                .any(|gpu| class.asks(*gpu, &self.dimensions) && machine.allocatable[*gpu] > 0)
        };
        if let Some(machine) = self.machines.iter().find(offers) {
            return machine.held(class);
        }
        let none = crate::cluster::Labels::new();
        let units = class
            .requirements
            .requests
            .iter()
            .filter(|(name, _)| is_gpu(name));
        units
            .map(|(name, amount)| gpus::unit(name, &none) * amount.as_units())
            .sum()
    }

    /// All classes.
    pub(crate) fn classes(&self) -> &[Class] {
        self.classes.all()
    }

    /// A pod's class.
    pub(crate) fn class(&self, pod: &PodView<'_>) -> &Class {
        &self.classes.all()[pod.class]
    }

    /// Whether the machine's marks (readiness, cordon, taints, labels) let pods of the class come.
    pub(crate) fn admits(&self, class: usize, machine: usize) -> bool {
        self.admits[class][machine]
    }

    /// Whether a pod of the class could be placed on the machine as it is.
    pub(crate) fn fits(&self, class: usize, machine: usize) -> bool {
        let at = &self.machines[machine];
        self.admits(class, machine)
            && at
                .room
                .has(&self.classes.all()[class], &self.dimensions, at.memory)
    }

    /// Whether a pod of the class could be placed on the machine if it were empty.
    pub(crate) fn could_hold(&self, class: usize, machine: usize) -> bool {
        let class = &self.classes.all()[class];
        let at = &self.machines[machine];
        let empty = crate::machine::Room {
            free: at.allocatable.clone(),
            ..Default::default()
        };
        empty.has(class, &self.dimensions, at.memory)
    }

    /// The pods on a machine that are not one of their kind on each machine.
    pub(crate) fn guests<'b>(&'b self, machine: &'b Machine<'a>) -> impl Iterator<Item = &'b PodView<'a>> {
        let pods = machine.pods.iter().map(|index| &self.pods[*index]);
        pods.filter(|view| !view.pod.belongs_to_machine())
    }

    /// The pods that wait for a machine.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &PodView<'a>> {
        self.pods
            .iter()
            .filter(|view| view.pod.node().is_none() && view.pod.status.phase != "Running")
    }

    /// What the GPUs that a pod holds cost an hour.
    pub(crate) fn cost(&self, pod: &PodView<'_>) -> Option<Dollars> {
        let machine = &self.machines[pod.machine?];
        Some(machine.cost_of_gpu()? * pod.gpus)
    }
}

fn machines<'a>(
    cluster: &'a Cluster,
    dimensions: &Dimensions,
    prices: &Prices,
    settings: &Settings,
) -> Vec<Machine<'a>> {
    let own = settings.pool_labels.iter().map(String::as_str);
    let pool_labels: Vec<&str> = own.chain(POOLS).chain(crate::labels::INSTANCE_TYPES).collect();
    let mut machines: Vec<Machine<'a>> = cluster
        .nodes
        .iter()
        .map(|node| Machine::new(node, dimensions, &pool_labels, prices))
        .collect();
    machines.sort_by_key(Machine::name);
    machines
}

fn teams<'a>(cluster: &'a Cluster, settings: &Settings) -> BTreeMap<&'a str, &'a str> {
    let keys: Vec<&str> = settings.team_labels.iter().map(String::as_str).collect();
    let team = |labels: &'a crate::cluster::Labels| crate::labels::first(labels, &keys).unwrap_or(NO_TEAM);
    let namespaces = cluster.namespaces.iter();
    namespaces
        .map(|namespace| (namespace.metadata.name.as_str(), team(&namespace.metadata.labels)))
        .collect()
}

fn admits(class: &Class, machines: &[Machine<'_>]) -> Vec<bool> {
    let admits = |machine: &Machine<'_>| {
        machine.in_service
            && crate::obstacle::untolerated(&class.requirements, &machine.placement)
                .next()
                .is_none()
            && crate::obstacle::is_chosen(&class.requirements, &machine.placement)
    };
    machines.iter().map(admits).collect()
}

/// The name of a model or pool that is known.
pub(crate) fn known(name: &str) -> Option<&str> {
    Some(name).filter(|name| *name != UNKNOWN)
}
