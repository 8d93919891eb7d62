//! How long what nobody waits for may wait: that a step runs now, and that a pod which is over is let go of. It goes
//! with the next decision, or by itself after a while; without this a short step would have two writes more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Shorter than anyone would notice in a live view.
const MOMENT: Duration = Duration::from_millis(50);
/// On a cluster a pod takes longer to run than that by itself, and each write costs everyone's API server some
/// milliseconds.
const WHILE: Duration = Duration::from_millis(500);
/// Writes a second, of all workflows together, that only show progress.
const PER_SECOND: u32 = 10;

/// How long what nobody waits for lingers. Clones share the allowance.
#[derive(Clone, Debug)]
pub struct Lingering {
    /// How long at least.
    pub(super) least: Duration,
    /// How often it may go by itself then.
    pub(super) allowance: Allowance,
}

impl Lingering {
    /// On one machine: a moment, and as often as there is something to show.
    pub fn brief() -> Self {
        Self {
            least: MOMENT,
            allowance: Allowance::default(),
        }
    }

    /// On a cluster: longer, and ten times a second for all workflows together.
    pub fn sparing() -> Self {
        Self {
            least: WHILE,
            allowance: Allowance::per_second(PER_SECOND),
        }
    }
}

impl Default for Lingering {
    fn default() -> Self {
        Self::brief()
    }
}

/// So many a second, saved up for a second at most; or any number.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowance(Option<Arc<Mutex<Saved>>>);

#[derive(Debug)]
struct Saved {
    interval: Duration,
    /// When nothing is left, if one is taken at each interval; at most a second ago.
    empty: Option<Instant>,
}

impl Allowance {
    fn per_second(number: u32) -> Self {
        let interval = Duration::from_secs(1) / number.max(1);
        Self(Some(Arc::new(Mutex::new(Saved {
            interval,
            empty: None,
        }))))
    }

    /// Takes one, if there is one.
    pub(super) fn take(&self, now: Instant) -> bool {
        let Some(saved) = &self.0 else { return true };
        let mut saved = saved.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        let next = saved.empty.unwrap_or(longest).max(longest) + saved.interval;
        let there = next <= now;
        if there {
            saved.empty = Some(next);
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_allowance_is_used_up_and_comes_back() {
        let (all, some) = (Allowance::default(), Allowance::per_second(10));
        // A paused clock starts where nothing could have been saved up before.
        tokio::time::advance(Duration::from_secs(2)).await;
        let taken = |allowance: &Allowance| (0..100).filter(|_| allowance.take(Instant::now())).count();
        assert_eq!((taken(&all), taken(&some)), (100, 10));
        tokio::time::advance(Duration::from_millis(250)).await;
        assert_eq!(taken(&some.clone()), 2, "clones share it");
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(taken(&some), 10, "a second's are saved up");
    }
}
