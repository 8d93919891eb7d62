//! Argo's own examples on the real binary: each must end as it does upstream.
//!
//! ```text
//!   shared/conformance/argo/examples.csv   which examples, and the phase each ends in
//!   images/                                stand-ins for programs that a machine lacks
//!   kept_out                               examples that are not run, each with the feature that it waits for
//! ```
//!
//! One platform runs them all, eight at a time, each in a namespace of its own. Examples of more than half a
//! minute run by `cargo xtask conformance` only.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod cases;
mod kept_out;
mod live;
mod platform;

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;

use cases::{Case, Ending};
use kept_out::KEPT_OUT;
use platform::Platform;

/// How many run at once.
const AT_ONCE: usize = 8;
/// When an example counts as hung: far beyond what any of them takes.
const LIMIT: Duration = Duration::from_secs(120);
const SLOW_LIMIT: Duration = Duration::from_secs(1500);
/// How many must end as expected.
const AT_LEAST: usize = 55;

#[test]
fn examples_end_as_they_do_upstream() {
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/argo"
    ));
    if !folder.is_dir() {
        eprintln!("passed over: {} is not there", folder.display());
        return;
    }
    let slow_too = std::env::var_os("PLIMSOLL_CONFORMANCE").is_some_and(|value| value == "slow");
    let (cases, waiting) = choose(cases::read(folder), slow_too);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcomes = runtime.block_on(run_all(&cases, if slow_too { SLOW_LIMIT } else { LIMIT }));

    let (right, wrong): (Vec<_>, Vec<_>) = outcomes.iter().partition(|(_, outcome)| outcome.is_ok());
    eprintln!(
        "{} examples end as upstream; {} are not run:",
        right.len(),
        waiting.len()
    );
    for (case, reason) in &waiting {
        eprintln!("  {:60} {reason}", case.name());
    }
    let wrong: Vec<String> = wrong
        .iter()
        .map(|(case, outcome)| format!("{}: {}", case.name(), outcome.as_ref().unwrap_err()))
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(right.len() >= AT_LEAST, "only {} examples are run", right.len());
}

/// The cases to run, and the others with their reasons.
fn choose(cases: Vec<Case>, slow_too: bool) -> (Vec<Case>, Vec<(Case, &'static str)>) {
    let mut chosen = Vec::new();
    let mut waiting = Vec::new();
    for case in cases {
        match KEPT_OUT.iter().find(|(name, _)| *name == case.name()) {
            Some((_, reason)) if !(slow_too && *reason == kept_out::SLOW) => waiting.push((case, *reason)),
            _ => chosen.push(case),
        }
    }
    (chosen, waiting)
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

/// Runs one; what throws dice is given more than one throw, since it may fail upstream too.
async fn run(platform: &Platform, number: usize, case: &Case, limit: Duration) -> Result<(), String> {
    let throws = if case.throws_dice() { 3 } else { 1 };
    let mut outcome = Ok(());
    for throw in 0..throws {
        let namespace = format!("case-{number}-{throw}");
        outcome = match tokio::time::timeout(limit, platform.run(&namespace, case)).await {
            Ok(Ok(phase)) => judge(case, &phase),
            Ok(Err(problem)) => Err(problem),
            Err(_) => Err(format!("has not ended; expected {:?}", case.ending)),
        };
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn judge(case: &Case, phase: &str) -> Result<(), String> {
    let right = match &case.ending {
        Ending::Phase(expected) => phase == expected,
        Ending::Random => true,
        Ending::Waits => phase == "Waits",
    };
    if right {
        Ok(())
    } else {
        Err(format!("ends {phase}; expected {:?}", case.ending))
    }
}
