//! Random workflows under everything that can go wrong, and the same order of events in any process.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::process::Command;

use world::{Options, Profile, run, run_seeds};

/// Seeds of each profile that are run here; `cargo xtask world --seeds N` runs more.
const SEEDS: u64 = 25;

#[test]
fn two_hundred_seeds_keep_every_promise() {
    let broke: Vec<_> = Profile::ALL
        .into_iter()
        .flat_map(|profile| run_seeds(profile, 0..SEEDS))
        .collect();
    for broke in &broke {
        let (profile, seed) = (broke.profile, broke.seed);
        println!("cargo xtask world --seed {seed} --profile {profile}");
        broke.problems.iter().for_each(|problem| println!("  {problem}"));
    }
    assert!(broke.is_empty(), "{} seeds broke a promise", broke.len());
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
    for seed in 100..103 {
        let trace = run(&Profile::Everything.script(seed), Options::default());
        println!("hash of {seed}: {:016x}, {} events", trace.hash, trace.events);
    }
}
