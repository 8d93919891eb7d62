//! The pool of MIG devices against simpler rules, and against the best that any rule could do.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed"
)]

use std::collections::BTreeMap;

use replay::mig::{Placer, Rule, Simple, Stream};
use scheduler::mig::{DEVICES, Device, Instance, Pool, StateId, Table};

/// The profiles of an H100 but for the one with media engines.
const PLAIN: [usize; 6] = [0, 2, 3, 4, 5, 6];

fn h100() -> &'static Device {
    DEVICES.iter().find(|device| device.name == "H100-80GB").unwrap()
}

fn stream(devices: usize, load: f64) -> Stream {
    Stream {
        profiles: PLAIN.to_vec(),
        devices,
        load,
        requests: 30_000,
        warm_up: 6_000,
    }
}

/// The mean part refused over ten seeds.
fn refused<P: Placer + Clone>(stream: &Stream, fresh: &P) -> f64 {
    let one = |seed| stream.refused(&mut fresh.clone(), h100().geometry, seed);
    (42..52).map(one).sum::<f64>() / 10.0
}

fn check(load: f64, of_first_fit: f64, of_best_rule: f64) {
    let (table, stream) = (Table::new(h100().geometry), stream(100, load));
    let rule = |rule| refused(&stream, &Simple::new(table.clone(), rule, stream.devices));
    let rates = stream.rates(h100().geometry);
    let ours = refused(&stream, &Pool::new(table.clone(), &rates, stream.devices));
    let [first, best, least] = [Rule::FirstFit, Rule::BestFit, Rule::LeastLoss].map(rule);
    eprintln!(
        "load {load}: refused {ours:.4}; first-fit {first:.4}, best-fit {best:.4}, least loss {least:.4}"
    );
    assert!(ours <= of_first_fit * first, "{ours} of first-fit's {first}");
    assert!(
        ours <= of_best_rule * best.min(least),
        "{ours} of the best rule's {}",
        best.min(least)
    );
}

#[test]
fn a_hundred_devices_refuse_less_than_under_any_simple_rule() {
    check(0.9, 0.55, 0.95);
    check(1.1, 0.95, 0.95);
}

/// The part that the best policy refuses on one device: the average cost of the optimal policy, by value iteration.
fn optimum(table: &Table, rates: &[f64]) -> f64 {
    let total: f64 = rates.iter().sum();
    let pace = total + 7.0;
    let (mut values, mut gain) = (vec![0.0; table.states().len()], 0.0);
    for _ in 0..4000 {
        let next: Vec<f64> = table
            .states()
            .map(|state| step(table, rates, pace, &values, state))
            .collect();
        gain = next[0];
        values = next.iter().map(|value| value - next[0]).collect();
    }
    gain * pace / total
}

fn step(table: &Table, rates: &[f64], pace: f64, values: &[f64], state: StateId) -> f64 {
    let here = values[state.index()];
    let mut sum = pace * here;
    for profile in PLAIN {
        let after = table
            .placements(state, profile)
            .iter()
            .map(|place| values[place.after.index()]);
        sum += rates[profile] * (after.reduce(f64::min).unwrap_or(here + 1.0) - here);
    }
    for (profile, start) in table.instances(state) {
        sum += values[table
            .without(state, usize::from(*profile), *start)
            .unwrap()
            .index()]
            - here;
    }
    sum / pace
}

#[test]
fn one_device_accepts_what_the_best_policy_would() {
    let table = Table::new(h100().geometry);
    for load in [0.3, 0.6, 0.9, 1.2, 2.0] {
        let stream = stream(1, load);
        let rates = stream.rates(h100().geometry);
        let (ours, best) = (
            refused(&stream, &Pool::new(table.clone(), &rates, 1)),
            optimum(&table, &rates),
        );
        let ratio = (1.0 - ours) / (1.0 - best);
        eprintln!("load {load}: {ratio:.4} of what the best policy accepts");
        assert!(ratio >= 0.99, "load {load}: {ratio}");
    }
}

/// Passes everything on, and keeps its own account of what lies where.
struct Watched {
    pool: Pool,
    placed: BTreeMap<usize, Vec<Instance>>,
}

impl Placer for Watched {
    fn place(&mut self, profile: usize) -> Option<Instance> {
        let instance = self.pool.place(profile)?;
        let beside = self.placed.entry(instance.device).or_default();
        let own = &h100().geometry.profiles[profile];
        assert!(own.starts.contains(&instance.start));
        let end = |instance: &Instance| instance.start + h100().geometry.profiles[instance.profile].memory;
        for other in beside.iter() {
            assert!(
                end(other) <= instance.start || end(&instance) <= other.start,
                "{other:?} {instance:?}"
            );
        }
        beside.push(instance);
        let alike = beside.iter().filter(|other| other.profile == profile).count();
        assert!(alike <= usize::from(own.most));
        Some(instance)
    }

    fn release(&mut self, instance: &Instance) {
        assert!(self.pool.release(instance));
        self.placed
            .get_mut(&instance.device)
            .unwrap()
            .retain(|other| other != instance);
    }
}

#[test]
fn every_layout_is_legal() {
    let (table, mut stream) = (Table::new(h100().geometry), stream(20, 1.0));
    stream.profiles = (0..h100().geometry.profiles.len()).collect();
    let pool = Pool::new(table, &stream.rates(h100().geometry), stream.devices);
    let mut watched = Watched {
        pool,
        placed: BTreeMap::new(),
    };
    let refused = stream.refused(&mut watched, h100().geometry, 7);
    assert!(refused < 0.5, "{refused}");
}

#[test]
fn the_profiles_are_those_collected() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/traces/mig_profiles.csv"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: no {path}");
        return;
    };
    let mut rows = 0;
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let device = DEVICES.iter().find(|device| device.name == cells[0]).unwrap();
        let number = device.profiles.iter().position(|name| *name == cells[4]).unwrap();
        let profile = &device.geometry.profiles[number];
        let starts: Vec<String> = profile.starts.iter().map(u8::to_string).collect();
        let ours = (
            profile.compute.to_string(),
            profile.memory.to_string(),
            starts.join(" "),
            profile.most.to_string(),
        );
        let theirs = (
            cells[6].to_owned(),
            cells[7].to_owned(),
            cells[8].to_owned(),
            cells[9].to_owned(),
        );
        assert_eq!(ours, theirs, "{line}");
        rows += 1;
    }
    let known: usize = DEVICES.iter().map(|device| device.profiles.len()).sum();
    assert_eq!(rows, known);
}
