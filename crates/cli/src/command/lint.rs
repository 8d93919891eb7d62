//! `plimsoll lint`: what is wrong with manifests, all of it.

use std::path::PathBuf;

use crate::check;
use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::exit::Exit;
use crate::manifest;

/// Check manifests, without a platform or cluster
///
/// Reports every problem of every document and ends with exit code 2 if there is one. References to
/// templates that the files do not hold are let through.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Manifests: files, folders, or `-` for stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Templates that are referred to must be in the files
    #[arg(long)]
    offline: bool,
    /// Fields that nobody defined are problems
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    strict: bool,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Args) -> Result<Exit> {
    let mut loaded = manifest::load(&args.files, &mut std::io::stdin());
    let rules = check::Rules {
        strict: args.strict,
        whole: args.offline,
        submit: false,
    };
    loaded
        .problems
        .extend(check::check_with(&loaded.documents, rules));
    let count = loaded.problems.len();
    if count == 0 {
        context.ui.print("no problems found\n")?;
        return Ok(Exit::Success);
    }
    let plural = if count == 1 { "" } else { "s" };
    let mut error = CommandError::input(format!("{count} problem{plural} found"));
    error.diagnostics = loaded.problems;
    Err(error)
}
