//! Chunks: bounded, numbered objects beside a Workflow, written once, that hold some of its nodes.

use std::collections::BTreeMap;

use argo::{NodeStatus, ObjectMeta};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{CHUNK_API_VERSION, CHUNK_KIND, CHUNK_MAX};
use crate::contract::LABEL_WORKFLOW;

/// A chunk as it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk<N> {
    /// Uid of the Workflow that it belongs to.
    pub workflow: String,
    /// Its number. Numbers are not used again.
    pub number: u32,
    /// Parts of nodes by their keys.
    pub nodes: BTreeMap<String, N>,
}

/// A chunk to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkObject {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// The whole object as JSON.
    pub body: String,
}

/// The name of a Workflow's chunk.
pub fn chunk_name(workflow_uid: &str, number: u32) -> String {
    format!("{workflow_uid}-{number}")
}

impl<'de, N: Deserialize<'de>> Deserialize<'de> for Chunk<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw<N> {
            metadata: ObjectMeta,
            #[serde(default = "BTreeMap::new")]
            nodes: BTreeMap<String, N>,
        }
        let raw = Raw::deserialize(deserializer)?;
        let name = raw.metadata.name;
        let parts = name.rsplit_once('-');
        let known = parts.and_then(|(uid, number)| Some((uid.to_owned(), number.parse().ok()?)));
        let (workflow, number) =
            known.ok_or_else(|| serde::de::Error::custom(format!("{name:?} is no name of a chunk")))?;
        Ok(Self {
            workflow,
            number,
            nodes: raw.nodes,
        })
    }
}

/// Gathers parts into chunks of at most [`CHUNK_MAX`] bytes, but for the last part of each.
pub(crate) struct Writer<'m> {
    metadata: &'m ObjectMeta,
    next: u32,
    open: String,
    done: Vec<ChunkObject>,
}

impl<'m> Writer<'m> {
    pub(crate) fn new(metadata: &'m ObjectMeta, first: u32) -> Self {
        Self {
            metadata,
            next: first,
            open: String::new(),
            done: Vec::new(),
        }
    }

    /// Adds a part; answers the number of its chunk.
    pub(crate) fn add(&mut self, key: &str, part: &NodeStatus) -> u32 {
        let number = self.next;
        // A node has only text for keys, so it can be written.
        let json = serde_json::to_string(part).unwrap_or_default();
        self.open
            .push_str(if self.open.is_empty() { "\"" } else { ",\"" });
        // Ids are names of Kubernetes and digits: nothing in them needs escaping.
        self.open.push_str(key);
        self.open.push_str("\":");
        self.open.push_str(&json);
        if self.open.len() >= CHUNK_MAX {
            self.close();
        }
        number
    }

    pub(crate) fn finish(mut self) -> Vec<ChunkObject> {
        if !self.open.is_empty() {
            self.close();
        }
        self.done
    }

    fn close(&mut self) {
        let nodes = std::mem::take(&mut self.open);
        let name = chunk_name(&self.metadata.uid, self.next);
        let head = head(self.metadata, &name);
        self.done.push(ChunkObject {
            number: self.next,
            name,
            body: format!("{head},\"nodes\":{{{nodes}}}}}"),
        });
        self.next += 1;
    }
}

/// The object without its nodes and its closing brace.
fn head(workflow: &ObjectMeta, name: &str) -> String {
    let head: Value = json!({
        "apiVersion": CHUNK_API_VERSION,
        "kind": CHUNK_KIND,
        "metadata": {
            "name": name,
            "namespace": workflow.namespace,
            "labels": { LABEL_WORKFLOW: workflow.name },
            "ownerReferences": [crate::pod::owner(workflow)],
        },
    });
    let mut text = head.to_string();
    text.pop();
    text
}
