//! The journal: which starts were intended, which processes ran, how they ended.
//!
//! ```text
//!     record   length u32 | CRC-32 of the body u32 | body: JSON
//!     file     Format, then in any interleaving, per key: Intent, Started, Ended, Acknowledged
//! ```
//!
//! Appended with one `write` and never synced: `kill -9` does not lose the page cache, and after a
//! loss of power no process of ours runs. A torn tail is cut off. What is acknowledged is dropped by rewriting
//! the file once that is most of it; it goes out with the next record, as an outcome told twice does no harm. This knows files, and nothing of processes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::protocol::{Ended, Key};

const FORMAT: u32 = 1;
const HEADER: usize = 8;
/// The journal is rewritten once it is longer than this many bytes, and than four times what the last rewrite kept.
const TRIM_AT: u64 = 64 << 10;

/// What is known of an attempt that is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It was about to start, in the boot named; it may have run.
    Intended { boot: String },
    /// It ran.
    Running(Process),
    /// It ended.
    Ended(Ended),
}

/// A process and what tells it from a later one with the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// When it was about to start, in clock ticks since boot, as `/proc/PID/stat` counts.
    pub(crate) ticks: u64,
    /// Start time, nanoseconds since 1970.
    pub(crate) started_at: i64,
    pub(crate) boot: String,
}

#[derive(Serialize, Deserialize)]
enum Record {
    Format { version: u32 },
    Intent { key: Key, boot: String },
    Started { key: Key, process: Process },
    Ended(Ended),
    Acknowledged { key: Key },
}

/// The open journal.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
    /// The length at which the next rewrite is due.
    trim_at: u64,
    /// Acknowledgements that are not written yet.
    waiting: Vec<u8>,
}

impl Journal {
    /// Opens or creates the journal at `path`, and tells what it holds.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, BTreeMap<Key, State>)> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        let (states, length) = replay(&bytes)?;
        file.set_len(length)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            length,
            trim_at: TRIM_AT.max(4 * length),
            waiting: Vec::new(),
        };
        if length == 0 {
            journal.append(&Record::Format { version: FORMAT })?;
        }
        Ok((journal, states))
    }

    /// Records that an attempt is about to start.
    pub(crate) fn intent(&mut self, key: &Key, boot: &str) -> io::Result<()> {
        self.append(&Record::Intent {
            key: key.clone(),
            boot: boot.to_owned(),
        })
    }

    /// Records that an attempt runs.
    pub(crate) fn started(&mut self, key: &Key, process: &Process) -> io::Result<()> {
        self.append(&Record::Started {
            key: key.clone(),
            process: process.clone(),
        })
    }

    /// Records how an attempt ended.
    pub(crate) fn ended(&mut self, ended: &Ended) -> io::Result<()> {
        self.append(&Record::Ended(ended.clone()))
    }

    /// Records that an outcome is known durably elsewhere, and rewrites the journal when that pays.
    pub(crate) fn acknowledged(&mut self, key: &Key, rest: &BTreeMap<Key, State>) -> io::Result<()> {
        self.waiting
            .extend(encode(&Record::Acknowledged { key: key.clone() })?);
        if self.length + (self.waiting.len() as u64) < self.trim_at {
            Ok(())
        } else {
            self.rewrite(rest)
        }
    }

    /// Writes what waits for the next record.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.write(&[])
    }

    fn rewrite(&mut self, states: &BTreeMap<Key, State>) -> io::Result<()> {
        let mut bytes = encode(&Record::Format { version: FORMAT })?;
        for record in states.iter().flat_map(|(key, state)| records(key, state)) {
            bytes.extend(encode(&record)?);
        }
        let fresh = self.path.with_extension("new");
        std::fs::write(&fresh, &bytes)?;
        meta::crash::point("spawner.journal-rewritten");
        std::fs::rename(&fresh, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.length = bytes.len() as u64;
        self.trim_at = TRIM_AT.max(4 * self.length);
        self.waiting.clear();
        Ok(())
    }

    fn append(&mut self, record: &Record) -> io::Result<()> {
        self.write(&encode(record)?)
    }

    /// What was not written whole is cut off again, so that later records stay readable.
    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.waiting);
        bytes.extend_from_slice(record);
        match self.file.write_all(&bytes) {
            Ok(()) => self.length += bytes.len() as u64,
            Err(error) => {
                self.file.set_len(self.length)?;
                return Err(error);
            }
        }
        Ok(())
    }
}

fn records(key: &Key, state: &State) -> Vec<Record> {
    let key = key.clone();
    match state.clone() {
        State::Intended { boot } => vec![Record::Intent { key, boot }],
        State::Running(process) => vec![Record::Started { key, process }],
        State::Ended(ended) => vec![Record::Ended(ended)],
    }
}

fn encode(record: &Record) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER];
    serde_json::to_writer(&mut bytes, record)?;
    let body = &bytes[HEADER..];
    let length = (body.len() as u32).to_le_bytes();
    let sum = crc32fast::hash(body).to_le_bytes();
    bytes[..4].copy_from_slice(&length);
    bytes[4..HEADER].copy_from_slice(&sum);
    Ok(bytes)
}

/// How many attempts a journal of these bytes leaves open, as the next spawner finds it. For those who examine one.
///
/// # Errors
/// The journal has another format.
pub fn open_attempts(bytes: &[u8]) -> io::Result<usize> {
    Ok(replay(bytes)?.0.len())
}

/// The states that `bytes` describe, and how many of the bytes are good.
fn replay(bytes: &[u8]) -> io::Result<(BTreeMap<Key, State>, u64)> {
    let mut states = BTreeMap::new();
    let mut at = 0;
    while let Some((record, length)) = decode(&bytes[at..]) {
        if at == 0 {
            check_format(&record)?;
        }
        apply(&mut states, record);
        at += length;
    }
    Ok((states, at as u64))
}

fn decode(bytes: &[u8]) -> Option<(Record, usize)> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let length = u32::from_le_bytes(header[..4].try_into().ok()?) as usize;
    let sum = u32::from_le_bytes(header[4..].try_into().ok()?);
    let body = rest.get(..length)?;
    let record = (crc32fast::hash(body) == sum).then(|| serde_json::from_slice(body).ok())??;
    Some((record, HEADER + length))
}

fn check_format(record: &Record) -> io::Result<()> {
    match record {
        Record::Format { version: FORMAT } => Ok(()),
        Record::Format { version } => Err(io::Error::other(format!(
            "the journal has format {version}, and this program reads format {FORMAT}"
        ))),
        _ => Err(io::Error::other("the journal does not begin with its format")),
    }
}

fn apply(states: &mut BTreeMap<Key, State>, record: Record) {
    match record {
        Record::Format { .. } => {}
        Record::Intent { key, boot } => drop(states.insert(key, State::Intended { boot })),
        Record::Started { key, process } => drop(states.insert(key, State::Running(process))),
        Record::Ended(ended) => drop(states.insert(ended.key.clone(), State::Ended(ended))),
        Record::Acknowledged { key } => drop(states.remove(&key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Outcome;

    fn key(attempt: u32) -> Key {
        Key {
            pod: "p".into(),
            container: "c".into(),
            attempt,
        }
    }

    fn ended(attempt: u32) -> Ended {
        Ended {
            key: key(attempt),
            started_at: Some(1),
            ended_at: 2,
            outcome: Outcome::Exited { code: 0 },
            out_of_memory: false,
            output: None,
        }
    }

    fn process() -> Process {
        Process {
            pid: 7,
            ticks: 8,
            started_at: 9,
            boot: "b".into(),
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (mut journal, states) = Journal::open(&path).unwrap();
        assert!(states.is_empty());
        for attempt in 0..4 {
            journal.intent(&key(attempt), "b").unwrap();
        }
        journal.started(&key(1), &process()).unwrap();
        journal.ended(&ended(2)).unwrap();
        journal.ended(&ended(3)).unwrap();
        journal
            .acknowledged(&key(3), &BTreeMap::from([(key(2), State::Ended(ended(2)))]))
            .unwrap();
        journal.flush().unwrap();
        let (_, states) = Journal::open(&path).unwrap();
        let expected = BTreeMap::from([
            (key(0), State::Intended { boot: "b".into() }),
            (key(1), State::Running(process())),
            (key(2), State::Ended(ended(2))),
        ]);
        assert_eq!(states, expected);
    }

    #[test]
    fn a_torn_or_damaged_tail_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.intent(&key(0), "b").unwrap();
        let good = journal.length;
        journal.intent(&key(1), "b").unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in good as usize..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (journal, states) = Journal::open(&path).unwrap();
            assert_eq!((states.len(), journal.length), (1, good), "cut at {cut}");
        }
        let mut damaged = whole;
        damaged[good as usize + HEADER + 3] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        assert_eq!(Journal::open(&path).unwrap().1.len(), 1);
    }

    #[test]
    fn acknowledged_attempts_do_not_pile_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (mut journal, _) = Journal::open(&path).unwrap();
        let rest = BTreeMap::from([(key(0), State::Ended(ended(0)))]);
        journal.ended(&ended(0)).unwrap();
        for attempt in 1..5_000 {
            journal.intent(&key(attempt), "b").unwrap();
            journal.ended(&ended(attempt)).unwrap();
            journal.acknowledged(&key(attempt), &rest).unwrap();
        }
        journal.flush().unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 2 * TRIM_AT);
        assert_eq!(Journal::open(&path).unwrap().1, rest);
    }

    #[test]
    fn another_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        std::fs::write(&path, encode(&Record::Format { version: 99 }).unwrap()).unwrap();
        assert!(Journal::open(&path).is_err());
    }
}
