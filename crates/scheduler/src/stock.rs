//! The machines, in order of name, and what is taken of each.

use std::collections::BTreeMap;

use meta::Quantity;
use meta::devices::Grant;

use crate::devices::{Account, Ask, Devices};
use crate::filter::Taken;
use crate::gpus;
use crate::machine::Machine;
use crate::packing::{self, Changes, MachineId};
use crate::pod::Requirements;

/// A machine and what is taken of it. The machine may be unknown while pods bound to it are known.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) machine: Option<Machine>,
    pub(crate) taken: Taken,
    account: Account,
    /// What is free, as packing sees it.
    pub(crate) free: packing::Machine,
    /// Which of [`Stock::flavours`] its devices are.
    pub(crate) flavour: usize,
    pods: usize,
}

impl Slot {
    fn renew(&mut self) {
        let Some(machine) = &self.machine else { return };
        let free = self.account.free(&machine.devices);
        self.free = gpus::free(machine, &self.taken.resources).with_free(&free);
    }

    /// Whether of what a pod takes there is enough for all that take it.
    fn holds(&self, requirements: &Requirements, grant: Option<&Grant>) -> bool {
        let Some(machine) = &self.machine else {
            return false;
        };
        let mut asked = requirements
            .requests
            .iter()
            .filter(|(_, amount)| *amount > Quantity::ZERO);
        let enough = |name: &str| self.taken.resources.get(name) <= machine.allocatable.get(name);
        asked.all(|(name, _)| enough(name))
            && grant.is_none_or(|grant| self.account.holds(&machine.devices, grant))
    }
}

/// All machines.
#[derive(Default)]
pub(crate) struct Stock {
    slots: Vec<Slot>,
    ids: BTreeMap<String, MachineId>,
    /// Kinds of devices that there are.
    flavours: Vec<Devices>,
    /// Which slots changed lately.
    changes: Changes,
    /// A machine came, changed or went since the slots were put in order.
    unsettled: bool,
}

impl Stock {
    /// The machines, in order of name once they are [settled](Self::settle).
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The machines that are known.
    pub(crate) fn machines(&self) -> impl Iterator<Item = &Machine> {
        self.slots.iter().filter_map(|slot| slot.machine.as_ref())
    }

    pub(crate) fn flavours(&self) -> &[Devices] {
        &self.flavours
    }

    pub(crate) fn changes(&self) -> &Changes {
        &self.changes
    }

    fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.get(self.ids.get(name)?.index())
    }

    fn slot_mut(&mut self, name: &str) -> (MachineId, &mut Slot) {
        let id = self.ids.get(name).copied().unwrap_or_else(|| {
            let id = MachineId(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
            self.ids.insert(name.to_owned(), id);
            self.slots.push(Slot {
                name: name.to_owned(),
                ..Slot::default()
            });
            self.unsettled = true;
            id
        });
        (id, &mut self.slots[id.index()])
    }

    /// A machine appeared or changed; false if it is as it was.
    pub(crate) fn applied(&mut self, machine: Machine) -> bool {
        let (_, slot) = self.slot_mut(&machine.name);
        let changed = slot.machine.as_ref() != Some(&machine);
        if changed {
            slot.machine = Some(machine);
            slot.renew();
            self.unsettled = true;
        }
        changed
    }

    /// A machine is gone; false if it was not there.
    pub(crate) fn deleted(&mut self, name: &str) -> bool {
        let Some(id) = self.ids.get(name) else {
            return false;
        };
        let gone = self.slots[id.index()].machine.take().is_some();
        self.unsettled |= gone;
        gone
    }

    /// A pod takes its room on a machine.
    pub(crate) fn took(&mut self, node: &str, requirements: &Requirements, grant: Option<&Grant>) {
        let (id, slot) = self.slot_mut(node);
        slot.pods += 1;
        slot.taken.add(requirements);
        slot.account.add(requirements.ask(), grant);
        self.changed(id);
    }

    /// A pod gives its room back.
    pub(crate) fn gave_back(&mut self, node: &str, requirements: &Requirements, grant: Option<&Grant>) {
        let (id, slot) = self.slot_mut(node);
        slot.pods = slot.pods.saturating_sub(1);
        slot.taken.subtract(requirements);
        slot.account.subtract(requirements.ask(), grant);
        self.changed(id);
    }

    fn changed(&mut self, id: MachineId) {
        self.slots[id.index()].renew();
        self.changes.note(id, self.slots.len());
    }

    /// Whether a machine is there and has enough of what a pod takes for all that take it.
    pub(crate) fn holds(&self, node: &str, requirements: &Requirements, grant: Option<&Grant>) -> bool {
        self.slot(node)
            .is_some_and(|slot| slot.holds(requirements, grant))
    }

    /// A machine that is there.
    pub(crate) fn machine(&self, node: &str) -> Option<&Machine> {
        self.slot(node)?.machine.as_ref()
    }

    /// Puts the slots in order if machines came, changed or went; whether they had. Numbers from before are void then.
    pub(crate) fn settle(&mut self) -> bool {
        if !std::mem::take(&mut self.unsettled) {
            return false;
        }
        let mut slots = std::mem::take(&mut self.slots);
        slots.retain(|slot| slot.machine.is_some() || slot.pods > 0);
        slots.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        self.slots = slots;
        self.flavours.clear();
        self.ids.clear();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let devices = slot.machine.as_ref().map(|machine| machine.devices.clone());
            slot.flavour = flavour(&mut self.flavours, devices.unwrap_or_default());
            let id = MachineId(u32::try_from(index).unwrap_or(u32::MAX));
            self.ids.insert(slot.name.clone(), id);
        }
        true
    }
}

/// The number of these devices among the flavours.
fn flavour(flavours: &mut Vec<Devices>, devices: Devices) -> usize {
    let known = flavours.iter().position(|flavour| *flavour == devices);
    known.unwrap_or_else(|| {
        flavours.push(devices);
        flavours.len() - 1
    })
}

impl Requirements {
    /// What it asks of devices.
    pub(crate) fn ask(&self) -> Ask {
        Ask::new(&self.requests, self.part)
    }
}
