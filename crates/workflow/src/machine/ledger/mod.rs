//! Where the parts of nodes are stored, and what is to be written when they change.
//!
//! ```text
//!   changed parts ──► status.nodes ── more than INLINE_MAX ──► chunks ── all superseded ──► dropped
//!                                                                │
//!                      over ──► inline or compressed, if they fit ┘
//! ```
//!
//! A log-structured store: a change is written into the Workflow, whole if its part is not there yet; what
//! has piled up moves on into a chunk. So each change is written a bounded number of times however many nodes
//! there are. Of a chunk of which little still counts the rest is written again, so that what is stored is at
//! most [`SPARSE`] times what counts.
//!
//! It knows nothing of what nodes mean but whether they are settled.

mod load;
mod places;
mod write;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use self::places::Places;
use crate::layout::ChunkObject;

/// A chunk is sparse once less than one byte in so many of it counts.
const SPARSE: usize = 4;

/// Where everything is stored.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    places: Places,
    /// The number of the next chunk.
    next: u32,
    /// Chunks that are there and do not count: a crash left them.
    strays: BTreeSet<u32>,
    /// Whether `compressedNodes` is set.
    packed: bool,
    /// Whether the nodes of the finished workflow were brought where Argo looks for them, if they fit.
    folded: bool,
}

/// What is to be written of nodes.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Chunks to create before the status is patched.
    pub(super) chunks: Vec<ChunkObject>,
    /// The patch of the status.
    pub(super) status: Map<String, Value>,
    /// Numbers of the chunks to delete afterwards.
    pub(super) dropped: Vec<u32>,
}
