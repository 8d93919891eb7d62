//! Every state of a device, and every placement from it to another.

use std::collections::HashMap;

use super::Geometry;

/// A state of a device: which instances are placed where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId(u16);

impl StateId {
    /// Nothing is placed.
    pub const EMPTY: Self = Self(0);

    /// The index into tables by state.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A place that an instance can get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The memory slice at which it starts.
    pub start: u8,
    /// The state with it.
    pub after: StateId,
}

/// An instance of a profile, by its number, and where it starts.
type Placed = (u8, u8);

/// All states that a geometry allows.
#[derive(Clone, Debug)]
pub struct Table {
    geometry: Geometry,
    /// By state: its instances, sorted.
    instances: Vec<Vec<Placed>>,
    /// By state and profile: the places for one more, lowest start first.
    placements: Vec<Vec<Vec<Placement>>>,
    numbers: HashMap<Vec<Placed>, StateId>,
}

impl Table {
    /// Finds all states.
    pub fn new(geometry: &Geometry) -> Self {
        let mut table = Self {
            geometry: *geometry,
            instances: vec![Vec::new()],
            placements: Vec::new(),
            numbers: HashMap::from([(Vec::new(), StateId::EMPTY)]),
        };
        while table.placements.len() < table.instances.len() {
            let from = table.instances[table.placements.len()].clone();
            let profiles = 0..geometry.profiles.len();
            let placements = profiles.map(|profile| table.places(&from, profile)).collect();
            table.placements.push(placements);
        }
        table
    }

    /// The places for one more instance beside others; states that are new get a number.
    fn places(&mut self, beside: &[Placed], profile: usize) -> Vec<Placement> {
        let starts = self.geometry.profiles[profile].starts.iter().copied();
        let legal = |start: &u8| self.geometry.allows(beside, profile, *start);
        let starts: Vec<u8> = starts.filter(legal).collect();
        let number = u8::try_from(profile).unwrap_or(u8::MAX);
        let place = |start| Placement {
            start,
            after: self.number(with(beside, (number, start))),
        };
        starts.into_iter().map(place).collect()
    }

    fn number(&mut self, instances: Vec<Placed>) -> StateId {
        let next = StateId(u16::try_from(self.instances.len()).unwrap_or(u16::MAX));
        *self.numbers.entry(instances).or_insert_with_key(|instances| {
            self.instances.push(instances.clone());
            next
        })
    }

    /// How many states there are.
    pub fn states(&self) -> impl ExactSizeIterator<Item = StateId> + use<> {
        let count = u16::try_from(self.instances.len()).unwrap_or(u16::MAX);
        (0..count).map(StateId)
    }

    /// What is allowed.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The places for one more instance of a profile, lowest start first.
    pub fn placements(&self, state: StateId, profile: usize) -> &[Placement] {
        &self.placements[state.index()][profile]
    }

    /// Where one more instance of a profile costs least on devices in these states, by `cost` of a state and a place in
    /// it: the device and the place. Of equals the first device is taken, and the lowest start.
    pub fn cheapest<C: PartialOrd + Copy>(
        &self,
        devices: &[StateId],
        profile: usize,
        cost: impl Fn(StateId, &Placement) -> C,
    ) -> Option<(usize, Placement)> {
        let mut best: Option<(C, usize, Placement)> = None;
        for (device, state) in devices.iter().enumerate() {
            for place in self.placements(*state, profile) {
                let cost = cost(*state, place);
                if best.is_none_or(|best| cost < best.0) {
                    best = Some((cost, device, *place));
                }
            }
        }
        best.map(|(_, device, place)| (device, place))
    }

    /// The instances of a state: the number of each one's profile, and where it starts.
    pub fn instances(&self, state: StateId) -> &[(u8, u8)] {
        &self.instances[state.index()]
    }

    /// The state without an instance; `None` if it is not there.
    pub fn without(&self, state: StateId, profile: usize, start: u8) -> Option<StateId> {
        let mut instances = self.instances(state).to_vec();
        let place = instances
            .iter()
            .position(|(p, s)| usize::from(*p) == profile && *s == start)?;
        instances.remove(place);
        self.numbers.get(&instances).copied()
    }

    /// How many placements of any profile are possible.
    pub fn freedom(&self, state: StateId) -> usize {
        self.placements[state.index()].iter().map(Vec::len).sum()
    }

    /// Memory slices that are taken.
    pub fn taken(&self, state: StateId) -> u32 {
        let memory = |(profile, _): &Placed| u32::from(self.geometry.profiles[usize::from(*profile)].memory);
        self.instances(state).iter().map(memory).sum()
    }
}

fn with(beside: &[Placed], one: Placed) -> Vec<Placed> {
    let mut instances = beside.to_vec();
    instances.push(one);
    instances.sort_unstable();
    instances
}

impl Geometry {
    /// Whether one more instance may start there beside others.
    fn allows(&self, beside: &[Placed], profile: usize, start: u8) -> bool {
        let own = &self.profiles[profile];
        let of = |placed: &Placed| &self.profiles[usize::from(placed.0)];
        let clear = |placed: &Placed| start + own.memory <= placed.1 || placed.1 + of(placed).memory <= start;
        let compute: u8 = beside.iter().map(|placed| of(placed).compute).sum();
        let alike = beside
            .iter()
            .filter(|placed| usize::from(placed.0) == profile)
            .count();
        beside.iter().all(clear)
            && compute + own.compute <= self.compute
            && alike < usize::from(own.most)
            && !(own.media && beside.iter().any(|placed| of(placed).media))
    }
}

#[cfg(test)]
mod tests {
    use super::super::geometry::{EIGHTHS, QUARTERS, QUARTERS_PLAIN};
    use super::*;

    /// The geometry with only the profiles of these numbers.
    fn only(geometry: &Geometry, kept: &[usize]) -> Geometry {
        let profiles: Vec<_> = kept.iter().map(|i| geometry.profiles[*i]).collect();
        Geometry {
            profiles: profiles.leak(),
            ..*geometry
        }
    }

    fn check(geometry: &Geometry, states: usize, maximal: usize) {
        let table = Table::new(geometry);
        let full = table.states().filter(|state| table.freedom(*state) == 0).count();
        assert_eq!((table.states().len(), full), (states, maximal));
    }

    #[test]
    fn states_are_as_many_as_nvidia_counts() {
        check(&only(&EIGHTHS, &[0, 3, 4, 5, 6]), 298, 19);
        check(&only(&EIGHTHS, &[0, 2, 3, 4, 5, 6]), 723, 78);
        check(&QUARTERS_PLAIN, 26, 5);
        check(&only(&QUARTERS, &[0, 2, 4]), 26, 5);
    }

    #[test]
    fn media_engines_are_given_once() {
        let table = Table::new(&QUARTERS);
        let with_media = table.placements(StateId::EMPTY, 1)[0].after;
        assert!(table.placements(with_media, 1).is_empty());
        assert!(table.placements(with_media, 3).is_empty());
        assert!(!table.placements(with_media, 2).is_empty());
    }

    #[test]
    fn taking_an_instance_away_leads_back() {
        let table = Table::new(&EIGHTHS);
        for state in table.states() {
            for profile in 0..EIGHTHS.profiles.len() {
                for placement in table.placements(state, profile) {
                    assert_eq!(
                        table.without(placement.after, profile, placement.start),
                        Some(state)
                    );
                }
            }
        }
        assert_eq!(table.without(StateId::EMPTY, 0, 0), None);
    }
}
