//! Which part of which node is stored where, and how many bytes of each place still count.

use std::collections::{BTreeMap, BTreeSet};

use super::SPARSE;
use crate::machine::nodes::Part;

/// Where a part is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// In `status.nodes`.
    Inline,
    /// In the chunk of this number.
    Chunk(u32),
    /// In `compressedNodes`.
    Packed,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    at: At,
    bytes: usize,
}

/// What is known of a chunk.
#[derive(Debug, Default)]
struct Kept {
    parts: Vec<Part>,
    bytes: usize,
    /// Bytes of the parts that no later version supersedes.
    live: usize,
}

/// All places.
#[derive(Debug, Default)]
pub(super) struct Places {
    all: BTreeMap<Part, Place>,
    /// Bytes of all parts.
    bytes: usize,
    inline: BTreeSet<Part>,
    inline_bytes: usize,
    chunks: BTreeMap<u32, Kept>,
    sparse: BTreeSet<u32>,
    dead: BTreeSet<u32>,
}

impl Places {
    /// Notes where the newest version of a part is.
    pub(super) fn put(&mut self, part: Part, at: At, bytes: usize) {
        if let Some(old) = self.all.insert(part, Place { at, bytes }) {
            self.leave(part, old);
        }
        self.bytes += bytes;
        match at {
            At::Inline => {
                self.inline.insert(part);
                self.inline_bytes += bytes;
            }
            At::Chunk(number) => {
                let kept = self.chunks.entry(number).or_default();
                kept.parts.push(part);
                kept.bytes += bytes;
                kept.live += bytes;
            }
            At::Packed => {}
        }
    }

    fn leave(&mut self, part: Part, old: Place) {
        self.bytes -= old.bytes;
        match old.at {
            At::Inline => {
                self.inline.remove(&part);
                self.inline_bytes -= old.bytes;
            }
            At::Chunk(number) => self.supersede(number, old.bytes),
            At::Packed => {}
        }
    }

    fn supersede(&mut self, number: u32, bytes: usize) {
        let Some(kept) = self.chunks.get_mut(&number) else {
            return;
        };
        kept.live -= bytes;
        if kept.live == 0 {
            self.sparse.remove(&number);
            self.dead.insert(number);
        } else if kept.live * SPARSE < kept.bytes {
            self.sparse.insert(number);
        }
    }

    /// A chunk that was found, of this many bytes in all; what counts of it is noted already.
    pub(super) fn found_chunk(&mut self, number: u32, bytes: usize) {
        self.chunks.entry(number).or_default().bytes = bytes;
        self.supersede(number, 0);
    }

    /// Whether a part is stored anywhere.
    pub(super) fn contains(&self, part: Part) -> bool {
        self.all.contains_key(&part)
    }

    /// Whether a part is in `status.nodes`.
    pub(super) fn is_inline(&self, part: Part) -> bool {
        self.inline.contains(&part)
    }

    /// Bytes of all parts, as they are written with their keys, as far as is known.
    pub(super) fn bytes(&self) -> usize {
        /// A key, its quotes, colon and comma.
        const KEY: usize = 32;
        self.bytes + self.all.len() * KEY
    }

    /// Bytes in `status.nodes`.
    pub(super) fn inline_bytes(&self) -> usize {
        self.inline_bytes
    }

    /// Bytes of one part.
    pub(super) fn bytes_of(&self, part: Part) -> usize {
        self.all.get(&part).map_or(0, |place| place.bytes)
    }

    /// The parts in `status.nodes`.
    pub(super) fn inline(&self) -> &BTreeSet<Part> {
        &self.inline
    }

    /// All parts.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> + '_ {
        self.all.keys().copied()
    }

    /// The parts in `compressedNodes`.
    pub(super) fn packed(&self) -> impl Iterator<Item = Part> + '_ {
        let packed = self.all.iter().filter(|(_, place)| place.at == At::Packed);
        packed.map(|(part, _)| *part)
    }

    /// What still counts of chunks that have become sparse.
    pub(super) fn take_sparse(&mut self) -> Vec<Part> {
        let mut rest = Vec::new();
        for number in std::mem::take(&mut self.sparse) {
            let parts = self.chunks.get(&number).into_iter().flat_map(|kept| &kept.parts);
            let is_there = |part: &&Part| {
                self.all
                    .get(part)
                    .is_some_and(|place| place.at == At::Chunk(number))
            };
            rest.extend(parts.filter(is_there));
        }
        rest
    }

    /// Forgets the chunks of which nothing counts any more.
    pub(super) fn take_dead(&mut self) -> Vec<u32> {
        let dead = std::mem::take(&mut self.dead);
        for number in &dead {
            self.chunks.remove(number);
        }
        dead.into_iter().collect()
    }

    /// The numbers of the chunks that count, ascending.
    pub(super) fn chunks(&self) -> impl Iterator<Item = u32> + '_ {
        self.chunks.keys().copied()
    }
}
