//! `plimsoll resume`.

use argo::Workflow;
use workflow::rerun::{self, NodeChange};

use super::workflows::{self, Names};
use crate::connect::connect;
use crate::context::Context;
use crate::edit;
use crate::error::Result;
use crate::exit::Exit;

/// Let held workflows go on, and end the pauses in them
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    names: Names,
    /// Only these pauses: FIELD=VALUE,... of displayName, name, id, templateName, inputs.parameters.NAME.value
    #[arg(long, value_name = "SELECTOR", default_value = "", hide_default_value = true)]
    node_field_selector: String,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let selector = workflows::selector(&args.node_field_selector)?;
    let connection = connect(context).await?;
    let ended = NodeChange {
        phase: Some("Succeeded".to_owned()),
        ..NodeChange::default()
    };
    let rule = |workflow: &Workflow| {
        if selector.is_empty() {
            let resumed = rerun::resume(workflow, context.now())?;
            resumed.ok_or_else(|| "it is not suspended and has no pause to end".to_owned())
        } else {
            rerun::set(workflow, &selector, &ended, context.now())
        }
    };
    for name in args.names.resolve(&connection).await? {
        edit::change(&connection, &name, rule).await?;
        context.ui.print(&format!("workflow {name} resumed\n"))?;
    }
    Ok(Exit::Success)
}
