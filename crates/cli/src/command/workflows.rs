//! What the commands on existing workflows share: finding them by name, and changing them.

use kinds::kube::Api;
use kinds::kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use serde_json::Value;

use crate::connect::Connection;
use crate::context::Context;
use crate::error::{CommandError, Result, status_code};
use crate::nodes::{self, Place};
use crate::tree::view::{StatusView, workflows};

/// The name that stands for the workflow created last.
pub(super) const LATEST: &str = "@latest";

/// The workflows of the connection's namespace.
pub(super) fn api(connection: &Connection) -> Api<DynamicObject> {
    Api::namespaced_with(connection.client.clone(), &connection.namespace, &workflows())
}

/// The workflow `name`, which may be `@latest`.
pub(super) async fn get(connection: &Connection, name: &str) -> Result<DynamicObject> {
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

/// Merges `patch` into each of `names` and says `done` of it.
pub(super) async fn change(
    context: &Context,
    connection: &Connection,
    names: &[String],
    patch: &Value,
    done: &str,
) -> Result<()> {
    let api = api(connection);
    for name in resolve(connection, names).await? {
        api.patch(&name, &PatchParams::default(), &Patch::Merge(patch))
            .await?;
        context.ui.print(&format!("workflow {name} {done}\n"))?;
    }
    Ok(())
}
