//! `plimsoll uninstall`: takes away what is of an installation, and nothing of anybody's.

use serde_json::Value;

use crate::command::upgrade::kept_settings;
use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::install::{self, Cluster};

/// Tell what of a cluster is of an installation, or remove it with --yes
///
/// Workflows, their pods and their templates stay, and the namespace. Definitions stay too, unless --definitions
/// says otherwise: even then only those that `plimsoll install` made and that hold no object.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Remove definitions too
    #[arg(long)]
    definitions: bool,
    /// Remove it
    #[arg(long, short)]
    yes: bool,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let Connection { client, namespace } = connect(context).await?;
    let cluster = Cluster::new(client, &namespace);
    let mut objects = cluster.objects().await?;
    tell_unfinished(context, &cluster, kept_settings(&objects).instance_id()).await?;
    if args.definitions {
        objects.extend(unused_definitions(context, &cluster).await?);
    }
    for object in &objects {
        let title = install::title(object);
        if args.yes {
            cluster.delete(object).await?;
            context.ui.print(&format!("{title} is gone\n"))?;
        } else {
            context.ui.print(&format!("{title}\n"))?;
        }
    }
    match (objects.is_empty(), args.yes) {
        (true, _) => context
            .ui
            .say(&format!("Nothing is installed in the namespace `{namespace}`")),
        (false, false) => context.ui.hint("nothing was changed: --yes removes this"),
        (false, true) => {}
    }
    Ok(Exit::Success)
}

async fn tell_unfinished(context: &Context, cluster: &Cluster, instance_id: &str) -> Result<()> {
    let count = cluster.unfinished(instance_id).await?;
    if count > 0 {
        let what = if count == 1 {
            "workflow has".to_owned()
        } else {
            "workflows have".to_owned()
        };
        context.ui.warn(&format!(
            "{count} {what} the instance id `{instance_id}` and not ended: without a controller they wait"
        ));
    }
    Ok(())
}

/// A definition takes its objects with it, so one that has any stays.
async fn unused_definitions(context: &Context, cluster: &Cluster) -> Result<Vec<Value>> {
    let mut unused = Vec::new();
    for definition in cluster.definitions().await? {
        match cluster.holds(&definition).await? {
            0 => unused.push(definition),
            count => {
                let title = install::title(&definition);
                context
                    .ui
                    .say(&format!("{title} stays: of its kind there are objects ({count})"));
            }
        }
    }
    Ok(unused)
}
