//! Our policy: place a request where it costs least of what the machine could still do for those to come.
//!
//! A machine's *worth* is what its free devices are worth by the sizes asked for (`cutting`), less the devices
//! that will be stranded because CPU or memory beside them runs out, more a little for devices that are free in
//! groups as they are asked for (`outlook`). A placement costs the worth that it takes, dearer where the machine is of a
//! kind that others depend on. Costs are real numbers and rarely equal, so neither the order of machines nor the
//! breaking of ties matters; of nearly equal ones the fuller machine is taken.
//!
//! The method is that of bid prices in revenue management (Talluri and van Ryzin, Management Science 44, 1998), with
//! every request accepted that fits.

use super::outlook::{Companion, Group, Kind, kinds, sizes, whole};
use super::{
    DeviceSet, Fleet, Machine, MachineId, Offer, Policy, Request, WHOLE, Workload, cutting, tightest,
};

/// What groups of free devices are worth beside single ones; more keeps machines whole at the price of packing.
const GROUP_WEIGHT: f64 = 0.1;
/// How much dearer a device is whose kind is asked for as much again as the least wanted kind.
const SCARCITY_WEIGHT: f64 = 3.0;
/// What a free thousandth left on the machine costs: decides between machines of nearly the same cost.
const LEFT_WEIGHT: f64 = 0.02;
/// Steps of the score in one thousandth of a device.
const STEPS: f64 = 100.0;

/// Judges a placement by what the machine can still do for requests like those of the past.
#[derive(Clone, Debug)]
pub struct FutureFit {
    /// By free thousandths of a device: what they are worth, in thousandths.
    room: Vec<f64>,
    cpu: Companion,
    memory: Companion,
    prospects: Vec<Prospects>,
    /// By machine: which prospects it has.
    prospects_of: Vec<usize>,
}

/// What is expected of the machines of one kind.
#[derive(Clone, Debug, Default)]
struct Prospects {
    /// How much dearer their devices are than those least in demand.
    dearness: f64,
    /// Devices asked for together, and what room for them is worth, in thousandths.
    groups: Vec<(Group, f64)>,
}

/// What is expected of machines that came later.
static UNKNOWN: Prospects = Prospects {
    dearness: 1.0,
    groups: Vec::new(),
};

impl FutureFit {
    /// Expects requests as in `workload` on the machines of `fleet`.
    pub fn new(workload: &Workload, fleet: &Fleet) -> Self {
        let (kinds, prospects_of) = kinds(workload, fleet);
        Self {
            room: cutting::worth(&sizes(workload)),
            cpu: Companion::of(workload, |request| request.cpu),
            memory: Companion::of(workload, |request| request.memory),
            prospects: kinds.into_iter().map(Prospects::new).collect(),
            prospects_of,
        }
    }

    /// What the machine can still do, in thousandths of a device.
    fn worth(&self, machine: &Machine, prospects: &Prospects) -> f64 {
        let (mut rooms, mut open) = (0.0, 0u32);
        for free in machine.free() {
            let room = self.room[usize::from(*free)];
            rooms += room;
            open += if room > 0.0 { u32::from(*free) } else { 0 };
        }
        let devices = f64::from(open) / f64::from(WHOLE);
        let cpu = self.cpu.stranded(devices, machine.cpu.into());
        let memory = self.memory.stranded(devices, machine.memory.into());
        rooms + prospects.groups_on(machine, whole(machine)) - f64::from(WHOLE) * cpu.max(memory)
    }
}

impl Prospects {
    fn new(kind: Kind) -> Self {
        let worth = |group: Group| (group, GROUP_WEIGHT * group.demand * group.total());
        Self {
            dearness: 1.0 + SCARCITY_WEIGHT * kind.scarcity,
            groups: kind.groups.into_iter().map(worth).collect(),
        }
    }

    fn groups_on(&self, machine: &Machine, whole: u32) -> f64 {
        let worth = |(group, worth): &(Group, f64)| f64::from(group.copies(machine, whole)) * worth;
        self.groups.iter().map(worth).sum()
    }
}

impl FutureFit {
    /// What `machine`, the state of the machine of this number, is worth for a request that fits on it.
    pub fn judge(&self, id: MachineId, machine: &Machine, request: &Request) -> Offer {
        let prospects = self.prospects_of(id);
        let worth = self.worth(machine, prospects);
        let offer = |devices| {
            let after = machine.less(request, devices);
            let cost = prospects.dearness * (worth - self.worth(&after, prospects));
            let left = LEFT_WEIGHT * f64::from(after.free_total());
            Offer {
                score: (-STEPS * (cost + left)) as i32,
                devices,
            }
        };
        let free = machine.free();
        if !request.is_share() {
            return offer(tightest(free, request));
        }
        let fits = |device: &usize| free[*device] >= request.share;
        let distinct = |device: &usize| fits(device) && !free[..*device].contains(&free[*device]);
        let offers = (0..free.len())
            .filter(distinct)
            .map(|device| offer(DeviceSet::one(device)));
        let better = |best: Offer, next: Offer| if next.score > best.score { next } else { best };
        offers
            .reduce(better)
            .unwrap_or_else(|| offer(tightest(free, request)))
    }

    /// What a placement takes of the machine's worth beyond what it uses: the room that it will leave unusable, as far
    /// as the past tells, in thousandths of a device. Negative where it fills a gap.
    pub fn waste(&self, id: MachineId, machine: &Machine, request: &Request, devices: DeviceSet) -> f64 {
        let prospects = self.prospects_of(id);
        let after = machine.less(request, devices);
        self.worth(machine, prospects) - self.worth(&after, prospects) - f64::from(request.total())
    }

    fn prospects_of(&self, id: MachineId) -> &Prospects {
        let number = self.prospects_of.get(id.index());
        number.map_or(&UNKNOWN, |number| &self.prospects[*number])
    }
}

impl Policy for FutureFit {
    fn offer(&self, fleet: &Fleet, id: MachineId, request: &Request) -> Offer {
        self.judge(id, fleet.machine(id), request)
    }
}
