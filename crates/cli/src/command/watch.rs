//! `plimsoll watch`.

use super::run::outcome;
use super::workflows;
use crate::connect::connect;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::follow::{self, End, Followed, Lines};
use crate::signals::Interrupts;

/// Watch workflows until they are over
///
/// On a terminal a tree of their nodes, otherwise a line for each change. Ends with exit code 1
/// if a workflow ends Failed or Error.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of workflows; `@latest` is the one created last
    #[arg(default_value = workflows::LATEST, value_name = "WORKFLOW")]
    names: Vec<String>,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    to_the_end(context, &args.names, Lines::Stdout).await
}

/// Follows the named workflows to their end.
pub(super) async fn to_the_end(context: &Context, names: &[String], lines: Lines) -> Result<Exit> {
    let mut interrupts = Interrupts::listen()?;
    let connection = connect(context).await?;
    let names = workflows::resolve(&connection, names).await?;
    let targets: Vec<_> = names
        .into_iter()
        .map(|name| (connection.namespace.clone(), name))
        .collect();
    match follow::follow(context, &connection.client, &targets, lines, &mut interrupts).await? {
        End::Finished(finished) => ended(context, &finished, lines),
        End::Interrupted => Ok(Exit::Interrupted),
    }
}

/// Says how each workflow ended, unless lines have said so already, and what that makes of the command.
pub(super) fn ended(context: &Context, finished: &[Followed], lines: Lines) -> Result<Exit> {
    if lines == Lines::Nowhere {
        for Followed { name, status, .. } in finished {
            context.ui.print(&format!("{name} {}\n", status.phase))?;
        }
    }
    Ok(outcome(finished))
}
