//! `plimsoll scheduler`: a second scheduler of a cluster, inside it or outside.

use std::path::{Path, PathBuf};

use meta::LabelSelector;
use serde_json::Value;

use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::exit::Exit;
use crate::platform::ScheduleOptions;
use crate::{install, replica};

/// The scheduler that a shadow looks at.
const SHADOWED: &str = "default-scheduler";

/// Place pods of a cluster: those that name this scheduler, on the nodes given to it
///
/// Pods name it with `schedulerName: plimsoll`. Nodes are given to it by the label `plimsoll.dev/scheduler=plimsoll`, and
/// kept from other schedulers by a taint of the same key and value, which does not keep its own pods away. It never uses
/// other nodes; what pods of others take of its nodes counts, and is said.
///
/// GPUs are asked for as `nvidia.com/gpu`, or in part by the annotations `gpu-fraction` and `gpu-memory`. The annotation
/// `plimsoll.dev/devices` records which ones a pod got. On a cluster kubelet chooses the devices of pods that ask for whole
/// ones, so that the record says how many there are and not which; a part is not enforced by anyone.
///
/// Any number of replicas may run: one leads, by a Lease. Ctrl-C ends it in good order.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Place the pods with this schedulerName [default: plimsoll; with --shadow default-scheduler]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The nodes given to it [default: plimsoll.dev/scheduler=NAME; with --shadow all]
    #[arg(long, value_name = "SELECTOR", value_parser = LabelSelector::parse)]
    nodes: Option<LabelSelector>,
    /// Expect pods like those of this file (`kubectl get pods -A -o json`), instead of learning from those that come
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// The Lease that the replicas share, in the namespace to work in
    #[arg(long, default_value = install::SCHEDULER, value_name = "NAME")]
    lease: String,
    #[command(flatten)]
    replica: replica::ReplicaArgs,
    /// Write nothing: print a line of JSON for each pod that would be placed or would wait, and one for where another
    /// scheduler did place it. Takes no lease and needs rights to read only
    #[arg(long, conflicts_with = "lease")]
    shadow: bool,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let Connection { client, namespace } = connect(context).await?;
    install::warn_of_version(context, &client).await?;
    let options = options(args, namespace)?;
    replica::run(context, "scheduler", async |shutdown| {
        context.platform.schedule(client, options, shutdown).await
    })
    .await
}

fn options(args: Args, namespace: String) -> Result<ScheduleOptions> {
    let own = if args.shadow {
        SHADOWED
    } else {
        install::SCHEDULER_NAME
    };
    let name = args.name.unwrap_or_else(|| own.to_owned());
    let given = || LabelSelector::parse(&format!("{}={name}", install::GIVEN)).map_err(CommandError::input);
    let nodes = match args.nodes {
        None if args.shadow => None,
        None => Some(given()?),
        some => some,
    };
    Ok(ScheduleOptions {
        nodes,
        name,
        expected: args.expect.as_deref().map_or(Ok(Vec::new()), read_pods)?,
        replica: args.replica.options((namespace, args.lease), args.shadow),
    })
}

/// The items of a list of pods.
fn read_pods(file: &Path) -> Result<Vec<Value>> {
    let wrong = |error: &(dyn std::error::Error + 'static)| {
        CommandError::input(format!("cannot use `{}`", file.display())).because(error)
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let mut list: Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    match list["items"].take() {
        Value::Array(pods) => Ok(pods),
        _ => Err(
            CommandError::input(format!("`{}` is no list of pods", file.display()))
                .hint("`kubectl get pods -A -o json` prints one"),
        ),
    }
}
