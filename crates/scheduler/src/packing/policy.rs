//! What a packing policy is: a score for each machine that will do.

use super::{DeviceSet, Fleet, MachineId, Request};

/// What a machine is worth for a request, and the devices it would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Higher is better.
    pub score: i32,
    /// The devices that the request would get.
    pub devices: DeviceSet,
}

/// A way to choose among machines. An offer depends on the machine alone until the generation changes, so that
/// it is worked out again only where the machine changed.
pub trait Policy {
    /// What a machine that has all that is asked for is worth.
    fn offer(&self, fleet: &Fleet, machine: MachineId, request: &Request) -> Offer;

    /// Told of each commit, after it.
    fn placed(&mut self, _fleet: &Fleet, _machine: MachineId, _request: &Request) {}

    /// Told of each placement that is given back, after it.
    fn released(&mut self, _fleet: &Fleet, _machine: MachineId, _request: &Request) {}

    /// Changes when offers made before may be wrong for machines that did not change.
    fn generation(&self) -> u64 {
        0
    }
}

impl<P: Policy + ?Sized> Policy for Box<P> {
    fn offer(&self, fleet: &Fleet, machine: MachineId, request: &Request) -> Offer {
        (**self).offer(fleet, machine, request)
    }

    fn placed(&mut self, fleet: &Fleet, machine: MachineId, request: &Request) {
        (**self).placed(fleet, machine, request);
    }

    fn released(&mut self, fleet: &Fleet, machine: MachineId, request: &Request) {
        (**self).released(fleet, machine, request);
    }

    fn generation(&self) -> u64 {
        (**self).generation()
    }
}

/// The devices that fit tightest: for a share the one with least free, for whole devices the lowest.
pub fn tightest(free: &[u16], request: &Request) -> DeviceSet {
    let mut devices = DeviceSet::default();
    for _ in 0..request.gpus {
        let candidates = free.iter().enumerate().filter(|(device, free)| {
            **free >= request.share && !devices.iter().any(|taken| taken == *device)
        });
        if let Some((device, _)) = candidates.min_by_key(|(_, free)| **free) {
            devices.insert(device);
        }
    }
    devices
}
