//! Where a process's output goes: through a pipe that the spawner drains, to a log in segments or into memory.
//!
//! ```text
//!     process --- stdout, stderr ---> pipe ---> spawner ---> LOG  LOG.1  LOG.2 ...   (the last one grows)
//! ```
//!
//! What is opened for others to read goes past the spawner.
//!
//! A pipe is what containers have elsewhere: `> /dev/stdout` means the same here, and a slow disk slows the writer down
//! instead of filling memory. A log that cannot be written loses lines; it does not end the process. This knows files
//! and pipes, and nothing of processes.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use meta::Timestamp;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

use crate::log;
use crate::protocol::{self, Failure, Stage, User};

/// Bytes read at once.
const CHUNK: usize = 16 << 10;
/// Reads in a row from one pipe, so that a talkative process does not keep the others waiting.
const TURN: usize = 8;
/// Reads after a process's end: what the largest pipe holds. Whatever it left behind may go on writing for ever.
const LAST: usize = (1 << 20) / CHUNK;

/// A process's output.
pub(crate) struct Output {
    /// Nothing once the process has closed its end.
    pipe: Option<OwnedFd>,
    sink: Sink,
}

/// What a process has as its standard input, output and error.
pub(crate) struct Ends {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    /// The same as standard output where there is none.
    pub(crate) stderr: Option<OwnedFd>,
    /// Whether standard input is the terminal that controls the process.
    pub(crate) terminal: bool,
}

impl Ends {
    /// No input, and one place for all output.
    pub(crate) fn writing_to(writer: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            stdin: null(OFlags::RDONLY)?,
            stdout: writer,
            stderr: None,
            terminal: false,
        })
    }

    fn opened(paths: [Option<&Path>; 3], terminal: bool, user: Option<&User>) -> Result<Self, Failure> {
        let open = |path: Option<&Path>, flags: OFlags| match path {
            None => null(flags).map_err(|error| failure(Path::new(NULL), &error)),
            Some(path) => {
                let flags = if terminal { OFlags::RDWR } else { flags };
                open_for(path, flags, user).map_err(|error| failure(path, &error.into()))
            }
        };
        let [stdin, stdout, stderr] = paths;
        Ok(Self {
            stdin: open(stdin, OFlags::RDONLY)?,
            stdout: open(stdout, OFlags::WRONLY)?,
            stderr: Some(open(stderr, OFlags::WRONLY)?),
            terminal,
        })
    }
}

const NULL: &str = "/dev/null";

fn null(flags: OFlags) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(NULL, flags | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens a pipe or terminal; another user gets it as their own, as it may be opened anew.
fn open_for(path: &Path, flags: OFlags, user: Option<&User>) -> Result<OwnedFd, Errno> {
    let file = rustix::fs::open(path, flags | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    give(&file, user)?;
    Ok(file)
}

fn give(file: &OwnedFd, user: Option<&User>) -> Result<(), Errno> {
    let Some(user) = user else { return Ok(()) };
    let (uid, gid) = (
        rustix::fs::Uid::from_raw(user.uid),
        rustix::fs::Gid::from_raw(user.gid),
    );
    rustix::fs::fchown(file, Some(uid), Some(gid))
}

enum Sink {
    Nothing,
    Log(Log),
    Kept { bytes: Vec<u8>, max: usize },
}

impl Output {
    /// Opens what `wanted` says, and gives what the process has of it; a process of another user gets it as its
    /// own, as it may open it anew (`/dev/stdout`).
    pub(crate) fn open(wanted: &protocol::Output, user: Option<&User>) -> Result<(Self, Ends), Failure> {
        let (sink, subject) = match wanted {
            protocol::Output::Log {
                path,
                segment,
                segments,
            } => {
                let log = Log::open(path, *segment, *segments).map_err(|error| failure(path, &error))?;
                (Sink::Log(log), path.as_path())
            }
            protocol::Output::Kept { max } => {
                let (bytes, max) = (Vec::new(), *max);
                (Sink::Kept { bytes, max }, Path::new("pipe"))
            }
            protocol::Output::Opened {
                stdin,
                stdout,
                stderr,
                terminal,
            } => {
                let paths = [stdin, stdout, stderr].map(|path| path.as_deref());
                let (pipe, sink) = (None, Sink::Nothing);
                return Ok((Self { pipe, sink }, Ends::opened(paths, *terminal, user)?));
            }
        };
        let opened = pipe(user).map_err(io::Error::from);
        let opened = opened.and_then(|(pipe, writer)| Ok((pipe, Ends::writing_to(writer)?)));
        let (pipe, ends) = opened.map_err(|error| failure(subject, &error))?;
        let pipe = Some(pipe);
        Ok((Self { pipe, sink }, ends))
    }

    /// What to wait on for more.
    pub(crate) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Passes on what is there, within its turn.
    pub(crate) fn drain(&mut self) {
        self.pass(TURN);
    }

    /// Passes on the rest; gives what was to be kept.
    pub(crate) fn finish(mut self) -> Option<String> {
        self.pass(LAST);
        match self.sink {
            Sink::Log(_) | Sink::Nothing => None,
            Sink::Kept { bytes, .. } => Some(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    fn pass(&mut self, reads: usize) {
        let mut buffer = [0; CHUNK];
        for _ in 0..reads {
            let Some(pipe) = &self.pipe else { return };
            match rustix::io::read(pipe, &mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(length) => self.sink.take(&buffer[..length]),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.pipe = None,
            }
        }
    }
}

impl Sink {
    fn take(&mut self, output: &[u8]) {
        match self {
            Self::Nothing => {}
            Self::Log(log) => drop(log.append(output)),
            Self::Kept { bytes, max } => {
                let room = max.saturating_sub(bytes.len());
                bytes.extend_from_slice(&output[..room.min(output.len())]);
            }
        }
    }
}

/// A log: its last segment grows.
struct Log {
    path: PathBuf,
    file: File,
    length: u64,
    /// The number of the last segment; the first one has none in its name.
    number: u32,
    /// Bytes after which a segment is full.
    segment: u64,
    /// Segments kept.
    segments: u32,
    buffer: Vec<u8>,
}

impl Log {
    fn open(path: &Path, segment: u64, segments: u32) -> io::Result<Self> {
        let file = append_to(path)?;
        Ok(Self {
            path: path.to_owned(),
            length: file.metadata()?.len(),
            file,
            number: 0,
            segment,
            segments,
            buffer: Vec::new(),
        })
    }

    /// Segments end where lines do, unless a line is longer than a segment.
    fn append(&mut self, output: &[u8]) -> io::Result<()> {
        self.buffer.clear();
        log::encode(output, Timestamp::now(), &mut self.buffer);
        self.file.write_all(&self.buffer)?;
        self.length += self.buffer.len() as u64;
        let ends = output.last() == Some(&b'\n');
        if self.length >= self.segment && ends || self.length >= self.segment.saturating_mul(2) {
            self.rotate()?;
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file = append_to(&segment_path(&self.path, self.number + 1))?;
        (self.number, self.length) = (self.number + 1, 0);
        if let Some(old) = (self.number + 1).checked_sub(self.segments.max(1) + 1) {
            drop(std::fs::remove_file(segment_path(&self.path, old)));
        }
        Ok(())
    }
}

/// Where a segment of the log at `path` lies: `LOG`, then `LOG.1` and so on.
pub fn segment_path(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Reading never waits; writing does, as programs expect.
fn pipe(user: Option<&User>) -> Result<(OwnedFd, OwnedFd), Errno> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&reader, OFlags::NONBLOCK)?;
    give(&writer, user)?;
    Ok((reader, writer))
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    Failure {
        stage: Stage::Log,
        subject: path.display().to_string(),
        errno: error.raw_os_error().unwrap_or(libc::EIO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn old_segments_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Log::open(&path, 100, 3).unwrap();
        for number in 0..10 {
            log.append(format!("{number} {}\n", "x".repeat(80)).as_bytes())
                .unwrap();
        }
        assert_eq!(names(dir.path()), ["log.10", "log.8", "log.9"]);
        let last = std::fs::read(segment_path(&path, 9)).unwrap();
        assert!(log::text(&last).starts_with(b"9 x"));
    }

    #[test]
    fn a_segment_ends_with_a_line_if_it_can() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Log::open(&path, 100, 9).unwrap();
        log.append(&[b'x'; 90]).unwrap();
        assert_eq!(log.number, 0, "the line goes on");
        log.append(b"\n").unwrap();
        assert_eq!(log.number, 1);
        log.append(&[b'x'; 300]).unwrap();
        assert_eq!(log.number, 2, "no line is that long");
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let (mut output, writer) = Output::open(&protocol::Output::Kept { max: 3 }, None).unwrap();
        rustix::io::write(&writer.stdout, b"ab").unwrap();
        output.drain();
        rustix::io::write(&writer.stdout, b"cd").unwrap();
        assert_eq!(output.finish().as_deref(), Some("abc"));
    }
}
