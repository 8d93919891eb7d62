//! Devices of one geometry, and the instances placed on them.

use super::{Outlook, Placement, StateId, Table, alone};

/// An instance: which device it is on, what it is and where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instance {
    /// The device's number.
    pub device: usize,
    /// The profile's number in the geometry.
    pub profile: usize,
    /// The memory slice at which it starts.
    pub start: u8,
}

/// Devices of one geometry.
#[derive(Clone, Debug)]
pub struct Pool {
    table: Table,
    outlook: Outlook,
    /// By profile: how often it is asked for while one instance lasts.
    rates: Vec<f64>,
    devices: Vec<StateId>,
    /// By profile: the room for it on all devices.
    room: Vec<f64>,
    /// For a device on its own, by state: the refusals to come.
    alone: Option<Vec<f64>>,
}

impl Pool {
    /// Empty devices that expect requests for each profile at `rates`, all devices together, where an instance ends
    /// at rate 1.
    pub fn new(table: Table, rates: &[f64], devices: usize) -> Self {
        let outlook = Outlook::new(&table);
        let profiles = 0..table.geometry().profiles.len();
        let room = profiles
            .clone()
            .map(|profile| devices as f64 * outlook.room(StateId::EMPTY, profile));
        let rates: Vec<f64> = profiles
            .map(|profile| rates.get(profile).copied().unwrap_or(0.0))
            .collect();
        Self {
            room: room.collect(),
            alone: (devices == 1).then(|| alone::refusals(&table, &rates)),
            rates,
            devices: vec![StateId::EMPTY; devices],
            outlook,
            table,
        }
    }

    /// The state of each device.
    pub fn devices(&self) -> &[StateId] {
        &self.devices
    }

    /// The states that devices can be in.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Places an instance where it takes least of the room that is asked for and scarce; `None` if it fits nowhere.
    /// Of equals the first device is taken, and the lowest start.
    pub fn place(&mut self, profile: usize) -> Option<Instance> {
        let weights = self.weights();
        let cost = |before, place: &Placement| self.cost(&weights, before, place.after);
        let (device, place) = self.table.cheapest(&self.devices, profile, cost)?;
        self.change(device, place.after);
        Some(Instance {
            device,
            profile,
            start: place.start,
        })
    }

    /// Ends an instance; false if there is no such one.
    pub fn release(&mut self, instance: &Instance) -> bool {
        let state = self.devices.get(instance.device);
        let after = state.and_then(|state| self.table.without(*state, instance.profile, instance.start));
        if let Some(after) = after {
            self.change(instance.device, after);
        }
        after.is_some()
    }

    fn change(&mut self, device: usize, after: StateId) {
        let before = std::mem::replace(&mut self.devices[device], after);
        for (profile, room) in self.room.iter_mut().enumerate() {
            *room += self.outlook.room(after, profile) - self.outlook.room(before, profile);
        }
    }

    /// What room for each profile is worth: more where it is asked for, and where there is little.
    fn weights(&self) -> Vec<f64> {
        self.rates
            .iter()
            .zip(&self.room)
            .map(|(rate, room)| rate / (room + 1.0))
            .collect()
    }

    fn cost(&self, weights: &[f64], before: StateId, after: StateId) -> f64 {
        if let Some(refusals) = &self.alone {
            return refusals[after.index()] - refusals[before.index()];
        }
        let lost = |profile| self.outlook.room(before, profile) - self.outlook.room(after, profile);
        weights
            .iter()
            .enumerate()
            .map(|(profile, weight)| weight * lost(profile))
            .sum()
    }
}
