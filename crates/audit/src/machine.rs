//! A machine: what it is, what it has of GPUs, who holds them, what it costs.

use std::collections::BTreeMap;

use crate::amount::{Dollars, Gpus};
use crate::class::{Amounts, Class, Dimensions};
use crate::cluster::Node;
use crate::gpus::{self, NVIDIA};
use crate::labels::{self, Capacity};
use crate::prices::{Price, Priced, Prices};

/// What machines are called that no label puts into a pool, and GPUs of which no label says the model.
pub(crate) const UNKNOWN: &str = "(unknown)";

/// A machine.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    /// The Node.
    pub(crate) node: &'a Node,
    /// The Node as placement sees it.
    pub(crate) placement: scheduler::Machine,
    /// Its pool.
    pub(crate) pool: &'a str,
    /// The model of its GPUs.
    pub(crate) model: &'a str,
    /// How it is paid for.
    pub(crate) capacity: Capacity,
    /// MiB of memory of each GPU.
    pub(crate) memory: Option<i64>,
    /// What one unit of each resource is in GPUs; none for those that are no GPUs.
    pub(crate) units: Vec<Gpus>,
    /// What pods may have in all.
    pub(crate) allocatable: Amounts,
    /// What it costs an hour.
    pub(crate) price: Option<Price>,
    /// Whether new pods may come: it is ready and not cordoned.
    pub(crate) in_service: bool,
    /// What is free.
    pub(crate) room: Room,
    /// The pods that hold something of it, by number.
    pub(crate) pods: Vec<usize>,
}

/// What is free on a machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    /// Of each resource.
    pub(crate) free: Amounts,
    /// GPUs that pods share by annotation.
    pub(crate) shared: BTreeMap<String, Shared>,
}

/// A GPU (of more than one device, GPUs) that pods share by annotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shared {
    /// What they take of it.
    pub(crate) taken: Gpus,
    /// GPUs that reservation pods hold for them, counted among what is not free.
    pub(crate) reserved: i64,
}

impl Shared {
    /// What is left of GPUs that are held.
    pub(crate) fn rest(&self) -> Gpus {
        (Gpus::whole(self.reserved.max(self.taken.rounded_up())) - self.taken).or_none()
    }

    /// GPUs that are taken, though no request says so.
    fn unreserved(&self) -> i64 {
        (self.taken.rounded_up() - self.reserved).max(0)
    }
}

impl<'a> Machine<'a> {
    /// The machine that a Node object describes, with nothing taken.
    pub(crate) fn new(
        node: &'a Node,
        dimensions: &Dimensions,
        pool_labels: &[&str],
        prices: &Prices,
    ) -> Self {
        let all = &node.metadata.labels;
        let placement = scheduler::Machine::new(
            &node.metadata.name,
            all.clone(),
            node.spec.clone(),
            node.status.placement.clone(),
        );
        let allocatable = dimensions.amounts(&placement.allocatable);
        let units = (0..dimensions.len()).map(|index| {
            if dimensions.gpus().contains(&index) {
                gpus::unit(dimensions.name(index), all)
            } else {
                Gpus::ZERO
            }
        });
        let mut machine = Self {
            pool: labels::first(all, pool_labels).unwrap_or(UNKNOWN),
            model: labels::model(all).unwrap_or(UNKNOWN),
            capacity: labels::capacity(all),
            memory: gpus::number(all, "nvidia.com/gpu.memory"),
            units: units.collect(),
            price: None,
            in_service: node.is_ready() && !node.spec.unschedulable,
            room: Room {
                free: allocatable.clone(),
                shared: BTreeMap::new(),
            },
            allocatable,
            placement,
            node,
            pods: Vec::new(),
        };
        machine.price = prices.machine(machine.priced(dimensions));
        machine
    }

    fn priced(&self, dimensions: &Dimensions) -> Priced<'a> {
        let gpus = self.gpus();
        let cores = dimensions.index("cpu").map_or(0, |cpu| self.allocatable[cpu]);
        Priced {
            node: &self.node.metadata.name,
            pool: self.pool,
            instance: labels::first(&self.node.metadata.labels, &labels::INSTANCE_TYPES).unwrap_or_default(),
            gpus: (gpus > Gpus::ZERO).then_some((self.model, gpus.as_f64())),
            cores: cores as f64 / 1000.0,
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'a str {
        &self.node.metadata.name
    }

    /// The GPUs that pods may have in all.
    pub(crate) fn gpus(&self) -> Gpus {
        self.worth(&self.allocatable)
    }

    /// Whether it has GPUs.
    pub(crate) fn has_gpus(&self) -> bool {
        self.gpus() > Gpus::ZERO
    }

    /// These amounts in GPUs of this machine.
    pub(crate) fn worth(&self, amounts: &Amounts) -> Gpus {
        let units = self.units.iter().zip(amounts);
        units
            .map(|(unit, amount)| *unit * amount.div_euclid(1000).max(0))
            .sum()
    }

    /// The GPUs that pods of a class hold here.
    pub(crate) fn held(&self, class: &Class) -> Gpus {
        let fraction = class
            .fraction
            .as_ref()
            .map(|fraction| fraction.share(self.memory) * fraction.devices);
        self.worth(&class.amounts) + fraction.unwrap_or_default()
    }

    /// The GPUs that are free, whether or not new pods may come.
    pub(crate) fn free(&self, dimensions: &Dimensions) -> Gpus {
        let rest: Gpus = self.room.shared.values().map(Shared::rest).sum();
        self.worth(&self.room.units_free(dimensions)) + rest
    }

    /// What it costs an hour, as it is paid for.
    pub(crate) fn cost(&self) -> Option<Dollars> {
        let price = self.price?;
        Some(if self.capacity == Capacity::Spot {
            price.spot
        } else {
            price.on_demand
        })
    }

    /// What one of its GPUs costs an hour: its part of the machine.
    pub(crate) fn cost_of_gpu(&self) -> Option<Dollars> {
        let gpus = self.gpus().as_f64();
        Some(Dollars(self.cost()?.0 / gpus)).filter(|_| gpus > 0.0)
    }

    /// Whether a taint keeps pods away that do not ask for GPUs; those that the node's own state brings do not count.
    pub(crate) fn is_guarded(&self) -> bool {
        let own_state = |key: &str| {
            key.starts_with("node.kubernetes.io/") || key.starts_with("node.cloudprovider.kubernetes.io/")
        };
        let mut taints = self.placement.taints.iter();
        taints.any(|taint| taint.forbids() && !own_state(&taint.key))
    }
}

impl Room {
    /// Takes what a pod of a class holds.
    pub(crate) fn take(&mut self, class: &Class) {
        self.change(class, -1);
    }

    /// Gives it back.
    pub(crate) fn give_back(&mut self, class: &Class) {
        self.change(class, 1);
    }

    /// Takes what a pod of a class would hold, its part of a shared GPU from the fullest that has it.
    pub(crate) fn place(&mut self, class: &Class, dimensions: &Dimensions, memory: Option<i64>) {
        self.take(class);
        let Some(fraction) = &class.fraction else { return };
        let share = fraction.share(memory);
        for _ in 0..fraction.devices {
            let fitting = self.shared.values_mut().filter(|shared| shared.rest() >= share);
            match fitting.min_by_key(|shared| shared.rest()) {
                Some(shared) => shared.taken += share,
                None => self.open(share, dimensions),
            }
        }
    }

    /// Takes a part of a GPU that was free until now.
    fn open(&mut self, share: Gpus, dimensions: &Dimensions) {
        if let Some(index) = dimensions.index(NVIDIA) {
            self.free[index] -= 1000;
        }
        let name = format!("new {}", self.shared.len());
        self.shared.insert(
            name,
            Shared {
                taken: share,
                reserved: 1,
            },
        );
    }

    fn change(&mut self, class: &Class, sign: i64) {
        for (free, amount) in self.free.iter_mut().zip(&class.amounts) {
            *free += sign * amount;
        }
    }

    /// What is free, less the GPUs that pods share though no request holds them.
    pub(crate) fn units_free(&self, dimensions: &Dimensions) -> Amounts {
        let mut free = self.free.clone();
        let unreserved: i64 = self.shared.values().map(Shared::unreserved).sum();
        if let Some(index) = dimensions.index(NVIDIA) {
            free[index] -= unreserved * 1000;
        }
        free
    }

    /// Whether what pods of a class ask for is free, on a machine whose GPUs have so much memory.
    pub(crate) fn has(&self, class: &Class, dimensions: &Dimensions, memory: Option<i64>) -> bool {
        let free = if self.shared.is_empty() {
            &self.free
        } else {
            &self.units_free(dimensions)
        };
        class
            .amounts
            .iter()
            .zip(free)
            .all(|(asked, free)| *asked <= 0 || asked <= free)
            && self.has_fraction(class, free, dimensions, memory)
    }

    fn has_fraction(
        &self,
        class: &Class,
        free: &Amounts,
        dimensions: &Dimensions,
        memory: Option<i64>,
    ) -> bool {
        let Some(fraction) = &class.fraction else {
            return true;
        };
        let share = fraction.share(memory);
        let whole = dimensions
            .index(NVIDIA)
            .map_or(0, |index| (free[index] / 1000).max(0));
        let partly = self
            .shared
            .values()
            .filter(|shared| shared.rest() >= share)
            .count();
        whole + i64::try_from(partly).unwrap_or(0) >= fraction.devices
    }
}
