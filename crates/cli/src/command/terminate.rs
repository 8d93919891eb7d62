//! `plimsoll terminate`.

use serde_json::json;

use super::workflows;
use crate::connect::connect;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

/// Terminate workflows: end what runs at once, without exit handlers
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of workflows; `@latest` is the one created last
    #[arg(required = true, value_name = "WORKFLOW")]
    names: Vec<String>,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let connection = connect(context).await?;
    let patch = json!({"spec": {"shutdown": "Terminate"}});
    workflows::change(context, &connection, &args.names, &patch, "terminated").await?;
    Ok(Exit::Success)
}
