//! `plimsoll run`: `up`, `submit` and `watch` with a platform of its own.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use kinds::kube::api::DynamicObject;
use kinds::kube::{Api, Client};

use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::exit::Exit;
use crate::follow::{self, End, Followed, Lines};
use crate::nodes;
use crate::output::{self, Format};
use crate::platform::{PlatformOptions, Running};
use crate::signals::Interrupts;
use crate::simulated::SimulatedFlags;
use crate::submission::{self, Overrides, Prepared};
use crate::summary;
use crate::tree::phase::Phase;
use crate::tree::view::workflows;

/// Run workflows on this machine and watch them to their end
///
/// Starts a platform of its own on the data directory, creates what the files hold (objects other than
/// Workflows first, in the order of the files), shows the workflows until they are over, and ends the platform.
/// Several workflows run side by side. Nothing is created if anything is wrong with any file.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Manifests: files, folders, or `-` for stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    #[command(flatten)]
    simulated: SimulatedFlags,
    /// Print the finished workflow in this form, and nothing else, on stdout
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let prepared = submission::prepare(&args.files, &args.overrides)?;
    if prepared.workflows.is_empty() {
        return Err(CommandError::input("there is no Workflow to run in these files")
            .hint("`plimsoll up` starts a platform that `kubectl apply` can create other objects on"));
    }
    let data_dir = context.data_dir()?;
    let mut interrupts = Interrupts::listen()?;
    let options = PlatformOptions {
        data_dir: data_dir.clone(),
        config: context.globals.config.clone(),
        port: None,
        simulated: args.simulated.simulated(),
    };
    let running = tokio::select! {
        started = context.platform.start(options) => started?,
        () = interrupts.next() => return Ok(Exit::Interrupted),
    };
    let Running {
        client,
        notices,
        failed,
        full,
        shutdown,
        ..
    } = running;
    notices.iter().for_each(|notice| context.ui.say(notice));
    let result = tokio::select! {
        result = work(context, &client, &prepared, args.output, &mut interrupts) => result,
        error = failed => Err(error.into()),
        never = say_once(context, full) => match never {},
    };
    if matches!(result, Ok(Exit::Interrupted)) {
        how_to_go_on(context, &data_dir);
    }
    tokio::select! {
        () = shutdown() => result,
        () = interrupts.next() => Ok(Exit::Interrupted),
    }
}

/// Says that something has come to pass, once, and goes on.
pub(super) async fn say_once(context: &Context, passed: impl Future<Output = String>) -> Infallible {
    context.ui.say(&passed.await);
    std::future::pending().await
}

/// Everything between the platform's start and its end.
async fn work(
    context: &Context,
    client: &Client,
    prepared: &Prepared,
    format: Option<Format>,
    interrupts: &mut Interrupts,
) -> Result<Exit> {
    let namespace = context.globals.namespace.as_deref().unwrap_or("default");
    let created = submission::create(context, client, namespace, prepared).await?;
    let targets: Vec<(String, String)> = created.iter().map(target).collect();
    let end = follow::follow(context, client, &targets, Lines::Stderr, interrupts).await?;
    let End::Finished(finished) = end else {
        return Ok(Exit::Interrupted);
    };
    show(context, client, &finished, format).await?;
    Ok(outcome(&finished))
}

/// Namespace and name.
pub(super) fn target(object: &DynamicObject) -> (String, String) {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    (text(&object.metadata.namespace), text(&object.metadata.name))
}

/// The summaries; with a format the objects instead, the summaries then accompany them.
async fn show(
    context: &Context,
    client: &Client,
    finished: &[Followed],
    format: Option<Format>,
) -> Result<()> {
    // The picture's first line has just said how it went.
    let pictured = context.ui.is_live() && context.ui.is_read() && finished.len() == 1;
    for (nth, followed) in finished.iter().enumerate() {
        let gap = if nth > 0 { "\n" } else { "" };
        let text = if pictured {
            summary::details(followed)
        } else {
            format!("{gap}{}", summary::render(followed))
        };
        match format {
            None => context.ui.print(&text)?,
            Some(_) => context.ui.say(text.trim_end()),
        }
    }
    let Some(format) = format else { return Ok(()) };
    let mut objects = Vec::new();
    for followed in finished {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &followed.namespace, &workflows());
        let mut object = api.get(&followed.name).await?;
        nodes::hydrate(client, &mut object).await?;
        objects.push(object);
    }
    output::print(context, format, &objects)
}

/// The exit code of workflows that are over.
pub(super) fn outcome(finished: &[Followed]) -> Exit {
    let succeeded = finished
        .iter()
        .all(|followed| Phase::parse(&followed.status.phase) == Phase::Succeeded);
    if succeeded { Exit::Success } else { Exit::Failed }
}

fn how_to_go_on(context: &Context, data_dir: &Path) {
    let flag = match &context.globals.data_dir {
        Some(_) => format!(" --data-dir {}", data_dir.display()),
        None => String::new(),
    };
    context
        .ui
        .say("Interrupted; ending the platform (Ctrl-C again: at once)");
    context.ui.hint(&format!(
        "`plimsoll up{flag}` takes the unfinished workflows up again"
    ));
}
