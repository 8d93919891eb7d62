//! Our policy packs tighter than every published one, on orders of arrival that it was never tuned on nor published
//! with, whatever the order of machines.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::path::PathBuf;

use meta::seeded::Seeded;
use replay::openb::{Arrivals, TRACES, Trace, ranks};
use replay::{Curve, PolicyName};
use scheduler::packing::Ties;

const SEEDS: [u64; 2] = [20_260, 20_261];

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

fn mean(curves: &[Curve], at: usize) -> f64 {
    curves.iter().map(|curve| curve.at(at)).sum::<f64>() / curves.len() as f64
}

fn curves(policy: PolicyName, trace: &Trace, ties: impl Fn(u64) -> Ties) -> Vec<Curve> {
    SEEDS
        .map(|seed| policy.run(trace, &Arrivals::generate(trace, seed), ties(seed)))
        .to_vec()
}

fn in_order(trace: &Trace) -> impl Fn(u64) -> Ties {
    let machines = trace.machines().len();
    move |seed| Ties::Ranked(ranks(machines, seed))
}

fn check(name: &str, at: usize, above: f64) {
    let Some(trace) = trace(name) else { return };
    let found = mean(&curves(PolicyName::Plimsoll, &trace, in_order(&trace)), at);
    assert!(found > above, "{name} at {at} %: {found}, not above {above}");
}

#[test]
fn more_is_allocated_than_by_any_published_policy() {
    check("default", 130, 95.6);
    check("gpuspec33", 100, 92.5);
    check("gpushare100", 130, 87.4);
}

#[test]
fn ties_broken_at_random_change_little() {
    let Some(trace) = trace("default") else { return };
    let found = mean(
        &curves(PolicyName::Plimsoll, &trace, |seed| {
            Ties::Random(Seeded::new(seed))
        }),
        130,
    );
    assert!(found > 95.0, "{found}");
}

/// FGD is the best of the published policies on every trace; what it allocates on the same orders, less a margin.
#[test]
fn no_trace_is_packed_worse_than_by_the_best_published_policy() {
    for name in TRACES {
        let Some(trace) = trace(name) else { return };
        let ours = curves(PolicyName::Plimsoll, &trace, in_order(&trace));
        let best = curves(PolicyName::Fgd, &trace, in_order(&trace));
        for (at, margin) in [(80, 0.1), (90, 0.1), (100, 0.1), (130, 0.3)] {
            let (ours, best) = (mean(&ours, at), mean(&best, at));
            assert!(
                ours > best - margin,
                "{name} at {at} %: {ours}, the best peer {best}"
            );
        }
    }
}
