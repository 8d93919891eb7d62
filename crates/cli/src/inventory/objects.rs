//! The objects of a cluster as the audit projects them: listed in pages, or read from a file.

use std::collections::BTreeMap;
use std::path::Path;

use audit::Cluster;
use kinds::kube::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{get, refused};
use crate::context::Context;
use crate::error::{CommandError, Result, status_code};

/// Objects in a page: what kube-apiserver reads of etcd at once without harm.
const PAGE: usize = 500;
/// What the server answers once the state that a list began with is gone.
const GONE: u16 = 410;

/// A list, or a page of one.
#[derive(Deserialize)]
struct List {
    #[serde(default)]
    metadata: ListMetadata,
    #[serde(default, deserialize_with = "meta::json::null_as_default")]
    items: Vec<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    /// The token of the next page; empty on the last one.
    #[serde(default, rename = "continue")]
    next: String,
}

/// What an object is.
#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// Lists a cluster's objects. Those that are not understood are left out, and counted.
pub(crate) async fn of_cluster(context: &Context, client: &Client) -> Result<Cluster> {
    let (nodes, pods, namespaces) = tokio::try_join!(
        all(client, "/api/v1/nodes"),
        all(client, "/api/v1/pods"),
        all(client, "/api/v1/namespaces"),
    )?;
    Ok(Cluster {
        nodes: read(context, &nodes),
        pods: read(context, &pods),
        namespaces: read(context, &namespaces),
        usage: None,
    })
}

/// Reads what `kubectl get nodes,pods,namespaces --all-namespaces --output=json` wrote.
pub(crate) fn of_file(context: &Context, path: &Path) -> Result<Cluster> {
    let cannot = || format!("cannot read `{}`", path.display());
    let text =
        std::fs::read_to_string(path).map_err(|error| CommandError::input(cannot()).because(&error))?;
    let list: List = serde_json::from_str(&text).map_err(|error| {
        CommandError::input(cannot())
            .because(&error)
            .hint("it holds what `kubectl get nodes,pods,namespaces --all-namespaces --output=json` prints")
    })?;
    let mut by_kind: BTreeMap<String, Vec<Box<RawValue>>> = BTreeMap::new();
    for item in list.items {
        if let Ok(Kind { kind }) = serde_json::from_str(item.get()) {
            by_kind.entry(kind).or_default().push(item);
        }
    }
    let of_kind = |kind: &str| by_kind.get(kind).map_or(&[][..], Vec::as_slice);
    Ok(Cluster {
        nodes: read(context, of_kind("Node")),
        pods: read(context, of_kind("Pod")),
        namespaces: read(context, of_kind("Namespace")),
        usage: None,
    })
}

fn read<T: DeserializeOwned>(context: &Context, items: &[Box<RawValue>]) -> Vec<T> {
    let read: Vec<T> = items
        .iter()
        .filter_map(|item| serde_json::from_str(item.get()).ok())
        .collect();
    let lost = items.len() - read.len();
    if lost > 0 {
        context
            .ui
            .warn(&format!("{lost} objects are not understood and are left out"));
    }
    read
}

/// Every object of a collection. A list whose state is gone between two pages begins anew, in one go.
async fn all(client: &Client, path: &str) -> Result<Vec<Box<RawValue>>> {
    match pages(client, path).await {
        Err(error) if status_code(&error) == Some(GONE) => {
            Ok(page(client, path).await.map_err(refused)?.items)
        }
        found => found.map_err(refused),
    }
}

async fn pages(client: &Client, path: &str) -> Result<Vec<Box<RawValue>>, kinds::kube::Error> {
    let mut items = Vec::new();
    let mut next = String::new();
    loop {
        let token = meta::uri::escape(&next, "");
        let mut list = page(client, &format!("{path}?limit={PAGE}&continue={token}")).await?;
        items.append(&mut list.items);
        next = list.metadata.next;
        if next.is_empty() {
            return Ok(items);
        }
    }
}

async fn page(client: &Client, path: &str) -> Result<List, kinds::kube::Error> {
    let text = get(client, path).await?;
    serde_json::from_str(&text).map_err(kinds::kube::Error::SerdeError)
}
