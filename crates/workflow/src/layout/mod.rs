//! How the nodes of a workflow are stored: in the Workflow while they fit, beside it where they do not.
//!
//! ```text
//!   compressedNodes   (Argo's form of a finished workflow's nodes)
//!       ▲ is overlaid by
//!   chunk 0, 1, 2, …  (write-once objects beside the Workflow, named by `offloadNodeStatusVersion`)
//!       ▲ is overlaid by
//!   status.nodes      (what changed lately)
//! ```
//!
//! Of a node that is found in several places the uppermost version counts, whole. A node with a long list of
//! children is stored in parts: itself with the first [`LIST_MAX`], and one more entry for each further so
//! many, under keys that follow its own. That way a growing list costs what it grows by.
//!
//! Most workflows are small: they have neither chunks nor parts, and look as Argo's do. Argo gives
//! `offloadNodeStatusVersion` the same meaning: the nodes are elsewhere. Readers call [`hydrate`] and see whole
//! nodes; who has edited a hydrated Workflow calls [`dehydrate`] before writing it.
//!
//! Pure: objects come in, objects go out.

mod chunk;
mod manifest;
mod packed;
mod parts;

use std::collections::{BTreeMap, BTreeSet};

use argo::{NodeStatus, Workflow, WorkflowStatus};
use serde_json::Value;

pub(crate) use self::chunk::Writer;
pub use self::chunk::{Chunk, ChunkObject, chunk_name};
pub use self::manifest::Manifest;
pub(crate) use self::packed::pack_nodes;
pub use self::packed::{pack, unpack};
pub use self::parts::{LIST_MAX, Stored, key, of_key};
pub(crate) use self::parts::{count, holding, size, slice};

/// API group and version of chunks.
pub const CHUNK_API_VERSION: &str = "plimsoll.dev/v1alpha1";
/// The kind of chunks.
pub const CHUNK_KIND: &str = "WorkflowStatusChunk";
/// Plural name of chunks, as in paths.
pub const CHUNK_PLURAL: &str = "workflowstatuschunks";

/// Most bytes of node JSON that stay in a Workflow that has chunks. Every status write rewrites them, so few;
/// each overflow makes a chunk, so not too few: about eighty nodes.
pub const INLINE_MAX: usize = 32 << 10;
/// Bytes of node JSON at which a chunk is full: well below etcd's 1.5 MB even where its last node is large.
pub const CHUNK_MAX: usize = 256 << 10;
/// Most bytes of a whole Workflow before its nodes are compressed: Argo's `MAX_WORKFLOW_SIZE`.
pub const OBJECT_MAX: usize = 1 << 20;

/// Why nodes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The Workflow names a chunk that is not there.
    Missing(u32),
    /// `offloadNodeStatusVersion` names nodes in a place that is not ours: Argo's database.
    Foreign(String),
    /// `compressedNodes` is no gzipped JSON.
    Packed(String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(number) => write!(f, "chunk {number} of the nodes is missing"),
            Self::Foreign(version) => write!(f, "the nodes are in another place ({version:?})"),
            Self::Packed(why) => write!(f, "the compressed nodes cannot be read: {why}"),
        }
    }
}

impl std::error::Error for Unreadable {}

/// Whole nodes from the places where they are stored: of each the uppermost version, its parts joined.
pub fn overlay<N: Stored>(
    base: BTreeMap<String, N>,
    chunks: impl IntoIterator<Item = BTreeMap<String, N>>,
    inline: BTreeMap<String, N>,
) -> BTreeMap<String, N> {
    let mut all = base;
    for chunk in chunks {
        all.extend(chunk);
    }
    // What is no whole node must not hide one.
    let below: BTreeSet<String> = inline
        .iter()
        .filter(|(key, node)| of_key(key).1 == 0 && !node.is_whole() && all.contains_key(*key))
        .map(|(key, _)| key.clone())
        .collect();
    all.extend(inline.into_iter().filter(|(key, _)| !below.contains(key)));
    parts::join(all)
}

/// The chunks that are named, in their order.
///
/// # Errors
/// One of them is missing.
pub fn named<N>(manifest: &Manifest, chunks: Vec<Chunk<N>>) -> Result<Vec<Chunk<N>>, Unreadable> {
    let mut by_number: BTreeMap<u32, Chunk<N>> = chunks.into_iter().map(|c| (c.number, c)).collect();
    let find = |number| by_number.remove(&number).ok_or(Unreadable::Missing(number));
    manifest.numbers().map(find).collect()
}

/// Puts all nodes into `status.nodes`, wherever they are stored. Chunks that are not named are passed over.
///
/// # Errors
/// Nodes that the Workflow speaks of cannot be had.
pub fn hydrate(workflow: &mut Workflow, chunks: Vec<Chunk<NodeStatus>>) -> Result<(), Unreadable> {
    let status = &mut workflow.status;
    let chunks = named(&Manifest::of(&status.offload_node_status_version)?, chunks)?;
    let base = unpack(&std::mem::take(&mut status.compressed_nodes))?;
    let inline = std::mem::take(&mut status.nodes);
    status.nodes = overlay(base, chunks.into_iter().map(|c| c.nodes), inline);
    status.offload_node_status_version.clear();
    Ok(())
}

/// As [`hydrate`], of an object whose every field is to be kept, known or not.
///
/// # Errors
/// As [`hydrate`].
pub fn hydrate_value(workflow: &mut Value, chunks: Vec<Chunk<Value>>) -> Result<(), Unreadable> {
    let Some(status) = workflow.get_mut("status").and_then(Value::as_object_mut) else {
        return Ok(());
    };
    let text = |field: Option<Value>| match field {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let version = text(status.get("offloadNodeStatusVersion").cloned());
    let chunks = named(&Manifest::of(&version)?, chunks)?;
    let base = unpack(&text(status.remove("compressedNodes")))?;
    let inline = match status.remove("nodes") {
        Some(Value::Object(nodes)) => nodes.into_iter().collect(),
        _ => BTreeMap::new(),
    };
    let nodes = overlay(base, chunks.into_iter().map(|c| c.nodes), inline);
    if !nodes.is_empty() {
        status.insert("nodes".to_owned(), nodes.into_iter().collect());
    }
    status.remove("offloadNodeStatusVersion");
    Ok(())
}

/// Whether every chunk that a Workflow names is there. Nodes of a form that is not ours will not come by
/// waiting, and are not looked at.
///
/// # Errors
/// One is missing.
pub fn check<N>(status: &WorkflowStatus, chunks: &[Chunk<N>]) -> Result<(), Unreadable> {
    let manifest = manifest(status).unwrap_or_default();
    let there: BTreeSet<u32> = chunks.iter().map(|chunk| chunk.number).collect();
    let missing = manifest.numbers().find(|number| !there.contains(number));
    missing.map_or(Ok(()), |number| Err(Unreadable::Missing(number)))
}

/// The chunks that a Workflow's status speaks of.
///
/// # Errors
/// Its nodes are in a place that is not ours.
pub fn manifest(status: &WorkflowStatus) -> Result<Manifest, Unreadable> {
    Manifest::of(&status.offload_node_status_version)
}

/// Stores the nodes of a hydrated Workflow as a finished workflow's are: in it if it stays within
/// [`OBJECT_MAX`], else compressed if that does, else in chunks numbered from `first`, which must be higher
/// than any number that this Workflow ever used. The chunks are to be created before the Workflow is written.
///
/// # Errors
/// The object cannot be written as JSON.
pub fn dehydrate(workflow: &mut Workflow, first: u32) -> Result<Vec<ChunkObject>, serde_json::Error> {
    if serde_json::to_vec(&*workflow)?.len() <= OBJECT_MAX {
        return Ok(Vec::new());
    }
    let nodes = std::mem::take(&mut workflow.status.nodes);
    let rest = serde_json::to_vec(&*workflow)?.len();
    if let Some(packed) = pack(&nodes, OBJECT_MAX.saturating_sub(rest))? {
        workflow.status.compressed_nodes = packed;
        return Ok(Vec::new());
    }
    let mut chunks = Writer::new(&workflow.metadata, first);
    for node in nodes.values() {
        for nth in 0..count(node) {
            chunks.add(&key(&node.id, nth), &slice(node, nth));
        }
    }
    let chunks = chunks.finish();
    let manifest: Manifest = chunks.iter().map(|c| c.number).collect();
    workflow.status.offload_node_status_version = manifest.to_string();
    Ok(chunks)
}

#[cfg(test)]
mod tests;
