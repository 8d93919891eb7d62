//! How many decisions a second the scheduler's state makes: pods of the trace come and go on its machines, as many times
//! over as asked for. One JSON object a line. Run by `cargo xtask bench schedule`.

#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::collections::VecDeque;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use replay::draws::Draws;
use replay::openb::Trace;
use replay::openb_in;
use scheduler::{Identity, Machine, Pod, Settings, State};
use serde_json::{Value, json};

/// Pods that come between two plans, as they do on a busy cluster.
const BATCH: usize = 100;
/// Pods that live at once on each machine of the trace: nine tenths of its GPUs are taken then.
const PODS_PER_MACHINE: f64 = 6.0;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("the folder of the traces is not given")?;
    let pods = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let trace = Trace::read(&openb_in(&PathBuf::from(folder)), "default")?;
    for machines in [1_213, 5_000, 10_000] {
        println!("{}", measure(&trace, machines, pods)?);
    }
    Ok(())
}

fn measure(trace: &Trace, machines: usize, pods: usize) -> Result<Value, Box<dyn Error>> {
    let mut state = State::new(Settings::default());
    let templates = templates(trace)?;
    state.expect(&templates);
    for number in 0..machines {
        state.machine_applied(machine(trace, number)?);
    }
    state.plan();
    let life = (machines as f64 * PODS_PER_MACHINE) as usize;
    let mut draws = Draws::new(1);
    let mut living = VecDeque::new();
    let (mut placed, mut refused) = (0, 0);
    let began = Instant::now();
    for number in 0..pods {
        let mut pod = templates[draws.below(templates.len())].clone();
        pod.uid = format!("pod-{number:06}");
        living.push_back(pod.uid.clone());
        state.pod_applied(pod);
        if living.len() > life
            && let Some(oldest) = living.pop_front()
        {
            state.pod_deleted(&oldest);
        }
        if number % BATCH == BATCH - 1 {
            let plan = state.plan();
            placed += plan.bindings.len();
            refused += plan.refused;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let decisions = placed + refused;
    Ok(json!({
        "name": "schedule", "machines": machines, "pods": pods,
        "placed": placed, "refused": refused, "waiting": state.waiting(),
        "decisions_per_second": (decisions as f64 / seconds).round(),
        "us_per_decision": (seconds * 1e8 / decisions as f64).round() / 100.0,
    }))
}

fn templates(trace: &Trace) -> Result<Vec<Pod>, Box<dyn Error>> {
    let template = |number| {
        let manifest = trace.manifest(number, "pod", "plimsoll").unwrap_or_default();
        let spec = serde_json::from_value(manifest["spec"].clone())?;
        let notes = serde_json::from_value(manifest["metadata"].clone())?;
        Ok(Pod::new("pod", Identity::default(), &spec, false, "plimsoll").noted(&notes))
    };
    (0..trace.pods().len()).map(template).collect()
}

/// The machines of the trace, over and over.
fn machine(trace: &Trace, number: usize) -> Result<Machine, Box<dyn Error>> {
    let rank = u32::try_from(number)?;
    let node = trace
        .node(number % trace.machines().len(), rank)
        .unwrap_or_default();
    let labels = serde_json::from_value(node["metadata"]["labels"].clone())?;
    let status = serde_json::from_value(node["status"].clone())?;
    Ok(Machine::new(
        &replay::openb::node_name(rank),
        labels,
        scheduler::NodeSpec::default(),
        status,
    ))
}
