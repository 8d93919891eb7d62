//! Several policies on the same arrivals: the published protocol for each policy and seed, many runs at once.

use std::fmt;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use meta::seeded::Seeded;
use scheduler::packing::{FutureFit, Planner, Policy, Ties};

use crate::openb::{Arrivals, Error, Lines, Trace, ranks};
use crate::peers::{BestFit, DotProd, Fgd, GpuClustering, GpuPacking, Random};
use crate::run::{Curve, run};
use crate::summary::{Row, Seed, rows};

/// A policy by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyName {
    /// Ours.
    Plimsoll,
    /// Fragmentation gradient descent.
    Fgd,
    /// Least left over.
    BestFit,
    /// Least product of what is free and what is asked for.
    DotProd,
    /// Used devices before unused ones.
    GpuPacking,
    /// Equal requests together.
    GpuClustering,
    /// Any machine.
    Random,
}

impl PolicyName {
    /// Every policy.
    pub const ALL: [Self; 7] = [
        Self::Plimsoll,
        Self::Fgd,
        Self::BestFit,
        Self::DotProd,
        Self::GpuPacking,
        Self::GpuClustering,
        Self::Random,
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plimsoll => "plimsoll",
            Self::Fgd => "fgd",
            Self::BestFit => "bestfit",
            Self::DotProd => "dotprod",
            Self::GpuPacking => "gpupacking",
            Self::GpuClustering => "gpuclustering",
            Self::Random => "random",
        }
    }

    /// One run of this policy.
    pub fn run(self, trace: &Trace, arrivals: &Arrivals, ties: Ties) -> Curve {
        match self {
            Self::Plimsoll => send(
                FutureFit::new(&trace.history(), &trace.fleet()),
                trace,
                arrivals,
                ties,
            ),
            Self::Fgd => send(Fgd::new(&trace.workload()), trace, arrivals, ties),
            Self::BestFit => send(BestFit, trace, arrivals, ties),
            Self::DotProd => send(DotProd, trace, arrivals, ties),
            Self::GpuPacking => send(GpuPacking, trace, arrivals, ties),
            Self::GpuClustering => send(GpuClustering::default(), trace, arrivals, ties),
            Self::Random => send(Random, trace, arrivals, ties),
        }
    }
}

fn send<P: Policy>(policy: P, trace: &Trace, arrivals: &Arrivals, ties: Ties) -> Curve {
    run(trace, arrivals, &mut Planner::new(trace.fleet(), policy, ties)).curve
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PolicyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|policy| policy.name() == text);
        found.ok_or_else(|| {
            format!(
                "no policy {text:?}; there are {}",
                Self::ALL.map(Self::name).join(", ")
            )
        })
    }
}

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
    let settings = settings(comparison, name, &trace)?;
    let mut jobs = Vec::new();
    for policy in &comparison.policies {
        jobs.extend(settings.iter().map(|setting| (*policy, setting)));
    }
    let curves = in_parallel(&jobs, |(policy, setting)| {
        policy.run(
            &trace,
            &setting.arrivals,
            ties(*policy, setting, comparison.random_ties),
        )
    });
    let mut found = Vec::new();
    for ((policy, setting), curve) in jobs.iter().zip(&curves) {
        found.extend(comparison.at.iter().map(|at| Row {
            trace: name.to_owned(),
            policy: policy.to_string(),
            seed: Seed::One(setting.seed),
            at: *at,
            allocation: curve.at(*at),
            ci95: None,
        }));
    }
    Ok(found)
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

/// The results of `work` on each of `jobs`, in their order, on all processors.
fn in_parallel<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else { return };
            let result = work(job);
            let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            done.push((index, result));
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        for _ in 0..threads.min(jobs.len()) {
            scope.spawn(run);
        }
    });
    let mut done = done
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The folder of the trace `openb` in a folder of traces; or that folder itself.
#[must_use]
pub fn openb_in(folder: &Path) -> PathBuf {
    let inner = folder.join("openb");
    if inner.is_dir() { inner } else { folder.to_owned() }
}
