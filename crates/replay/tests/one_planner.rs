//! One planner: the same arrivals as objects of Kubernetes, through the state that a scheduler of a cluster keeps, get
//! the same machines and the same devices as in the simulator.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::path::PathBuf;

use meta::devices::Grant;
use replay::openb::{Arrivals, Trace, node_name, ranks};
use replay::run;
use scheduler::packing::{FutureFit, Placement, Planner, Ties};
use scheduler::{Identity, Machine, Notes, Pod, Settings, State};
use serde_json::Value;

const SCHEDULER: &str = "plimsoll";

fn trace(name: &str) -> Option<Trace> {
    let folder = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/traces/openb"
    ));
    if !folder.exists() {
        eprintln!("SKIPPED: the traces are not at {}", folder.display());
        return None;
    }
    Some(Trace::read(&folder, name).unwrap())
}

fn machine(node: &Value) -> Machine {
    let read = |part: &Value| serde_json::from_value(part.clone()).unwrap();
    let name = node["metadata"]["name"].as_str().unwrap();
    let labels = serde_json::from_value(node["metadata"]["labels"].clone()).unwrap();
    Machine::new(name, labels, Default::default(), read(&node["status"]))
}

fn pod(manifest: &Value) -> Pod {
    let name = manifest["metadata"]["name"].as_str().unwrap();
    let spec = serde_json::from_value(manifest["spec"].clone()).unwrap();
    let notes: Notes = serde_json::from_value(manifest["metadata"].clone()).unwrap();
    Pod::new(name, Identity::default(), &spec, false, SCHEDULER).noted(&notes)
}

/// Where each arrival goes by the simulator: machine and devices, `None` where it fitted nowhere.
fn simulated(trace: &Trace, arrivals: &Arrivals, ranks: &[u32]) -> Vec<Option<(String, Option<Grant>)>> {
    let policy = FutureFit::new(&trace.history(), &trace.fleet());
    let mut planner = Planner::new(trace.fleet(), policy, Ties::Ranked(ranks.to_vec()));
    let placements = run(trace, arrivals, &mut planner).placements;
    let place = |(arrival, placement): (&usize, Option<Placement>)| {
        let placement = placement?;
        let numbers = placement
            .devices
            .iter()
            .map(|device| u8::try_from(device).unwrap());
        let share = trace.pods()[*arrival].request.share;
        Some((
            node_name(ranks[placement.machine.index()]),
            Grant::new(numbers, share),
        ))
    };
    arrivals.0.iter().zip(placements).map(place).collect()
}

/// The same through the state of a scheduler; what fits nowhere waits, and is counted as dropped.
fn scheduled(trace: &Trace, arrivals: &Arrivals, ranks: &[u32]) -> Vec<Option<(String, Option<Grant>)>> {
    let mut state = State::new(Settings {
        bindings_max: usize::MAX,
    });
    let expected: Vec<Pod> = (0..trace.pods().len())
        .map(|number| pod(&trace.manifest(number, "expected", SCHEDULER).unwrap()))
        .collect();
    state.expect(&expected);
    for (number, rank) in ranks.iter().enumerate() {
        state.machine_applied(machine(&trace.node(number, *rank).unwrap()));
    }
    let names: Vec<String> = (0..arrivals.0.len())
        .map(|number| format!("openb-{number:05}"))
        .collect();
    for (name, arrival) in names.iter().zip(&arrivals.0) {
        state.pod_applied(pod(&trace.manifest(*arrival, name, SCHEDULER).unwrap()));
    }
    let plan = state.plan();
    let mut bindings = plan.bindings.into_iter().peekable();
    let mut places = Vec::new();
    for name in &names {
        let binding = bindings.next_if(|binding| binding.pod == *name);
        places.push(binding.map(|binding| (binding.node, binding.devices)));
    }
    assert_eq!(
        bindings.next(),
        None,
        "pods are planned in the order in which they came"
    );
    places
}

fn check(name: &str, seed: u64) {
    let Some(trace) = trace(name) else { return };
    let arrivals = Arrivals::generate(&trace, seed);
    let ranks = ranks(trace.machines().len(), seed);
    let simulated = simulated(&trace, &arrivals, &ranks);
    let scheduled = scheduled(&trace, &arrivals, &ranks);
    for (number, (one, other)) in simulated.iter().zip(&scheduled).enumerate() {
        assert_eq!(one, other, "{name}: arrival {number}");
    }
    let placed = simulated.iter().flatten().count();
    assert!(
        placed > 7000 && placed < simulated.len(),
        "{placed} are placed, some are dropped"
    );
}

#[test]
fn a_scheduler_places_as_the_simulator_does() {
    check("default", 20_260);
    // Models by affinity.
    check("gpuspec33", 20_261);
}
