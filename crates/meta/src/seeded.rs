//! Randomness that a seed decides: for simulation and tests, never for secrets.

use std::sync::{Mutex, PoisonError};

use crate::host::Random;

/// A generator (SplitMix64) whose whole sequence follows from its seed.
#[derive(Clone, Debug)]
pub struct Seeded {
    state: u64,
}

impl Seeded {
    /// The generator of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 random bits.
    #[expect(
        clippy::should_implement_trait,
        reason = "an endless generator is no iterator to collect"
    )]
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        u64::try_from((u128::from(self.next()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// True `percent` times of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A generator of its own for the part called `name`: what one part draws does not move the others.
    pub fn split(&self, name: &str) -> Self {
        let salt = u64::from(crate::hash::fnv1a_32(name.as_bytes()));
        let mut child = Self::new(self.state ^ (salt << 32 | salt));
        child.next();
        child
    }
}

/// A seeded generator that many may draw from.
#[derive(Debug)]
pub struct SharedSeeded(Mutex<Seeded>);

impl SharedSeeded {
    /// The shared form of a generator.
    pub const fn new(seeded: Seeded) -> Self {
        Self(Mutex::new(seeded))
    }

    /// Draws with `draw`.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Seeded) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Random for SharedSeeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.draw(|seeded| {
            for chunk in bytes.chunks_mut(8) {
                let word = seeded.next().to_le_bytes();
                chunk.copy_from_slice(&word[..chunk.len()]);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides() {
        // The first values of SplitMix64 for the seed 1234567, as its authors publish them.
        let mut seeded = Seeded::new(1_234_567);
        assert_eq!(seeded.next(), 6_457_827_717_110_365_317);
        assert_eq!(seeded.next(), 3_203_168_211_198_807_973);
        assert!((0..1000).all(|_| seeded.below(7) < 7));
        let (mut a, mut b) = (seeded.split("a"), seeded.split("b"));
        assert_ne!(a.next(), b.next());
    }
}
