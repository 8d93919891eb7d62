//! `plimsoll delete`.

use kinds::kube::api::{DeleteParams, DynamicObject, ListParams};

use super::get::status_of;
use super::workflows;
use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::error::{CommandError, Result, status_code};
use crate::exit::Exit;
use crate::tree::view::StatusView;

/// Delete workflows, and with them their pods
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of workflows; `@latest` is the one created last
    #[arg(value_name = "WORKFLOW", required_unless_present_any = ["all", "completed", "status", "selector"])]
    names: Vec<String>,
    /// All workflows of the namespace
    #[arg(long)]
    all: bool,
    /// Those that are over
    #[arg(long)]
    completed: bool,
    /// Those in one of these phases
    #[arg(long, value_delimiter = ',', value_name = "PHASE,...")]
    status: Vec<String>,
    /// Those with these labels
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<String>,
    /// Say what would be deleted and delete nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not mind names that are not there
    #[arg(long)]
    ignore_not_found: bool,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let connection = connect(context).await?;
    let mut names = workflows::resolve(&connection, &args.names).await?;
    if args.all || args.completed || args.selector.is_some() || !args.status.is_empty() {
        names.extend(select(&connection, &args).await?.iter().map(workflows::name_of));
    }
    for name in names {
        if args.dry_run {
            context
                .ui
                .print(&format!("Workflow '{name}' would be deleted\n"))?;
        } else {
            delete(context, &connection, &args, &name).await?;
        }
    }
    Ok(Exit::Success)
}

async fn select(connection: &Connection, args: &Args) -> Result<Vec<DynamicObject>> {
    let mut params = ListParams::default();
    if let Some(selector) = &args.selector {
        params = params.labels(selector);
    }
    let mut found = workflows::api(connection).list(&params).await?.items;
    found.retain(|workflow| wanted(args, &status_of(workflow)));
    Ok(found)
}

fn wanted(args: &Args, status: &StatusView) -> bool {
    let listed = args.status.is_empty()
        || args
            .status
            .iter()
            .any(|phase| phase.eq_ignore_ascii_case(&status.phase));
    listed && (!args.completed || status.is_finished())
}

async fn delete(context: &Context, connection: &Connection, args: &Args, name: &str) -> Result<()> {
    match workflows::api(connection)
        .delete(name, &DeleteParams::background())
        .await
    {
        Ok(_) => context.ui.print(&format!("Workflow '{name}' deleted\n")),
        Err(error) if args.ignore_not_found && status_code(&error) == Some(404) => Ok(()),
        Err(error) => Err(CommandError::from(error)),
    }
}
