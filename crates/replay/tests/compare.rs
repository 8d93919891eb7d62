//! Comparisons on a made-up trace: files gzipped or not, seeds found by the first number of a line, means last.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use replay::{Comparison, Contract, Error, PolicyName, Seed, compare};

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
        contract: Contract::AtOnce,
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

/// What is allocated in the end of two machines with a GPU each, a T4 first, when each pod is placed at once, and
/// under another contract.
fn check_contract(contract: Contract, policy: PolicyName, pods: &[&str], (at_once, then): (f64, f64)) {
    let name = format!("contract-{policy}-{}", pods.len());
    let folder = folder(&name);
    let file = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let rows: String = pods.iter().map(|pod| format!("p,0,0,1,{pod}\n")).collect();
    let order: String = (0..pods.len()).map(|pod| format!(" {pod}")).collect();
    file(
        "openb_pod_list_two.csv",
        &format!("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n{rows}"),
    );
    file("arrivals/two.txt", &format!("1{order}\n"));
    file("arrivals/two.nodeorder.txt", "1 0 1\n");
    let allocated = |contract| {
        let comparison = Comparison {
            data: folder.clone(),
            traces: vec!["two".to_owned()],
            policies: vec![policy],
            seeds: vec![1],
            at: vec![1000],
            contract,
            ..tiny(&name)
        };
        compare(&comparison).unwrap()[0].allocation
    };
    assert_eq!(
        [allocated(Contract::AtOnce), allocated(contract)],
        [at_once, then],
        "{pods:?}"
    );
}

#[test]
fn pods_that_may_wait_leave_room_for_those_that_use_it_all() {
    let check = |pods: &[&str], found| check_contract(Contract::Queue, PolicyName::Plimsoll, pods, found);
    // The first leaves room that nobody can use.
    check(&["700,", "1000,", "1000,"], (85.0, 100.0));
    // Nobody else comes: who has waited is placed.
    check(&["700,", "1000,"], (85.0, 85.0));
}

#[test]
fn pods_that_may_be_moved_make_room() {
    let check = |pods: &[&str], found| check_contract(Contract::Migration, PolicyName::BestFit, pods, found);
    check(&["400,", "1000,T4"], (20.0, 70.0));
    // It would have to leave, and has nowhere to go.
    check(&["400,", "1000,A10", "1000,T4"], (70.0, 70.0));
    // Two make room for one.
    check(&["400,", "300,", "250,T4", "1000,T4"], (47.5, 47.5));
    check(&["400,", "300,", "700,", "1000,T4"], (70.0, 70.0));
}
