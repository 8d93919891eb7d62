//! `plimsoll stop`.

use serde_json::json;
use workflow::rerun::{self, NodeChange};

use super::workflows::{self, Names};
use crate::connect::connect;
use crate::context::Context;
use crate::edit;
use crate::error::Result;
use crate::exit::Exit;

/// Stop workflows: end what runs, then run their exit handlers
///
/// With --node-field-selector only pauses: those nodes fail, and the workflows go on from there.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    names: Names,
    /// Only these pauses: FIELD=VALUE,... of displayName, name, id, templateName, inputs.parameters.NAME.value
    #[arg(long, value_name = "SELECTOR", default_value = "", hide_default_value = true)]
    node_field_selector: String,
    /// What is said of those pauses
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        requires = "node_field_selector"
    )]
    message: String,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let selector = workflows::selector(&args.node_field_selector)?;
    let connection = connect(context).await?;
    if selector.is_empty() {
        let patch = json!({"spec": {"shutdown": "Stop"}});
        args.names.change(context, &connection, &patch, "stopped").await?;
        return Ok(Exit::Success);
    }
    let failed = NodeChange {
        phase: Some("Failed".to_owned()),
        message: args.message,
        ..NodeChange::default()
    };
    for name in args.names.resolve(&connection).await? {
        edit::change(&connection, &name, |workflow| {
            rerun::set(workflow, &selector, &failed, context.now())
        })
        .await?;
        context.ui.print(&format!("workflow {name} stopped\n"))?;
    }
    Ok(Exit::Success)
}
