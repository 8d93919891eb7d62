//! Placement with devices in 100,000 random scenarios, held to an account kept beside it: no machine and no device is
//! over capacity, what fits is placed, planning twice changes nothing, and what a concurrent change made stale is
//! refused and takes nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use meta::devices::{Grant, WHOLE};
use proptest::collection::vec;
use proptest::prelude::*;
use scheduler::{Binding, Identity, Machine, NodeStatus, Notes, Pod, PodSpec, Settings, State};
use serde_json::json;

/// What a machine has.
#[derive(Clone, Copy, Debug)]
struct Supply {
    cpu: u64,
    devices: usize,
    /// MiB of each device.
    memory: u64,
}

/// What a pod asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wish {
    Nothing,
    Whole(usize),
    /// Tenths of each of some devices.
    Share(u16, usize),
    /// MiB of a device.
    Memory(u64),
}

#[derive(Clone, Copy, Debug)]
struct Demand {
    cpu: u64,
    wish: Wish,
}

#[derive(Clone, Debug)]
enum Step {
    Come(Demand),
    /// The pod of this number ends.
    End(usize),
    /// What is planned is bound, but for what others were faster with: a machine of this number goes in between.
    Lose(usize),
    /// Somebody binds a pod to the machine of this number, and says nothing of devices.
    Intrude(usize, Demand),
    /// The scheduler starts again, and knows what the objects say.
    Restart,
}

fn supply() -> impl Strategy<Value = Supply> {
    let memory = prop_oneof![Just(0), Just(16), Just(80)];
    (0u64..9, 0usize..4, memory).prop_map(|(cpu, devices, memory)| Supply { cpu, devices, memory })
}

fn demand() -> impl Strategy<Value = Demand> {
    let wish = prop_oneof![
        Just(Wish::Nothing),
        (1usize..4).prop_map(Wish::Whole),
        (1u16..11, 1usize..3).prop_map(|(tenths, devices)| Wish::Share(tenths, devices)),
        (1u64..20).prop_map(|eighths| Wish::Memory(eighths * 8)),
    ];
    (0u64..4, wish).prop_map(|(cpu, wish)| Demand { cpu, wish })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => demand().prop_map(Step::Come),
        2 => (0usize..8).prop_map(Step::End),
        1 => (0usize..4).prop_map(Step::Lose),
        1 => (0usize..4, demand()).prop_map(|(machine, demand)| Step::Intrude(machine, demand)),
        1 => Just(Step::Restart),
    ]
}

impl Supply {
    fn machine(&self, name: &str) -> Machine {
        let status: NodeStatus = serde_json::from_value(json!({"allocatable": {
            "cpu": self.cpu.to_string(), "memory": "1Gi", "pods": "100",
            "nvidia.com/gpu": self.devices.to_string(),
        }}))
        .unwrap();
        let memory = (self.memory > 0).then(|| ("nvidia.com/gpu.memory".to_owned(), self.memory.to_string()));
        Machine::new(name, memory.into_iter().collect(), Default::default(), status)
    }
}

impl Demand {
    fn pod(&self, uid: &str, place: Option<(&str, Option<&Grant>)>) -> Pod {
        let mut resources = json!({"cpu": self.cpu.to_string()});
        let mut annotations = BTreeMap::new();
        match self.wish {
            Wish::Nothing => {}
            Wish::Whole(devices) => resources["nvidia.com/gpu"] = devices.to_string().into(),
            Wish::Share(tenths, devices) => {
                annotations.insert("gpu-fraction", format!("{}", f64::from(tenths) / 10.0));
                annotations.insert("gpu-fraction-num-devices", devices.to_string());
            }
            Wish::Memory(memory) => drop(annotations.insert("gpu-memory", memory.to_string())),
        }
        if let Some((_, Some(grant))) = place {
            annotations.insert("plimsoll.dev/devices", grant.to_string());
        }
        let spec: PodSpec = serde_json::from_value(json!({
            "nodeName": place.map_or("", |(node, _)| node),
            "containers": [{"resources": {"requests": resources}}],
        }))
        .unwrap();
        let notes: Notes = serde_json::from_value(json!({"annotations": annotations})).unwrap();
        Pod::new(uid, Identity::default(), &spec, false, "default-scheduler").noted(&notes)
    }

    /// How many devices of a machine it asks for, and thousandths of each.
    fn on(&self, supply: &Supply) -> (usize, u64) {
        match self.wish {
            Wish::Nothing => (0, 0),
            Wish::Whole(devices) => (devices, WHOLE.into()),
            Wish::Share(tenths, devices) => (devices, u64::from(tenths) * 100),
            Wish::Memory(_) if supply.memory == 0 => (1, WHOLE.into()),
            Wish::Memory(memory) => (1, (memory * 1000).div_ceil(supply.memory)),
        }
    }
}

/// A pod that takes room.
#[derive(Clone, Debug)]
struct Held {
    uid: String,
    demand: Demand,
    machine: usize,
    grant: Option<Grant>,
}

struct Scenario {
    supply: Vec<Option<Supply>>,
    state: State,
    waiting: Vec<(String, Demand)>,
    held: Vec<Held>,
    /// Machines on which somebody took room without asking: more may be taken there than there is.
    intruded: Vec<bool>,
    come: usize,
}

fn name(machine: usize) -> String {
    format!("m{machine}")
}

impl Scenario {
    fn new(supply: &[Supply]) -> Self {
        let mut scenario = Self {
            supply: supply.iter().copied().map(Some).collect(),
            state: State::new(Settings::default()),
            waiting: Vec::new(),
            held: Vec::new(),
            intruded: vec![false; supply.len()],
            come: 0,
        };
        scenario.restart();
        scenario
    }

    /// A new state from what the objects say.
    fn restart(&mut self) {
        self.state = State::new(Settings::default());
        for (number, supply) in self.supply.iter().enumerate() {
            let machine = supply.map(|supply| supply.machine(&name(number)));
            machine
                .into_iter()
                .for_each(|machine| self.state.machine_applied(machine));
        }
        for held in &self.held {
            let place = name(held.machine);
            let pod = held.demand.pod(&held.uid, Some((&place, held.grant.as_ref())));
            self.state.pod_applied(pod);
        }
        for (uid, demand) in &self.waiting {
            self.state.pod_applied(demand.pod(uid, None));
        }
    }

    fn uid(&mut self) -> String {
        self.come += 1;
        format!("p{:03}", self.come)
    }

    /// What is free of each device by the account, where everybody's devices are known.
    fn free(&self, machine: usize) -> Vec<u64> {
        let supply = self.supply[machine].unwrap();
        let taken = |device: usize| -> u64 {
            let here = self.held.iter().filter(|held| held.machine == machine);
            let grants = here.filter_map(|held| held.grant.as_ref());
            grants
                .filter(|grant| grant.devices().any(|own| usize::from(own) == device))
                .map(|grant| u64::from(grant.share()))
                .sum()
        };
        let free = |device| {
            u64::from(WHOLE)
                .checked_sub(taken(device))
                .expect("no device is over capacity")
        };
        (0..supply.devices).map(free).collect()
    }

    fn cpu(&self, machine: usize) -> u64 {
        let here = self.held.iter().filter(|held| held.machine == machine);
        here.map(|held| held.demand.cpu).sum()
    }

    fn fits(&self, machine: usize, demand: &Demand) -> bool {
        let Some(supply) = self.supply[machine] else {
            return false;
        };
        let (devices, share) = demand.on(&supply);
        let enough = self.free(machine).iter().filter(|free| **free >= share).count();
        self.cpu(machine) + demand.cpu <= supply.cpu && enough >= devices
    }

    fn take(&mut self, binding: &Binding) {
        let place = self.waiting.iter().position(|(uid, _)| *uid == binding.pod);
        let (uid, demand) = self.waiting.remove(place.expect("a pod that waits"));
        let machine: usize = binding.node[1..].parse().unwrap();
        let (devices, share) = demand.on(&self.supply[machine].expect("a machine that is there"));
        if !self.intruded[machine] {
            assert!(self.fits(machine, &demand), "nothing is over capacity");
        }
        let grant = binding.devices.as_ref();
        assert_eq!(grant.map_or(0, |grant| grant.devices().len()), devices);
        assert_eq!(
            grant.map_or(0, |grant| u64::from(grant.share())),
            if devices > 0 { share } else { 0 }
        );
        let bound = demand.pod(&uid, Some((&binding.node, grant)));
        self.held.push(Held {
            uid,
            demand,
            machine,
            grant: binding.devices.clone(),
        });
        if !self.intruded[machine] {
            self.free(machine);
        }
        self.state.pod_applied(bound);
    }

    /// Plans; a machine may go before what was planned is bound.
    fn plan(&mut self, lost: Option<usize>) {
        let plan = self.state.plan();
        if let Some(lost) = lost.filter(|lost| *lost < self.supply.len()) {
            self.supply[lost] = None;
            self.state.machine_deleted(&name(lost));
        }
        for binding in plan.bindings {
            let gone = lost.is_some_and(|lost| name(lost) == binding.node);
            assert_eq!(self.state.confirm(&binding), !gone, "{binding:?}");
            assert_eq!(self.state.is_waiting(&binding.pod), gone, "it is not half bound");
            if !gone {
                self.take(&binding);
            }
            assert!(!self.state.confirm(&binding), "what is done is not done again");
        }
        let again = self.state.plan();
        for binding in again.bindings {
            assert!(lost.is_some(), "planning twice changes nothing: {binding:?}");
            assert!(self.state.confirm(&binding));
            self.take(&binding);
        }
        assert_eq!(self.state.plan().bindings, [], "planning twice changes nothing");
        for (uid, demand) in &self.waiting {
            let fits = |machine: &usize| !self.intruded[*machine] && self.fits(*machine, demand);
            assert_eq!(
                (0..self.supply.len()).find(fits),
                None,
                "{uid} fits and is placed"
            );
            assert!(self.state.why(uid).is_some(), "{uid} knows why it waits");
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Come(demand) => {
                let uid = self.uid();
                self.state.pod_applied(demand.pod(&uid, None));
                self.waiting.push((uid, *demand));
                self.plan(None);
            }
            Step::End(number) => {
                if *number < self.held.len() {
                    let held = self.held.remove(*number);
                    self.state.pod_deleted(&held.uid);
                    self.plan(None);
                }
            }
            Step::Lose(machine) => {
                // Something to plan, whatever waits already.
                let uid = self.uid();
                let demand = Demand {
                    cpu: 0,
                    wish: Wish::Nothing,
                };
                self.state.pod_applied(demand.pod(&uid, None));
                self.waiting.push((uid, demand));
                self.plan(Some(*machine));
            }
            Step::Intrude(machine, demand) => {
                let machine = *machine % self.supply.len();
                let uid = self.uid();
                self.intruded[machine] = true;
                let place = name(machine);
                self.state.pod_applied(demand.pod(&uid, Some((&place, None))));
                self.held.push(Held {
                    uid,
                    demand: *demand,
                    machine,
                    grant: None,
                });
                self.plan(None);
            }
            Step::Restart => {
                self.restart();
                self.plan(None);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    #[test]
    fn promises_are_kept(supply in vec(supply(), 1..4), steps in vec(step(), 1..12)) {
        let mut scenario = Scenario::new(&supply);
        for step in &steps {
            scenario.step(step);
        }
    }
}
