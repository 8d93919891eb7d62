//! `plimsoll resume`.
//!
//! A held workflow is let go by its spec; a node that pauses by the phase in the status, as Argo's command line does
//! (`util.ResumeWorkflow`): the node becomes Succeeded, ended now.

use jiff::Timestamp;
use kinds::kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Map, Value, json};

use super::workflows;
use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::exit::Exit;
use crate::nodes;

/// Let held workflows go on, and end the pauses in them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of workflows; `@latest` is the one created last
    #[arg(required = true, value_name = "WORKFLOW")]
    names: Vec<String>,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let connection = connect(context).await?;
    for name in workflows::resolve(&connection, &args.names).await? {
        resume(&connection, &name, context.now()).await?;
        context.ui.print(&format!("workflow {name} resumed\n"))?;
    }
    Ok(Exit::Success)
}

async fn resume(connection: &Connection, name: &str, now: Timestamp) -> Result<()> {
    let mut workflow = workflows::get(connection, name).await?;
    // A pause whose node lies elsewhere is written whole: what stands in the Workflow hides what lies elsewhere.
    let inline = workflow
        .data
        .pointer("/status/nodes")
        .cloned()
        .unwrap_or_default();
    nodes::hydrate(&connection.client, &mut workflow).await?;
    let patch = patch(&workflow, &inline, now).ok_or_else(|| {
        CommandError::failed(format!(
            "workflow {name} is not suspended and has no pause to end"
        ))
    })?;
    workflows::api(connection)
        .patch(name, &PatchParams::default(), &Patch::Merge(patch))
        .await?;
    Ok(())
}

/// What resumes the workflow, if it is held or pauses. Carries the resourceVersion, so that a node that
/// has ended meanwhile is not changed.
fn patch(workflow: &DynamicObject, inline: &Value, now: Timestamp) -> Option<Value> {
    let held = workflow.data.pointer("/spec/suspend") == Some(&Value::Bool(true));
    let pauses = workflow
        .data
        .pointer("/status/nodes")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let pauses = pauses.filter(|(_, node)| node["type"] == "Suspend" && node["phase"] == "Running");
    let nodes: Map<String, Value> = pauses
        .map(|(id, node)| {
            let mut ended = if inline.get(id).is_some() {
                json!({})
            } else {
                node.clone()
            };
            ended["phase"] = "Succeeded".into();
            ended["finishedAt"] = meta::time::seconds(now).into();
            (id.clone(), ended)
        })
        .collect();
    if !held && nodes.is_empty() {
        return None;
    }
    let mut patch = json!({"metadata": {"resourceVersion": workflow.metadata.resource_version}});
    if held {
        patch["spec"] = json!({"suspend": null});
    }
    if !nodes.is_empty() {
        patch["status"] = json!({"nodes": nodes});
    }
    Some(patch)
}
