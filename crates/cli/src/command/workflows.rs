//! What the commands on existing workflows share: finding them by name, and changing them.

use std::collections::BTreeSet;

use kinds::kube::Api;
use kinds::kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use serde_json::Value;
use workflow::rerun::NodeSelector;

use super::get::status_of;
use crate::connect::Connection;
use crate::context::Context;
use crate::error::{CommandError, Result, status_code};
use crate::nodes::{self, Place};
pub(crate) use crate::submission::pair_of;
use crate::tree::view::{StatusView, workflows};

/// The name that stands for the workflow created last.
pub(super) const LATEST: &str = "@latest";

/// The workflows of the connection's namespace.
pub(crate) fn api(connection: &Connection) -> Api<DynamicObject> {
    Api::namespaced_with(connection.client.clone(), &connection.namespace, &workflows())
}

/// The workflow `name`, which may be `@latest`.
pub(crate) async fn get(connection: &Connection, name: &str) -> Result<DynamicObject> {
    if name == LATEST {
        return latest(connection).await;
    }
    api(connection).get(name).await.map_err(|error| {
        let missing = status_code(&error) == Some(404);
        let error = CommandError::from(error);
        if missing {
            error.hint("`plimsoll list` shows the workflows there are")
        } else {
            error
        }
    })
}

/// The status of a workflow that was found, its nodes whole.
pub(super) async fn status(connection: &Connection, object: &DynamicObject) -> Result<StatusView> {
    let place = Place {
        client: &connection.client,
        namespace: &connection.namespace,
        name: &name_of(object),
    };
    nodes::status(place).await
}

/// The names themselves, `@latest` replaced by what it stands for.
pub(super) async fn resolve(connection: &Connection, names: &[String]) -> Result<Vec<String>> {
    let mut resolved = Vec::with_capacity(names.len());
    for name in names {
        let name = if name == LATEST {
            name_of(&latest(connection).await?)
        } else {
            name.clone()
        };
        resolved.push(name);
    }
    Ok(resolved)
}

async fn latest(connection: &Connection) -> Result<DynamicObject> {
    let all = api(connection).list(&ListParams::default()).await?.items;
    let newest = all.into_iter().max_by_key(|workflow| {
        (
            workflow.metadata.creation_timestamp.clone().map(|time| time.0),
            workflow.metadata.name.clone(),
        )
    });
    newest.ok_or_else(|| {
        CommandError::failed("there is no workflow yet").hint("`plimsoll submit FILE` creates one")
    })
}

/// The object's name.
pub(super) fn name_of(object: &DynamicObject) -> String {
    object.metadata.name.clone().unwrap_or_default()
}

/// Which workflows a command is about.
#[derive(Debug, clap::Args)]
pub(super) struct Names {
    /// Names of workflows; `@latest` is the one created last
    #[arg(value_name = "WORKFLOW", required_unless_present = "selector")]
    names: Vec<String>,
    /// And those with these labels
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<String>,
}

impl Names {
    /// The names of the workflows, each once.
    pub(super) async fn resolve(&self, connection: &Connection) -> Result<Vec<String>> {
        let mut names = resolve(connection, &self.names).await?;
        if let Some(selector) = &self.selector {
            let params = ListParams::default().labels(selector);
            names.extend(api(connection).list(&params).await?.items.iter().map(name_of));
        }
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        Ok(names)
    }

    /// Merges `patch` into each that is not over, and says `done` of it.
    pub(super) async fn change(
        &self,
        context: &Context,
        connection: &Connection,
        patch: &Value,
        done: &str,
    ) -> Result<()> {
        for name in self.resolve(connection).await? {
            if status_of(&get(connection, &name).await?).is_finished() {
                return Err(CommandError::failed(format!(
                    "workflow {name} is over: it cannot be {done}"
                )));
            }
            let patch = Patch::Merge(patch);
            api(connection)
                .patch(&name, &PatchParams::default(), &patch)
                .await?;
            context.ui.print(&format!("workflow {name} {done}\n"))?;
        }
        Ok(())
    }
}

/// The nodes that `--node-field-selector` means.
pub(super) fn selector(text: &str) -> Result<NodeSelector> {
    NodeSelector::parse(text)
        .map_err(|why| CommandError::input(format!("unable to parse node field selector '{text}': {why}")))
}

/// What `-p NAME=VALUE` gives.
pub(super) fn pairs(texts: &[String]) -> Result<Vec<(String, String)>> {
    texts.iter().map(|text| pair_of(text, "-p")).collect()
}
