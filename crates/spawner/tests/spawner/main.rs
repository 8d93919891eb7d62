//! The spawner as a node sees it: real processes, a real socket, real kills.
//!
//! Run as root and as an ordinary user; what the machine forbids is skipped, and said.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test program")]

mod crash;
mod harness;
mod lifecycle;
mod sandbox;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = spawner::run_if_asked(std::env::args_os()) {
        return code;
    }
    harness::run(&[lifecycle::TESTS, sandbox::TESTS, crash::TESTS])
}
