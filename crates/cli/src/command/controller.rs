//! `plimsoll controller`: the workflow controller of a cluster, inside it or outside.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kinds::kube::Client;
use serde_json::Value;

use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::error::{CommandError, Result, status_code};
use crate::exit::Exit;
use crate::platform::{ControlOptions, ImageRuns};
use crate::{install, replica};

/// What the server answers for a group that it does not serve.
const NOT_FOUND: u16 = 404;

/// Run the workflow controller of a cluster
///
/// Drives the workflows that carry its instance id (`submit --labels
/// workflows.argoproj.io/controller-instanceid=plimsoll`), so that an Argo controller may run beside
/// it. Any number of replicas may run: one leads, by a Lease. Ctrl-C ends it in good order.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Drive the workflows with this instance id; the empty one means those without
    #[arg(long, default_value = install::INSTANCE_ID, value_name = "ID")]
    instance_id: String,
    /// The Lease that the replicas share, in the namespace to work in
    #[arg(long, default_value = install::CONTROLLER, value_name = "NAME")]
    lease: String,
    #[command(flatten)]
    replica: replica::ReplicaArgs,
    /// The image that holds this program, for steps with outputs [default: plimsoll and its version]
    #[arg(long, value_name = "IMAGE")]
    exec_image: Option<String>,
    /// Mount that image as a volume instead of copying the program: needs nodes that have image volumes
    #[arg(long)]
    image_volumes: bool,
    /// What images run for steps with outputs that name no command, in the form of Argo's `images`: a map of images to
    /// `entrypoint` and `cmd`
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,
    /// Write nothing: print a line of JSON for each thing that would be written. Takes no lease and needs rights to
    /// read only
    #[arg(long, conflicts_with = "lease")]
    shadow: bool,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let Connection { client, namespace } = connect(context).await?;
    check_served(&client).await?;
    install::warn_of_version(context, &client).await?;
    let options = options(args, namespace)?;
    replica::run(context, "controller", async |shutdown| {
        context.platform.control(client, options, shutdown).await
    })
    .await
}

fn options(args: Args, namespace: String) -> Result<ControlOptions> {
    Ok(ControlOptions {
        instance_id: Some(args.instance_id).filter(|id| !id.is_empty()),
        replica: args.replica.options((namespace, args.lease), args.shadow),
        exec_image: args.exec_image,
        image_volumes: args.image_volumes,
        images: args.images.as_deref().map_or(Ok(Vec::new()), read_images)?,
    })
}

fn read_images(file: &Path) -> Result<Vec<ImageRuns>> {
    let wrong = |error: &(dyn std::error::Error + 'static)| {
        CommandError::input(format!("cannot use `{}`", file.display())).because(error)
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let images: BTreeMap<String, ImageRuns> = serde_saphyr::from_str(&text).map_err(|error| wrong(&error))?;
    let named = images
        .into_iter()
        .map(|(image, runs)| ImageRuns { image, ..runs });
    Ok(named.collect())
}

/// Every kind that the controller works with must be served: a watch of one that is not would wait for ever.
async fn check_served(client: &Client) -> Result<()> {
    let mut missing = Vec::new();
    for definition in kinds::crds() {
        let text = |pointer| {
            definition
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (group, version) = (text("/spec/group"), text("/spec/versions/0/name"));
        let plural = text("/spec/names/plural");
        if !is_served(client, group, version, plural).await? {
            missing.push(format!("{plural}.{group}"));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let what = missing.join(", ");
    Err(
        CommandError::unavailable(format!("the cluster does not serve {what}"))
            .hint("`plimsoll install --components definitions --yes` adds what is missing"),
    )
}

async fn is_served(client: &Client, group: &str, version: &str, plural: &str) -> Result<bool> {
    match client
        .list_api_group_resources(&format!("{group}/{version}"))
        .await
    {
        Ok(list) => Ok(list.resources.iter().any(|resource| resource.name == plural)),
        Err(error) if status_code(&error) == Some(NOT_FOUND) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
