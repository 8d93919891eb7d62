//! Nodes as Argo compresses them: JSON, gzipped, in base64. Rule: util/file/fileutil.go, `CompressEncodeString`.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use argo::NodeStatus;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::de::DeserializeOwned;

use super::Unreadable;

/// The largest that compressed nodes may unpack to, in bytes: a few bytes must not take all memory.
const UNPACKED_MAX: u64 = 512 << 20;

/// Nodes from `compressedNodes`; none from an empty text.
///
/// # Errors
/// It is not of Argo's form, or too large.
pub fn unpack<N: DeserializeOwned>(packed: &str) -> Result<BTreeMap<String, N>, Unreadable> {
    if packed.is_empty() {
        return Ok(BTreeMap::new());
    }
    let bytes = STANDARD
        .decode(packed)
        .map_err(|e| Unreadable::Packed(e.to_string()))?;
    let mut json = Vec::new();
    let mut unpacked = GzDecoder::new(bytes.as_slice()).take(UNPACKED_MAX);
    unpacked
        .read_to_end(&mut json)
        .map_err(|e| Unreadable::Packed(e.to_string()))?;
    serde_json::from_slice(&json).map_err(|e| Unreadable::Packed(e.to_string()))
}

/// Nodes as `compressedNodes`; none if that takes more than `room` bytes.
///
/// # Errors
/// A node cannot be written as JSON.
pub fn pack(nodes: &BTreeMap<String, NodeStatus>, room: usize) -> Result<Option<String>, serde_json::Error> {
    pack_nodes(nodes.iter().map(|(id, node)| (id.as_str(), node)), room)
}

/// As [`pack`], of nodes in the order of their ids.
pub(crate) fn pack_nodes<'n>(
    nodes: impl Iterator<Item = (&'n str, &'n NodeStatus)>,
    room: usize,
) -> Result<Option<String>, serde_json::Error> {
    // Fast: of JSON that repeats itself so much, more work saves little.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut before = "{";
    let io = serde_json::Error::io;
    for (id, node) in nodes {
        encoder.write_all(before.as_bytes()).map_err(io)?;
        serde_json::to_writer(&mut encoder, id)?;
        encoder.write_all(b":").map_err(io)?;
        serde_json::to_writer(&mut encoder, node)?;
        before = ",";
        if encoder.get_ref().len() > room {
            return Ok(None);
        }
    }
    encoder
        .write_all(if before == "{" { b"{}" } else { b"}" })
        .map_err(io)?;
    let packed = STANDARD.encode(encoder.finish().map_err(io)?);
    Ok((packed.len() <= room).then_some(packed))
}
