//! GpuPacking: shared devices first, then free devices of used machines, then unused machines.

use scheduler::packing::{Fleet, MachineId, Offer, Policy, Request, WHOLE, tightest};

/// Prefers what is already in use.
#[derive(Clone, Copy, Debug, Default)]
pub struct GpuPacking;

impl Policy for GpuPacking {
    fn offer(&self, fleet: &Fleet, id: MachineId, request: &Request) -> Offer {
        let free = fleet.machine(id).free();
        let devices = tightest(free, request);
        let taken: Vec<u16> = devices.iter().map(|device| free[device]).collect();
        Offer {
            score: if request.gpus == 0 { 0 } else { score(free, &taken) },
            devices,
        }
    }
}

fn score(free: &[u16], taken: &[u16]) -> i32 {
    let unused = whole(free);
    if usize::try_from(unused) == Ok(free.len()) {
        return (33 - unused).max(unused);
    }
    let broken_into = whole(taken);
    if broken_into > 0 {
        return (50 - broken_into).max(33);
    }
    let percents = taken.iter().map(|free| i32::from(*free) * 100 / i32::from(WHOLE));
    (100 - percents.sum::<i32>() / 10).max(50)
}

/// How many are entirely free.
fn whole(free: &[u16]) -> i32 {
    i32::try_from(free.iter().filter(|free| **free == WHOLE).count()).unwrap_or(i32::MAX)
}
