//! GpuClustering: requests for the same number of devices together (after Gandiva, OSDI'18).

use scheduler::packing::{Fleet, MachineId, Offer, Policy, Request, tightest};

/// Keeps each machine to one kind of request.
#[derive(Clone, Debug, Default)]
pub struct GpuClustering {
    /// By machine: a bit for each kind that it has had.
    kinds: Vec<u32>,
}

impl Policy for GpuClustering {
    fn offer(&self, fleet: &Fleet, id: MachineId, request: &Request) -> Offer {
        let machine = fleet.machine(id);
        let kinds = self.kinds.get(id.index()).copied().unwrap_or(0);
        let base = match kind(request) {
            0 => 0,
            own if kinds == own => 75,
            own if kinds & own != 0 => 50,
            _ if kinds == 0 => 25,
            _ => 0,
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
        self.kinds.resize(fleet.len(), 0);
        self.kinds[id.index()] |= kind(request);
    }
}

/// The bit of a request's kind: none for CPU alone, then shares, then each number of devices.
fn kind(request: &Request) -> u32 {
    match request.gpus {
        0 => 0,
        1 if request.is_share() => 1,
        gpus => 1 << u32::from(gpus).min(31),
    }
}
