//! Where a control plane may be killed, and how tests go through all of these places.

use std::sync::Mutex;

/// How many platforms are tried at once.
const AT_ONCE: usize = 3;

/// Every place of the control plane at which it may be killed.
pub(crate) fn crash_points() -> Vec<&'static str> {
    let rooms: [&[&str]; 6] = [
        &controller::workflow::CRASH_POINTS,
        &controller::scheduler::CRASH_POINTS,
        &controller::collect::CRASH_POINTS,
        &store::CRASH_POINTS,
        &apiserver::CRASH_POINTS,
        &node::CRASH_POINTS,
    ];
    rooms.concat()
}

/// Does `work` on each item, several at once.
pub(crate) fn at_once<T: Send>(items: Vec<T>, work: impl Fn(T) + Sync) {
    let queue = Mutex::new(items.into_iter());
    let next = || queue.lock().expect("nobody panics here").next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(item) = next() {
                    work(item);
                }
            });
        }
    });
}
