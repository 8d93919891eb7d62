//! How long to wait after a failure: doubling, bounded, and without jitter, so that the same history waits
//! the same time. A process is one client; there is no herd to break up.

use std::time::Duration;

/// The first wait.
pub const FIRST: Duration = Duration::from_millis(20);
/// The longest wait.
pub const LONGEST: Duration = Duration::from_secs(10);

/// The waits of one sequence of failures.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure.
    pub fn wait(&mut self) -> Duration {
        let wait = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        wait
    }

    /// It worked: the next failure is a first one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since it last worked.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_bound_and_starts_again() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..12).map(|_| backoff.wait().as_millis()).collect();
        assert_eq!(
            waits,
            [
                20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10_000, 10_000, 10_000
            ]
        );
        backoff.reset();
        assert_eq!(backoff.wait(), FIRST);
    }
}
