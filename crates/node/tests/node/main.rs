//! The node on the embedded API server, with real processes.
//!
//! Run as root and as an ordinary user; what the machine forbids is skipped, and said.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test program")]

mod claims;
mod conformance;
mod crash;
mod lifecycle;
mod observed;
mod rig;
mod sessions;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

type Test = (&'static str, fn());

fn main() -> ExitCode {
    if let Some(code) = spawner::run_if_asked(std::env::args_os()) {
        return code;
    }
    if let Some(code) = crash::run_if_asked() {
        return code;
    }
    let filter = std::env::args()
        .skip(1)
        .find(|arg| !arg.starts_with('-'))
        .unwrap_or_default();
    let tests = [
        lifecycle::TESTS,
        sessions::TESTS,
        claims::TESTS,
        crash::TESTS,
        conformance::TESTS,
    ];
    let mut failed = 0;
    for (name, test) in tests
        .iter()
        .copied()
        .flatten()
        .filter(|(name, _)| name.contains(&filter))
    {
        let ok = catch_unwind(AssertUnwindSafe(test)).is_ok();
        eprintln!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        failed += usize::from(!ok);
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
