//! Comparisons on a made-up trace: files gzipped or not, seeds found by the first number of a line, means last.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use replay::openb::Error;
use replay::{Comparison, PolicyName, Seed, compare};

const NODES: &str = "sn,cpu_milli,memory_mib,gpu,model\nn0,8000,8192,1,T4\nn1,8000,8192,1,A10\n";
const PODS: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n\
                    p0,1000,1024,1,500,\np1,1000,1024,1,500,T4\np2,1000,1024,1,1000,A10|T4\np3,1000,1024,0,0,\n";

fn folder(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(folder.join("arrivals")).unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    file("openb_node_list_gpu_node.csv", NODES);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(PODS.as_bytes()).unwrap();
    std::fs::write(
        folder.join("openb_pod_list_tiny.csv.gz"),
        packed.finish().unwrap(),
    )
    .unwrap();
    file("arrivals/tiny.txt", "7 0 1 2 3\n8 2 1 0\n");
    file("arrivals/tiny.nodeorder.txt", "7 0 1\n8 1 0\n");
    folder
}

fn tiny(name: &str) -> Comparison {
    Comparison {
        data: folder(name),
        traces: vec!["tiny".to_owned()],
        policies: vec![PolicyName::BestFit],
        seeds: vec![7, 8],
        at: vec![50, 100],
        arrivals: None,
        node_order: None,
        random_ties: None,
    }
}

#[test]
fn rows_are_by_policy_seed_and_demand_and_means_come_last() {
    let rows = compare(&tiny("rows")).unwrap();
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.seed, row.at, row.allocation))
        .collect();
    let (seven, eight) = (Seed::One(7), Seed::One(8));
    // Of seed 8 the second pod wants a T4: with the machines in that order the first went to the A10.
    let expected = [
        (seven, 50, 50.0),
        (seven, 100, 100.0),
        (eight, 50, 50.0),
        (eight, 100, 100.0),
        (Seed::Mean, 50, 50.0),
        (Seed::Mean, 100, 100.0),
    ];
    assert_eq!(found, expected);
    assert!(
        rows.iter()
            .all(|row| row.ci95.is_some() == (row.seed == Seed::Mean))
    );
}

#[test]
fn every_policy_places_what_fits() {
    let comparison = Comparison {
        policies: PolicyName::ALL.to_vec(),
        seeds: vec![7, 8, 9],
        ..tiny("all")
    };
    let rows = compare(&comparison).unwrap();
    assert_eq!(rows.len(), PolicyName::ALL.len() * (3 + 1) * 2);
    assert!(rows.iter().all(|row| row.allocation >= 50.0), "{rows:?}");
}

#[test]
fn a_file_that_was_given_must_have_the_seed() {
    let mut comparison = tiny("given");
    comparison.arrivals = Some(comparison.data.join("arrivals/tiny.txt"));
    comparison.seeds = vec![9];
    assert!(matches!(compare(&comparison), Err(Error::NoSeed { seed: 9, .. })));
}

#[test]
fn a_file_that_is_wrong_is_told_by_line() {
    let comparison = tiny("wrong");
    std::fs::write(comparison.data.join("arrivals/tiny.txt"), "7 0 4\n").unwrap();
    let error = compare(&comparison).unwrap_err().to_string();
    assert!(error.ends_with("tiny.txt:1: the trace has no pod 4"), "{error}");
}
