//! What a state of a device is worth: how many instances of each profile it will have room for, now and as the
//! instances on it end.

use super::{StateId, Table};

/// How fast the future counts less, where an instance ends at rate 1: about how often a device gets a request.
const IMPATIENCE: f64 = 6.0;

/// By profile and state: the room for instances of the profile, averaged over the time to come.
#[derive(Clone, Debug)]
pub struct Outlook {
    room: Vec<Vec<f64>>,
}

impl Outlook {
    /// Works out every state, from the empty one up: an instance that ends leads to a state with fewer.
    pub fn new(table: &Table) -> Self {
        let mut order: Vec<StateId> = table.states().collect();
        order.sort_by_key(|state| table.instances(*state).len());
        let capacity = capacity(table);
        let profiles = 0..table.geometry().profiles.len();
        let room = profiles.map(|profile| {
            let mut room = vec![0.0; order.len()];
            for state in &order {
                room[state.index()] = average(table, *state, capacity[state.index()][profile].into(), &room);
            }
            room
        });
        Self { room: room.collect() }
    }

    /// The room for a profile.
    pub fn room(&self, state: StateId, profile: usize) -> f64 {
        self.room[profile][state.index()]
    }
}

/// The room now and after each end, weighed by when that is expected.
fn average(table: &Table, state: StateId, now: f64, room: &[f64]) -> f64 {
    let instances = table.instances(state);
    let ends = instances
        .iter()
        .filter_map(|(profile, start)| table.without(state, usize::from(*profile), *start));
    let after: f64 = ends.map(|after| room[after.index()]).sum();
    (IMPATIENCE * now + after) / (IMPATIENCE + instances.len() as f64)
}

/// By state and profile: how many more instances of the profile fit at most.
fn capacity(table: &Table) -> Vec<Vec<u8>> {
    let profiles = table.geometry().profiles.len();
    let mut order: Vec<StateId> = table.states().collect();
    order.sort_by_key(|state| std::cmp::Reverse(table.instances(*state).len()));
    let mut capacity: Vec<Vec<u8>> = vec![Vec::new(); order.len()];
    for state in order {
        let more = |profile| {
            let places = table.placements(state, profile).iter();
            places
                .map(|place| capacity[place.after.index()][profile] + 1)
                .max()
                .unwrap_or(0)
        };
        capacity[state.index()] = (0..profiles).map(more).collect();
    }
    capacity
}
