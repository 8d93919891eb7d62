//! Workflows edited whole: read with all their nodes, changed by a rule of crate `workflow`, written back if nobody
//! else has written meanwhile, else read again.

use argo::{NodeStatus, Workflow};
use kinds::kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use kinds::kube::{self, Api};
use serde_json::Value;
use workflow::layout::{self, CHUNK_API_VERSION, CHUNK_KIND, CHUNK_PLURAL, Chunk};

use crate::command::workflows;
use crate::connect::Connection;
use crate::error::{CommandError, Result, status_code};
use crate::nodes::Place;

/// What the server answers when the version is not the one read.
const CONFLICT: u16 = 409;
/// How often an edit is made again because somebody else was faster.
pub(crate) const ATTEMPTS: usize = 10;

/// A Workflow as it is stored and as it is meant.
pub(crate) struct Whole {
    /// As it is stored.
    pub(crate) stored: Workflow,
    /// With all its nodes.
    pub(crate) hydrated: Workflow,
    /// A number for its next chunk.
    pub(crate) next_chunk: u32,
}

/// Reads a Workflow with all its nodes.
///
/// # Errors
/// It is not there, or cannot be understood.
pub(crate) async fn read(connection: &Connection, name: &str) -> Result<Whole> {
    let object = workflows::get(connection, name).await?;
    let stored: Workflow = typed(&object)?;
    let chunks = chunks(connection, &stored).await?;
    let next_chunk = chunks.iter().map(|chunk| chunk.number + 1).max().unwrap_or(0);
    let mut hydrated = stored.clone();
    layout::hydrate(&mut hydrated, chunks)
        .map_err(|why| CommandError::failed(format!("workflow {name}: {why}")))?;
    Ok(Whole {
        stored,
        hydrated,
        next_chunk,
    })
}

/// Changes a Workflow, running or not, by a rule that says what must become of it; gives it as it is then.
///
/// # Errors
/// The rule refuses, or the server does.
pub(crate) async fn change(
    connection: &Connection,
    name: &str,
    rule: impl Fn(&Workflow) -> Result<Workflow, String>,
) -> Result<DynamicObject> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        let whole = read(connection, name).await?;
        let new =
            rule(&whole.hydrated).map_err(|why| CommandError::failed(format!("workflow {name}: {why}")))?;
        let patch = workflow::rerun::patch_nodes(&whole.hydrated, &new)?;
        match write(connection, &whole.stored.metadata.name, &patch).await {
            Err(error) if status_code(&error) == Some(CONFLICT) && left > 0 => {}
            written => return Ok(written?),
        }
    }
}

/// Writes a whole edited Workflow that is over, its chunks first; gives none if somebody else has written meanwhile.
///
/// # Errors
/// The server refuses.
pub(crate) async fn store(
    connection: &Connection,
    whole: &Whole,
    mut new: Workflow,
) -> Result<Option<DynamicObject>> {
    let chunks = layout::dehydrate(&mut new, whole.next_chunk)?;
    let api = chunk_api(connection);
    for chunk in &chunks {
        let object: DynamicObject = serde_json::from_str(&chunk.body)?;
        api.create(&PostParams::default(), &object).await?;
    }
    let patch = workflow::rerun::patch(&whole.stored, &new)?.unwrap_or_default();
    match write(connection, &whole.stored.metadata.name, &patch).await {
        Err(error) if status_code(&error) == Some(CONFLICT) => Ok(None),
        written => Ok(Some(written?)),
    }
}

async fn write(connection: &Connection, name: &str, patch: &Value) -> Result<DynamicObject, kube::Error> {
    let api = workflows::api(connection);
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch))
        .await
}

async fn chunks(connection: &Connection, of: &Workflow) -> Result<Vec<Chunk<NodeStatus>>> {
    if of.status.offload_node_status_version.is_empty() {
        return Ok(Vec::new());
    }
    let place = Place {
        client: &connection.client,
        namespace: &connection.namespace,
        name: &of.metadata.name,
    };
    Ok(place.chunks(&of.metadata.uid).await?)
}

fn chunk_api(connection: &Connection) -> Api<DynamicObject> {
    let (group, version) = CHUNK_API_VERSION
        .split_once('/')
        .unwrap_or(("", CHUNK_API_VERSION));
    let kind = GroupVersionKind::gvk(group, version, CHUNK_KIND);
    let resource = ApiResource::from_gvk_with_plural(&kind, CHUNK_PLURAL);
    Api::namespaced_with(connection.client.clone(), &connection.namespace, &resource)
}

/// An object as one of Argo's types.
fn typed<T: serde::de::DeserializeOwned>(object: &DynamicObject) -> Result<T> {
    Ok(serde_json::from_value(serde_json::to_value(object)?)?)
}
