//! The published protocol, but that pods may be moved: where one fits nowhere, others make room for it on a device
//! and go where they fit.
//!
//! Nobody is turned out: all that are moved find a place, or nobody moves. What is allocated is not to be compared
//! with the published protocol, where pods stay where they are.

use std::collections::BTreeSet;

use scheduler::packing::{DeviceSet, MachineId, Placement, Planner, Policy, Request, ShapeId};

use crate::openb::{Arrivals, Trace};
use crate::run::{Curve, Log};

/// Pods that are moved for one, at most.
const MOVED_MAX: usize = 3;
/// Devices that are tried for one pod, those where least has to move first.
const TRIED_MAX: usize = 24;

/// Sends `arrivals` through `planner`.
pub(crate) fn run<P: Policy>(trace: &Trace, arrivals: &Arrivals, planner: Planner<P>) -> Curve {
    let mut log = Log::new(trace.capacity());
    let mut cluster = Cluster::new(planner);
    for pod in &arrivals.0 {
        let request = &trace.pods()[*pod].request;
        let total = u64::from(request.total());
        let shape = cluster.planner.shape(request);
        log.used += if cluster.place(shape) { total } else { 0 };
        log.arrived(total);
    }
    log.curve()
}

/// A pod that has a place.
#[derive(Clone, Copy, Debug)]
struct Placed {
    shape: ShapeId,
    devices: DeviceSet,
}

/// Room that pods could make.
struct Room {
    machine: MachineId,
    device: usize,
    /// The pods that would go, by their place among those of the machine, lowest first.
    pods: Vec<usize>,
    /// What they take of devices, in thousandths.
    moved: u32,
}

struct Cluster<P> {
    planner: Planner<P>,
    /// By machine: who is there.
    pods: Vec<Vec<Placed>>,
    /// Shapes that nobody could make room for. Nobody leaves, so that there is none until somebody moves.
    failed: BTreeSet<ShapeId>,
}

impl<P: Policy> Cluster<P> {
    fn new(planner: Planner<P>) -> Self {
        Self {
            pods: vec![Vec::new(); planner.fleet().len()],
            planner,
            failed: BTreeSet::new(),
        }
    }

    /// Places a pod, moving others if it must be; whether it has a place now.
    fn place(&mut self, shape: ShapeId) -> bool {
        if self.place_as_is(shape).is_some() {
            return true;
        }
        let made = !self.failed.contains(&shape) && self.make_room(shape);
        if made {
            self.failed.clear();
        } else {
            self.failed.insert(shape);
        }
        made
    }

    fn place_as_is(&mut self, shape: ShapeId) -> Option<MachineId> {
        let Placement { machine, devices, .. } = self.planner.place(shape)?;
        self.pods[machine.index()].push(Placed { shape, devices });
        Some(machine)
    }

    fn make_room(&mut self, shape: ShapeId) -> bool {
        let request = self.planner.request(shape).clone();
        if request.gpus != 1 {
            return false;
        }
        let machines = self.planner.fleet().machines().iter();
        let widest = machines.flat_map(|machine| machine.free()).max();
        let Some(widest) = widest.map(|free| u32::from(*free)) else {
            return false;
        };
        let machines = self.planner.fleet().ids();
        let rooms = machines.flat_map(|machine| self.rooms(machine, &request, widest));
        let mut rooms: Vec<Room> = rooms.collect();
        rooms.sort_by_key(|room| (room.moved, room.pods.len()));
        rooms
            .iter()
            .take(TRIED_MAX)
            .any(|room| self.move_for(shape, room))
    }

    /// On each device of a machine the least that would have to go, if pods of a share of it are enough; only such pods
    /// go as fit into the `widest` gap there is.
    fn rooms(&self, machine: MachineId, request: &Request, widest: u32) -> Vec<Room> {
        let state = self.planner.fleet().machine(machine);
        if !request.models.contains(state.model) {
            return Vec::new();
        }
        let free = state.free().iter().enumerate();
        let rooms = free.filter_map(|(device, free)| {
            let wanted = u32::from(request.share).checked_sub(u32::from(*free))?;
            let (moved, pods) = self.fewest(machine, device, (wanted, widest))?;
            let room = Room {
                machine,
                device,
                pods,
                moved,
            };
            self.suffices(&room, request).then_some(room)
        });
        rooms.collect()
    }

    /// Of the pods with shares of a device, each of at most `most` thousandths, those that take least together, but
    /// `wanted` at least.
    fn fewest(
        &self,
        machine: MachineId,
        device: usize,
        (wanted, most): (u32, u32),
    ) -> Option<(u32, Vec<usize>)> {
        let of_device = |placed: &Placed| placed.devices == DeviceSet::one(device);
        let pods = self.pods[machine.index()].iter().enumerate();
        let shares =
            pods.filter(|(_, placed)| of_device(placed) && self.planner.request(placed.shape).is_share());
        let mut choices: Vec<(u32, Vec<usize>)> = vec![(0, Vec::new())];
        for (pod, placed) in shares {
            let share = self.planner.request(placed.shape).total();
            if share > most {
                continue;
            }
            let with =
                |(sum, chosen): &(u32, Vec<usize>)| (sum + share, [chosen.as_slice(), &[pod]].concat());
            let larger: Vec<_> = choices
                .iter()
                .filter(|(_, chosen)| chosen.len() < MOVED_MAX)
                .map(with)
                .collect();
            choices.extend(larger);
        }
        choices.retain(|(sum, chosen)| *sum >= wanted && !chosen.is_empty());
        choices.into_iter().min()
    }

    /// Whether the machine would have the CPU and memory, too.
    fn suffices(&self, room: &Room, request: &Request) -> bool {
        let mut state = *self.planner.fleet().machine(room.machine);
        for pod in &room.pods {
            let Placed { shape, devices } = self.pods[room.machine.index()][*pod];
            state = state.plus(self.planner.request(shape), devices);
        }
        state.fits(request)
    }

    /// Moves pods out of the room and places a pod there, or leaves all as it was.
    fn move_for(&mut self, shape: ShapeId, room: &Room) -> bool {
        let before: Vec<Placed> = self.pods[room.machine.index()].clone();
        let mut leaving = Vec::new();
        for pod in room.pods.iter().rev() {
            let placed = self.pods[room.machine.index()].remove(*pod);
            self.planner.give_back(placed.shape, room.machine, placed.devices);
            leaving.push(placed);
        }
        let came = Placed {
            shape,
            devices: DeviceSet::one(room.device),
        };
        if !self.put(room.machine, came) {
            self.restore(room.machine, &leaving, before);
            return false;
        }
        let mut gone = Vec::new();
        for placed in &leaving {
            match self.place_as_is(placed.shape) {
                Some(machine) => gone.push(machine),
                None => {
                    for machine in gone.iter().rev() {
                        self.take_last(*machine);
                    }
                    self.planner.give_back(shape, room.machine, came.devices);
                    self.restore(room.machine, &leaving, before);
                    return false;
                }
            }
        }
        true
    }

    /// Puts a pod on these devices.
    fn put(&mut self, machine: MachineId, placed: Placed) -> bool {
        let version = self.planner.fleet().version(machine);
        let placement = Placement {
            machine,
            devices: placed.devices,
            version,
        };
        let done = self.planner.commit(placed.shape, &placement).is_ok();
        if done {
            self.pods[machine.index()].push(placed);
        }
        done
    }

    /// Takes off a machine the pod that came last.
    fn take_last(&mut self, machine: MachineId) {
        if let Some(placed) = self.pods[machine.index()].pop() {
            self.planner.give_back(placed.shape, machine, placed.devices);
        }
    }

    /// Brings back those who left.
    fn restore(&mut self, machine: MachineId, leaving: &[Placed], before: Vec<Placed>) {
        for placed in leaving {
            let back = self.put(machine, *placed);
            debug_assert!(back, "what was there before has room");
        }
        self.pods[machine.index()] = before;
    }
}
