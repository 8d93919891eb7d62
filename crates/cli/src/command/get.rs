//! `plimsoll get`: one workflow as text, a tree included, like `argo get`.

use jiff::Timestamp;
use kinds::kube::api::DynamicObject;
use serde::Deserialize as _;

use super::workflows;
use crate::connect::connect;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::nodes;
use crate::output::{self, Format};
use crate::pods;
use crate::table::Table;
use crate::tree::fold::{self, Shows};
use crate::tree::forest::{Forest, Item, Role};
use crate::tree::phase::Phase;
use crate::tree::render;
use crate::tree::view::{NodeView, SpecView, StatusView};
use crate::ui::style::paint;

/// Show workflows and their nodes
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of workflows; `@latest` is the one created last
    #[arg(required = true, value_name = "WORKFLOW")]
    names: Vec<String>,
    /// Print the objects in this form
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
    /// Show every node, however many there are; else those of large groups that are done are counted
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let connection = connect(context).await?;
    let mut objects = Vec::new();
    for name in &args.names {
        objects.push(workflows::get(&connection, name).await?);
    }
    match args.output {
        Some(format) => {
            for object in &mut objects {
                nodes::hydrate(&connection.client, object).await?;
            }
            output::print(context, format, &objects)?;
        }
        None => {
            let mut texts = Vec::new();
            for object in &objects {
                let status = workflows::status(&connection, object).await?;
                texts.push(describe(object, &status, args.all, context.now()));
            }
            context.ui.print(&texts.join("\n"))?;
        }
    }
    Ok(Exit::Success)
}

/// The workflow as text: facts first, then the tree of its nodes.
pub(super) fn describe(object: &DynamicObject, status: &StatusView, all: bool, now: Timestamp) -> String {
    let mut text = facts(object, status, now);
    if !status.nodes.is_empty() {
        text.push('\n');
        text.push_str(&tree(object, status, all, now));
    }
    text
}

/// What is shown of the object's status but for nodes that are stored elsewhere; of one that is not understood,
/// nothing.
pub(super) fn status_of(object: &DynamicObject) -> StatusView {
    let status = object.data.get("status");
    status
        .and_then(|status| StatusView::deserialize(status).ok())
        .unwrap_or_default()
}

/// What is shown of the object's spec.
pub(super) fn spec_of(object: &DynamicObject) -> SpecView {
    let spec = object.data.get("spec").cloned().unwrap_or_default();
    serde_json::from_value(spec).unwrap_or_default()
}

/// The column in which facts begin, as in Argo's command line.
const FACTS: usize = 21;

fn facts(object: &DynamicObject, status: &StatusView, now: Timestamp) -> String {
    let spec = spec_of(object);
    let mut text = String::new();
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(format!("{name:<FACTS$}{value}").trim_end());
            text.push('\n');
        }
    };
    let when = |time: Option<Timestamp>| time.map(|time| moment(time, now)).unwrap_or_default();
    let account = if spec.service_account_name.is_empty() {
        "unset"
    } else {
        &spec.service_account_name
    };
    fact("Name:", object.metadata.name.as_deref().unwrap_or_default());
    fact(
        "Namespace:",
        object.metadata.namespace.as_deref().unwrap_or_default(),
    );
    fact("ServiceAccount:", account);
    fact(
        "Status:",
        if status.phase.is_empty() {
            "Pending"
        } else {
            &status.phase
        },
    );
    fact("Message:", &status.message);
    for condition in &status.conditions {
        let value = if condition.message.is_empty() {
            &condition.status
        } else {
            &condition.message
        };
        fact(&format!(" {}", condition.kind), value);
    }
    fact(
        "Created:",
        &when(object.metadata.creation_timestamp.as_ref().map(|time| time.0)),
    );
    fact("Started:", &when(status.started_at));
    fact("Finished:", &when(status.finished_at));
    fact("Duration:", &duration(status.started_at, status.finished_at, now));
    fact("Progress:", &status.progress);
    let used = status
        .resources_duration
        .iter()
        .map(|(resource, seconds)| format!("{seconds}s*{resource}"));
    fact("ResourcesDuration:", &used.collect::<Vec<_>>().join(", "));
    parameters("Parameters:", &spec.arguments.parameters, &mut fact);
    parameters("Output Parameters:", &status.outputs.parameters, &mut fact);
    text
}

fn parameters(
    title: &str,
    parameters: &[crate::tree::view::ParameterView],
    fact: &mut impl FnMut(&str, &str),
) {
    if parameters.is_empty() {
        return;
    }
    fact(title, " ");
    for parameter in parameters {
        fact(
            &format!("  {}:", parameter.name),
            &one_line(&parameter.text().unwrap_or_default()),
        );
    }
}

/// The value on one line, cut where it is long: `-o json` has all of it.
fn one_line(value: &str) -> String {
    const MAX: usize = 120;
    let mut line: String = value
        .chars()
        .take(MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if value.chars().nth(MAX).is_some() {
        line.push('…');
    }
    line
}

fn moment(time: Timestamp, now: Timestamp) -> String {
    format!(
        "{} ({} ago)",
        meta::time::seconds(time),
        meta::duration::human(now.duration_since(time))
    )
}

/// How long it took, or has taken; empty before it started.
pub(super) fn duration(start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> String {
    start
        .map(|start| meta::duration::human(end.unwrap_or(now).duration_since(start)))
        .unwrap_or_default()
}

/// The most rows of a tree. More would not be read, and take long to print.
const ROWS: usize = 500;
/// What is said below a tree that was folded.
const FOLDED: &str = "Large groups are folded: `--all` shows every node.";

/// The tree of nodes, with Argo's columns.
fn tree(object: &DynamicObject, status: &StatusView, all: bool, now: Timestamp) -> String {
    let forest = Forest::new(status);
    let name = workflows::name_of(object);
    let mut table = Table::new(["STEP", "TEMPLATE", "PODNAME", "DURATION", "MESSAGE"]);
    if !all && forest.items.len() > ROWS {
        folded(&forest, &mut |label, item| {
            let node = item.and_then(|item| status.nodes.get(&item.id));
            table.row(item.map_or_else(
                || vec![label.clone()],
                |item| row(&name, label.clone(), item, node, now),
            ));
        });
        return format!("{}\n{}\n", table.render(0).trim_end(), FOLDED);
    }
    for root in &forest.roots {
        rows(&forest, *root, "", "", &mut |label, item| {
            // The items of a steps' loop stand below a row for which there is no node.
            let node = status
                .nodes
                .get(&item.id)
                .filter(|node| item.role != Role::FanOut || node.kind == "TaskGroup");
            table.row(row(&name, label, item, node, now));
        });
    }
    table.render(0)
}

fn row(workflow: &str, label: String, item: &Item, node: Option<&NodeView>, now: Timestamp) -> Vec<String> {
    let template = node.map(|node| match node.template_ref.name.as_str() {
        "" => node.template_name.clone(),
        name => format!("{name}/{}", node.template_ref.template),
    });
    let pod = node
        .filter(|node| node.kind == "Pod")
        .map(|node| pods::name_of(workflow, node));
    let timed = !matches!(item.phase, Phase::Skipped | Phase::Omitted);
    let spent = if timed {
        duration(item.started, item.finished, now)
    } else {
        String::new()
    };
    let message = item
        .message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    vec![
        label,
        template.unwrap_or_default(),
        pod.unwrap_or_default(),
        spent,
        message,
    ]
}

/// Every item with its branches and glyph, depth first.
fn rows(forest: &Forest, at: usize, own: &str, below: &str, each: &mut impl FnMut(String, &Item)) {
    let item = &forest.items[at];
    let glyph = paint(item.phase.style(), item.phase.glyph());
    each(format!("{own}{glyph} {}", item.name), item);
    for (nth, child) in item.children.iter().enumerate() {
        let last = nth + 1 == item.children.len();
        let (branch, space) = if last {
            ("└─", "  ")
        } else {
            ("├─", "│ ")
        };
        rows(
            forest,
            *child,
            &format!("{below}{branch}"),
            &format!("{below}{space}"),
            each,
        );
    }
}

/// The rows of a large tree that fit, below the topmost one.
fn folded(forest: &Forest, each: &mut impl FnMut(String, Option<&Item>)) {
    let glyph = |item: &Item| paint(item.phase.style(), item.phase.glyph());
    if let Some(root) = forest.roots.first().map(|root| &forest.items[*root]) {
        each(format!("{} {}", glyph(root), root.name), Some(root));
    }
    for row in fold::rows(forest, ROWS) {
        let branches = render::guides(&row.guides);
        match row.shows {
            Shows::Item { at, folded } => {
                let item = &forest.items[at];
                let counts = if folded {
                    format!("  {}", item.counts.show())
                } else {
                    String::new()
                };
                each(
                    format!("{branches}{} {}{counts}", glyph(item), item.name),
                    Some(item),
                );
            }
            Shows::Rest { counts } => each(
                format!("{branches}… {} more  {}", counts.total(), counts.show()),
                None,
            ),
        }
    }
}
