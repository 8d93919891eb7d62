//! Values that have not changed for a while, kept as what sets them apart from one like them.
//!
//! ```text
//!   put ──► plain, in the recent events too ── left behind by them ──► packed: base + differences
//!             ▲                                                          │
//!             └───────────────────── read: unpacked, 0.2 µs a KiB ◄──────┘
//! ```
//!
//! Objects of a kind resemble each other: of ten thousand pods of a workflow each is another by a twentieth of
//! its text. So a value is compressed with a like value, its *base*, as the dictionary; large values with
//! themselves. Bases stay as they are, shared by all that lean on them, and go with the last of those.
//!
//! Knows nothing of when values are cold, and nothing of locks.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use lz4_flex::block::{compress, compress_with_dict, decompress, decompress_with_dict};

/// Smaller values are not worth the bookkeeping.
const BYTES_MIN: usize = 512;
/// Larger values are compressed by themselves: a dictionary reaches no further back (LZ4's window).
const BASE_BYTES_MAX: usize = 64 << 10;
/// Bases remembered for values to come, of all directories together.
const BASES_MAX: usize = 32;
/// Bases tried for one value.
const TRIES_MAX: usize = 4;

/// A value: as it was put, or packed.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Plain(Bytes),
    Packed(Arc<Packed>),
}

/// What sets a value apart from its base.
#[derive(Debug)]
pub(crate) struct Packed {
    /// Empty where the value is compressed by itself.
    base: Bytes,
    differences: Box<[u8]>,
    bytes: usize,
    /// The value as it was put, once somebody has asked for it by name: such values are asked for again.
    read: OnceLock<Bytes>,
}

impl Value {
    /// The value as it was put, for one who asks for it alone. The next time it costs nothing.
    pub(crate) fn read(&self) -> Bytes {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Packed(packed) => packed.read.get_or_init(|| self.plain()).clone(),
        }
    }

    /// The value as it was put, for one who looks at many.
    pub(crate) fn plain(&self) -> Bytes {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Packed(packed) => packed.unpack().map_or_else(
                |error| {
                    // Packing has tried it, so this is damaged memory, and nothing that a caller could mend.
                    tracing::error!(%error, "a packed value cannot be read");
                    Bytes::new()
                },
                Bytes::from,
            ),
        }
    }

    /// Whether it is as it was put.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

impl Packed {
    fn unpack(&self) -> Result<Vec<u8>, lz4_flex::block::DecompressError> {
        if self.base.is_empty() {
            decompress(&self.differences, self.bytes)
        } else {
            decompress_with_dict(&self.differences, self.bytes, &self.base)
        }
    }

    /// Packs a value, if that halves it and it can be read again.
    fn new(value: &[u8], base: &Bytes) -> Option<Self> {
        let differences = if base.is_empty() {
            compress(value)
        } else {
            compress_with_dict(value, base)
        };
        if differences.len() * 2 > value.len() {
            return None;
        }
        let packed = Self {
            base: base.clone(),
            differences: differences.into_boxed_slice(),
            bytes: value.len(),
            read: OnceLock::new(),
        };
        packed
            .unpack()
            .is_ok_and(|found| found == value)
            .then_some(packed)
    }
}

/// A value that others may be like.
struct Base {
    directory: Box<str>,
    value: Bytes,
}

/// Packs values, and remembers those that others may be like.
#[derive(Default)]
pub(crate) struct Packer {
    /// The last one made or used is first.
    bases: VecDeque<Base>,
}

impl Packer {
    /// The value of `key` in less room; `None` where it is to stay as it is.
    pub(crate) fn pack(&mut self, key: &str, value: &Bytes) -> Option<Value> {
        if value.len() < BYTES_MIN {
            return None;
        }
        if value.len() > BASE_BYTES_MAX {
            return Packed::new(value, &Bytes::new()).map(packed);
        }
        let directory = directory(key);
        let found = self.bases_of(directory).into_iter().find_map(|nth| {
            let base = self.bases.get(nth)?;
            Some((nth, Packed::new(value, &base.value)?))
        });
        let Some((nth, found)) = found else {
            self.remember(directory, value);
            return None;
        };
        if let Some(base) = self.bases.remove(nth) {
            self.bases.push_front(base);
        }
        Some(packed(found))
    }

    fn bases_of(&self, directory: &str) -> Vec<usize> {
        let bases = self.bases.iter().enumerate();
        let of_it = bases.filter(|(_, base)| &*base.directory == directory);
        of_it.map(|(nth, _)| nth).take(TRIES_MAX).collect()
    }

    fn remember(&mut self, directory: &str, value: &Bytes) {
        self.bases.truncate(BASES_MAX - 1);
        self.bases.push_front(Base {
            directory: directory.into(),
            value: value.clone(),
        });
    }
}

fn packed(packed: Packed) -> Value {
    Value::Packed(Arc::new(packed))
}

/// Keys are paths; values of one directory are alike.
fn directory(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(directory, _)| directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> Bytes {
        let words = (0..200).map(|n| format!("{n}:{}", n * n * n));
        format!("{name} {} {name}", words.collect::<Vec<_>>().join(",")).into()
    }

    /// Packs values in turn; answers the bytes that each takes beside its base, 0 of one that stays as it is.
    fn check(values: &[(&str, Bytes)]) -> Vec<usize> {
        let mut packer = Packer::default();
        let pack = |(key, value): &(&str, Bytes)| match packer.pack(key, value) {
            None => 0,
            Some(kept @ Value::Plain(_)) => unreachable!("{kept:?} is no packed value"),
            Some(Value::Packed(packed)) => {
                assert_eq!(Value::Packed(Arc::clone(&packed)).plain(), value, "{key}");
                packed.differences.len()
            }
        };
        values.iter().map(pack).collect()
    }

    #[test]
    fn values_like_an_earlier_one_take_a_fraction() {
        let sizes = check(&[
            ("/pods/a", text("a")),
            ("/pods/b", text("b")),
            ("/pods/c", text("c")),
        ]);
        assert_eq!(sizes[0], 0, "the first is the base");
        assert!((1..100).contains(&sizes[1]), "{sizes:?}");
        assert!((1..100).contains(&sizes[2]), "{sizes:?}");
    }

    #[test]
    fn values_of_another_directory_small_ones_and_noise_stay_as_they_are() {
        let mut state = 1_u32;
        let mut noise = || {
            let byte = |_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            Bytes::from((0..4096).map(byte).collect::<Vec<u8>>())
        };
        let small = || Bytes::from_static(b"small");
        let values = [
            ("/pods/a", text("a")),
            ("/nodes/a", text("a")),
            ("/small/a", small()),
            ("/small/b", small()),
            ("/noise/a", noise()),
            ("/noise/b", noise()),
        ];
        assert_eq!(check(&values), [0; 6]);
    }

    #[test]
    fn a_large_value_is_packed_by_itself() {
        let large: Bytes = text("large").repeat(40).into();
        assert!(large.len() > BASE_BYTES_MAX);
        let sizes = check(&[("/large/a", large.clone())]);
        assert!((1..large.len() / 10).contains(&sizes[0]), "{sizes:?}");
    }

    #[test]
    fn bases_that_are_not_used_are_forgotten() {
        let mut packer = Packer::default();
        packer.pack("/first/a", &text("a"));
        for nth in 0..BASES_MAX {
            packer.pack(&format!("/others/{nth}/a"), &text("a"));
        }
        assert_eq!(packer.bases.len(), BASES_MAX);
        assert!(packer.pack("/first/b", &text("b")).is_none());
    }
}
