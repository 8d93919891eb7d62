//! The virtual time of day: where the world began, and how far tokio's paused clock has come since.

use std::sync::Arc;

use meta::Timestamp;
use meta::host::{Clock, Host};
use meta::seeded::{Seeded, SharedSeeded};
use tokio::time::Instant;

/// When every world begins: 2026-01-01T00:00:00Z.
pub(crate) const BEGINNING: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// The time of day in one life of the control plane.
pub(crate) struct VirtualClock {
    since: Timestamp,
    started: Instant,
}

impl VirtualClock {
    /// A clock that shows `since` now.
    pub(crate) fn starting_at(since: Timestamp) -> Self {
        Self {
            since,
            started: Instant::now(),
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.since + self.started.elapsed()
    }
}

/// A host whose time is virtual and whose randomness is drawn from the seed.
pub(crate) fn host(since: Timestamp, random: Seeded) -> Host {
    Host {
        clock: Arc::new(VirtualClock::starting_at(since)),
        random: Arc::new(SharedSeeded::new(random)),
    }
}

/// The milliseconds since the world began.
pub(crate) fn millis(now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(BEGINNING).as_millis()).unwrap_or(0)
}
