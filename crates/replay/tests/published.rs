//! The peers give the results published for them: 17 traces, 10 seeds, 5 policies, each of 131 figures to 0.01
//! points (the published ones are rounded to two places, some from exactly half way).

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use replay::openb::{Lines, TRACES, Trace};
use replay::{Curve, PolicyName};
use scheduler::packing::Ties;

const SEEDS: std::ops::RangeInclusive<u64> = 42..=51;

/// The policies that are published in full, and what the published file calls them.
const POLICIES: [(&str, PolicyName); 5] = [
    ("02-DotProd", PolicyName::DotProd),
    ("03-GpuClustering", PolicyName::GpuClustering),
    ("04-GpuPacking", PolicyName::GpuPacking),
    ("05-BestFit", PolicyName::BestFit),
    ("06-FGD", PolicyName::Fgd),
];

fn traces() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/traces/openb"
    ))
}

/// By trace, policy and seed: a figure for each percentage of arrived demand.
type Published = HashMap<(String, String, u64), Vec<f64>>;

fn published() -> Published {
    let path = traces().join("published/analysis_allo_discrete.csv.gz");
    let file = std::fs::File::open(path).unwrap();
    let text = std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let trace = cells[0].trim_start_matches("openb_pod_list_").to_owned();
        let figures = cells[5..].iter().map(|cell| cell.parse().unwrap()).collect();
        ((trace, cells[1].to_owned(), cells[3].parse().unwrap()), figures)
    });
    rows.collect()
}

/// What differs between a run and the published one.
fn difference(figures: &[f64], curve: &Curve) -> Option<String> {
    (0..figures.len().min(curve.len())).find_map(|percent| {
        let ours = curve.at(percent);
        let far = (ours - figures[percent]).abs() > 0.010_001;
        far.then(|| format!("at {percent} %: {ours}, published {}", figures[percent]))
    })
}

fn check(name: &str, published: &Published, wrong: &Mutex<Vec<String>>) {
    let trace = Trace::read(&traces(), name).unwrap();
    let orders = Lines::read(&traces().join(format!("arrivals/{name}.txt"))).unwrap();
    let nodes = Lines::read(&traces().join(format!("arrivals/{name}.nodeorder.txt"))).unwrap();
    for seed in SEEDS {
        let arrivals = orders.arrivals(seed, &trace).unwrap();
        for (label, policy) in POLICIES {
            let ties = Ties::Ranked(nodes.ranks(seed, &trace).unwrap());
            let curve = policy.run(&trace, &arrivals, ties);
            let figures = &published[&(name.to_owned(), label.to_owned(), seed)];
            if let Some(what) = difference(figures, &curve) {
                wrong
                    .lock()
                    .unwrap()
                    .push(format!("{name} {policy} seed {seed} {what}"));
            }
        }
    }
}

#[test]
fn the_peers_give_the_published_results() {
    if !traces().exists() {
        eprintln!("SKIPPED: the traces are not at {}", traces().display());
        return;
    }
    let published = published();
    let wrong = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(name) = TRACES.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(name, &published, &wrong);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of 850 runs differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
