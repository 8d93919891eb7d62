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

impl Verdict {
    fn has_wishes(&self) -> bool {
        matches!(self, Self::Fits(marks) if marks.has_wishes())
    }

    fn rank(&self) -> u64 {
        match self {
            Self::Fits(marks) => marks.rank(),
            Self::Absent | Self::Refused(_) => 0,
        }
    }
}

/// The verdicts on all machines for pods with the same requirements.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// By slot.
    verdicts: Vec<Verdict>,
    /// By slot: the rank of a machine that will do, zero of others. Machines without wishes are compared by it alone.
    ranks: Vec<u64>,
    /// How many machines will do that have wishes, or are wished for.
    wishes: usize,
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
                        let verdict = verdict(id.index(), &self.requests);
                        self.set(id.index(), verdict);
                    }
                }
            }
            _ => {
                self.verdicts = vec![Verdict::Absent; slots.len()];
                self.ranks = vec![0; slots.len()];
                self.wishes = 0;
                for index in 0..slots.len() {
                    let verdict = verdict(index, &self.requests);
                    self.set(index, verdict);
                }
            }
        }
        self.seen = stock.changes().count();
        self.edition = edition;
    }

    fn set(&mut self, index: usize, verdict: Verdict) {
        self.wishes += usize::from(verdict.has_wishes());
        self.ranks[index] = verdict.rank();
        let before = std::mem::replace(&mut self.verdicts[index], verdict);
        self.wishes -= usize::from(before.has_wishes());
    }

    /// The slot of the best machine, the first of equals; `None` if there is none, or if wishes matter.
    pub(crate) fn plainly_best(&self) -> Option<usize> {
        let best = self.ranks.iter().copied().max().filter(|best| *best > 0)?;
        let first = self.ranks.iter().position(|rank| *rank == best);
        first.filter(|_| self.wishes == 0)
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
