//! Named places where a test may kill the process, to prove that nothing acknowledged is lost.
//!
//! A room marks a place between two effects with [`point`]. Nothing happens there unless the binary armed
//! that name at its start; then the process dies at once, as by `kill -9`. A simulation whose control plane
//! is one thread arms that thread instead.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

struct Armed {
    name: String,
    countdown: AtomicU32,
    die: fn(),
}

/// A place at which this thread's control plane dies.
struct ArmedHere {
    name: String,
    countdown: u32,
    die: Box<dyn FnOnce()>,
}

static ARMED: OnceLock<Armed> = OnceLock::new();
/// Whether any thread was ever armed: what real processes look at instead of their thread's own.
static SIMULATED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static HERE: RefCell<Option<ArmedHere>> = const { RefCell::new(None) };
}

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

/// Arms the point `name` on this thread, in place of what was armed on it: its `nth` visit (from 1) calls
/// `die`, which returns; from then on nothing that the thread still does may have an effect.
pub fn arm_here(name: &str, nth: u32, die: impl FnOnce() + 'static) {
    SIMULATED.store(true, Ordering::Relaxed);
    let armed = ArmedHere {
        name: name.to_owned(),
        countdown: nth.max(1),
        die: Box::new(die),
    };
    HERE.replace(Some(armed));
}

/// Undoes [`arm_here`].
pub fn disarm_here() {
    HERE.replace(None);
}

/// A place where a test may kill the process. Costs two loads when nothing is armed.
pub fn point(name: &str) {
    if SIMULATED.load(Ordering::Relaxed) {
        visit_here(name);
    }
    let Some(armed) = ARMED.get() else { return };
    if armed.name == name && armed.countdown.fetch_sub(1, Ordering::Relaxed) == 1 {
        (armed.die)();
    }
}

fn visit_here(name: &str) {
    let due = |armed: &mut ArmedHere| {
        let hit = armed.name == name;
        armed.countdown -= u32::from(hit);
        hit && armed.countdown == 0
    };
    // Not borrowed while dying: that may come to places, too.
    let dying = HERE.with_borrow_mut(|here| here.take_if(due));
    if let Some(armed) = dying {
        (armed.die)();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn a_thread_dies_once_at_the_visit_it_was_armed_for() {
        let deaths = Rc::new(Cell::new(0));
        let arm = || {
            let deaths = Rc::clone(&deaths);
            arm_here("room.place", 2, move || deaths.set(deaths.get() + 1));
        };
        let visits = |count| (0..count).for_each(|_| point("room.place"));
        arm();
        point("room.other");
        visits(1);
        assert_eq!(deaths.get(), 0);
        visits(3);
        assert_eq!(deaths.get(), 1);
        arm();
        disarm_here();
        visits(3);
        assert_eq!(deaths.get(), 1);
    }
}
