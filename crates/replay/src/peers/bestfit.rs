//! BestFit: least CPU and devices left over.

use scheduler::packing::{Fleet, MachineId, Offer, Policy, Request, tightest};

use super::{CPU_MAX, DEVICES_MAX, percent};

/// The machine on which least remains.
#[derive(Clone, Copy, Debug, Default)]
pub struct BestFit;

impl Policy for BestFit {
    fn offer(&self, fleet: &Fleet, id: MachineId, request: &Request) -> Offer {
        let machine = fleet.machine(id);
        let cpu = f64::from(machine.cpu - request.cpu) / CPU_MAX;
        let devices = f64::from(machine.free_total() - request.total()) / DEVICES_MAX;
        Offer {
            score: percent(1.0 - 0.5 * cpu - 0.5 * devices),
            devices: tightest(machine.free(), request),
        }
    }
}
