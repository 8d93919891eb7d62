//! The `plimsoll` binary: wiring only.
//!
//! ```text
//!   argv[0] = plimsoll-spawner   the parent of all processes, before anything else is set up
//!   plimsoll exec ...            runs a step's command with its inputs and outputs
//!   plimsoll ...                 the command line, with the embedded platform at hand
//! ```

mod cluster;
mod config;
mod crash;
mod definitions;
mod directory;
mod doors;
mod execs;
mod host;
mod images;
mod logs;
mod observe;
mod platform;
mod rights;
mod settings;
mod shapes;
mod stats;

use std::process::ExitCode;
use std::sync::Arc;

/// Most of what is allocated are small pieces of objects that another thread frees.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(code) = spawner::run_if_asked(std::env::args_os()) {
        return code;
    }
    crash::arm_from_environment();
    if std::env::args_os().nth(1).is_some_and(|word| word == "exec") {
        let code = artifacts::exec::main(std::env::args_os().skip(2));
        return ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX));
    }
    cli::main(Arc::new(platform::Embedded), std::env::args_os())
}
