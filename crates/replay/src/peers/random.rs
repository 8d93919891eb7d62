//! Random: any machine that will do, and any of its devices.

use scheduler::packing::{DeviceSet, Fleet, MachineId, Offer, Policy, Request, tightest};

/// Every machine is equal; to be run with ties broken at random.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Policy for Random {
    fn offer(&self, fleet: &Fleet, id: MachineId, request: &Request) -> Offer {
        let free = fleet.machine(id).free();
        let devices = if request.is_share() {
            any(free, request, fleet.version(id))
        } else {
            tightest(free, request)
        };
        Offer { score: 0, devices }
    }
}

/// One of the devices that will do; which one changes from one state of the machine to the next.
fn any(free: &[u16], request: &Request, version: u32) -> DeviceSet {
    let fitting: Vec<_> = (0..free.len())
        .filter(|device| free[*device] >= request.share)
        .collect();
    let mixed = version.wrapping_add(1).wrapping_mul(0x9E37_79B1) >> 16;
    fitting
        .get(mixed as usize % fitting.len().max(1))
        .copied()
        .map(DeviceSet::one)
        .unwrap_or_default()
}
