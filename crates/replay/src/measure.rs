//! What a replay in time comes to: how long jobs waited, and how much of the devices was in use.

use meta::seeded::Seeded;
use scheduler::packing::{Planner, Ties};
use serde::Serialize;

use crate::cluster::Machines;
use crate::jobs::Jobs;
use crate::parallel::in_parallel;
use crate::policies::{Expected, PolicyName};
use crate::timed::{Moment, Queueing, Replayed, replay};

/// Points of a plot over time.
const POINTS: usize = 360;

/// What to replay, and by whom.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The machines.
    pub machines: Machines,
    /// The jobs.
    pub jobs: Jobs,
    /// The policies.
    pub policies: Vec<PolicyName>,
    /// Who may start before whom.
    pub queueing: Queueing,
    /// Break ties at random, from this seed, and not by the order of machines. The policy Random always does.
    pub random_ties: Option<u64>,
}

/// What one policy made of it. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measures {
    /// The policy.
    pub policy: String,
    /// Jobs of the record.
    pub jobs: usize,
    /// Jobs that would fit on no machines at all; they are not among those who waited.
    pub hopeless: usize,
    /// How long jobs waited: the mean.
    pub wait_mean: f64,
    /// The wait that half of them stayed below.
    pub wait_p50: f64,
    /// The wait that nine of ten stayed below.
    pub wait_p90: f64,
    /// The wait that 99 of 100 stayed below.
    pub wait_p99: f64,
    /// The most that waited at once.
    pub waiting_max: usize,
    /// Devices in use, in percent of all, from the first arrival to the last.
    pub allocation: f64,
    /// From the first arrival to the last end.
    pub makespan: f64,
    /// The course of it, for plots.
    #[serde(skip)]
    pub course: Vec<Point>,
}

/// Means over a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// The middle of the stretch, in seconds since the first arrival.
    pub at: f64,
    /// Devices in use, in percent.
    pub allocation: f64,
    /// Jobs that wait.
    pub waiting: f64,
}

/// Replays the jobs with each policy.
#[must_use]
pub fn measure(scenario: &Scenario) -> Vec<Measures> {
    let expected = scenario.jobs.expected();
    in_parallel(&scenario.policies, |policy| {
        measures(scenario, &expected, *policy)
    })
}

fn measures(scenario: &Scenario, expected: &Expected, name: PolicyName) -> Measures {
    let (fleet, jobs) = (scenario.machines.fleet(), &scenario.jobs);
    let policy = name.policy(expected, &fleet);
    let random = scenario.random_ties.or((name == PolicyName::Random).then_some(0));
    let ties = random.map_or(Ties::Ranked(Vec::new()), |seed| Ties::Random(Seeded::new(seed)));
    let replayed = replay(jobs, &mut Planner::new(fleet, policy, ties), scenario.queueing);
    let capacity = scenario.machines.capacity();
    let waits = waits(jobs, &replayed);
    let part = |part: f64| percentile(&waits, part);
    let arrivals = jobs.all().last().map_or(0.0, |job| job.arrival);
    let end = replayed.history.last().map_or(0.0, |moment| moment.at);
    Measures {
        policy: name.to_string(),
        jobs: jobs.all().len(),
        hopeless: replayed.starts.iter().filter(|start| start.is_none()).count(),
        wait_mean: waits.iter().sum::<f64>() / waits.len().max(1) as f64,
        wait_p50: part(0.5),
        wait_p90: part(0.9),
        wait_p99: part(0.99),
        waiting_max: replayed
            .history
            .iter()
            .map(|moment| moment.waiting)
            .max()
            .unwrap_or(0),
        allocation: mean(&replayed.history, (0.0, arrivals), capacity).allocation,
        makespan: end,
        course: course(&replayed.history, end, capacity),
    }
}

/// How long the jobs that started had waited, shortest first.
fn waits(jobs: &Jobs, replayed: &Replayed) -> Vec<f64> {
    let started = jobs.all().iter().zip(&replayed.starts);
    let mut waits: Vec<f64> = started
        .filter_map(|(job, start)| Some((*start)? - job.arrival))
        .collect();
    waits.sort_by(f64::total_cmp);
    waits
}

/// The smallest value that `part` of all do not exceed; nothing of nothing.
fn percentile(sorted: &[f64], part: f64) -> f64 {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The course from the first arrival to the `end`, in stretches of equal length.
fn course(history: &[Moment], end: f64, capacity: u64) -> Vec<Point> {
    let edge = |number: usize| end * number as f64 / POINTS as f64;
    let mut rest = history;
    let stretch = |number: usize| {
        let (from, until) = (edge(number), edge(number + 1));
        // The last moment before the stretch still holds when it begins.
        let gone = rest.partition_point(|moment| moment.at <= from).saturating_sub(1);
        rest = &rest[gone..];
        mean(rest, (from, until), capacity)
    };
    (0..POINTS).map(stretch).collect()
}

/// What held on average between two times.
fn mean(history: &[Moment], (from, until): (f64, f64), capacity: u64) -> Point {
    let (mut taken, mut waiting) = (0.0, 0.0);
    for (index, moment) in history.iter().enumerate() {
        if moment.at >= until {
            break;
        }
        let next = history.get(index + 1).map_or(until, |next| next.at);
        let length = (next.min(until) - moment.at.max(from)).max(0.0);
        taken += length * moment.taken as f64;
        waiting += length * moment.waiting as f64;
    }
    let length = (until - from).max(f64::MIN_POSITIVE);
    Point {
        at: f64::midpoint(from, until),
        allocation: 100.0 * taken / length / (capacity.max(1)) as f64,
        waiting: waiting / length,
    }
}
