//! What each machine is to pods of one kind, kept and looked at anew where machines changed.
//!
//! ```text
//!     requirements, machine, what is taken ──filters, device fit──► refused, and why
//!                                           └─marks, packing──────► fits, and how well
//! ```
//!
//! Only what depends on the machine itself is kept. Where the company of other pods matters, that comes on top.

use crate::devices::{Ask, DEVICES};
use crate::filter;
use crate::gpus::Packer;
use crate::packing::{DEVICES_MAX, DeviceSet, ModelSet, Request, WHOLE, tightest};
use crate::pod::Requirements;
use crate::score::{self, Marks};
use crate::stock::{Slot, Stock};
use crate::why_not::{Reason, Refusal};

/// What a machine is to a pod.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// It is not there.
    Absent,
    /// It will not do.
    Refused(Refusal),
    /// It will do.
    Fits(Marks),
}

/// The verdicts on all machines for pods with the same requirements.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// By slot.
    verdicts: Vec<Verdict>,
    /// By flavour of devices: what is asked for there.
    requests: Vec<Request>,
    /// How many of the machines' changes are in.
    seen: usize,
    /// The edition of machines and judge that the verdicts are of.
    edition: u64,
    /// When it was last used.
    pub(crate) used: u64,
}

impl Table {
    /// Brings the verdicts up to date. With another edition all are void.
    pub(crate) fn renew(
        &mut self,
        requirements: &Requirements,
        stock: &Stock,
        packer: Option<&Packer>,
        edition: u64,
    ) {
        let slots = stock.slots();
        let current = self.edition == edition && self.verdicts.len() == slots.len();
        if !current {
            self.requests = requests(requirements, stock);
        }
        let verdict = |index: usize, requests: &[Request]| {
            let slot = &slots[index];
            verdict(requirements, index, slot, &requests[slot.flavour], packer)
        };
        match stock.changes().since(self.seen) {
            Some(missed) if current && missed.len() < slots.len() => {
                let mut done = vec![false; slots.len()];
                for id in missed {
                    if !std::mem::replace(&mut done[id.index()], true) {
                        self.verdicts[id.index()] = verdict(id.index(), &self.requests);
                    }
                }
            }
            _ => {
                self.verdicts = (0..slots.len())
                    .map(|index| verdict(index, &self.requests))
                    .collect();
            }
        }
        self.seen = stock.changes().count();
        self.edition = edition;
    }

    /// The verdicts, by slot.
    pub(crate) fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// The devices that a pod gets on a machine where it fits, and how much of each; none if it asks for none.
    pub(crate) fn devices(
        &self,
        index: usize,
        slot: &Slot,
        packer: Option<&Packer>,
    ) -> Option<(DeviceSet, u16)> {
        let request = self.requests.get(slot.flavour)?;
        let devices = match packer {
            Some(packer) => packer.judge(index, &slot.free, request).devices,
            None => tightest(slot.free.free(), request),
        };
        (request.gpus > 0).then_some((devices, request.share))
    }
}

fn requests(requirements: &Requirements, stock: &Stock) -> Vec<Request> {
    let ask = requirements.ask();
    let request = |devices| ask.request(&requirements.requests, devices, ModelSet::ANY);
    stock.flavours().iter().map(request).collect()
}

fn verdict(
    requirements: &Requirements,
    index: usize,
    slot: &Slot,
    request: &Request,
    packer: Option<&Packer>,
) -> Verdict {
    let Some(machine) = &slot.machine else {
        return Verdict::Absent;
    };
    if let Some(refusal) = filter::check(requirements, machine, &slot.taken, None) {
        return Verdict::Refused(refusal);
    }
    if requirements.asks_devices() && !has_devices(slot.free.free(), request) {
        let lasting = !has_devices(&[WHOLE; DEVICES_MAX][..machine.devices.count], request);
        let reasons = vec![Reason::Insufficient(DEVICES.to_owned())];
        return Verdict::Refused(Refusal { reasons, lasting });
    }
    let packed = packer.map(|packer| packer.judge(index, &slot.free, request).score);
    Verdict::Fits(score::mark(requirements, machine, &slot.taken.resources, packed))
}

/// Whether enough of enough devices is free; that of other amounts the filters have seen to.
fn has_devices(free: &[u16], request: &Request) -> bool {
    free.iter().filter(|free| **free >= request.share).count() >= request.gpus.into()
}

impl Requirements {
    /// Whether it asks for devices.
    pub(crate) fn asks_devices(&self) -> bool {
        self.ask() != Ask::Nothing
    }
}
