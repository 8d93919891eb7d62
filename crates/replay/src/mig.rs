//! Streams of requests for MIG instances through the scheduler's pool of devices, and through simpler rules.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use scheduler::mig::{Geometry, Instance, Placement, Pool, StateId, Table};

use crate::draws::Draws;

/// A stream: Poisson arrivals, profiles with equal chance, exponential durations of mean 1.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The profiles asked for, by number.
    pub profiles: Vec<usize>,
    /// How many devices there are.
    pub devices: usize,
    /// Memory slices asked for at a time, on average, as a part of all there are.
    pub load: f64,
    /// How many requests come.
    pub requests: usize,
    /// How many of them come before refusals are counted.
    pub warm_up: usize,
}

impl Stream {
    /// How many requests for each profile come while one instance lasts, to all devices.
    pub fn rates(&self, geometry: &Geometry) -> Vec<f64> {
        let memory = |profile: &usize| f64::from(geometry.profiles[*profile].memory);
        let asked: f64 = self.profiles.iter().map(memory).sum();
        let rate = self.load * f64::from(geometry.memory) * self.devices as f64 / asked;
        let all = 0..geometry.profiles.len();
        all.map(|profile| {
            if self.profiles.contains(&profile) {
                rate
            } else {
                0.0
            }
        })
        .collect()
    }

    /// The part of requests that `placer` refuses, after the warm-up.
    pub fn refused(&self, placer: &mut dyn Placer, geometry: &Geometry, seed: u64) -> f64 {
        let mut draws = Draws::new(seed);
        let rate = self.rates(geometry).iter().sum::<f64>();
        let (mut now, mut refused) = (0.0, 0);
        let mut ends = BinaryHeap::new();
        for request in 0..self.requests {
            now += draws.exponential(rate);
            while ends.peek().is_some_and(|end: &End| end.at <= now) {
                if let Some(end) = ends.pop() {
                    placer.release(&end.instance);
                }
            }
            let profile = self.profiles[draws.below(self.profiles.len())];
            let at = now + draws.exponential(1.0);
            match placer.place(profile) {
                Some(instance) => ends.push(End { at, instance }),
                None => refused += usize::from(request >= self.warm_up),
            }
        }
        refused as f64 / (self.requests - self.warm_up) as f64
    }
}

/// When an instance ends; the earliest is the greatest.
struct End {
    at: f64,
    instance: Instance,
}

impl Ord for End {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .at
            .total_cmp(&self.at)
            .then_with(|| other.instance.cmp(&self.instance))
    }
}

impl PartialOrd for End {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for End {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for End {}

/// Something that places instances.
pub trait Placer {
    /// Places an instance; `None` if it fits nowhere.
    fn place(&mut self, profile: usize) -> Option<Instance>;
    /// Ends an instance.
    fn release(&mut self, instance: &Instance);
}

impl Placer for Pool {
    fn place(&mut self, profile: usize) -> Option<Instance> {
        Self::place(self, profile)
    }

    fn release(&mut self, instance: &Instance) {
        Self::release(self, instance);
    }
}

/// A simple rule.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// The first device where it fits, at the lowest start.
    FirstFit,
    /// The device with least free memory where it fits, at the lowest start.
    BestFit,
    /// Where the fewest possible placements are lost; of equals on the device with least free memory.
    LeastLoss,
}

/// Devices that a simple rule places on.
#[derive(Clone, Debug)]
pub struct Simple {
    table: Table,
    devices: Vec<StateId>,
    rule: Rule,
}

impl Simple {
    /// Empty devices.
    pub fn new(table: Table, rule: Rule, devices: usize) -> Self {
        Self {
            table,
            devices: vec![StateId::EMPTY; devices],
            rule,
        }
    }

    /// How many placements of profiles without media engines are possible.
    fn freedom(&self, state: StateId) -> usize {
        let profiles = self.table.geometry().profiles.iter().enumerate();
        let plain = profiles.filter(|(_, profile)| !profile.media);
        plain
            .map(|(number, _)| self.table.placements(state, number).len())
            .sum()
    }

    /// What the rule has against a placement.
    fn cost(&self, before: StateId, place: &Placement) -> (i64, i64) {
        let difference = |a: usize, b: usize| a as i64 - b as i64;
        let full = -i64::from(self.table.taken(before));
        let lost = difference(self.freedom(before), self.freedom(place.after));
        match self.rule {
            Rule::FirstFit => (0, 0),
            Rule::BestFit => (full, 0),
            Rule::LeastLoss => (lost, full),
        }
    }
}

impl Placer for Simple {
    fn place(&mut self, profile: usize) -> Option<Instance> {
        let cost = |before, place: &Placement| self.cost(before, place);
        let (device, place) = self.table.cheapest(&self.devices, profile, cost)?;
        self.devices[device] = place.after;
        Some(Instance {
            device,
            profile,
            start: place.start,
        })
    }

    fn release(&mut self, instance: &Instance) {
        let state = &mut self.devices[instance.device];
        *state = self
            .table
            .without(*state, instance.profile, instance.start)
            .unwrap_or(*state);
    }
}
