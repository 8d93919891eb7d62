//! The planner: the best machine for a shape, by scores that are kept and renewed where machines changed.

use meta::seeded::Seeded;

use super::{DeviceSet, Fleet, MachineId, Policy, Request, ShapeId, Shapes, Stale};

/// Which of equally good machines is taken.
#[derive(Clone, Debug)]
pub enum Ties {
    /// The one with the lowest rank.
    Ranked(Vec<u32>),
    /// Any of them with equal chance, as this generator draws.
    Random(Seeded),
}

/// A decision: where a request would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The machine.
    pub machine: MachineId,
    /// The devices it gets there.
    pub devices: DeviceSet,
    /// The machine's version that the decision was made on.
    pub version: u32,
}

/// The scores of all machines for one shape.
#[derive(Clone, Debug, Default)]
struct Scores {
    /// By machine: the score above the rank's complement; zero where the machine will not do.
    keys: Vec<u64>,
    /// How many of the fleet's changes are in.
    seen: usize,
    generation: u64,
}

/// A fleet, the shapes asked for, and a policy.
#[derive(Clone, Debug)]
pub struct Planner<P> {
    fleet: Fleet,
    shapes: Shapes,
    policy: P,
    ties: Ties,
    scores: Vec<Scores>,
}

impl<P: Policy> Planner<P> {
    /// A planner over `fleet`.
    pub fn new(fleet: Fleet, policy: P, ties: Ties) -> Self {
        Self {
            fleet,
            shapes: Shapes::default(),
            policy,
            ties,
            scores: Vec::new(),
        }
    }

    /// The machines.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// The shape of a request.
    pub fn shape(&mut self, request: &Request) -> ShapeId {
        let shape = self.shapes.intern(request);
        self.scores.resize(self.shapes.len(), Scores::default());
        shape
    }

    /// What all of a shape ask for.
    pub fn request(&self, shape: ShapeId) -> &Request {
        self.shapes.request(shape)
    }

    /// Where a request of this shape should go; `None` if it fits nowhere. Takes nothing.
    pub fn decide(&mut self, shape: ShapeId) -> Option<Placement> {
        self.renew(shape);
        let keys = &self.scores[shape.index()].keys;
        let machine = choose(keys, &mut self.ties)?;
        let request = self.shapes.request(shape);
        let offer = self.policy.offer(&self.fleet, machine, request);
        Some(Placement {
            machine,
            devices: offer.devices,
            version: self.fleet.version(machine),
        })
    }

    /// Takes what a decision promised.
    ///
    /// # Errors
    /// [`Stale`] if the machine has changed since; then nothing is taken.
    pub fn commit(&mut self, shape: ShapeId, placement: &Placement) -> Result<(), Stale> {
        let request = self.shapes.request(shape);
        let Placement {
            machine,
            devices,
            version,
        } = *placement;
        self.fleet.take(machine, version, request, devices)?;
        self.policy.placed(&self.fleet, machine, request);
        Ok(())
    }

    /// Decides and commits.
    pub fn place(&mut self, shape: ShapeId) -> Option<Placement> {
        let placement = self.decide(shape)?;
        self.commit(shape, &placement).ok()?;
        Some(placement)
    }

    /// Gives back what a placement took.
    pub fn give_back(&mut self, shape: ShapeId, machine: MachineId, devices: DeviceSet) {
        let request = self.shapes.request(shape);
        self.fleet.give_back(machine, request, devices);
        self.policy.released(&self.fleet, machine, request);
    }

    /// Brings the scores of a shape up to date.
    fn renew(&mut self, shape: ShapeId) {
        let scores = &mut self.scores[shape.index()];
        let generation = self.policy.generation();
        let (fleet, policy, ties) = (&self.fleet, &self.policy, &self.ties);
        let request = self.shapes.request(shape);
        let key = |id: MachineId| {
            if !fleet.fits(id, request) {
                return 0;
            }
            key(policy.offer(fleet, id, request).score, rank(ties, id))
        };
        let current = scores.generation == generation && scores.keys.len() == fleet.len();
        match fleet.changes().since(scores.seen) {
            Some(missed) if current && missed.len() < fleet.len() => {
                for id in missed {
                    scores.keys[id.index()] = key(*id);
                }
            }
            _ => scores.keys = fleet.ids().map(key).collect(),
        }
        scores.seen = fleet.changes().count();
        scores.generation = generation;
    }
}

fn rank(ties: &Ties, id: MachineId) -> u32 {
    match ties {
        Ties::Ranked(ranks) => ranks.get(id.index()).copied().unwrap_or(id.0),
        Ties::Random(_) => 0,
    }
}

/// Orders by score, then by lowest rank; never zero.
fn key(score: i32, rank: u32) -> u64 {
    let score = u64::from(score.cast_unsigned() ^ 0x8000_0000);
    (score << 32) | u64::from(u32::MAX - rank.min(u32::MAX - 1))
}

/// The machine with the highest key.
fn choose(keys: &[u64], ties: &mut Ties) -> Option<MachineId> {
    let best = keys.iter().copied().max().filter(|best| *best > 0)?;
    let mut equals = keys.iter().enumerate().filter(|(_, key)| **key == best);
    let (index, _) = match ties {
        Ties::Ranked(_) => equals.next()?,
        Ties::Random(seeded) => {
            let equals: Vec<_> = equals.collect();
            let drawn = seeded.below(equals.len() as u64);
            *equals.get(usize::try_from(drawn).ok()?)?
        }
    };
    Some(MachineId(u32::try_from(index).ok()?))
}
