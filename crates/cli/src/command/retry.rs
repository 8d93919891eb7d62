//! `plimsoll retry`.
//!
//! ```text
//! read -> decide (workflow::rerun) -> delete pods, wait until they are gone -> write the Workflow
//! ```
//!
//! Pods come first because their successors have the same names. Killed in between, the workflow is still over, and the
//! same command does the rest.

use kinds::kube::api::{DeleteParams, DynamicObject};
use kinds::kube::runtime::conditions;
use kinds::kube::runtime::wait::await_condition;
use kinds::kube::{Api, core::ApiResource};
use workflow::rerun::{self, RetryOptions};

use super::submit::{After, after};
use super::workflows::{self, Names};
use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::edit;
use crate::error::{CommandError, Result, status_code};
use crate::exit::Exit;

/// The places at which tests kill a command.
pub const CRASH_POINTS: [&str; 1] = ["cli.pods-deleted"];

/// Run the failed nodes of workflows again
///
/// The workflows stay the same objects; what succeeded is not run again.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    names: Names,
    /// Run again what succeeded too, where --node-field-selector means it
    #[arg(long)]
    restart_successful: bool,
    /// Which nodes: FIELD=VALUE,... of displayName, name, id, phase, templateName, inputs.parameters.NAME.value
    #[arg(long, value_name = "SELECTOR", default_value = "", hide_default_value = true)]
    node_field_selector: String,
    /// Give an argument of the workflow another value
    #[arg(long = "parameter", short = 'p', value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    #[command(flatten)]
    after: After,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let options = RetryOptions {
        restart_successful: args.restart_successful,
        nodes: workflows::selector(&args.node_field_selector)?,
        parameters: workflows::pairs(&args.parameters)?,
    };
    let connection = connect(context).await?;
    let mut retried = Vec::new();
    for name in args.names.resolve(&connection).await? {
        retried.push(Box::pin(retry(context, &connection, &name, &options)).await?);
    }
    after(context, &connection, &args.after, retried).await
}

/// Each time that somebody else has changed the workflow meanwhile, the rule decides anew.
async fn retry(
    context: &Context,
    connection: &Connection,
    name: &str,
    options: &RetryOptions,
) -> Result<DynamicObject> {
    let mut left = edit::ATTEMPTS;
    loop {
        left -= 1;
        let whole = edit::read(connection, name).await?;
        let retried = rerun::retry(&whole.hydrated, options, context.now());
        let retried = retried.map_err(|why| CommandError::failed(format!("workflow {name}: {why}")))?;
        for pod in &retried.pods {
            remove(connection, pod).await?;
        }
        meta::crash::point("cli.pods-deleted");
        if let Some(written) = edit::store(connection, &whole, retried.workflow).await? {
            return Ok(written);
        }
        if left == 0 {
            return Err(CommandError::failed(format!(
                "workflow {name} is written by others all the time"
            )));
        }
    }
}

/// Deletes a pod and waits until it is gone.
async fn remove(connection: &Connection, name: &str) -> Result<()> {
    let pods = ApiResource::erase::<kinds::k8s::api::core::v1::Pod>(&());
    let pods: Api<DynamicObject> =
        Api::namespaced_with(connection.client.clone(), &connection.namespace, &pods);
    let deleted = match pods.delete(name, &DeleteParams::default()).await {
        Ok(deleted) => deleted,
        Err(error) if status_code(&error) == Some(404) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let Some(uid) = deleted.left().and_then(|pod| pod.metadata.uid) else {
        return Ok(());
    };
    let gone = await_condition(pods, name, conditions::is_deleted(&uid)).await;
    gone.map(|_| ())
        .map_err(|error| CommandError::failed(format!("pod {name} does not go")).because(&error))
}
