//! Arms one named crash point, for the tests that prove that `kill -9` is survivable.

/// `NAME` or `NAME:N`: die at the N-th visit of that point.
const VARIABLE: &str = "PLIMSOLL_CRASH_POINT";

/// The exit code of what `kill -9` ended, as shells and kubelet say it.
const KILLED: i32 = 137;

/// Arms what the environment asks for, if anything.
pub(crate) fn arm_from_environment() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    let (name, nth) = text.rsplit_once(':').unwrap_or((&text, "1"));
    meta::crash::arm(name, nth.parse().unwrap_or(1), die);
}

/// Ends this process as `kill -9` does: nothing is flushed, no destructor runs.
fn die() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // The first process of a step's own namespace cannot be killed from inside.
    std::process::exit(KILLED);
}
