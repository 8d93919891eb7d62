//! How fast the planner decides: 100,000 pods on fleets of three sizes, kept nearly full by pods that leave. One JSON
//! object a line.

#![allow(clippy::print_stdout, reason = "a measurement")]

use std::collections::VecDeque;
use std::time::Instant;

use replay::draws::Draws;
use scheduler::packing::{Fleet, FutureFit, Machine, Model, ModelSet, Planner, Request, Ties, Workload};

const MACHINES: [usize; 3] = [1213, 5000, 10_000];
const PODS: usize = 100_000;
/// The part of all devices that is kept in use.
const USED: f64 = 0.93;

/// Kinds of machines: of a hundred, CPU in cores, memory in GiB, devices.
const KINDS: [(usize, i32, i32, usize); 4] = [
    (45, 96, 384, 8),
    (35, 104, 512, 2),
    (15, 16, 120, 2),
    (5, 128, 768, 8),
];

/// Kinds of pods: of a hundred, cores, GiB, devices, thousandths of each.
const PODS_OF: [(usize, i32, i32, u8, u16); 12] = [
    (20, 12, 16, 1, 1000),
    (15, 8, 30, 1, 1000),
    (10, 4, 24, 1, 1000),
    (12, 8, 16, 1, 810),
    (9, 6, 12, 1, 470),
    (5, 4, 8, 1, 320),
    (5, 10, 30, 1, 650),
    (4, 2, 4, 1, 230),
    (3, 2, 4, 1, 160),
    (13, 8, 16, 0, 0),
    (3, 32, 128, 4, 1000),
    (1, 90, 350, 8, 1000),
];

fn fleet(machines: usize) -> Fleet {
    let mut fleet = Fleet::new(0);
    for number in 0..machines {
        let mut rest = number % 100;
        let kind = KINDS.iter().position(|(part, ..)| {
            let found = rest < *part;
            rest = rest.saturating_sub(*part);
            found
        });
        let kind = kind.unwrap_or(0);
        let (_, cores, gib, devices) = KINDS[kind];
        let model = Model::new(kind).unwrap_or_default();
        fleet.add(Machine::new(cores * 1000, gib * 1024, 110, devices, model), &[]);
    }
    fleet
}

fn requests() -> Vec<(Request, usize)> {
    let request = |(part, cores, gib, gpus, share): (usize, i32, i32, u8, u16)| {
        let request = Request {
            cpu: cores * 1000,
            memory: gib * 1024,
            gpus,
            share,
            models: ModelSet::ANY,
            extended: Vec::new(),
        };
        (request, part)
    };
    PODS_OF.map(request).to_vec()
}

fn main() {
    for machines in MACHINES {
        measure(machines);
    }
}

fn measure(machines: usize) {
    let fleet = fleet(machines);
    let policy = FutureFit::new(&Workload::new(requests(), 1.0), &fleet);
    let devices: usize = fleet.machines().iter().map(|machine| machine.free().len()).sum();
    let mut planner = Planner::new(fleet, policy, Ties::Ranked(Vec::new()));
    let deck: Vec<_> = requests()
        .into_iter()
        .flat_map(|(request, part)| vec![request; part])
        .collect();
    let shapes: Vec<_> = deck.iter().map(|request| planner.shape(request)).collect();
    let mut draws = Draws::new(1);
    let (mut used, mut placed, mut running) = (0, 0, VecDeque::new());
    let start = Instant::now();
    for _ in 0..PODS {
        let card = draws.below(deck.len());
        if let Some(placement) = planner.place(shapes[card]) {
            placed += 1;
            used += deck[card].total();
            running.push_back((card, placement));
        }
        while f64::from(used) > USED * 1000.0 * devices as f64 {
            let Some((card, placement)) = running.pop_front() else {
                break;
            };
            used -= deck[card].total();
            planner.give_back(shapes[card], placement.machine, placement.devices);
        }
    }
    let per_second = PODS as f64 / start.elapsed().as_secs_f64();
    println!(
        "{{\"machines\":{machines},\"pods\":{PODS},\"placed\":{placed},\"per_second\":{per_second:.0}}}"
    );
}
