//! `plimsoll submit`.

use std::path::PathBuf;

use kinds::kube::api::{DynamicObject, PostParams};
use kinds::kube::core::{ApiResource, GroupVersionKind};
use kinds::kube::{Api, Client};
use serde_json::{Value, json};

use super::get;
use super::logs;
use super::run::{outcome, target};
use super::watch::ended;
use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::exit::Exit;
use crate::follow::{self, End, Lines};
use crate::objects;
use crate::output::{self, Format};
use crate::signals::Interrupts;
use crate::submission::{self, Overrides, Prepared};

/// Submit workflows to a platform that is up, or to a cluster
///
/// Objects other than Workflows in the same files are created first. Nothing is created if
/// anything is wrong with any file.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Manifests: files, folders, or `-` for stdin
    #[arg(required_unless_present = "from", value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Submit from a template: wftmpl/NAME, cwft/NAME or cronwf/NAME
    #[arg(long, value_name = "KIND/NAME", conflicts_with = "files")]
    from: Option<String>,
    /// Print what would be submitted and submit nothing
    #[arg(long)]
    dry_run: bool,
    /// Let the server check and complete the workflow, without keeping it
    #[arg(long)]
    server_dry_run: bool,
    #[command(flatten)]
    after: After,
}

/// What follows once workflows are on their way.
#[derive(Debug, clap::Args)]
pub(super) struct After {
    /// Wait until the workflows are over
    #[arg(long, short)]
    wait: bool,
    /// Watch the workflows until they are over
    #[arg(long)]
    watch: bool,
    /// Show the logs of the workflow until it is over
    #[arg(long)]
    log: bool,
    /// Print the workflows in this form
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    if args.dry_run && args.from.is_none() {
        return dry_run(context, &args);
    }
    let prepared = match &args.from {
        None => Some(submission::prepare(&args.files, &args.overrides)?),
        Some(_) => None,
    };
    let connection = connect(context).await?;
    let prepared = match (prepared, &args.from) {
        (None, Some(from)) => from_template(&connection, from, &args.overrides).await?,
        (prepared, _) => prepared.unwrap_or_default(),
    };
    if args.dry_run {
        return show_prepared(context, &args, &prepared);
    }
    if args.server_dry_run {
        return server_dry_run(context, &connection, &args, &prepared).await;
    }
    let created = submission::create(context, &connection.client, &connection.namespace, &prepared).await?;
    after(context, &connection, &args.after, created).await
}

fn dry_run(context: &Context, args: &Args) -> Result<Exit> {
    let prepared = submission::prepare(&args.files, &args.overrides)?;
    show_prepared(context, args, &prepared)
}

fn show_prepared(context: &Context, args: &Args, prepared: &Prepared) -> Result<Exit> {
    let objects: Vec<DynamicObject> = prepared
        .others
        .iter()
        .chain(&prepared.workflows)
        .map(objects::decode)
        .collect::<Result<_>>()?;
    output::print(context, args.after.output.unwrap_or(Format::Yaml), &objects)?;
    Ok(Exit::Success)
}

async fn server_dry_run(
    context: &Context,
    connection: &Connection,
    args: &Args,
    prepared: &Prepared,
) -> Result<Exit> {
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mut answers = Vec::new();
    for object in prepared.others.iter().chain(&prepared.workflows) {
        let api = objects::api_of(&connection.client, object, &connection.namespace).await?;
        answers.push(api.create(&params, &objects::decode(object)?).await?);
    }
    output::print(context, args.after.output.unwrap_or(Format::Yaml), &answers)?;
    Ok(Exit::Success)
}

/// What follows the creation: print, and then wait, watch or show logs.
pub(super) async fn after(
    context: &Context,
    connection: &Connection,
    args: &After,
    created: Vec<DynamicObject>,
) -> Result<Exit> {
    let mut interrupts = Interrupts::listen()?;
    match args.output {
        Some(format) => output::print(context, format, &created)?,
        None => created.iter().try_for_each(|workflow| {
            context.ui.print(&get::describe(
                workflow,
                &get::status_of(workflow),
                false,
                context.now(),
            ))
        })?,
    }
    let targets: Vec<(String, String)> = created.iter().map(target).collect();
    if args.log {
        for (namespace, name) in &targets {
            logs::follow_workflow(context, &connection.client, namespace, name).await?;
        }
    }
    let lines = match (args.watch, args.wait || args.log) {
        (true, _) => Lines::Stderr,
        (false, true) => Lines::Nowhere,
        (false, false) => return Ok(Exit::Success),
    };
    match follow::follow(context, &connection.client, &targets, lines, &mut interrupts).await? {
        End::Finished(finished) if args.output.is_some() => Ok(outcome(&finished)),
        End::Finished(finished) => ended(context, &finished, lines),
        End::Interrupted => Ok(Exit::Interrupted),
    }
}

/// The workflow that a template stands for, changed by the flags.
async fn from_template(connection: &Connection, from: &str, overrides: &Overrides) -> Result<Prepared> {
    let (kind, name) = from.split_once('/').ok_or_else(|| bad_from(from))?;
    let spec = match kind {
        "wftmpl" | "workflowtemplate" => json!({"workflowTemplateRef": {"name": name}}),
        "cwft" | "clusterworkflowtemplate" => {
            json!({"workflowTemplateRef": {"name": name, "clusterScope": true}})
        }
        "cronwf" | "cronworkflow" | "cwf" => {
            cron_spec(&connection.client, &connection.namespace, name).await?
        }
        _ => return Err(bad_from(from)),
    };
    let workflow = json!({
        "apiVersion": argo::API_VERSION,
        "kind": "Workflow",
        "metadata": {"generateName": format!("{name}-")},
        "spec": spec,
    });
    submission::prepare_one(workflow, overrides)
}

fn bad_from(from: &str) -> CommandError {
    CommandError::input(format!("`--from {from}` names no template"))
        .hint("the forms are wftmpl/NAME, cwft/NAME and cronwf/NAME")
}

/// The spec of the workflows that a CronWorkflow makes.
async fn cron_spec(client: &Client, namespace: &str, name: &str) -> Result<Value> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(argo::GROUP, argo::VERSION, "CronWorkflow"));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let cron = api.get(name).await?;
    Ok(cron
        .data
        .pointer("/spec/workflowSpec")
        .cloned()
        .unwrap_or_default())
}
