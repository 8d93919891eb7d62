//! `plimsoll install`: what a cluster needs before workflows can run there.

use serde_json::json;

use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::exit::Exit;
use crate::install::{self, Applied, Cluster, Component, Piece, Settings, State};

/// Print what a cluster needs to run workflows, for `kubectl apply -f -`, or add it with --yes
///
/// Each object stands under what it is for, each right under why it is needed. Definitions that are there, Argo's own
/// for example, are used as they are and never overwritten. Supported are Kubernetes 1.33 to 1.36.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    settings: Settings,
    /// Add only the definitions of the kinds
    #[arg(long, conflicts_with = "components")]
    crds_only: bool,
    /// Add the namespace too, if it is not there
    #[arg(long)]
    create_namespace: bool,
    /// Add it
    #[arg(long, short, conflicts_with = "output")]
    yes: bool,
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Form::Yaml, value_name = "FORMAT")]
    output: Form,
}

/// How an installation is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Manifests, each under what it is for
    Yaml,
    /// The names only
    Name,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let Connection { client, namespace } = connect(context).await?;
    install::warn_of_version(context, &client).await?;
    let cluster = Cluster::new(client, &namespace);
    let wanted = wanted(context, &args, &namespace);
    let mut pieces = Vec::new();
    for piece in wanted {
        match cluster.state(&piece).await? {
            State::Others if piece.is_shared() => leave(context, &piece),
            State::Others => return Err(taken(&piece)),
            State::Absent | State::Ours(_) => pieces.push(piece),
        }
    }
    if args.yes {
        add(context, &cluster, &pieces).await?;
    } else {
        show(context, args.output, &pieces)?;
    }
    Ok(Exit::Success)
}

fn wanted(context: &Context, args: &Args, namespace: &str) -> Vec<Piece> {
    let mut settings = args.settings.clone();
    if args.crds_only {
        settings.components = vec![Component::Definitions];
    }
    let of_namespace = args.create_namespace.then(|| Piece {
        object: json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        purpose: "where the controller runs",
        reasons: Vec::new(),
    });
    let pieces = install::pieces(&settings, namespace, &context.platform.rights(install::LEASES));
    of_namespace.into_iter().chain(pieces).collect()
}

fn leave(context: &Context, piece: &Piece) {
    let title = install::title(&piece.object);
    context.ui.say(&format!("{title} is there and is left as it is"));
}

fn taken(piece: &Piece) -> CommandError {
    let title = install::title(&piece.object);
    CommandError::failed(format!("{title} is there and is not of this installation"))
        .hint("install into another namespace with --namespace")
}

fn show(context: &Context, form: Form, pieces: &[Piece]) -> Result<()> {
    match form {
        Form::Yaml => context.ui.print(&install::yaml(pieces)?)?,
        Form::Name => {
            for piece in pieces {
                context
                    .ui
                    .print(&format!("{}\n", install::title(&piece.object)))?;
            }
        }
    }
    context.ui.hint("nothing was changed: --yes adds this");
    Ok(())
}

/// Adds what is not there, and brings up to date what is.
pub(super) async fn add(context: &Context, cluster: &Cluster, pieces: &[Piece]) -> Result<()> {
    for piece in pieces {
        let title = install::title(&piece.object);
        match cluster.apply(piece, false).await? {
            Applied::Done(_) => context.ui.print(&format!("{title} is in place\n"))?,
            Applied::Contested(why) if piece.is_shared() => {
                context.ui.say(&format!("{title} is left as it is: {why}"));
            }
            Applied::Contested(why) => {
                return Err(CommandError::failed(format!("{title} was changed by others"))
                    .while_doing("the installation is not complete")
                    .hint(why));
            }
        }
    }
    Ok(())
}
