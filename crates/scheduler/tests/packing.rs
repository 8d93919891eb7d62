//! Packing in 100,000 random scenarios, held to an account kept beside it: nothing is over capacity, what fits is
//! placed, deciding changes nothing, and a decision that came too late takes nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::collection::vec;
use proptest::prelude::*;
use scheduler::packing::{
    Fleet, FutureFit, Machine, Model, ModelSet, Placement, Planner, Request, ShapeId, Stale, Ties, WHOLE,
    Workload,
};

/// Extended resources that scenarios know.
const EXTENDED: usize = 1;

/// A machine and its amount of the extended resource.
type Supply = (Machine, i64);

#[derive(Clone, Debug)]
enum Step {
    /// A request of this number, if there are so many.
    Place(usize),
    /// The placement of this number ends.
    End(usize),
    /// Two requests are decided on at once, and then committed.
    Race(usize, usize),
}

fn machine() -> impl Strategy<Value = Supply> {
    let machine = (0..9, 0..9, 0..5, 0usize..5, 0usize..3).prop_map(|(cpu, memory, pods, devices, model)| {
        Machine::new(cpu, memory, pods, devices, Model::new(model).unwrap())
    });
    (machine, 0i64..3)
}

fn request() -> impl Strategy<Value = Request> {
    let devices = prop_oneof![
        Just((0, 0)),
        Just((1, WHOLE)),
        Just((2, WHOLE)),
        Just((4, WHOLE)),
        (1u16..10).prop_map(|tenths| (1u8, tenths * 100)),
    ];
    let models = prop_oneof![
        Just(ModelSet::ANY),
        Just(ModelSet::NONE.with(Model::new(1).unwrap()))
    ];
    (0..4, 0..4, devices, models, 0i64..2).prop_map(|(cpu, memory, (gpus, share), models, extended)| {
        Request {
            cpu,
            memory,
            gpus,
            share,
            models,
            extended: if extended > 0 {
                vec![(0, extended)]
            } else {
                Vec::new()
            },
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..5).prop_map(Step::Place),
        1 => (0usize..8).prop_map(Step::End),
        1 => (0usize..5, 0usize..5).prop_map(|(a, b)| Step::Race(a, b)),
    ]
}

/// The planner, and what it promised.
struct Scenario {
    supply: Vec<Supply>,
    requests: Vec<Request>,
    planner: Planner<FutureFit>,
    shapes: Vec<ShapeId>,
    held: Vec<(usize, Placement)>,
}

impl Scenario {
    fn new(supply: Vec<Supply>, requests: Vec<Request>) -> Self {
        let mut fleet = Fleet::new(EXTENDED);
        for (machine, extended) in &supply {
            fleet.add(*machine, &[*extended]);
        }
        let workload = Workload::new(requests.iter().map(|request| (request.clone(), 1)), 1.0);
        let policy = FutureFit::new(&workload, &fleet);
        let mut planner = Planner::new(fleet, policy, Ties::Ranked(Vec::new()));
        let shapes = requests.iter().map(|request| planner.shape(request)).collect();
        Self {
            supply,
            requests,
            planner,
            shapes,
            held: Vec::new(),
        }
    }

    /// Whether a request fits on a machine beside what is held there, by the account.
    fn fits(&self, machine: usize, request: &Request) -> bool {
        let (all, extended) = &self.supply[machine];
        let here = || {
            self.held
                .iter()
                .filter(|(_, placement)| placement.machine.index() == machine)
        };
        let taken = |amount: &dyn Fn(&Request) -> i64| -> i64 {
            here()
                .map(|(request, _)| amount(&self.requests[*request]))
                .sum::<i64>()
                + amount(request)
        };
        let asked = |request: &Request| request.extended.iter().map(|(_, amount)| amount).sum();
        let free = |device: usize| -> u32 {
            let on_it = here().filter(|(_, placement)| placement.devices.iter().any(|d| d == device));
            let taken: u32 = on_it
                .map(|(request, _)| u32::from(self.requests[*request].share))
                .sum();
            u32::from(WHOLE).checked_sub(taken).unwrap()
        };
        let devices = (0..all.free().len())
            .filter(|device| free(*device) >= request.share.into())
            .count();
        taken(&|r| r.cpu.into()) <= all.cpu.into()
            && taken(&|r| r.memory.into()) <= all.memory.into()
            && taken(&|_| 1) <= all.pods.into()
            && taken(&asked) <= *extended
            && (request.gpus == 0 || (request.models.contains(all.model) && devices >= request.gpus.into()))
    }

    fn place(&mut self, number: usize) {
        let shape = self.shapes[number];
        let decided = self.planner.decide(shape);
        assert_eq!(self.planner.decide(shape), decided, "deciding changes nothing");
        let request = &self.requests[number];
        match decided {
            None => assert!(
                (0..self.supply.len()).all(|m| !self.fits(m, request)),
                "what fits is placed"
            ),
            Some(placement) => {
                assert!(
                    self.fits(placement.machine.index(), request),
                    "nothing is over capacity"
                );
                assert_eq!(placement.devices.len(), usize::from(request.gpus));
                assert_eq!(self.planner.commit(shape, &placement), Ok(()));
                self.held.push((number, placement));
            }
        }
    }

    fn end(&mut self, number: usize) {
        if number < self.held.len() {
            let (request, placement) = self.held.remove(number);
            self.planner
                .give_back(self.shapes[request], placement.machine, placement.devices);
        }
    }

    fn race(&mut self, first: usize, second: usize) {
        let late = self.planner.decide(self.shapes[second]);
        let before = self.held.len();
        self.place(first);
        let changed = self.held.len() > before;
        let Some(late) = late else { return };
        let fleet = self.planner.fleet().machines().to_vec();
        let stale = changed && self.held[before].1.machine == late.machine;
        let committed = self.planner.commit(self.shapes[second], &late);
        if stale {
            assert_eq!(committed, Err(Stale));
            assert_eq!(
                self.planner.fleet().machines(),
                fleet,
                "a late decision takes nothing"
            );
        } else {
            assert_eq!(committed, Ok(()));
            self.held.push((second, late));
        }
    }

    fn run(&mut self, steps: &[Step]) {
        let count = self.requests.len();
        for step in steps {
            match *step {
                Step::Place(number) => self.place(number % count),
                Step::End(number) => self.end(number),
                Step::Race(first, second) => self.race(first % count, second % count),
            }
        }
        while !self.held.is_empty() {
            self.end(0);
        }
        assert_eq!(
            self.planner.fleet().machines(),
            self.planner.fleet().capacity(),
            "all is given back"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    #[test]
    fn promises_are_kept(
        supply in vec(machine(), 1..4),
        requests in vec(request(), 1..5),
        steps in vec(step(), 1..16),
    ) {
        Scenario::new(supply, requests).run(&steps);
    }
}
