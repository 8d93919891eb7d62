//! GpuClustering: requests for the same number of devices together (after Gandiva, OSDI'18).

use scheduler::packing::{DEVICES_MAX, Fleet, MachineId, Offer, Policy, Request, tightest};

/// Keeps each machine to one kind of request.
#[derive(Clone, Debug, Default)]
pub struct GpuClustering {
    /// By machine: how many of each kind are on it.
    counts: Vec<[u32; KINDS]>,
}

/// Kinds of requests for devices: shares, then each number of devices.
const KINDS: usize = DEVICES_MAX + 1;

impl GpuClustering {
    fn count(&mut self, fleet: &Fleet, id: MachineId, request: &Request) -> Option<&mut u32> {
        self.counts.resize(fleet.len(), [0; KINDS]);
        self.counts[id.index()].get_mut(kind(request)?)
    }
}

impl Policy for GpuClustering {
    fn offer(&self, fleet: &Fleet, id: MachineId, request: &Request) -> Offer {
        let machine = fleet.machine(id);
        let counts = self.counts.get(id.index()).copied().unwrap_or([0; KINDS]);
        let own = kind(request).is_some_and(|own| counts[own] > 0);
        let base = match (own, counts.iter().filter(|count| **count > 0).count()) {
            (_, 0) => 25,
            (true, 1) => 75,
            (true, _) => 50,
            (false, _) => 0,
        };
        let taken = 8000 - i32::try_from(machine.free_total()).unwrap_or(0);
        Offer {
            score: if request.gpus == 0 {
                0
            } else {
                base + 25 * taken / 8000
            },
            devices: tightest(machine.free(), request),
        }
    }

    fn placed(&mut self, fleet: &Fleet, id: MachineId, request: &Request) {
        if let Some(count) = self.count(fleet, id, request) {
            *count += 1;
        }
    }

    fn released(&mut self, fleet: &Fleet, id: MachineId, request: &Request) {
        if let Some(count) = self.count(fleet, id, request) {
            *count = count.saturating_sub(1);
        }
    }
}

/// The number of a request's kind; none for CPU alone.
fn kind(request: &Request) -> Option<usize> {
    match request.gpus {
        0 => None,
        1 if request.is_share() => Some(0),
        gpus => Some(usize::from(gpus).min(DEVICES_MAX)),
    }
}
