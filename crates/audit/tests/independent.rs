//! The audit's numbers agree with a count that shares no code with it, and what it proposes can be done.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use std::collections::BTreeMap;

use common::count::{amounts, in_service, name, requests, text};
use common::{Objects, count, made_up};
use serde_json::Value;

fn made_up(machines: usize, waiting: usize, seed: u64) -> Objects {
    let nodes = made_up::nodes(machines, "n", seed);
    let pods = made_up::pods(&nodes, waiting, seed + 1);
    Objects {
        nodes,
        pods,
        namespaces: made_up::namespaces(),
    }
}

#[test]
fn the_numbers_agree_with_an_independent_count() {
    for seed in 0..20 {
        let objects = made_up(60, 30, seed * 100);
        let report = serde_json::to_value(objects.audit()).unwrap();
        count::check(&objects.nodes, &objects.pods, &report);
    }
}

/// No machine holds more than it has once everything that the wins propose has been done, step by step.
#[test]
fn what_is_proposed_can_be_done() {
    let mut done = 0;
    for seed in 0..20 {
        let objects = made_up(40, 20, seed * 100 + 7);
        let report = objects.audit();
        let mut at: BTreeMap<String, String> = objects
            .pods
            .iter()
            .map(|pod| (title(pod), text(pod, "/spec/nodeName").to_owned()))
            .collect();
        for step in report.wins.iter().flat_map(|win| &win.steps) {
            done += usize::from(do_step(step, &mut at, &objects));
        }
    }
    assert!(done > 100, "only {done} steps were tried");
}

fn title(pod: &Value) -> String {
    format!("{}/{}", text(pod, "/metadata/namespace"), name(pod))
}

/// Does a step if it places a pod; whether it does.
fn do_step(step: &str, at: &mut BTreeMap<String, String>, objects: &Objects) -> bool {
    let words: Vec<&str> = step.split_whitespace().collect();
    let to = match words.as_slice() {
        ["move", pod, "from", from, "to", to] => {
            assert_eq!(
                at.insert((*pod).to_owned(), (*to).to_owned()).as_deref(),
                Some(*from),
                "{step}"
            );
            to
        }
        ["then", pod, "fits", "on", to] => {
            assert_eq!(
                at.insert((*pod).to_owned(), (*to).to_owned()).as_deref(),
                Some(""),
                "{step}"
            );
            to
        }
        _ => return false,
    };
    let node = objects.nodes.iter().find(|node| name(node) == *to).unwrap();
    assert!(in_service(node), "{step}");
    let mut left = amounts(&node["status"]["allocatable"]);
    for pod in objects.pods.iter().filter(|pod| at[&title(pod)] == *to) {
        for (resource, amount) in requests(pod) {
            let left = left.get_mut(&resource).unwrap();
            *left -= amount;
            assert!(*left >= 0.0, "{step}: too much {resource}");
        }
    }
    true
}
