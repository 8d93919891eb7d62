//! `plimsoll list`: workflows in rows, with Argo's columns.

use jiff::Timestamp;
use kinds::kube::Api;
use kinds::kube::api::{DynamicObject, ListParams};

use super::get::{duration, spec_of, status_of};
use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::nodes;
use crate::output::{self, Format, ListFormat};
use crate::table::Table;
use crate::tree::forest::Forest;
use crate::tree::phase::Phase;
use crate::tree::view::{SpecView, StatusView, workflows};

/// List workflows
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Those of all namespaces
    #[arg(long, short = 'A')]
    all_namespaces: bool,
    /// Those in one of these phases
    #[arg(long, value_delimiter = ',', value_name = "PHASE,...")]
    status: Vec<String>,
    /// Those that are not over
    #[arg(long, conflicts_with = "completed")]
    running: bool,
    /// Those that are over
    #[arg(long)]
    completed: bool,
    /// Those with these labels
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<String>,
    /// Print them in this form
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<ListFormat>,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let connection = connect(context).await?;
    let mut found = find(&connection, &args).await?;
    if matches!(
        args.output,
        Some(ListFormat::Json | ListFormat::Yaml | ListFormat::Wide)
    ) {
        for object in &mut found {
            nodes::hydrate(&connection.client, object).await?;
        }
    }
    match args.output {
        Some(ListFormat::Json) => output::print_list(context, Format::Json, &found)?,
        Some(ListFormat::Yaml) => output::print_list(context, Format::Yaml, &found)?,
        Some(ListFormat::Name) => output::print_list(context, Format::Name, &found)?,
        None | Some(ListFormat::Wide) if found.is_empty() => context.ui.say("No workflows found"),
        None | Some(ListFormat::Wide) => {
            let wide = args.output.is_some();
            context
                .ui
                .print(&table(&found, args.all_namespaces, wide, context.now()))?;
        }
    }
    Ok(Exit::Success)
}

/// The workflows asked for: those that are not over first, then the newest first, as Argo's command line has them.
async fn find(connection: &Connection, args: &Args) -> Result<Vec<DynamicObject>> {
    let api: Api<DynamicObject> = if args.all_namespaces {
        Api::all_with(connection.client.clone(), &workflows())
    } else {
        Api::namespaced_with(connection.client.clone(), &connection.namespace, &workflows())
    };
    let mut params = ListParams::default();
    if let Some(selector) = &args.selector {
        params = params.labels(selector);
    }
    let mut found = api.list(&params).await?.items;
    found.retain(|workflow| wanted(args, &status_of(workflow)));
    found.sort_by_cached_key(|workflow| {
        let status = status_of(workflow);
        let created = workflow.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (
            status.is_finished(),
            std::cmp::Reverse(status.finished_at),
            std::cmp::Reverse(created),
            workflow.metadata.name.clone(),
        )
    });
    Ok(found)
}

fn wanted(args: &Args, status: &StatusView) -> bool {
    let phase = if status.phase.is_empty() {
        "Pending"
    } else {
        &status.phase
    };
    let listed = args.status.is_empty()
        || args
            .status
            .iter()
            .any(|wanted| wanted.eq_ignore_ascii_case(phase));
    listed && !(args.running && status.is_finished()) && (!args.completed || status.is_finished())
}

fn table(found: &[DynamicObject], namespaces: bool, wide: bool, now: Timestamp) -> String {
    let mut headings = vec!["NAME", "STATUS", "AGE", "DURATION", "PRIORITY", "MESSAGE"];
    if namespaces {
        headings.insert(0, "NAMESPACE");
    }
    if wide {
        headings.extend(["P/R/C", "PARAMETERS"]);
    }
    let mut table = Table::new(headings);
    for workflow in found {
        table.row(row(workflow, namespaces, wide, now));
    }
    table.render(0)
}

fn row(workflow: &DynamicObject, namespaces: bool, wide: bool, now: Timestamp) -> Vec<String> {
    let (status, spec) = (status_of(workflow), spec_of(workflow));
    let created = workflow.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let mut cells = vec![
        workflow.metadata.name.clone().unwrap_or_default(),
        phase(&status, &spec),
        created
            .map(|time| meta::duration::human(now.duration_since(time)))
            .unwrap_or_default(),
        duration(status.started_at, status.finished_at, now),
        spec.priority.unwrap_or_default().to_string(),
        status.message.clone(),
    ];
    if namespaces {
        cells.insert(0, workflow.metadata.namespace.clone().unwrap_or_default());
    }
    if wide {
        cells.extend([progress(&status), parameters(&spec)]);
    }
    cells
}

/// The phase; a workflow that is held shows that.
fn phase(status: &StatusView, spec: &SpecView) -> String {
    match status.phase.as_str() {
        "Running" if spec.suspend == Some(true) => "Running (Suspended)".to_owned(),
        "" => "Pending".to_owned(),
        phase => phase.to_owned(),
    }
}

/// Nodes pending, running and completed.
fn progress(status: &StatusView) -> String {
    let counts = Forest::new(status).counts();
    let (pending, running) = (counts.of(Phase::Pending), counts.of(Phase::Running));
    format!("{pending}/{running}/{}", counts.total() - pending - running)
}

fn parameters(spec: &SpecView) -> String {
    let pair = |parameter: &crate::tree::view::ParameterView| {
        format!("{}={}", parameter.name, parameter.text().unwrap_or_default())
    };
    spec.arguments
        .parameters
        .iter()
        .map(pair)
        .collect::<Vec<_>>()
        .join(",")
}
