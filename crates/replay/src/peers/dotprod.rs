//! DotProd: least product of what is free and what is asked for.

use scheduler::packing::{Fleet, MachineId, Offer, Policy, Request, tightest};

use super::{CPU_MAX, DEVICES_MAX, percent};

/// The machine whose free amounts point least in the request's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct DotProd;

impl Policy for DotProd {
    fn offer(&self, fleet: &Fleet, id: MachineId, request: &Request) -> Offer {
        let machine = fleet.machine(id);
        let cpu = f64::from(machine.cpu) / CPU_MAX * (f64::from(request.cpu) / CPU_MAX);
        let free = f64::from(machine.free_total()) / DEVICES_MAX;
        let devices = free * (f64::from(request.total()) / DEVICES_MAX);
        Offer {
            score: percent(1.0 - 0.5 * (cpu + devices)),
            devices: tightest(machine.free(), request),
        }
    }
}
