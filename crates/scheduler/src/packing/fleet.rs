//! All machines: what is free on each, and how often each has changed.

use super::{Changes, DeviceSet, Machine, MachineId, Request};

/// A placement was decided on a state of the machine that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

/// The machines, by number.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    machines: Vec<Machine>,
    capacity: Vec<Machine>,
    versions: Vec<u32>,
    /// What is free of extended resources: a row of `resources` amounts for each machine.
    extended: Vec<i64>,
    resources: usize,
    changes: Changes,
}

impl Fleet {
    /// No machines, which will tell `resources` extended resources apart.
    pub fn new(resources: usize) -> Self {
        Self {
            resources,
            ..Self::default()
        }
    }

    /// Adds a machine of which nothing is taken; `extended` amounts that are not given are none.
    pub fn add(&mut self, machine: Machine, extended: &[i64]) -> MachineId {
        let id = MachineId(u32::try_from(self.machines.len()).unwrap_or(u32::MAX));
        self.machines.push(machine);
        self.capacity.push(machine);
        self.versions.push(0);
        let amounts = (0..self.resources).map(|i| extended.get(i).copied().unwrap_or(0));
        self.extended.extend(amounts);
        self.changes.note(id, self.machines.len());
        id
    }

    /// How many machines there are.
    pub fn len(&self) -> usize {
        self.machines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.machines.is_empty()
    }

    /// The machines' numbers.
    pub fn ids(&self) -> impl Iterator<Item = MachineId> + use<> {
        (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).map(MachineId)
    }

    /// What is free on each machine.
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// What is free on a machine.
    pub fn machine(&self, id: MachineId) -> &Machine {
        &self.machines[id.index()]
    }

    /// What was free on each machine when nothing was taken.
    pub fn capacity(&self) -> &[Machine] {
        &self.capacity
    }

    /// How often a machine has changed.
    pub fn version(&self, id: MachineId) -> u32 {
        self.versions[id.index()]
    }

    /// Which machines changed lately.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Whether everything that `request` asks for is free on a machine.
    #[inline]
    pub fn fits(&self, id: MachineId, request: &Request) -> bool {
        self.machine(id).fits(request) && self.has_extended(id, request)
    }

    fn has_extended(&self, id: MachineId, request: &Request) -> bool {
        request.extended.iter().all(|(resource, amount)| {
            *amount
                <= self
                    .extended_row(id)
                    .get(usize::from(*resource))
                    .copied()
                    .unwrap_or(0)
        })
    }

    fn extended_row(&self, id: MachineId) -> &[i64] {
        &self.extended[id.index() * self.resources..][..self.resources]
    }

    /// Takes what `request` asks for, all of it or nothing.
    ///
    /// # Errors
    /// [`Stale`] if the machine has changed since `version`, or does not have what is asked for.
    pub fn take(
        &mut self,
        id: MachineId,
        version: u32,
        request: &Request,
        devices: DeviceSet,
    ) -> Result<(), Stale> {
        if self.version(id) != version || !self.fits(id, request) || !self.offers(id, request, devices) {
            return Err(Stale);
        }
        self.machines[id.index()] = self.machine(id).less(request, devices);
        self.change(id, request, -1);
        Ok(())
    }

    fn offers(&self, id: MachineId, request: &Request, devices: DeviceSet) -> bool {
        let free = self.machine(id).free();
        let enough = |device: usize| free.get(device).is_some_and(|free| *free >= request.share);
        devices.len() == usize::from(request.gpus) && devices.iter().all(enough)
    }

    /// Gives back what `request` took.
    pub fn give_back(&mut self, id: MachineId, request: &Request, devices: DeviceSet) {
        self.machines[id.index()] = self.machine(id).plus(request, devices);
        self.change(id, request, 1);
    }

    fn change(&mut self, id: MachineId, request: &Request, sign: i64) {
        let start = id.index() * self.resources;
        for (resource, amount) in &request.extended {
            self.extended[start + usize::from(*resource)] += sign * amount;
        }
        self.versions[id.index()] += 1;
        self.changes.note(id, self.machines.len());
    }
}
