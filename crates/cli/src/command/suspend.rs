//! `plimsoll suspend`.

use serde_json::json;

use super::workflows;
use crate::connect::connect;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

/// Hold workflows: nothing new starts, what runs goes on
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of workflows; `@latest` is the one created last
    #[arg(required = true, value_name = "WORKFLOW")]
    names: Vec<String>,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let connection = connect(context).await?;
    workflows::change(
        context,
        &connection,
        &args.names,
        &json!({"spec": {"suspend": true}}),
        "suspended",
    )
    .await?;
    Ok(Exit::Success)
}
