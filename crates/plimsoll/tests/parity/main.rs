//! The same workflows on a laptop, on a real kubelet and as upstream left them: one table.
//!
//! ```text
//!   cargo xtask rig up --nodes 3 --real-node --image IMAGE
//!   cargo xtask parity                 all cases; `cargo test --test parity` takes twenty of them
//! ```
//!
//! Cases and judge are those of the conformance tests. On the cluster their artifacts go to a bucket.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]
#![allow(clippy::print_stderr, reason = "the table, and what is passed over")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "of what other tests share a part is used here"
)]

#[path = "../conformance/cases.rs"]
mod cases;
#[path = "../conformance/choice.rs"]
mod choice;
#[path = "../rig/cluster.rs"]
mod cluster;
#[path = "../conformance/csv.rs"]
mod csv;
#[path = "../conformance/e2e.rs"]
mod e2e;
#[path = "../conformance/examples.rs"]
mod examples;
#[path = "../conformance/judge.rs"]
mod judge;
#[path = "../conformance/kept_out.rs"]
mod kept_out;
mod kubelet;
#[path = "../conformance/live.rs"]
mod live;
#[path = "../conformance/nodes.rs"]
mod nodes;
#[path = "../../../workflow/tests/support/normal.rs"]
mod normal;
#[path = "../conformance/platform.rs"]
mod platform;
#[path = "../rig/rights.rs"]
mod rights;
#[path = "../../../artifacts/tests/servers/mod.rs"]
mod servers;

use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use regex::Regex;
use serde_json::Value;

use cases::{Case, Ending, documents, named};
use kubelet::Kubelet;
use live::final_phase;
use normal::{differences, normal};
use platform::Platform;

/// How many cases run at once.
const AT_ONCE: usize = 6;
/// When a case counts as hung.
const LIMIT: Duration = Duration::from_secs(300);
/// Cases of an ordinary run.
const FEW: usize = 20;

/// How a case ended in one place.
struct Ended {
    phases: String,
    problems: Vec<String>,
}

impl Ended {
    fn of(case: &Case, outcome: Result<Vec<Value>, String>) -> Self {
        let workflows = match outcome {
            Ok(workflows) => workflows,
            Err(problem) => {
                return Self {
                    phases: "-".to_owned(),
                    problems: vec![problem],
                };
            }
        };
        let phase = |workflow| final_phase(workflow).unwrap_or_else(|| "waits".to_owned());
        let verdict = judge::judge(case, &workflows);
        Self {
            phases: workflows.iter().map(phase).collect::<Vec<_>>().join(" "),
            problems: [verdict.ending, verdict.tree].concat(),
        }
    }

    fn mark(&self) -> &'static str {
        if self.problems.is_empty() {
            "same tree"
        } else {
            "DIFFERS"
        }
    }
}

/// All that can be run, or a few from all parts of it.
fn chosen() -> Option<Vec<Case>> {
    let folder = choice::folder()?;
    let all = [examples::read(&folder), e2e::read(&folder)].concat();
    let only = std::env::var("PLIMSOLL_CASE").unwrap_or_default();
    let (cases, _) = choice::choose(all, false);
    // Steps that act on the API would need roles there, and an instance label on the workflows that they make.
    let acts = |workflow: &Value| workflow.to_string().contains(r#""resource":{"#);
    let fits =
        |case: &Case| case.name.contains(&only) && !case.throws_dice() && !case.workflows.iter().any(acts);
    let cases: Vec<Case> = cases.into_iter().filter(fits).collect();
    let whole = !only.is_empty() || std::env::var_os("PLIMSOLL_PARITY").is_some_and(|value| value == "all");
    let count = if whole { cases.len() } else { FEW.min(cases.len()) };
    let cases = (0..count).map(|index| cases[index * cases.len() / count].clone());
    let digits = Some(digits()).filter(|digits| digits.name.contains(&only));
    Some(cases.chain(digits).collect())
}

/// The example pipeline, which upstream has not run: its trees are held against each other.
fn digits() -> Case {
    let file = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/digits/pipeline.yaml"
    ));
    let (workflows, others): (Vec<Value>, Vec<Value>) = documents(file)
        .into_iter()
        .partition(|document| document["kind"] == "Workflow");
    Case {
        name: "examples/digits/pipeline.yaml".to_owned(),
        others,
        workflows: workflows.into_iter().map(named).collect(),
        ending: Ending::Phase("Succeeded".to_owned()),
        message: None,
        nodes: Vec::new(),
        tree: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_end_on_a_kubelet_as_on_a_laptop_and_upstream() {
    let Some(cases) = chosen() else { return };
    let Some(kubelet) = Kubelet::new(&cases).await else {
        return;
    };
    let laptop = Platform::start().await;
    let runs = cases.iter().enumerate().map(|(number, case)| {
        let (laptop, kubelet) = (&laptop, &kubelet);
        async move {
            let here = within(laptop.run(&format!("case-{number}"), case)).await;
            let there = within(kubelet.run(number, case)).await;
            let apart = apart(case, &here, &there);
            let mut there = Ended::of(case, there);
            there.problems.extend(apart);
            (case, Ended::of(case, here), there)
        }
    });
    let mut outcomes: Vec<(&Case, Ended, Ended)> = futures::stream::iter(runs)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    laptop.stop().await;
    outcomes.sort_by(|(one, ..), (other, ..)| one.name.cmp(&other.name));
    print(&outcomes);
    let wrong: Vec<String> = outcomes.iter().filter_map(problem).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    kubelet.remove().await;
}

/// Where the two differ from each other, of a case that upstream left no tree of.
fn apart(case: &Case, here: &Result<Vec<Value>, String>, there: &Result<Vec<Value>, String>) -> Vec<String> {
    let (None, Ok(here), Ok(there)) = (&case.tree, here, there) else {
        return Vec::new();
    };
    let pairs = there.iter().zip(here);
    pairs
        .flat_map(|(there, here)| differences(&normal(&timeless(there)), &normal(&timeless(here)), &[]))
        .collect()
}

/// A workflow without the times that its steps measured themselves.
fn timeless(workflow: &Value) -> Value {
    let measured = Regex::new(r#"(cpu_seconds[\\"]*: ?)[0-9.]+"#).unwrap();
    serde_json::from_str(&measured.replace_all(&workflow.to_string(), "${1}0")).unwrap()
}

async fn within(run: impl Future<Output = Result<Vec<Value>, String>>) -> Result<Vec<Value>, String> {
    tokio::time::timeout(LIMIT, run)
        .await
        .unwrap_or_else(|_| Err("has not ended".to_owned()))
}

fn print(outcomes: &[(&Case, Ended, Ended)]) {
    eprintln!("{:62} {:12} {:22} real kubelet", "case", "upstream", "laptop");
    for (case, here, there) in outcomes {
        let upstream = match &case.ending {
            Ending::Phase(phase) => phase.as_str(),
            Ending::Random => "any",
            Ending::Waits => "waits",
        };
        let told = |ended: &Ended| format!("{} {}", ended.phases, ended.mark());
        eprintln!("{:62} {upstream:12} {:22} {}", case.name, told(here), told(there));
    }
    let same = |ended: &Ended| ended.problems.is_empty();
    let (here, there) = (
        outcomes.iter().filter(|(_, here, _)| same(here)).count(),
        outcomes.iter().filter(|(_, _, there)| same(there)).count(),
    );
    eprintln!(
        "{} cases: {here} on the laptop and {there} on the kubelet are as upstream",
        outcomes.len()
    );
}

fn problem((case, here, there): &(&Case, Ended, Ended)) -> Option<String> {
    let told = |place: &str, ended: &Ended| {
        let problems = ended.problems.join("\n    ");
        (!problems.is_empty()).then(|| format!("{} on the {place}:\n    {problems}", case.name))
    };
    let all: Vec<String> = [told("laptop", here), told("kubelet", there)]
        .into_iter()
        .flatten()
        .collect();
    (!all.is_empty()).then(|| all.join("\n"))
}
