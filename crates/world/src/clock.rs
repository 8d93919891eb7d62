//! The virtual time of day: where the world began, how far tokio's paused clock has come since, and by how
//! much people have set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use meta::Timestamp;
use meta::host::{Clock, Host};
use meta::seeded::{Seeded, SharedSeeded};
use meta::time::SignedDuration;
use tokio::time::Instant;

/// When every world begins: 2026-01-01T00:00:00Z.
const BEGINNING: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// The time that has passed in a world, over all lives of its control plane.
#[derive(Clone)]
pub(crate) struct Course {
    before: Duration,
    started: Instant,
}

impl Course {
    /// The course of a life that begins after so much time.
    pub(crate) fn after(before: Duration) -> Self {
        Self {
            before,
            started: Instant::now(),
        }
    }

    /// What has passed since the world began.
    pub(crate) fn passed(&self) -> Duration {
        self.before + self.started.elapsed()
    }

    /// The moment of this life at which so much has passed.
    pub(crate) fn at(&self, passed: Duration) -> Instant {
        self.started + passed.saturating_sub(self.before)
    }
}

/// The time of day in one life of the control plane.
struct VirtualClock {
    course: Course,
    set_by: Arc<AtomicI64>,
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let set_by = SignedDuration::from_millis(self.set_by.load(Ordering::Relaxed));
        let now = BEGINNING + self.course.passed();
        now.checked_add(set_by).unwrap_or(now)
    }
}

/// A host whose time is virtual, and set by so many milliseconds, and whose randomness is drawn from the
/// seed.
pub(crate) fn host(course: &Course, set_by: &Arc<AtomicI64>, random: Seeded) -> Host {
    Host {
        clock: Arc::new(VirtualClock {
            course: course.clone(),
            set_by: Arc::clone(set_by),
        }),
        random: Arc::new(SharedSeeded::new(random)),
    }
}

/// The milliseconds since the world began, by the time of day.
pub(crate) fn millis(now: Timestamp) -> i128 {
    now.duration_since(BEGINNING).as_millis()
}
