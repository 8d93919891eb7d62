//! Several policies on the same arrivals: the published protocol for each policy and seed, many runs at once.

use std::path::{Path, PathBuf};

use meta::seeded::Seeded;
use scheduler::packing::{Planner, Policy, Ties};

use crate::openb::{Arrivals, Lines, Trace, ranks};
use crate::parallel::in_parallel;
use crate::policies::{Expected, PolicyName};
use crate::run::{Curve, run};
use crate::summary::{Row, Seed, rows};
use crate::text::Error;
use crate::{migration, queue};

/// What to compare.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The folder of the trace's files.
    pub data: PathBuf,
    /// The traces' names.
    pub traces: Vec<String>,
    /// The policies.
    pub policies: Vec<PolicyName>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Devices asked for, in percent of the cluster, at which to look.
    pub at: Vec<usize>,
    /// Orders of arrival; by default the published ones, and our own for seeds that have none.
    pub arrivals: Option<PathBuf>,
    /// Orders of machines; by default the published ones, and our own for seeds that have none.
    pub node_order: Option<PathBuf>,
    /// Break ties at random, from this seed, and not by the order of machines.
    pub random_ties: Option<u64>,
    /// What pods are promised.
    pub contract: Contract,
}

/// What pods are promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contract {
    /// Each is placed as it comes if it fits, and stays: the published protocol.
    #[default]
    AtOnce,
    /// Our policy may let them wait: see [`crate::queue`]. The allocation at the last demand is that of the end.
    Queue,
    /// They may be moved when another fits nowhere: see [`crate::migration`].
    Migration,
}

impl Contract {
    /// How rows name a policy under this contract.
    fn label(self, policy: PolicyName) -> String {
        match self {
            Self::AtOnce => policy.to_string(),
            Self::Queue => format!("{policy}+queue"),
            Self::Migration => format!("{policy}+migration"),
        }
    }
}

/// What one seed gives to all policies.
struct Setting {
    seed: u64,
    arrivals: Arrivals,
    ranks: Vec<u32>,
}

/// Runs every policy on every trace and seed: rows by trace, policy, seed and demand, then the means.
///
/// # Errors
/// A file that is missing or is not what it should be.
pub fn compare(comparison: &Comparison) -> Result<Vec<Row>, Error> {
    let mut by_seed = Vec::new();
    for name in &comparison.traces {
        by_seed.extend(compare_on(comparison, name)?);
    }
    Ok(rows(by_seed))
}

fn compare_on(comparison: &Comparison, name: &str) -> Result<Vec<Row>, Error> {
    let trace = Trace::read(&comparison.data, name)?;
    let expected = trace.expected();
    let settings = settings(comparison, name, &trace)?;
    let mut jobs = Vec::new();
    for policy in &comparison.policies {
        jobs.extend(settings.iter().map(|setting| (*policy, setting)));
    }
    let curves = in_parallel(&jobs, |(policy, setting)| {
        let ties = ties(*policy, setting, comparison.random_ties);
        match comparison.contract {
            Contract::AtOnce => {
                run(
                    &trace,
                    &setting.arrivals,
                    &mut policy.planner(&trace, &expected, ties),
                )
                .curve
            }
            Contract::Queue => queue::run(&trace, &expected, &setting.arrivals, ties),
            Contract::Migration => {
                migration::run(&trace, &setting.arrivals, policy.planner(&trace, &expected, ties))
            }
        }
    });
    let mut found = Vec::new();
    for ((policy, setting), curve) in jobs.iter().zip(&curves) {
        found.extend(comparison.at.iter().map(|at| Row {
            trace: name.to_owned(),
            policy: comparison.contract.label(*policy),
            seed: Seed::One(setting.seed),
            at: *at,
            allocation: curve.at(*at),
            ci95: None,
        }));
    }
    Ok(found)
}

impl PolicyName {
    /// One run of this policy by the published protocol.
    #[must_use]
    pub fn run(self, trace: &Trace, arrivals: &Arrivals, ties: Ties) -> Curve {
        run(trace, arrivals, &mut self.planner(trace, &trace.expected(), ties)).curve
    }

    fn planner(self, trace: &Trace, expected: &Expected, ties: Ties) -> Planner<Box<dyn Policy>> {
        let fleet = trace.fleet();
        let policy = self.policy(expected, &fleet);
        Planner::new(fleet, policy, ties)
    }
}

fn ties(policy: PolicyName, setting: &Setting, random: Option<u64>) -> Ties {
    let random = random.or((policy == PolicyName::Random).then_some(0));
    match random {
        Some(seed) => Ties::Random(Seeded::new(seed ^ setting.seed.rotate_left(32))),
        None => Ties::Ranked(setting.ranks.clone()),
    }
}

fn settings(comparison: &Comparison, name: &str, trace: &Trace) -> Result<Vec<Setting>, Error> {
    let file = |given: &Option<PathBuf>, suffix: &str| {
        let published = || comparison.data.join(format!("arrivals/{name}{suffix}"));
        Lines::read(&given.clone().unwrap_or_else(published))
    };
    let orders = file(&comparison.arrivals, ".txt")?;
    let nodes = file(&comparison.node_order, ".nodeorder.txt")?;
    let setting = |seed: &u64| {
        let arrivals = orders.arrivals(*seed, trace);
        let ranked = nodes.ranks(*seed, trace);
        Ok(Setting {
            seed: *seed,
            arrivals: or_own(arrivals, &comparison.arrivals, || {
                Arrivals::generate(trace, *seed)
            })?,
            ranks: or_own(ranked, &comparison.node_order, || {
                ranks(trace.machines().len(), *seed)
            })?,
        })
    };
    comparison.seeds.iter().map(setting).collect()
}

/// What the published file says, or what `own` makes for a seed that it lacks; a file given by the user must have it.
fn or_own<T>(found: Result<T, Error>, given: &Option<PathBuf>, own: impl Fn() -> T) -> Result<T, Error> {
    match found {
        Err(Error::NoSeed { .. }) if given.is_none() => Ok(own()),
        other => other,
    }
}

/// The folder of the trace `openb` in a folder of traces; or that folder itself.
#[must_use]
pub fn openb_in(folder: &Path) -> PathBuf {
    let inner = folder.join("openb");
    if inner.is_dir() { inner } else { folder.to_owned() }
}
