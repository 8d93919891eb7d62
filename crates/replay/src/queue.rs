//! Our policy under another contract: pods may wait, and those do whose place would leave room that nobody can use.
//!
//! At the end, when nobody else comes, those who wait are placed wherever they fit, the least wasteful first, by what
//! is wanted by them alone. What is allocated then is not to be compared with the published protocol, where each pod
//! is placed at once or never.

use scheduler::packing::{Fleet, FutureFit, Planner, Request, ShapeId, Ties, Workload};

use crate::openb::{Arrivals, Trace};
use crate::policies::Expected;
use crate::run::{Curve, Log};

/// Waste, as a part of what a pod takes of devices, that it is placed in spite of. Less makes pods wait that would
/// pack well enough; more leaves gaps. From 0.04 to 0.06 the end is the same to 0.2 points on all traces.
const ACCEPTED: f64 = 0.05;

/// Sends `arrivals` to the machines of `trace`.
pub(crate) fn run(trace: &Trace, expected: &Expected, arrivals: &Arrivals, ties: Ties) -> Curve {
    let mut log = Log::new(trace.capacity());
    let mut queue = Queue::new(trace.fleet(), &expected.history, ties.clone());
    for pod in &arrivals.0 {
        let request = &trace.pods()[*pod].request;
        queue.push(request, 1);
        log.used += queue.place(ACCEPTED);
        log.arrived(request.total().into());
    }
    let waiting = queue.waiting();
    let mut last = Queue::new(
        queue.planner.fleet().clone(),
        &Workload::new(waiting.clone(), 1.0),
        ties,
    );
    for (request, count) in &waiting {
        last.push(request, *count);
    }
    log.used += last.place(f64::INFINITY);
    log.settle();
    log.curve()
}

/// Those who wait, by what they ask for.
struct Queue {
    planner: Planner<FutureFit>,
    /// By shape: how many wait.
    counts: Vec<usize>,
}

impl Queue {
    fn new(fleet: Fleet, workload: &Workload, ties: Ties) -> Self {
        let policy = FutureFit::new(workload, &fleet);
        Self {
            planner: Planner::new(fleet, policy, ties),
            counts: Vec::new(),
        }
    }

    fn push(&mut self, request: &Request, count: usize) {
        let shape = self.planner.shape(request).index();
        self.counts.resize(self.counts.len().max(shape + 1), 0);
        self.counts[shape] += count;
    }

    /// Those who wait.
    fn waiting(&self) -> Vec<(Request, usize)> {
        let counts = (0..).map(ShapeId).zip(&self.counts);
        let waiting = counts.filter(|(_, count)| **count > 0);
        waiting
            .map(|(shape, count)| (self.planner.request(shape).clone(), *count))
            .collect()
    }

    /// Places those whose place wastes at most such a part of what they take, the least wasteful first. Returns what
    /// they take of devices, in thousandths.
    fn place(&mut self, accepted: f64) -> u64 {
        let mut taken = 0;
        while let Some((shape, waste)) = self.least_wasteful() {
            if waste > accepted || self.planner.place(shape).is_none() {
                break;
            }
            self.counts[shape.index()] -= 1;
            taken += u64::from(self.planner.request(shape).total());
        }
        taken
    }

    /// The shape of which one waits and fits that would waste least, and how much.
    fn least_wasteful(&mut self) -> Option<(ShapeId, f64)> {
        let shapes = (0..).map(ShapeId).zip(self.counts.clone());
        let waiting = shapes.filter(|(_, count)| *count > 0);
        let wastes = waiting.filter_map(|(shape, _)| Some((shape, self.waste(shape)?)));
        wastes.min_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    /// What the best place of a shape wastes, as a part of what it takes; a pod without devices wastes what it
    /// strands.
    fn waste(&mut self, shape: ShapeId) -> Option<f64> {
        let placement = self.planner.decide(shape)?;
        let request = self.planner.request(shape);
        let machine = self.planner.fleet().machine(placement.machine);
        let waste = self
            .planner
            .policy()
            .waste(placement.machine, machine, request, placement.devices);
        Some(waste / f64::from(request.total().max(1)))
    }
}
