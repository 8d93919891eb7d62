//! Named places where a test may kill the process, to prove that nothing acknowledged is lost.
//!
//! A room marks a place between two effects with [`point`]. Nothing happens there unless the binary armed
//! that name at its start; then the process dies at once, as by `kill -9`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

struct Armed {
    name: String,
    countdown: AtomicU32,
    die: fn(),
}

static ARMED: OnceLock<Armed> = OnceLock::new();

/// Arms the point `name`: its `nth` visit (from 1) calls `die`, which must not return to its caller.
///
/// Only the first call of a process counts.
pub fn arm(name: &str, nth: u32, die: fn()) {
    let _ = ARMED.set(Armed {
        name: name.to_owned(),
        countdown: AtomicU32::new(nth.max(1)),
        die,
    });
}

/// A place where a test may kill the process. Costs one load when nothing is armed.
pub fn point(name: &str) {
    let Some(armed) = ARMED.get() else { return };
    if armed.name == name && armed.countdown.fetch_sub(1, Ordering::Relaxed) == 1 {
        (armed.die)();
    }
}
