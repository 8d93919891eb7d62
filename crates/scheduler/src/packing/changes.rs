//! Which machines changed lately, for those who keep something by machine: each reader keeps its place.

use super::MachineId;

/// Changes that are remembered for each machine: a reader that missed more looks at every machine instead.
const CHANGES_PER_MACHINE: usize = 4;

/// Machines in the order in which they changed lately.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    recent: Vec<MachineId>,
    /// How many changes came before those.
    forgotten: usize,
}

impl Changes {
    /// A machine changed, of so many that there are.
    pub fn note(&mut self, id: MachineId, machines: usize) {
        if self.recent.len() > CHANGES_PER_MACHINE * machines {
            let oldest = self.recent.len() / 2;
            self.recent.drain(..oldest);
            self.forgotten += oldest;
        }
        self.recent.push(id);
    }

    /// How many changes there have been.
    pub fn count(&self) -> usize {
        self.forgotten + self.recent.len()
    }

    /// The machines that changed, in order, after the first `seen` changes; `None` if that is too long ago.
    pub fn since(&self, seen: usize) -> Option<&[MachineId]> {
        self.recent.get(seen.checked_sub(self.forgotten)?..)
    }
}
