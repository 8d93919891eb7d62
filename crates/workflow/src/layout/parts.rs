//! Nodes in parts: one with long lists is stored as itself with the first items of each, and one entry more
//! for each further stretch. A full stretch never changes again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use argo::NodeStatus;
use serde_json::Value;

/// Items of a list in one part. So many children are more than [`super::INLINE_MAX`] bytes of nodes: a
/// workflow whose nodes all lie in it has no parts.
pub const LIST_MAX: usize = 256;
/// Stands between a node's id and the number of a part. It is in no id, and sorts before what is.
const MARK: char = '+';

/// What nodes are read as.
pub trait Stored: Sized {
    /// Appends the lists of a further part.
    fn append(&mut self, part: Self);
    /// Whether it is a whole node and not somebody's patch of one that is stored elsewhere.
    fn is_whole(&self) -> bool;
}

impl Stored for NodeStatus {
    fn append(&mut self, part: Self) {
        self.children.extend(part.children);
        self.outbound_nodes.extend(part.outbound_nodes);
    }

    fn is_whole(&self) -> bool {
        !self.id.is_empty()
    }
}

impl Stored for Value {
    fn append(&mut self, mut part: Self) {
        for field in ["children", "outboundNodes"] {
            if let (Some(Self::Array(list)), Some(Self::Array(more))) =
                (self.get_mut(field), part.get_mut(field))
            {
                list.append(more);
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.get("id").is_some()
    }
}

/// The key under which a part is stored; that of part 0 is the node's id.
pub fn key(id: &str, nth: u32) -> String {
    if nth == 0 {
        id.to_owned()
    } else {
        format!("{id}{MARK}{nth:06}")
    }
}

/// The id of the node that a key's part belongs to, and which part it is.
pub fn of_key(key: &str) -> (&str, u32) {
    let part = key
        .split_once(MARK)
        .and_then(|(id, nth)| Some((id, nth.parse().ok()?)));
    part.unwrap_or((key, 0))
}

/// The number of the part that holds the `nth` item of a list.
pub(crate) fn holding(nth: usize) -> u32 {
    u32::try_from(nth / LIST_MAX).unwrap_or(u32::MAX)
}

/// How many parts a node has.
pub(crate) fn count(node: &NodeStatus) -> u32 {
    let longest = node.children.len().max(node.outbound_nodes.len());
    holding(longest.saturating_sub(1)) + 1
}

/// A part of a node.
pub(crate) fn slice(node: &NodeStatus, nth: u32) -> Cow<'_, NodeStatus> {
    if nth == 0 && count(node) == 1 {
        return Cow::Borrowed(node);
    }
    let children = stretch(&node.children, nth);
    let outbound_nodes = stretch(&node.outbound_nodes, nth);
    if nth > 0 {
        return Cow::Owned(NodeStatus {
            children,
            outbound_nodes,
            ..NodeStatus::default()
        });
    }
    Cow::Owned(NodeStatus {
        children,
        outbound_nodes,
        ..node.clone()
    })
}

/// The bytes of a node's JSON.
pub(crate) fn size(node: &NodeStatus) -> usize {
    struct Bytes(usize);
    impl std::io::Write for Bytes {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0 += text.len();
            Ok(text.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut bytes = Bytes(0);
    // Counting does not fail.
    let _ = serde_json::to_writer(&mut bytes, node);
    bytes.0
}

fn stretch(list: &[String], nth: u32) -> Vec<String> {
    let from = usize::try_from(nth)
        .unwrap_or(usize::MAX)
        .saturating_mul(LIST_MAX);
    list.iter().skip(from).take(LIST_MAX).cloned().collect()
}

/// Joins the parts of each node. In the order of keys they follow it; one without its node is dropped.
pub(super) fn join<N: Stored>(parts: BTreeMap<String, N>) -> BTreeMap<String, N> {
    let mut whole: Vec<(String, N)> = Vec::with_capacity(parts.len());
    for (key, part) in parts {
        match (of_key(&key), whole.last_mut()) {
            ((_, 0), _) => whole.push((key, part)),
            ((id, _), Some((last, node))) if id == last => node.append(part),
            _ => {}
        }
    }
    whole.into_iter().collect()
}
