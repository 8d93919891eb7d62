//! `plimsoll suspend`.

use serde_json::json;

use super::workflows::Names;
use crate::connect::connect;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

/// Hold workflows: nothing new starts, what runs goes on
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    names: Names,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let connection = connect(context).await?;
    let patch = json!({"spec": {"suspend": true}});
    args.names
        .change(context, &connection, &patch, "suspended")
        .await?;
    Ok(Exit::Success)
}
