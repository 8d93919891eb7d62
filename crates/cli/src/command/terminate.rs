//! `plimsoll terminate`.

use serde_json::json;

use super::workflows::Names;
use crate::connect::connect;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

/// Terminate workflows: end what runs at once, without exit handlers
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    names: Names,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let connection = connect(context).await?;
    let patch = json!({"spec": {"shutdown": "Terminate"}});
    args.names
        .change(context, &connection, &patch, "terminated")
        .await?;
    Ok(Exit::Success)
}
