//! The digits pipeline's shape under everything that can go wrong.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::process::Command;

use world::{Faults, broken, digits, run};

/// Seeds that are run here; `cargo xtask world --seeds N` runs more.
const SEEDS: u64 = 200;

#[test]
fn undisturbed() {
    let trace = run(1, &digits(), Faults::NONE);
    assert_eq!(trace.problems, Vec::<String>::new());
    assert!(trace.comparisons > 0, "machines are compared with rebuilt ones");
}

#[test]
fn two_hundred_seeds_keep_every_promise() {
    let broken = broken(0..SEEDS);
    for trace in &broken {
        println!("cargo xtask world --seed {}: {:#?}", trace.seed, trace.problems);
    }
    assert!(
        broken.is_empty(),
        "{} of {SEEDS} seeds broke a promise",
        broken.len()
    );
}

#[test]
fn two_processes_see_the_same_order_of_events() {
    let seen = |_| {
        let this = std::env::current_exe().unwrap();
        let output = Command::new(this)
            .args(["--ignored", "--exact", "prints_hashes", "--nocapture"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let hashes: Vec<String> = text
            .lines()
            .filter_map(|line| line.split_once("hash of "))
            .map(|(_, hash)| hash.to_owned())
            .collect();
        assert_eq!(hashes.len(), 3, "{text}");
        hashes
    };
    let [first, second] = [0, 1].map(seen);
    assert_eq!(first, second);
}

/// Not a test of its own: what [`two_processes_see_the_same_order_of_events`] runs twice.
#[test]
#[ignore = "run by another test, in processes of its own"]
fn prints_hashes() {
    for seed in 0..3 {
        let trace = run(seed, &digits(), Faults::ROUGH);
        println!(
            "hash of {seed}: {:016x}, {} events",
            trace.hash,
            trace.lines.len()
        );
    }
}
