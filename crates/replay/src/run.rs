//! One run of the published protocol: pods arrive one by one, each is placed or dropped at once, none leaves.

use scheduler::packing::{Placement, Planner, Policy};

use crate::openb::{Arrivals, Trace};

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Devices allocated against devices asked for.
    pub curve: Curve,
    /// For each arrival its place; `None` where it fitted nowhere.
    pub placements: Vec<Option<Placement>>,
}

/// Devices allocated, by the devices asked for by all that arrived so far; both in percent of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve(Vec<Option<f64>>);

impl Curve {
    /// The allocation while about `percent` of the cluster had been asked for. What was allocated stays, so that
    /// beyond the last arrival, or where a large request jumps over a percentage, it is what it was before.
    pub fn at(&self, percent: usize) -> f64 {
        let until = &self.0[..self.0.len().min(percent + 1)];
        until.iter().rev().find_map(|column| *column).unwrap_or(0.0)
    }

    /// How many percentages were reached.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing arrived.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Sends `arrivals` through `planner`.
pub fn run<P: Policy>(trace: &Trace, arrivals: &Arrivals, planner: &mut Planner<P>) -> Run {
    let shapes: Vec<_> = trace
        .pods()
        .iter()
        .map(|pod| planner.shape(&pod.request))
        .collect();
    let mut log = Log::new(trace.capacity());
    let mut placements = Vec::with_capacity(arrivals.0.len());
    for pod in &arrivals.0 {
        let placement = planner.place(shapes[*pod]);
        let total = u64::from(trace.pods()[*pod].request.total());
        log.used += if placement.is_some() { total } else { 0 };
        log.arrived(total);
        placements.push(placement);
    }
    Run {
        curve: log.curve(),
        placements,
    }
}

/// The published log: after each arrival the percentage allocated, averaged over the arrivals that round to the
/// same percentage asked for.
pub(crate) struct Log {
    capacity: u64,
    asked: u64,
    /// What is allocated of all devices, in thousandths.
    pub(crate) used: u64,
    /// By percentage asked for: the sum of logged percentages and how many there are.
    sums: Vec<(f64, usize)>,
}

impl Log {
    pub(crate) fn new(capacity: u64) -> Self {
        Self {
            capacity,
            asked: 0,
            used: 0,
            sums: Vec::new(),
        }
    }

    /// A pod that asks for so much has come, and been placed if it was.
    pub(crate) fn arrived(&mut self, total: u64) {
        self.asked += total;
        let percent = |part: u64| 100.0 * part as f64 / self.capacity as f64;
        let column = percent(self.asked).round_ties_even() as usize;
        if self.sums.len() <= column {
            self.sums.resize(column + 1, (0.0, 0));
        }
        self.sums[column].0 += hundredths(percent(self.used));
        self.sums[column].1 += 1;
    }

    /// Takes what is allocated now as that of the last percentage.
    pub(crate) fn settle(&mut self) {
        let used = hundredths(100.0 * self.used as f64 / self.capacity as f64);
        if let Some(last) = self.sums.last_mut() {
            *last = (used, 1);
        }
    }

    pub(crate) fn curve(self) -> Curve {
        let mean = |(sum, count): (f64, usize)| (count > 0).then(|| hundredths(sum / count as f64));
        Curve(self.sums.into_iter().map(mean).collect())
    }
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
