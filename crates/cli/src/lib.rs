//! The command line: commands (one file each), the terminal, manifests and diagnostics.
//!
//! ```text
//!   argv -> Cli -> command::X::run(Context) -> Exit
//!                    |        |        |
//!                manifest  connect   ui, tree
//! ```
//!
//! It decides nothing about workflows: it reads manifests, talks to an API server through a `kube::Client`, and
//! shows what it is told. It does not know how an embedded platform is built; the binary gives it one
//! as a [`platform::Platform`].

pub mod age;
pub mod check;
pub mod command;
pub mod connect;
pub mod context;
pub mod data_dir;
pub mod diagnostic;
mod edit;
pub mod error;
pub mod exit;
pub mod follow;
pub mod install;
mod inventory;
pub mod manifest;
pub mod nodes;
pub mod objects;
pub mod output;
pub mod platform;
pub mod pods;
mod replica;
pub mod signals;
pub mod simulated;
pub mod submission;
pub mod summary;
pub mod table;
mod trace;
pub mod tree;
pub mod ui;
pub mod watch;

use std::ffi::OsString;
use std::sync::Arc;

use clap::Parser as _;

pub use command::Cli;
pub use error::{CommandError, ErrorKind};
pub use exit::Exit;
pub use platform::{
    ControlOptions, ImageRuns, Leases, Platform, PlatformError, PlatformOptions, Replica, Right, Rights,
    Running, ScheduleOptions,
};
pub use simulated::Simulated;

/// Runs one command line to its end: `argv` includes the program's name.
///
/// Starts a multi-threaded runtime of its own, on which [`Platform::start`] is called.
#[must_use]
pub fn main(platform: Arc<dyn Platform>, argv: impl IntoIterator<Item = OsString>) -> std::process::ExitCode {
    let cli = match Cli::try_parse_from(argv) {
        Ok(cli) => cli,
        Err(help_or_error) => {
            let _ = help_or_error.print();
            return if help_or_error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Success.into()
            };
        }
    };
    let context = context::Context::new(&cli.globals, platform);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = CommandError::from(error).while_doing("cannot start");
            return finish(&context, Err(error)).into();
        }
    };
    trace::start(&context, &cli.command);
    let result = runtime.block_on(command::run(&context, cli));
    // A thread may still be blocked reading stdin; do not wait for it.
    runtime.shutdown_background();
    finish(&context, result).into()
}

/// Says what went wrong, if anything, and turns it into an exit code.
pub fn finish(context: &context::Context, result: error::Result<Exit>) -> Exit {
    match result {
        Ok(exit) => exit,
        Err(error) => {
            if error.kind != ErrorKind::BrokenPipe {
                context.ui.error(&error);
            }
            error.kind.exit()
        }
    }
}
