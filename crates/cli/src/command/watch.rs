//! `plimsoll watch`.

use super::run::outcome;
use super::workflows;
use crate::connect::connect;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::follow::{self, End, Lines};
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
        End::Finished(finished) => {
            if lines == Lines::Nowhere {
                for followed in &finished {
                    context
                        .ui
                        .print(&format!("{} {}\n", followed.name, followed.status.phase))?;
                }
            }
            Ok(outcome(&finished))
        }
        End::Interrupted => Ok(Exit::Interrupted),
    }
}
