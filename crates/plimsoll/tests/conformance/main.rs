//! Argo's own examples and end-to-end tests on the real binary: each must end as it does upstream, in its phase and
//! in the tree of its nodes.
//!
//! ```text
//!   shared/conformance/argo/examples.csv, e2e.csv    which cases, and how each ends
//!   shared/conformance/argo/trees                    what the upstream controller left of them
//!   images/                                          stand-ins for programs that a machine lacks
//!   kept_out                                         cases that are not run, and differences that stay, with reasons
//! ```
//!
//! One platform runs a table's cases, eight at a time, each in a namespace of its own. Cases of more than half a
//! minute run by `cargo xtask conformance` only; `PLIMSOLL_CASE=part-of-a-name` runs some.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]
#![expect(clippy::print_stderr, reason = "what is not run is said")]

mod cases;
mod choice;
mod csv;
mod e2e;
mod examples;
mod judge;
mod kept_out;
mod live;
mod nodes;
#[path = "../../../workflow/tests/support/normal.rs"]
#[allow(dead_code, unreachable_pub, reason = "another crate's tests use the rest")]
mod normal;
mod platform;

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;

use cases::Case;
use choice::{choose, folder};
use platform::Platform;

/// How many run at once.
const AT_ONCE: usize = 8;
/// When an example counts as hung: far beyond what any of them takes.
const LIMIT: Duration = Duration::from_secs(120);
/// How often dice are thrown.
const THROWS: usize = 6;
const SLOW_LIMIT: Duration = Duration::from_secs(1500);

#[test]
fn examples_end_as_they_do_upstream() {
    check(examples::read, 65);
}

#[test]
fn end_to_end_tests_end_as_they_do_upstream() {
    check(e2e::read, 45);
}

/// Runs the cases of a table; at least so many must be there to run.
fn check(read: fn(&Path) -> Vec<Case>, at_least: usize) {
    let Some(folder) = folder() else { return };
    let only = std::env::var("PLIMSOLL_CASE").unwrap_or_default();
    let slow_too =
        !only.is_empty() || std::env::var_os("PLIMSOLL_CONFORMANCE").is_some_and(|value| value == "slow");
    let cases = read(&folder)
        .into_iter()
        .filter(|case| case.name.contains(&only))
        .collect();
    let (cases, waiting) = choose(cases, slow_too);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcomes = runtime.block_on(run_all(&cases, if slow_too { SLOW_LIMIT } else { LIMIT }));

    let (right, wrong): (Vec<_>, Vec<_>) = outcomes.iter().partition(|(_, outcome)| outcome.is_ok());
    eprintln!(
        "{} cases end as upstream; {} are not run:",
        right.len(),
        waiting.len()
    );
    for (case, reason) in &waiting {
        eprintln!("  {:60} {reason}", case.name);
    }
    let wrong: Vec<String> = wrong
        .iter()
        .map(|(case, outcome)| format!("{}:\n    {}", case.name, outcome.as_ref().unwrap_err()))
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(
        !only.is_empty() || right.len() >= at_least,
        "only {} cases are run",
        right.len()
    );
}

async fn run_all(cases: &[Case], limit: Duration) -> Vec<(&Case, Result<(), String>)> {
    let platform = Platform::start().await;
    let runs = cases.iter().enumerate().map(|(number, case)| {
        let platform = &platform;
        async move { (case, run(platform, number, case, limit).await) }
    });
    let outcomes = futures::stream::iter(runs)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    platform.stop().await;
    outcomes
}

/// Runs one. What throws dice is thrown again until it falls as it did upstream; if it never does, that it ended in
/// the right phase must do.
async fn run(platform: &Platform, number: usize, case: &Case, limit: Duration) -> Result<(), String> {
    let throws = if case.throws_dice() { THROWS } else { 1 };
    let (mut problems, mut ended_well) = (String::new(), false);
    for throw in 0..throws {
        let namespace = format!("case-{number}-{throw}");
        let verdict = match tokio::time::timeout(limit, platform.run(&namespace, case)).await {
            Ok(workflows) => judge::judge(case, &workflows?),
            Err(_) => return Err(format!("has not ended; expected {:?}", case.ending)),
        };
        ended_well |= verdict.ending.is_empty();
        problems = [verdict.ending, verdict.tree].concat().join("\n    ");
        if problems.is_empty() {
            return Ok(());
        }
    }
    if ended_well && throws > 1 {
        eprintln!("{}: the dice never fell as upstream", case.name);
        return Ok(());
    }
    Err(problems)
}
