//! `plimsoll wait`.

use super::{watch, workflows};
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::follow::Lines;

/// Wait until workflows are over
///
/// Ends with exit code 1 if a workflow ends Failed or Error.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of workflows; `@latest` is the one created last
    #[arg(default_value = workflows::LATEST, value_name = "WORKFLOW")]
    names: Vec<String>,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    watch::to_the_end(context, &args.names, Lines::Nowhere).await
}
