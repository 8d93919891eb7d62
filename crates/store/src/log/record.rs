//! What records say.
//!
//! ```text
//!   batch:    1 first revision (8) durable revision (8) count (4) then each write:
//!               put     1 key created (8) value
//!               delete  2 key
//!               delete  3 key final value
//!   epoch:    2
//!   entries:  3 count (4) then each: key created (8) modified (8) value
//!   end:      4 last revision (8) count of entries (8)
//! ```
//!
//! Keys and values are preceded by their length (4).

use std::sync::Arc;

use bytes::Bytes;

use super::format;
use crate::change::{Batch, Change};
use crate::{Entry, Revision};

const BATCH: u8 = 1;
const EPOCH: u8 = 2;
const ENTRIES: u8 = 3;
const END: u8 = 4;

const PUT: u8 = 1;
const DELETE: u8 = 2;
const DELETE_WITH: u8 = 3;

/// Size of the payload of an epoch's record.
pub(super) const EPOCH_BYTES: usize = 1;

/// A record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    Batch {
        batch: Batch,
        /// What was on the disk for sure when the record was written.
        durable: Revision,
    },
    /// The log was opened anew.
    Epoch,
    Entries(Vec<Entry>),
    /// A snapshot is whole. What it holds is of `last` at the latest.
    End {
        last: Revision,
        count: u64,
    },
}

/// What a batch's record takes in the log.
pub(crate) fn record_bytes(batch: &Batch) -> usize {
    let change = |change: &Change| match change {
        Change::Put { key, value, .. } => 17 + key.len() + value.len(),
        Change::Delete { key, last } => 9 + key.len() + last.as_ref().map_or(0, Bytes::len),
    };
    format::frame_bytes(21 + batch.changes.iter().map(change).sum::<usize>())
}

pub(super) fn encode_batch(out: &mut Vec<u8>, batch: &Batch, durable: Revision) {
    out.push(BATCH);
    out.extend_from_slice(&batch.first.0.to_le_bytes());
    out.extend_from_slice(&durable.0.to_le_bytes());
    out.extend_from_slice(&(batch.changes.len() as u32).to_le_bytes());
    for change in &batch.changes {
        match change {
            Change::Put { key, value, created } => {
                out.push(PUT);
                put_bytes(out, key.as_bytes());
                out.extend_from_slice(&created.0.to_le_bytes());
                put_bytes(out, value);
            }
            Change::Delete { key, last: None } => {
                out.push(DELETE);
                put_bytes(out, key.as_bytes());
            }
            Change::Delete {
                key,
                last: Some(last),
            } => {
                out.push(DELETE_WITH);
                put_bytes(out, key.as_bytes());
                put_bytes(out, last);
            }
        }
    }
}

pub(super) fn encode_epoch(out: &mut Vec<u8>) {
    out.push(EPOCH);
}

pub(super) fn encode_entries(out: &mut Vec<u8>, entries: &[Entry]) {
    out.push(ENTRIES);
    out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    for entry in entries {
        put_bytes(out, entry.key.as_bytes());
        out.extend_from_slice(&entry.created.0.to_le_bytes());
        out.extend_from_slice(&entry.modified.0.to_le_bytes());
        put_bytes(out, &entry.value);
    }
}

pub(super) fn encode_end(out: &mut Vec<u8>, last: Revision, count: u64) {
    out.push(END);
    out.extend_from_slice(&last.0.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Reads a record's payload; `None` where it is none that this format has.
pub(super) fn decode(payload: &[u8]) -> Option<Record> {
    let mut reader = Reader(payload);
    let record = match reader.byte()? {
        BATCH => batch(&mut reader)?,
        EPOCH => Record::Epoch,
        ENTRIES => entries(&mut reader)?,
        END => Record::End {
            last: Revision(reader.number8()?),
            count: reader.number8()?,
        },
        _ => return None,
    };
    reader.0.is_empty().then_some(record)
}

fn batch(reader: &mut Reader<'_>) -> Option<Record> {
    let first = Revision(reader.number8()?);
    let durable = Revision(reader.number8()?);
    let count = reader.number4()?;
    let changes = (0..count).map(|_| change(reader)).collect::<Option<Vec<_>>>()?;
    let batch = Batch { first, changes };
    (count > 0).then_some(Record::Batch { batch, durable })
}

fn change(reader: &mut Reader<'_>) -> Option<Change> {
    let kind = reader.byte()?;
    let key = reader.key()?;
    Some(match kind {
        PUT => Change::Put {
            key,
            created: Revision(reader.number8()?),
            value: reader.value()?,
        },
        DELETE => Change::Delete { key, last: None },
        DELETE_WITH => Change::Delete {
            key,
            last: Some(reader.value()?),
        },
        _ => return None,
    })
}

fn entries(reader: &mut Reader<'_>) -> Option<Record> {
    let count = reader.number4()?;
    let entry = |_| {
        Some(Entry {
            key: reader.key()?,
            created: Revision(reader.number8()?),
            modified: Revision(reader.number8()?),
            value: reader.value()?,
        })
    };
    (0..count)
        .map(entry)
        .collect::<Option<Vec<_>>>()
        .map(Record::Entries)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn number4(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn number8(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number4()? as usize;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn key(&mut self) -> Option<Arc<str>> {
        std::str::from_utf8(self.bytes()?).ok().map(Arc::from)
    }

    /// Copied: a value that shared the file's buffer would keep all of it in memory.
    fn value(&mut self) -> Option<Bytes> {
        self.bytes().map(Bytes::copy_from_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Batch {
        let put = |key: &str, value: &'static [u8], created| Change::Put {
            key: key.into(),
            value: Bytes::from_static(value),
            created: Revision(created),
        };
        let last = Some(Bytes::from_static(b"final"));
        Batch {
            first: Revision(7),
            changes: vec![
                put("a", b"value", 3),
                put("", b"", 8),
                Change::Delete {
                    key: "a".into(),
                    last: None,
                },
                Change::Delete {
                    key: "b".into(),
                    last,
                },
            ],
        }
    }

    #[test]
    fn a_batch_is_read_back_and_takes_what_was_foretold() {
        let mut out = Vec::new();
        encode_batch(&mut out, &example(), Revision(5));
        assert_eq!(format::frame_bytes(out.len()), record_bytes(&example()));
        let record = Record::Batch {
            batch: example(),
            durable: Revision(5),
        };
        assert_eq!(decode(&out), Some(record));
    }

    #[test]
    fn entries_are_read_back() {
        let entry = Entry {
            key: "a".into(),
            value: Bytes::from_static(b"value"),
            created: Revision(1),
            modified: Revision(2),
        };
        let mut out = Vec::new();
        encode_entries(&mut out, std::slice::from_ref(&entry));
        assert_eq!(decode(&out), Some(Record::Entries(vec![entry])));
    }

    #[test]
    fn nothing_that_was_cut_or_changed_makes_trouble() {
        let mut out = Vec::new();
        encode_batch(&mut out, &example(), Revision(5));
        for length in 0..out.len() {
            assert_eq!(decode(&out[..length]), None, "{length} bytes");
        }
        for index in 0..out.len() {
            let mut changed = out.clone();
            changed[index] ^= 0xff;
            let _ = decode(&changed);
        }
    }
}
