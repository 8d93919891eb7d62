//! Logs of containers, read from their files; following waits for the file to grow or the process to end.
//!
//! Both streams of a container share one file, which the process itself appends to: nothing stands between that could
//! break, lag or fill up, and lines keep their order. The price: which stream a line came from is not known, and its time only
//! as exactly as we see it (the file's last change for what is there, the time of reading for what follows).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use meta::Timestamp;
use meta::host::Clock;
use meta::time::SignedDuration;
use rustix::fs::inotify;
use spawner::protocol::Key;
use tokio::net::unix::pipe;
use tokio::sync::watch;

use crate::active::Active;
use crate::directory::PodDirectory;

/// Bytes read at once.
const CHUNK: usize = 32 << 10;

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
    /// Only what is not older than this, as far as is known.
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
    directory: std::path::PathBuf,
    active: Active,
    clock: Arc<dyn Clock>,
}

impl Logs {
    pub(crate) fn new(directory: &Path, active: Active, clock: Arc<dyn Clock>) -> Self {
        Self {
            directory: directory.to_owned(),
            active,
            clock,
        }
    }

    /// Opens a log; the stream ends with the file, or when followed with the container.
    pub fn open(&self, request: &LogRequest) -> Result<impl Stream<Item = Bytes> + Send + use<>, LogError> {
        let directory = PodDirectory::new(&self.directory, &request.uid);
        let attempt = attempt(&directory, request)?;
        let path = directory.log(&request.container, attempt);
        let mut file = File::open(&path)?;
        let changed = file
            .metadata()?
            .modified()
            .ok()
            .and_then(|time| Timestamp::try_from(time).ok());
        let stale = request
            .since
            .is_some_and(|since| changed.is_some_and(|changed| changed < since));
        let start = match request.tail_lines {
            _ if stale => file.seek(SeekFrom::End(0))?,
            Some(lines) => tail(&mut file, lines)?,
            None => 0,
        };
        file.seek(SeekFrom::Start(start))?;
        let key = Key {
            pod: request.uid.clone(),
            container: request.container.clone(),
            attempt,
        };
        let growth = if request.follow {
            Some(Growth::new(&path, key, &self.active)?)
        } else {
            None
        };
        let reader = Reader {
            file,
            growth,
            left: request.limit_bytes.unwrap_or(u64::MAX),
            stamper: request.timestamps.then_some(Stamper { at_line_start: true }),
            time: changed.unwrap_or_else(|| self.clock.now()),
            clock: self.clock.clone(),
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

/// Where the last `lines` lines begin.
fn tail(file: &mut File, lines: u64) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let (length, mut found) = (end, 0);
    let mut buffer = vec![0; CHUNK];
    while end > 0 {
        let start = end.saturating_sub(CHUNK as u64);
        let block = &mut buffer[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(block)?;
        for (index, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let after = start + index as u64 + 1;
            // The newline that ends the last line begins none.
            found += u64::from(after < length);
            if found >= lines && after < length || lines == 0 {
                return Ok(if lines == 0 { length } else { after });
            }
        }
        end = start;
    }
    Ok(if lines == 0 { length } else { 0 })
}

struct Reader {
    file: File,
    growth: Option<Growth>,
    left: u64,
    stamper: Option<Stamper>,
    /// The time that lines get which are read now.
    time: Timestamp,
    clock: Arc<dyn Clock>,
}

impl Reader {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            // Asked before reading: what was written before the end is then read after it.
            let ended = self.growth.as_ref().is_none_or(Growth::has_ended);
            let bytes = self.read();
            if !bytes.is_empty() {
                return Some((bytes, self));
            }
            if ended || self.left == 0 {
                return None;
            }
            self.growth.as_mut()?.wait().await;
            self.time = self.clock.now();
        }
    }

    fn read(&mut self) -> Bytes {
        let mut buffer = vec![0; CHUNK];
        let length = self.file.read(&mut buffer).unwrap_or(0);
        buffer.truncate(length);
        if let Some(stamper) = &mut self.stamper {
            buffer = stamper.stamp(&buffer, self.time);
        }
        buffer.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= buffer.len() as u64;
        buffer.into()
    }
}

/// Puts a time before each line, across chunks.
struct Stamper {
    at_line_start: bool,
}

impl Stamper {
    fn stamp(&mut self, bytes: &[u8], time: Timestamp) -> Vec<u8> {
        let prefix = format!("{time:.9} ");
        let mut out = Vec::with_capacity(bytes.len() + prefix.len());
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.at_line_start {
                out.extend_from_slice(prefix.as_bytes());
            }
            out.extend_from_slice(line);
            self.at_line_start = line.ends_with(b"\n");
        }
        out
    }
}

/// Tells when a log has grown or is complete.
struct Growth {
    /// An inotify descriptor, which reads as a pipe does.
    changes: pipe::Receiver,
    key: Key,
    active: Active,
    ends: watch::Receiver<()>,
}

impl Growth {
    fn new(path: &Path, key: Key, active: &Active) -> io::Result<Self> {
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        inotify::add_watch(&watch, path, inotify::WatchFlags::MODIFY)?;
        Ok(Self {
            changes: pipe::Receiver::from_file_unchecked(File::from(watch))?,
            key,
            ends: active.changes(),
            active: active.clone(),
        })
    }

    fn has_ended(&self) -> bool {
        !self.active.contains(&self.key)
    }

    async fn wait(&mut self) {
        tokio::select! {
            ready = self.changes.readable() => {
                let mut buffer = [0; 1024];
                while ready.is_ok() && self.changes.try_read(&mut buffer).is_ok() {}
            }
            _ = self.ends.changed() => {}
        }
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

    struct Fixed;
    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    /// A log of pod `u`, container `c`.
    fn logs(content: &str) -> (tempfile::TempDir, Logs, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let directory = PodDirectory::new(dir.path(), "u");
        std::fs::create_dir_all(directory.path()).unwrap();
        let path = directory.log("c", 0);
        std::fs::write(&path, content).unwrap();
        let logs = Logs::new(dir.path(), Active::new(), Arc::new(Fixed));
        (dir, logs, path)
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
    async fn the_tail_is_counted_in_lines() {
        for (content, lines, expected) in [
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 2, "b\nc"),
            ("a\nb\n", 5, "a\nb\n"),
            ("a\n", 0, ""),
            ("", 3, ""),
            ("\n\n\n", 1, "\n"),
        ] {
            let (_dir, logs, _) = logs(content);
            let request = LogRequest {
                tail_lines: Some(lines),
                ..request()
            };
            assert_eq!(read(&logs, &request).await, expected, "{content:?} {lines}");
        }
    }

    #[tokio::test]
    async fn bytes_are_limited_and_lines_stamped() {
        let (_dir, logs, path) = logs("one\ntwo");
        assert_eq!(
            read(
                &logs,
                &LogRequest {
                    limit_bytes: Some(5),
                    ..request()
                }
            )
            .await,
            "one\nt"
        );
        let time = Timestamp::from_second(1).unwrap();
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .set_modified(time.into())
            .unwrap();
        let stamped = read(
            &logs,
            &LogRequest {
                timestamps: true,
                ..request()
            },
        )
        .await;
        assert_eq!(
            stamped,
            "1970-01-01T00:00:01.000000000Z one\n1970-01-01T00:00:01.000000000Z two"
        );
        let since = LogRequest {
            since: Timestamp::from_second(2).ok(),
            ..request()
        };
        assert_eq!(read(&logs, &since).await, "");
    }

    #[tokio::test]
    async fn following_ends_with_the_container() {
        let (_dir, logs, path) = logs("a\n");
        let key = Key {
            pod: "u".into(),
            container: "c".into(),
            attempt: 0,
        };
        logs.active.insert(key.clone());
        let mut stream = Box::pin(
            logs.open(&LogRequest {
                follow: true,
                ..request()
            })
            .unwrap(),
        );
        assert_eq!(stream.next().await.unwrap(), "a\n");
        let mut file = File::options().append(true).open(&path).unwrap();
        io::Write::write_all(&mut file, b"b\n").unwrap();
        assert_eq!(stream.next().await.unwrap(), "b\n");
        io::Write::write_all(&mut file, b"c").unwrap();
        logs.active.remove(&key);
        assert_eq!(stream.next().await.unwrap(), "c");
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
