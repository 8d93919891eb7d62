//! Logs of containers, read from their segments; following waits for the log to grow or the process to end.
//!
//! ```text
//!     spawner ---> c.0.log  c.0.log.1  c.0.log.2     oldest first; entries with the time of each line
//!                     |         |         |
//!     request ----> Reader: from the first, or where the last lines begin, to the end, and on
//! ```
//!
//! Unlike kubelet, which shows the last segment only, a reader gets all that is kept. This knows how logs are laid out,
//! and nothing of who writes them.

mod growth;
mod segments;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::Stream;
use meta::Timestamp;
use meta::time::SignedDuration;
use spawner::protocol::{Key, Output};
use spawner::{log, segment_path};

use crate::active::Active;
use crate::directory::PodDirectory;
use growth::Growth;
use segments::Position;

pub(crate) use segments::last_words;

/// Bytes read at once.
const CHUNK: usize = 32 << 10;
/// kubelet's defaults: a segment is full after 10 MiB, and five are kept.
const SEGMENT: u64 = 10 << 20;
const SEGMENTS: u32 = 5;

/// Where a process's output goes that is logged at `path`.
pub(crate) fn output(path: PathBuf) -> Output {
    Output::Log {
        path,
        segment: SEGMENT,
        segments: SEGMENTS,
    }
}

/// Which log, and what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRequest {
    /// `metadata.uid` of the pod.
    pub uid: String,
    /// Name of the pod, for messages.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// The attempt before the last one.
    pub previous: bool,
    /// Go on until the container ends.
    pub follow: bool,
    /// Only the last so many lines.
    pub tail_lines: Option<u64>,
    /// At most so many bytes.
    pub limit_bytes: Option<u64>,
    /// Only what is not older than this.
    pub since: Option<Timestamp>,
    /// A time before each line.
    pub timestamps: bool,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The container has not started, or what it wrote is gone; kubelet's sentence.
    #[error("{0}")]
    Unavailable(String),
    /// The file cannot be read.
    #[error("the log cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Opens logs.
#[derive(Clone)]
pub struct Logs {
    directory: PathBuf,
    active: Active,
}

impl Logs {
    pub(crate) fn new(directory: &Path, active: Active) -> Self {
        Self {
            directory: directory.to_owned(),
            active,
        }
    }

    /// Opens a log; the stream ends with the log, or when followed with the container.
    pub fn open(&self, request: &LogRequest) -> Result<impl Stream<Item = Bytes> + Send + use<>, LogError> {
        let directory = PodDirectory::new(&self.directory, &request.uid);
        let attempt = attempt(&directory, request)?;
        let path = directory.log(&request.container, attempt);
        let growth = request.follow.then(|| {
            let key = Key {
                pod: request.uid.clone(),
                container: request.container.clone(),
                attempt,
            };
            Growth::new(directory.path(), key, &self.active)
        });
        let numbers = segments::numbers(&path);
        let start = segments::tail(&path, &numbers, request.tail_lines.unwrap_or(u64::MAX))?;
        let reader = Reader {
            source: Source::open(path, start)?,
            growth: growth.transpose()?,
            left: request.limit_bytes.unwrap_or(u64::MAX),
            form: Form {
                since: request.since.map(log::stamp),
                timestamps: request.timestamps,
                at_line_start: true,
            },
        };
        Ok(futures::stream::unfold(reader, Reader::next))
    }
}

fn attempt(directory: &PodDirectory, request: &LogRequest) -> Result<u32, LogError> {
    let attempts = directory.attempts(&request.container);
    let (container, pod) = (&request.container, &request.pod);
    let found = attempts.iter().rev().nth(usize::from(request.previous)).copied();
    found.ok_or_else(|| {
        LogError::Unavailable(if request.previous {
            format!("previous terminated container {container:?} in pod {pod:?} not found")
        } else {
            format!("container {container:?} in pod {pod:?} is waiting to start: ContainerCreating")
        })
    })
}

struct Reader {
    source: Source,
    growth: Option<Growth>,
    /// Bytes that may still be given.
    left: u64,
    form: Form,
}

impl Reader {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        while self.left > 0 {
            // Asked before reading: what was written before the end is then read after it.
            let ended = self.growth.as_ref().is_none_or(Growth::has_ended);
            if let Some(log) = self.source.read() {
                let mut text = self.form.apply(&log);
                text.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= text.len() as u64;
                if !text.is_empty() {
                    return Some((text.into(), self));
                }
            } else if ended {
                return None;
            } else {
                self.growth.as_mut()?.wait().await;
            }
        }
        None
    }
}

/// The segments of a log, one after the other.
struct Source {
    path: PathBuf,
    file: File,
    number: u32,
    /// Whether nothing more is written to it.
    complete: bool,
    /// The beginning of an entry of which the rest is not written yet.
    carry: Vec<u8>,
}

impl Source {
    fn open(path: PathBuf, at: Position) -> io::Result<Self> {
        let mut file = File::open(segment_path(&path, at.number))?;
        file.seek(SeekFrom::Start(at.offset))?;
        Ok(Self {
            path,
            file,
            number: at.number,
            complete: false,
            carry: Vec::new(),
        })
    }

    /// The next whole entries, maybe none; nothing at the end of the last segment.
    fn read(&mut self) -> Option<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.carry);
        let carried = bytes.len();
        bytes.resize(carried + CHUNK, 0);
        let length = self.file.read(&mut bytes[carried..]).unwrap_or(0);
        bytes.truncate(carried + length);
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        self.carry = bytes.split_off(whole);
        if length > 0 {
            return Some(bytes);
        }
        let number = segments::after(&self.path, self.number)?;
        // The segment is complete once there is another: what was written before that is read first.
        if !std::mem::replace(&mut self.complete, true) {
            return Some(Vec::new());
        }
        self.file = File::open(segment_path(&self.path, number)).ok()?;
        (self.number, self.complete) = (number, false);
        self.carry.clear();
        Some(Vec::new())
    }
}

/// What entries look like to the reader.
struct Form {
    /// Only entries of this time or later, as [`log::stamp`] writes it.
    since: Option<String>,
    timestamps: bool,
    at_line_start: bool,
}

impl Form {
    fn apply(&mut self, log: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(log.len());
        for entry in log::entries(log) {
            if self.since.as_deref().is_some_and(|since| entry.time < since) {
                continue;
            }
            if self.timestamps && self.at_line_start {
                text.extend_from_slice(entry.time.as_bytes());
                text.push(b' ');
            }
            text.extend_from_slice(entry.text);
            text.extend(entry.ends_line.then_some(b'\n'));
            self.at_line_start = entry.ends_line;
        }
        text
    }
}

/// The time so many seconds before `now`.
pub fn seconds_before(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    /// A log of pod `u`, container `c`, written at one time.
    fn logs(content: &str) -> (tempfile::TempDir, Logs, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let directory = PodDirectory::new(dir.path(), "u");
        std::fs::create_dir_all(directory.path()).unwrap();
        let path = directory.log("c", 0);
        std::fs::write(&path, entries(content, 1)).unwrap();
        let logs = Logs::new(dir.path(), Active::new());
        (dir, logs, path)
    }

    /// What is logged of `content`, written at this second.
    fn entries(content: &str, second: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        log::encode(
            content.as_bytes(),
            Timestamp::from_second(second).unwrap(),
            &mut bytes,
        );
        bytes
    }

    fn append(path: &Path, content: &str, second: i64) {
        let mut file = File::options().append(true).create(true).open(path).unwrap();
        io::Write::write_all(&mut file, &entries(content, second)).unwrap();
    }

    fn request() -> LogRequest {
        LogRequest {
            uid: "u".into(),
            pod: "p".into(),
            container: "c".into(),
            ..LogRequest::default()
        }
    }

    async fn read(logs: &Logs, request: &LogRequest) -> String {
        let chunks: Vec<_> = logs.open(request).unwrap().collect().await;
        String::from_utf8(chunks.concat()).unwrap()
    }

    #[tokio::test]
    async fn what_is_asked_for_is_given() {
        let (_dir, logs, path) = logs("one\ntwo");
        append(&path, "!\nthree\n", 2);
        append(&segment_path(&path, 1), "four\n", 3);
        let check = async |request: LogRequest, expected: &str| {
            assert_eq!(read(&logs, &request).await, expected, "{request:?}");
        };
        check(request(), "one\ntwo!\nthree\nfour\n").await;
        let limit_bytes = Some(5);
        check(
            LogRequest {
                limit_bytes,
                ..request()
            },
            "one\nt",
        )
        .await;
        let tail_lines = Some(2);
        check(
            LogRequest {
                tail_lines,
                ..request()
            },
            "three\nfour\n",
        )
        .await;
        let since = Timestamp::from_second(3).ok();
        check(LogRequest { since, ..request() }, "four\n").await;
        let (timestamps, stamped) = (
            true,
            "1970-01-01T00:00:02.000000000Z three\n1970-01-01T00:00:03.000000000Z four\n",
        );
        check(
            LogRequest {
                timestamps,
                tail_lines,
                ..request()
            },
            stamped,
        )
        .await;
        let tail_lines = Some(0);
        check(
            LogRequest {
                tail_lines,
                ..request()
            },
            "",
        )
        .await;
    }

    #[tokio::test]
    async fn following_goes_on_over_segments_and_ends_with_the_container() {
        let (_dir, logs, path) = logs("a\n");
        let key = Key {
            pod: "u".into(),
            container: "c".into(),
            attempt: 0,
        };
        logs.active.insert(key.clone());
        let follow = true;
        let mut stream = Box::pin(logs.open(&LogRequest { follow, ..request() }).unwrap());
        assert_eq!(stream.next().await.unwrap(), "a\n");
        append(&path, "b\n", 2);
        assert_eq!(stream.next().await.unwrap(), "b\n");
        append(&path, "c\n", 3);
        append(&segment_path(&path, 1), "d\n", 4);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(stream.next().await.unwrap(), "c\n");
        assert_eq!(stream.next().await.unwrap(), "d\n");
        let half = entries("e\n", 5);
        std::fs::write(segment_path(&path, 2), &half[..half.len() / 2]).unwrap();
        let mut file = File::options().append(true).open(segment_path(&path, 2)).unwrap();
        io::Write::write_all(&mut file, &half[half.len() / 2..]).unwrap();
        assert_eq!(stream.next().await.unwrap(), "e\n");
        append(&segment_path(&path, 2), "f", 6);
        logs.active.remove(&key);
        assert_eq!(stream.next().await.unwrap(), "f");
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test]
    async fn what_is_not_there_is_said() {
        let (_dir, logs, _) = logs("a\n");
        for (request, expected) in [
            (
                LogRequest {
                    previous: true,
                    ..request()
                },
                "previous terminated container \"c\" in pod \"p\" not found",
            ),
            (
                LogRequest {
                    container: "x".into(),
                    ..request()
                },
                "container \"x\" in pod \"p\" is waiting to start: ContainerCreating",
            ),
        ] {
            match logs.open(&request) {
                Err(error) => assert_eq!(error.to_string(), expected),
                Ok(_) => panic!("there is no such log"),
            }
        }
    }
}
