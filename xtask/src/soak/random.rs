//! Numbers that a soak's seed decides, in the shapes that choosing what to break asks for.

use meta::seeded::Seeded;

/// A sequence of numbers.
pub(crate) struct Random(Seeded);

impl Random {
    /// The sequence of round `round` of the soak `seed`: a round is the same however many ran before it.
    pub(crate) fn of_round(seed: u64, round: u64) -> Self {
        Self(Seeded::new(seed).split(&format!("round {round}")))
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.below(high - low + 1)
    }

    /// Whether something happens that happens `percent` times in a hundred.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.0.chance(percent)
    }

    /// One of `items`, if there are any.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let last = items.len().checked_sub(1)?;
        items.get(self.between(0, last as u64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_depends_on_its_seed_and_number_alone() {
        let numbers = |seed, round| {
            let mut random = Random::of_round(seed, round);
            [0; 3].map(|_| random.between(0, 1000))
        };
        assert_eq!(numbers(1, 2), numbers(1, 2));
        assert_ne!(numbers(1, 2), numbers(1, 3));
        assert_ne!(numbers(1, 2), numbers(2, 2));
    }
}
