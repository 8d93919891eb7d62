//! What is to come, as far as the past tells: how much CPU and memory goes with a device, how many devices are
//! asked for together, and which machines are wanted by those who have little choice.

use std::collections::BTreeMap;

use super::{Fleet, Machine, Request, Typical, WHOLE, Workload};

/// What goes with a whole device: the mean of what is requested beside it, and its variance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Companion {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

impl Companion {
    /// Of the requests for devices, each with its frequency; `amount` says how much a request asks for.
    pub(super) fn of(workload: &Workload, amount: impl Fn(&Request) -> i32) -> Self {
        let typical = || workload.typical().iter().filter(|class| class.request.gpus > 0);
        let weighted = |term: &dyn Fn(&Request) -> f64| -> f64 {
            typical()
                .map(|class| class.frequency * term(&class.request))
                .sum()
        };
        let devices = weighted(&devices_of);
        if devices <= 0.0 {
            return Self::default();
        }
        let mean = weighted(&|request| f64::from(amount(request))) / devices;
        let square = |request: &Request| (f64::from(amount(request)) - mean * devices_of(request)).powi(2);
        Self {
            mean,
            variance: weighted(&square) / devices,
        }
    }

    /// How many of `devices` will find none of this left beside them, where `free` is left: the expectation, with
    /// the demand of many requests together taken as normal.
    pub(super) fn stranded(&self, devices: f64, free: f64) -> f64 {
        if self.mean <= 0.0 {
            return 0.0;
        }
        let (mean, deviation) = (self.mean * devices, (self.variance * devices).sqrt());
        if deviation <= 0.0 {
            return (mean - free).max(0.0) / self.mean;
        }
        deviation * normal_loss((free - mean) / deviation) / self.mean
    }
}

fn devices_of(request: &Request) -> f64 {
    f64::from(request.total()) / f64::from(WHOLE)
}

/// The expected excess of a standard normal variable over `z`.
fn normal_loss(z: f64) -> f64 {
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    density - z * upper_tail(z, density)
}

/// The chance that a standard normal variable exceeds `z`, to seven digits. Formula: Abramowitz and Stegun, 26.2.17.
fn upper_tail(z: f64, density: f64) -> f64 {
    const B: [f64; 5] = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let tail = density * t * B.iter().rev().fold(0.0, |sum, b| sum * t + b);
    if z < 0.0 { 1.0 - tail } else { tail }
}

/// What is asked for of each share size: sizes and how many devices' worth of requests.
pub(super) fn sizes(workload: &Workload) -> Vec<(u16, f64)> {
    let mut sizes = BTreeMap::<u16, f64>::new();
    for class in workload
        .typical()
        .iter()
        .filter(|class| class.request.total() > 0)
    {
        *sizes.entry(class.request.share).or_default() += class.frequency * f64::from(class.request.gpus);
    }
    sizes.into_iter().collect()
}

/// Machines that were alike when nothing was taken.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    /// What is free on one of which nothing is taken.
    pub(super) machine: Machine,
    /// How many there are.
    count: f64,
    /// How much more its devices are in demand than those least in demand: demand over supply, with each request's
    /// demand spread over the kinds that it fits on.
    pub(super) scarcity: f64,
    /// What is asked for in groups of devices that fit on it, and how often: demand over supply.
    pub(super) groups: Vec<Group>,
}

/// Several devices asked for together, with what goes with them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    devices: u32,
    cpu: i32,
    memory: i32,
    /// How often it is asked for.
    pub(super) demand: f64,
}

impl Group {
    fn new(request: &Request) -> Self {
        Self {
            devices: request.gpus.into(),
            cpu: request.cpu,
            memory: request.memory,
            demand: 0.0,
        }
    }

    /// Its devices, in thousandths.
    pub(super) fn total(&self) -> f64 {
        f64::from(self.devices) * f64::from(WHOLE)
    }

    /// How many times it fits on a machine of which `whole` devices are entirely free.
    pub(super) fn copies(&self, machine: &Machine, whole: u32) -> u32 {
        if whole < self.devices {
            return 0;
        }
        let times = |free: i32, asked: i32| u32::try_from(free / asked.max(1)).unwrap_or(0);
        let beside = times(machine.cpu, self.cpu).min(times(machine.memory, self.memory));
        (whole / self.devices).min(beside)
    }
}

/// How many devices are entirely free.
pub(super) fn whole(machine: &Machine) -> u32 {
    machine.free().iter().map(|free| u32::from(*free == WHOLE)).sum()
}

impl Kind {
    fn devices(&self) -> f64 {
        self.count * f64::from(self.machine.free_total()) / f64::from(WHOLE)
    }

    /// How many times a group fits on all machines of the kind together, were they empty.
    fn copies(&self, group: &Group) -> f64 {
        self.count * f64::from(group.copies(&self.machine, whole(&self.machine)))
    }

    /// Takes groups of as many devices as one that need about as much beside them: the same eighth of the machine.
    /// What is wanted once is as large as the largest of them.
    fn merge_groups(&mut self) {
        let eighth = |asked: i32, all: i32| i64::from(asked) * 8 / i64::from(all.max(1));
        let mut merged = BTreeMap::<_, Group>::new();
        for group in &self.groups {
            let (cpu, memory) = (
                eighth(group.cpu, self.machine.cpu),
                eighth(group.memory, self.machine.memory),
            );
            let one = merged.entry((group.devices, cpu, memory)).or_insert(Group {
                demand: 0.0,
                ..*group
            });
            one.cpu = one.cpu.max(group.cpu);
            one.memory = one.memory.max(group.memory);
            one.demand += group.demand;
        }
        self.groups = merged.into_values().collect();
    }
}

/// The kinds of machines in a fleet, and each machine's kind.
pub(super) fn kinds(workload: &Workload, fleet: &Fleet) -> (Vec<Kind>, Vec<usize>) {
    let mut kinds: Vec<Kind> = Vec::new();
    let mut kind_of = Vec::new();
    for machine in fleet.capacity() {
        let known = kinds.iter().position(|kind| kind.machine == *machine);
        let kind = known.unwrap_or_else(|| {
            kinds.push(Kind {
                machine: *machine,
                count: 0.0,
                scarcity: 0.0,
                groups: Vec::new(),
            });
            kinds.len() - 1
        });
        kinds[kind].count += 1.0;
        kind_of.push(kind);
    }
    judge(workload, &mut kinds);
    (kinds, kind_of)
}

/// Spreads demand over the kinds, taking all of it to be as large as all supply.
fn judge(workload: &Workload, kinds: &mut [Kind]) {
    let asked = |class: &Typical| class.frequency * devices_of(&class.request);
    let demand: f64 = workload.typical().iter().map(asked).sum();
    let scale = kinds.iter().map(Kind::devices).sum::<f64>() / demand;
    for class in workload.typical().iter().filter(|class| class.request.gpus > 0) {
        let fits = |kind: &&mut Kind| kind.machine.fits(&class.request);
        let supply: f64 = kinds.iter_mut().filter(fits).map(|kind| kind.devices()).sum();
        let group = Group::new(&class.request);
        let copies: f64 = kinds
            .iter_mut()
            .filter(fits)
            .map(|kind| kind.copies(&group))
            .sum();
        for kind in kinds.iter_mut().filter(fits) {
            kind.scarcity += scale * asked(class) / supply;
            if class.request.gpus > 1 {
                let demand = scale * class.frequency / copies;
                kind.groups.push(Group { demand, ..group });
            }
        }
    }
    let least = kinds
        .iter()
        .map(|kind| kind.scarcity)
        .fold(f64::INFINITY, f64::min);
    for kind in kinds {
        kind.scarcity -= least;
        kind.merge_groups();
    }
}
