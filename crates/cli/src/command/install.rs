//! `plimsoll install`: what a cluster needs before workflows can run there. Today the definitions of the kinds.

use kinds::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kinds::kube::api::PostParams;
use kinds::kube::{Api, Error};
use serde_json::Value;

use crate::connect::connect;
use crate::context::Context;
use crate::error::{Result, status_code};
use crate::exit::Exit;

/// What the server answers when a name is taken.
const CONFLICT: u16 = 409;

/// Add to a cluster what workflows need there
///
/// Definitions that are there, Argo's own for example, are used as they are and never overwritten.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Add only the definitions of the kinds
    #[arg(long, required = true)]
    crds_only: bool,
}

/// Runs the command.
pub(super) async fn run(context: &Context, _: &Args) -> Result<Exit> {
    let connection = connect(context).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(connection.client);
    for definition in kinds::crds() {
        let name = name(&definition);
        let done = if create(&definitions, &definition).await? {
            "created"
        } else {
            "left as it is"
        };
        context.ui.print(&format!("{name} {done}\n"))?;
    }
    Ok(Exit::Success)
}

/// Whether the definition is new.
async fn create(definitions: &Api<CustomResourceDefinition>, definition: &Value) -> Result<bool> {
    let typed = serde_json::from_value(definition.clone()).map_err(Error::SerdeError)?;
    match definitions.create(&PostParams::default(), &typed).await {
        Ok(_) => Ok(true),
        Err(error) if status_code(&error) == Some(CONFLICT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn name(definition: &Value) -> &str {
    let name = definition.pointer("/metadata/name");
    name.and_then(Value::as_str).unwrap_or_default()
}
