//! `plimsoll node`.

use kinds::kube::core::Resource as _;
use workflow::rerun::{self, NodeChange};

use super::workflows;
use crate::connect::connect;
use crate::context::Context;
use crate::edit;
use crate::error::{CommandError, Result};
use crate::exit::Exit;

/// Change nodes that wait for a person
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Set(Set),
}

/// Supply their outputs, end them, or say something of them
#[derive(Debug, clap::Args)]
struct Set {
    /// Name of a workflow; `@latest` is the one created last
    #[arg(value_name = "WORKFLOW")]
    name: String,
    /// Which: FIELD=VALUE,... of displayName, name, id, phase, templateName, inputs.parameters.NAME.value
    #[arg(long, value_name = "SELECTOR")]
    node_field_selector: String,
    /// Supply an output parameter
    #[arg(long = "output-parameter", short = 'p', value_name = "NAME=VALUE")]
    output_parameters: Vec<String>,
    /// Give them this phase: Succeeded, Failed, ...
    #[arg(long, value_name = "PHASE")]
    phase: Option<String>,
    /// Give them this message
    #[arg(
        long,
        short,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    message: String,
}

/// Phases that Argo's nodes may have.
const PHASES: [&str; 7] = [
    "Pending",
    "Running",
    "Succeeded",
    "Skipped",
    "Failed",
    "Error",
    "Omitted",
];

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let Action::Set(args) = args.action;
    let selector = workflows::selector(&args.node_field_selector)?;
    if let Some(phase) = args.phase.as_deref().filter(|phase| !PHASES.contains(phase)) {
        return Err(CommandError::input(format!("`{phase}` is no phase of a node"))
            .hint(format!("it is one of {}", PHASES.join(", "))));
    }
    let outputs = args
        .output_parameters
        .iter()
        .map(|pair| workflows::pair_of(pair, "--output-parameter"));
    let change = NodeChange {
        phase: args.phase,
        message: args.message,
        outputs: outputs.collect::<Result<_>>()?,
    };
    let connection = connect(context).await?;
    let rule = |workflow: &_| rerun::set(workflow, &selector, &change, context.now());
    let changed = edit::change(&connection, &args.name, rule).await?;
    let name = changed.meta().name.as_deref().unwrap_or_default();
    context.ui.print(&format!("workflow {name} values set\n"))?;
    Ok(Exit::Success)
}
