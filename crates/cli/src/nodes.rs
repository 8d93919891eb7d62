//! The nodes of a workflow, wherever they are stored: in it, compressed in it, or in chunks beside it.
//!
//! What is read here is whole; no command needs to know how large a workflow is.

use std::collections::{BTreeMap, BTreeSet};

use kinds::kube::api::DynamicObject;
use kinds::kube::{self, Client};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use workflow::layout::{self, CHUNK_API_VERSION, CHUNK_PLURAL, Chunk, Manifest, Stored, Unreadable};

use crate::error::{CommandError, Result, status_code};
use crate::tree::view::{NodeView, StatusView};

/// How often nodes are read again that moved while they were read: each time they were written meanwhile.
const ATTEMPTS: usize = 5;

impl Stored for NodeView {
    fn append(&mut self, part: Self) {
        self.children.extend(part.children);
    }

    fn is_whole(&self) -> bool {
        !self.id.is_empty()
    }
}

/// Where an object is.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The API that it is read from.
    pub client: &'a Client,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl Place<'_> {
    /// The object's text, as `T`.
    async fn read<T: DeserializeOwned>(&self) -> Result<T, kube::Error> {
        let (namespace, name) = (self.namespace, self.name);
        let path = format!(
            "/apis/{}/namespaces/{namespace}/workflows/{name}",
            argo::API_VERSION
        );
        get(self.client, &path).await
    }

    /// All chunks that carry the workflow's label.
    pub(crate) async fn chunks<N: DeserializeOwned>(&self, uid: &str) -> Result<Vec<Chunk<N>>, kube::Error> {
        #[derive(Deserialize)]
        struct List<N> {
            items: Vec<Chunk<N>>,
        }
        let label = workflow::contract::LABEL_WORKFLOW.replace('/', "%2F");
        let path = format!("{}?labelSelector={label}%3D{}", self.collection(), self.name);
        let list: List<N> = get(self.client, &path).await?;
        Ok(list
            .items
            .into_iter()
            .filter(|chunk| chunk.workflow == uid)
            .collect())
    }

    /// The chunks of these numbers: one by one, or all at once where nearly all are wanted.
    async fn named(
        &self,
        uid: &str,
        wanted: BTreeSet<u32>,
        all: bool,
    ) -> Result<Vec<Chunk<NodeView>>, Trouble> {
        if all && !wanted.is_empty() {
            let mut chunks: Vec<Chunk<NodeView>> = self.chunks(uid).await?;
            chunks.retain(|chunk| wanted.contains(&chunk.number));
            chunks.sort_by_key(|chunk| chunk.number);
            let there: BTreeSet<u32> = chunks.iter().map(|chunk| chunk.number).collect();
            let missing = wanted.difference(&there).next();
            return missing.map_or(Ok(chunks), |number| Err(Trouble::Moved(*number)));
        }
        let mut chunks = Vec::new();
        for number in wanted {
            let path = format!("{}/{}", self.collection(), layout::chunk_name(uid, number));
            match get(self.client, &path).await {
                Ok(chunk) => chunks.push(chunk),
                Err(error) if status_code(&error) == Some(404) => return Err(Trouble::Moved(number)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(chunks)
    }

    fn collection(&self) -> String {
        format!(
            "/apis/{CHUNK_API_VERSION}/namespaces/{}/{CHUNK_PLURAL}",
            self.namespace
        )
    }
}

async fn get<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, kube::Error> {
    let request = http::Request::get(path).body(Vec::new());
    client.request(request.map_err(kube::Error::HttpError)?).await
}

fn unreadable(name: &str, why: &Unreadable) -> CommandError {
    CommandError::failed(format!("workflow {name}: {why}"))
}

/// Puts all nodes of a Workflow where Argo's small workflows have them.
///
/// # Errors
/// They cannot be read.
pub async fn hydrate(client: &Client, object: &mut DynamicObject) -> Result<()> {
    let (namespace, name) = (object.metadata.namespace.clone(), object.metadata.name.clone());
    let (namespace, name) = (namespace.unwrap_or_default(), name.unwrap_or_default());
    let place = Place {
        client,
        namespace: &namespace,
        name: &name,
    };
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        let uid = object.metadata.uid.clone().unwrap_or_default();
        let version = text(&object.data, "offloadNodeStatusVersion");
        let chunks = if version.is_empty() {
            Vec::new()
        } else {
            place.chunks::<Value>(&uid).await?
        };
        match layout::hydrate_value(&mut object.data, chunks) {
            Ok(()) => return Ok(()),
            Err(Unreadable::Missing(_)) if left > 0 => *object = place.read().await?,
            Err(why) => return Err(unreadable(&name, &why)),
        }
    }
}

fn text(object: &Value, field: &str) -> String {
    let value = object
        .get("status")
        .and_then(|status| status.get(field)?.as_str());
    value.unwrap_or_default().to_owned()
}

/// A Workflow as far as it is followed.
#[derive(Deserialize)]
struct Seen {
    metadata: SeenMeta,
    #[serde(default)]
    status: StatusView,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SeenMeta {
    uid: String,
}

/// What is new in a workflow since it was read last.
#[derive(Debug)]
pub struct News {
    status: StatusView,
    chunks: Vec<Chunk<NodeView>>,
    manifest: Manifest,
}

/// What is known of the nodes of a workflow that is read again and again. Chunks are written once, so each is read
/// once: what an update costs does not depend on how many nodes there are.
#[derive(Debug, Default)]
pub struct Growing {
    known: BTreeSet<u32>,
    /// Long lists of children beyond the part that the node itself holds.
    tails: BTreeMap<String, BTreeMap<u32, Vec<String>>>,
}

impl Growing {
    /// The chunks that need not be read again for the status that was `seen` last.
    #[must_use]
    pub fn known(&self, seen: &StatusView) -> BTreeSet<u32> {
        // One that went on after its end has been edited: nothing known still holds.
        if seen.is_finished() {
            BTreeSet::new()
        } else {
            self.known.clone()
        }
    }

    /// Makes the status that was `seen` last, its nodes whole, the newest one.
    pub fn grow(&mut self, seen: &mut StatusView, news: News) {
        let News {
            mut status,
            chunks,
            manifest,
        } = news;
        let inline = std::mem::take(&mut status.nodes);
        let mut nodes = std::mem::take(&mut seen.nodes);
        if manifest.is_empty() || seen.is_finished() {
            self.known.clear();
            self.tails.clear();
            nodes = BTreeMap::new();
        }
        self.known.retain(|number| manifest.contains(*number));
        let mut long = BTreeSet::new();
        for chunk in chunks {
            self.known.insert(chunk.number);
            self.overlay(&mut nodes, &mut long, chunk.nodes);
        }
        self.overlay(&mut nodes, &mut long, inline);
        for id in long {
            self.join(&mut nodes, &id);
        }
        status.nodes = nodes;
        *seen = status;
    }

    /// Takes in parts of nodes. Those of a node with a long list are joined later, once for all of them: its `long` id
    /// is kept.
    fn overlay(
        &mut self,
        nodes: &mut BTreeMap<String, NodeView>,
        long: &mut BTreeSet<String>,
        parts: BTreeMap<String, NodeView>,
    ) {
        for (key, part) in parts {
            let (id, nth) = layout::of_key(&key);
            if nth > 0 {
                let tails = self.tails.entry(id.to_owned()).or_default();
                tails.insert(nth, part.children);
            } else if part.is_whole() || !nodes.contains_key(id) {
                nodes.insert(id.to_owned(), part);
            } else {
                continue;
            }
            if self.tails.contains_key(id) {
                long.insert(id.to_owned());
            }
        }
    }

    /// Appends to a node's list what is known of it beyond the part that the node itself holds.
    fn join(&self, nodes: &mut BTreeMap<String, NodeView>, id: &str) {
        if let (Some(node), Some(tails)) = (nodes.get_mut(id), self.tails.get(id)) {
            node.children.truncate(layout::LIST_MAX);
            node.children.extend(tails.values().flatten().cloned());
        }
    }
}

/// Why one reading did not succeed.
enum Trouble {
    /// A chunk that the Workflow named is gone: its nodes have moved on meanwhile.
    Moved(u32),
    Final(CommandError),
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Self {
        Self::Final(error.into())
    }
}

/// Reads what is new in a workflow of which some chunks are known.
///
/// # Errors
/// It is not there, or its nodes cannot be read.
pub async fn news(place: Place<'_>, known: &BTreeSet<u32>) -> Result<News> {
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        match once(place, known).await {
            Ok(news) => return Ok(news),
            Err(Trouble::Moved(_)) if left > 0 => {}
            Err(Trouble::Moved(number)) => return Err(unreadable(place.name, &Unreadable::Missing(number))),
            Err(Trouble::Final(error)) => return Err(error),
        }
    }
}

async fn once(place: Place<'_>, known: &BTreeSet<u32>) -> Result<News, Trouble> {
    let Seen { metadata, mut status } = place.read().await?;
    let foreign = |why: Unreadable| Trouble::Final(unreadable(place.name, &why));
    let manifest = Manifest::of(&status.offload_node_status_version).map_err(foreign)?;
    let packed = std::mem::take(&mut status.compressed_nodes);
    let mut nodes = layout::unpack(&packed).map_err(foreign)?;
    nodes.append(&mut status.nodes);
    status.nodes = nodes;
    let wanted: BTreeSet<u32> = manifest
        .numbers()
        .filter(|number| !known.contains(number))
        .collect();
    let chunks = place.named(&metadata.uid, wanted, known.is_empty()).await?;
    Ok(News {
        status,
        chunks,
        manifest,
    })
}

/// The status of a workflow, its nodes whole.
///
/// # Errors
/// It is not there, or its nodes cannot be read.
pub async fn status(place: Place<'_>) -> Result<StatusView> {
    let mut status = StatusView::default();
    Growing::default().grow(&mut status, news(place, &BTreeSet::new()).await?);
    Ok(status)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use kinds::kube::client::Body;

    use super::*;

    fn node(id: &str, phase: &str, children: &[&str]) -> NodeView {
        NodeView {
            id: id.to_owned(),
            phase: phase.to_owned(),
            children: children.iter().map(|child| (*child).to_owned()).collect(),
            ..NodeView::default()
        }
    }

    fn news(phase: &str, manifest: &[u32], chunks: &[(u32, &[NodeView])], inline: &[NodeView]) -> News {
        let by_id = |nodes: &[NodeView]| nodes.iter().map(|node| (node.id.clone(), node.clone())).collect();
        let chunk = |(number, nodes): &(u32, &[NodeView])| Chunk {
            workflow: "u".to_owned(),
            number: *number,
            nodes: by_id(nodes),
        };
        News {
            status: StatusView {
                phase: phase.to_owned(),
                nodes: by_id(inline),
                ..StatusView::default()
            },
            chunks: chunks.iter().map(chunk).collect(),
            manifest: manifest.iter().copied().collect(),
        }
    }

    /// `id:phase` of each node, with its children in brackets.
    fn shown(status: &StatusView) -> String {
        let show = |node: &NodeView| format!("{}:{}{:?}", node.id, node.phase, node.children);
        status.nodes.values().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_status_grows_by_what_is_new() {
        let (mut status, mut growing) = (StatusView::default(), Growing::default());
        let mut check = |news: News, expected: &str, known: &[u32]| {
            growing.grow(&mut status, news);
            assert_eq!(shown(&status), expected);
            assert_eq!(growing.known(&status), known.iter().copied().collect());
        };
        let (a, b) = (node("a", "Running", &["b"]), node("b", "Running", &[]));
        let just_a = std::slice::from_ref(&a);
        check(news("Running", &[], &[], just_a), r#"a:Running["b"]"#, &[]);
        check(
            news("Running", &[0], &[(0, just_a)], &[b]),
            r#"a:Running["b"] b:Running[]"#,
            &[0],
        );
        let done = node("b", "Succeeded", &[]);
        check(
            news("Running", &[0, 1], &[(1, &[done])], &[]),
            r#"a:Running["b"] b:Succeeded[]"#,
            &[0, 1],
        );
        let all = [node("a", "Succeeded", &[])];
        check(news("Succeeded", &[], &[], &all), "a:Succeeded[]", &[]);
        check(
            news("Running", &[5], &[(5, just_a)], &[]),
            r#"a:Running["b"]"#,
            &[5],
        );
    }

    #[test]
    fn a_long_list_of_children_grows_at_its_end() {
        let (mut status, mut growing) = (StatusView::default(), Growing::default());
        let part = |children: &[&str]| NodeView {
            id: layout::key("a", 1),
            ..node("", "", children)
        };
        let first: Vec<String> = (0..layout::LIST_MAX).map(|n| n.to_string()).collect();
        let mut a = node("a", "Running", &[]);
        a.children.clone_from(&first);
        growing.grow(
            &mut status,
            news("Running", &[0], &[(0, &[a.clone()])], &[part(&["x"])]),
        );
        growing.grow(&mut status, news("Running", &[0], &[], &[part(&["x", "y"])]));
        assert_eq!(status.nodes["a"].children[layout::LIST_MAX..], ["x", "y"]);
        growing.grow(&mut status, news("Running", &[0], &[], &[a]));
        assert_eq!(status.nodes["a"].children.len(), layout::LIST_MAX + 2);
        assert_eq!(status.nodes.len(), 1);
    }

    /// A server of one workflow of so many chunks, and the paths that it was asked for.
    fn server(chunks: u32) -> (Client, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let paths = Arc::clone(&asked);
        let chunk = |number: u32| {
            let node = serde_json::json!({"id": number.to_string(), "phase": "Succeeded"});
            let name = layout::chunk_name("u", number);
            serde_json::json!({"metadata": {"name": name}, "nodes": {number.to_string(): node}})
        };
        let answer = move |path: &str| {
            if path.contains("/workflows/") {
                let manifest: Manifest = (0..chunks).collect();
                serde_json::json!({
                    "metadata": {"name": "w", "uid": "u"},
                    "status": {"phase": "Running", "offloadNodeStatusVersion": manifest.to_string()},
                })
            } else if path.contains('?') {
                serde_json::json!({"items": (0..chunks).map(chunk).collect::<Vec<_>>()})
            } else {
                let number = (0..chunks).find(|number| path.ends_with(&layout::chunk_name("u", *number)));
                chunk(number.unwrap())
            }
        };
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let path = request.uri().to_string();
            let body = serde_json::to_vec(&answer(&path)).unwrap();
            paths.lock().unwrap().push(path);
            async move { Ok::<_, Infallible>(http::Response::new(Body::from(body))) }
        });
        (Client::new(service, "default"), asked)
    }

    /// What it costs to look at a workflow does not depend on how many chunks there are, but on how many are new.
    #[tokio::test]
    async fn what_is_known_is_not_asked_for_again() {
        let check = async |chunks, known: &[u32], expected: usize| {
            let (client, asked) = server(chunks);
            let place = Place {
                client: &client,
                namespace: "default",
                name: "w",
            };
            let known = known.iter().copied().collect();
            let news = super::news(place, &known).await.unwrap();
            assert_eq!(news.chunks.len(), chunks as usize - known.len());
            assert_eq!(asked.lock().unwrap().len(), expected, "{asked:?}");
        };
        check(0, &[], 1).await;
        check(3, &[], 2).await;
        check(400, &[], 2).await;
        check(4, &[0, 1, 2], 2).await;
        check(400, &(0..400).collect::<Vec<_>>(), 1).await;
    }
}
