//! A replay in time: jobs come, wait until all their pods can be placed, run, and leave.
//!
//! ```text
//!     arrivals ──► waiting, by what is asked for ──place all or none──► running ──end──► room for those who wait
//! ```
//!
//! Nothing is preempted or moved. Only a job's pods, its arrival and its duration are taken from the record; when
//! it starts is the replay's doing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use scheduler::packing::{DeviceSet, MachineId, Planner, Policy, ShapeId};

use crate::jobs::Jobs;

/// Who may start before whom; the names are Kueue's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Queueing {
    /// Those who fit start before those who came earlier and do not.
    #[default]
    BestEffortFifo,
    /// Nobody starts before those who came earlier.
    StrictFifo,
}

/// What became of a replay.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// When each job started, in the order of the record; `None` where it would fit on no machines at all.
    pub starts: Vec<Option<f64>>,
    /// What changed when.
    pub history: Vec<Moment>,
}

/// The state from a moment on, until the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Seconds since the record's first job came.
    pub at: f64,
    /// What is taken of all devices, in thousandths.
    pub taken: u64,
    /// How many jobs wait.
    pub waiting: usize,
}

/// Replays `jobs` through `planner`, of whose machines nothing is taken.
pub fn replay<P: Policy>(jobs: &Jobs, planner: &mut Planner<P>, queueing: Queueing) -> Replayed {
    let mut replay = Replay::new(jobs, planner, queueing);
    replay.run();
    replay.done
}

/// What is asked for together: shapes, and how many pods of each.
type Gang = Vec<(ShapeId, u32)>;

/// Jobs that ask for the same: once one of them finds no room, no other would.
struct Class {
    gang: Gang,
    /// By number, and so in the order in which they came.
    queue: VecDeque<usize>,
    /// It found no room, and none was given back since.
    failed: bool,
    /// Not even empty machines have room for it.
    hopeless: bool,
}

/// The end of a job; the earliest is the greatest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct End(Reverse<Seconds>, Reverse<usize>);

#[derive(PartialEq)]
struct Seconds(f64);

impl Eq for Seconds {}

impl Ord for Seconds {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Seconds {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Where a pod is.
type Place = (ShapeId, MachineId, DeviceSet);

struct Replay<'a, P> {
    jobs: &'a Jobs,
    planner: &'a mut Planner<P>,
    queueing: Queueing,
    classes: Vec<Class>,
    /// The class of each job.
    class_of: Vec<usize>,
    ends: BinaryHeap<End>,
    places: BTreeMap<usize, Vec<Place>>,
    now: Moment,
    done: Replayed,
}

impl<'a, P: Policy> Replay<'a, P> {
    fn new(jobs: &'a Jobs, planner: &'a mut Planner<P>, queueing: Queueing) -> Self {
        let mut numbers = BTreeMap::<Gang, usize>::new();
        let mut class_of = Vec::with_capacity(jobs.all().len());
        for job in jobs.all() {
            let pods = job.pods.iter();
            let gang = pods
                .map(|(request, count)| (planner.shape(request), *count))
                .collect();
            let next = numbers.len();
            class_of.push(*numbers.entry(gang).or_insert(next));
        }
        let mut gangs: Vec<_> = numbers.into_iter().collect();
        gangs.sort_by_key(|(_, number)| *number);
        let classes = gangs.into_iter().map(|(gang, _)| Class::new(gang, planner));
        Self {
            classes: classes.collect(),
            class_of,
            ends: BinaryHeap::new(),
            places: BTreeMap::new(),
            now: Moment {
                at: 0.0,
                taken: 0,
                waiting: 0,
            },
            done: Replayed {
                starts: vec![None; jobs.all().len()],
                history: Vec::new(),
            },
            jobs,
            planner,
            queueing,
        }
    }

    fn run(&mut self) {
        let mut next = 0;
        while let Some(at) = self.next_time(next) {
            self.now.at = at;
            while self.ends.peek().is_some_and(|End(Reverse(end), _)| end.0 <= at) {
                if let Some(End(_, Reverse(job))) = self.ends.pop() {
                    self.end(job);
                }
            }
            while self.jobs.all().get(next).is_some_and(|job| job.arrival <= at) {
                self.arrive(next);
                next += 1;
            }
            self.start_waiting();
            self.done.history.push(self.now);
        }
    }

    /// When something happens next: the next job, of number `next`, comes, or another ends.
    fn next_time(&self, next: usize) -> Option<f64> {
        let arrival = self.jobs.all().get(next).map(|job| job.arrival);
        let end = self.ends.peek().map(|End(Reverse(end), _)| end.0);
        arrival.into_iter().chain(end).min_by(f64::total_cmp)
    }

    fn arrive(&mut self, job: usize) {
        let class = &mut self.classes[self.class_of[job]];
        if !class.hopeless {
            class.queue.push_back(job);
            self.now.waiting += 1;
        }
    }

    fn end(&mut self, job: usize) {
        for (shape, machine, devices) in self.places.remove(&job).unwrap_or_default() {
            self.planner.give_back(shape, machine, devices);
        }
        self.now.taken -= self.jobs.all()[job].devices();
        for class in &mut self.classes {
            class.failed = false;
        }
    }

    /// Starts those who wait and find room, earliest first.
    fn start_waiting(&mut self) {
        while let Some(number) = self.earliest() {
            match place(self.planner, &self.classes[number].gang) {
                Some(places) => self.start(number, places),
                None => self.classes[number].failed = true,
            }
        }
    }

    /// The class whose first job came earliest of those that may be tried.
    fn earliest(&self) -> Option<usize> {
        let first = |class: &Class| class.queue.front().copied();
        let strict = self.queueing == Queueing::StrictFifo;
        let waiting = (0..self.classes.len()).filter(|number| {
            let class = &self.classes[*number];
            !class.queue.is_empty() && (strict || !class.failed)
        });
        let earliest = waiting.min_by_key(|number| first(&self.classes[*number]))?;
        (!self.classes[earliest].failed).then_some(earliest)
    }

    fn start(&mut self, class: usize, places: Vec<Place>) {
        let Some(number) = self.classes[class].queue.pop_front() else {
            return;
        };
        let job = &self.jobs.all()[number];
        self.now.waiting -= 1;
        self.now.taken += job.devices();
        self.done.starts[number] = Some(self.now.at);
        self.ends
            .push(End(Reverse(Seconds(self.now.at + job.duration)), Reverse(number)));
        self.places.insert(number, places);
    }
}

impl Class {
    /// Nobody waits yet, and all that `planner` has is free.
    fn new<P: Policy>(gang: Gang, planner: &mut Planner<P>) -> Self {
        let places = place(planner, &gang);
        let hopeless = places.is_none();
        give_back(planner, places.unwrap_or_default());
        Self {
            gang,
            queue: VecDeque::new(),
            failed: false,
            hopeless,
        }
    }
}

/// Places all pods, or none.
fn place<P: Policy>(planner: &mut Planner<P>, gang: &Gang) -> Option<Vec<Place>> {
    let mut places = Vec::new();
    for shape in gang.iter().flat_map(|(shape, count)| (0..*count).map(|_| *shape)) {
        let Some(placement) = planner.place(shape) else {
            give_back(planner, places);
            return None;
        };
        places.push((shape, placement.machine, placement.devices));
    }
    Some(places)
}

fn give_back<P: Policy>(planner: &mut Planner<P>, places: Vec<Place>) {
    for (shape, machine, devices) in places {
        planner.give_back(shape, machine, devices);
    }
}
