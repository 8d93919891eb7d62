//! FGD: the placement after which least of the machine is of no use to typical requests.

use scheduler::packing::{
    DeviceSet, Fleet, Machine, MachineId, ModelSet, Offer, Policy, Request, Typical, WHOLE, Workload,
    tightest,
};

/// Fragmentation gradient descent (Weng et al., USENIX ATC'23).
#[derive(Clone, Debug)]
pub struct Fgd {
    /// The shares that typical requests ask for, each once.
    shares: Vec<u16>,
    classes: Vec<Class>,
}

/// A typical request, laid out for judging it against many machines.
#[derive(Clone, Debug)]
struct Class {
    frequency: f64,
    cpu: i32,
    gpus: u16,
    models: ModelSet,
    /// Its share's place in the list of shares.
    share: usize,
}

/// What a machine's devices are to requests for one share.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// Devices that have the share free.
    fitting: u16,
    /// Free thousandths of the others.
    lost: u32,
}

/// Shares that are told apart at once; a workload with more is judged by its most frequent.
const SHARES_MAX: usize = 64;

impl Fgd {
    /// Judges fragmentation by `workload`.
    pub fn new(workload: &Workload) -> Self {
        let (mut shares, mut classes) = (Vec::new(), Vec::new());
        for Typical { request, frequency } in workload.typical() {
            let share = shares
                .iter()
                .position(|share| *share == request.share)
                .unwrap_or(shares.len());
            if share == SHARES_MAX {
                break;
            }
            if share == shares.len() {
                shares.push(request.share);
            }
            classes.push(Class {
                frequency: *frequency,
                cpu: request.cpu,
                gpus: request.gpus.into(),
                models: request.models,
                share,
            });
        }
        Self { shares, classes }
    }

    /// The free thousandths of a machine's devices that a request, drawn from the workload, could not use.
    pub fn fragmentation(&self, machine: &Machine) -> f64 {
        let all = f64::from(machine.free_total());
        let levels = self.levels(machine);
        // Published scores are truncated, so that the last bit of a sum decides: what is lost for one reason is
        // added up first, and the reasons then, in the published order.
        let mut lost = [0.0; 6];
        for class in &self.classes {
            let level = levels[class.share];
            let has_cpu = class.cpu <= machine.cpu;
            let (reason, amount) = match (class.gpus, has_cpu, level.fitting >= class.gpus) {
                (0, true, _) => (3, all),
                (0, false, _) => (4, all),
                _ if !class.models.contains(machine.model) => (5, all),
                (_, false, false) => (0, all),
                (_, true, false) => (1, all),
                (_, true, true) => (1, f64::from(level.lost)),
                (_, false, true) => (2, all),
            };
            lost[reason] += class.frequency * amount;
        }
        lost.iter().sum()
    }

    fn levels(&self, machine: &Machine) -> [Level; SHARES_MAX] {
        let mut levels = [Level::default(); SHARES_MAX];
        for (level, share) in levels.iter_mut().zip(&self.shares) {
            for free in machine.free() {
                let fits = free >= share;
                level.fitting += u16::from(fits);
                level.lost += if fits { 0 } else { u32::from(*free) };
            }
        }
        levels
    }

    fn score(&self, before: f64, after: &Machine) -> i32 {
        let gain = (before - self.fragmentation(after)) / f64::from(WHOLE);
        super::percent(1.0 / (1.0 + (-gain).exp()))
    }
}

impl Policy for Fgd {
    fn offer(&self, fleet: &Fleet, id: MachineId, request: &Request) -> Offer {
        let machine = fleet.machine(id);
        let before = self.fragmentation(machine);
        if !request.is_share() {
            let devices = tightest(machine.free(), request);
            let score = self.score(before, &machine.less(request, devices));
            return Offer { score, devices };
        }
        let mut best = Offer {
            score: -1,
            devices: DeviceSet::default(),
        };
        for (device, free) in machine.free().iter().enumerate() {
            let alike = machine.free()[..device].contains(free);
            if *free < request.share || alike {
                continue;
            }
            let devices = DeviceSet::one(device);
            let score = self.score(before, &machine.less(request, devices));
            if score > best.score {
                best = Offer { score, devices };
            }
        }
        best
    }
}
