//! Random draws of a seed, the same on every machine.

use meta::seeded::Seeded;

/// What a seed gives, in the forms that traces and streams need.
#[derive(Clone, Debug)]
pub struct Draws(Seeded);

impl Draws {
    /// The draws of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Seeded::new(seed))
    }

    /// A number below `bound`, near enough to uniform.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.below(bound as u64)).unwrap_or(0)
    }

    /// A time to the next event of those that come at `rate`.
    pub fn exponential(&mut self, rate: f64) -> f64 {
        let uniform = ((self.0.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        -uniform.ln() / rate
    }

    /// Puts items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
