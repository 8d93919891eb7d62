//! What is kept of a command's output while it passes to the container's log.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};

use tokio::net::unix::pipe::Receiver;

/// The most that is kept of standard output as a node's result: Argo's limit, in bytes.
pub(super) const RESULT_LIMIT: usize = 256 * 1024;

/// The last bytes of a stream: a result of [`RESULT_LIMIT`] and the newline that is dropped from it.
#[derive(Default)]
pub(super) struct Tail(Vec<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        // Cut only now and then, so that long outputs are not moved for every read.
        if self.0.len() > 4 * RESULT_LIMIT {
            self.0.drain(..self.0.len() - RESULT_LIMIT - 1);
        }
    }

    /// The result as Argo makes it: one trailing newline dropped, then the last 256 KiB.
    pub(super) fn into_result(mut self) -> String {
        self.0.pop_if(|last| *last == b'\n');
        let start = self.0.len().saturating_sub(RESULT_LIMIT);
        String::from_utf8_lossy(&self.0[start..]).into_owned()
    }
}

/// A pipe from the command to the log, and what is kept of it. Without a pipe there is nothing to do: the
/// command writes to the log itself.
pub(super) struct Stream {
    pipe: Option<Receiver>,
    log: File,
    tail: Option<Tail>,
}

impl Stream {
    /// Passes `pipe` on to `log`, keeping the tail if `keep`.
    pub(super) fn new(pipe: Option<Receiver>, log: BorrowedFd<'_>, keep: bool) -> io::Result<Self> {
        let log = File::from(log.try_clone_to_owned()?);
        Ok(Self {
            pipe,
            log,
            tail: keep.then(Tail::default),
        })
    }

    /// Resolves when there is something to [`Stream::drain`]; never, once the pipe has ended.
    pub(super) async fn ready(&self) {
        match &self.pipe {
            Some(pipe) => {
                let _ = pipe.readable().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Passes on what is in the pipe now, without waiting for more.
    pub(super) fn drain(&mut self, combined: &mut Option<File>) {
        let mut buffer = [0; 16 * 1024];
        while let Some(pipe) = &self.pipe {
            match pipe.try_read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => self.pipe = None,
                Ok(read) => self.pass(&buffer[..read], combined),
            }
        }
    }

    /// A log that cannot be written loses lines; it does not end the command.
    fn pass(&mut self, bytes: &[u8], combined: &mut Option<File>) {
        let _ = self.log.write_all(bytes);
        if let Some(tail) = &mut self.tail {
            tail.push(bytes);
        }
        if let Some(file) = combined {
            let _ = file.write_all(bytes);
        }
    }

    /// What was kept.
    pub(super) fn into_result(self) -> Option<String> {
        self.tail.map(Tail::into_result)
    }
}

/// A file without a name for the combined output.
pub(super) fn scratch() -> io::Result<File> {
    let path = std::env::temp_dir().join(format!(".plimsoll-log.{}", std::process::id()));
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// The combined output from its start.
pub(super) fn rewound(mut file: File) -> io::Result<File> {
    file.rewind()?;
    Ok(file)
}

/// A pipe's reading end for the event loop.
pub(super) fn receiver(pipe: impl AsFd) -> io::Result<Receiver> {
    Receiver::from_owned_fd(pipe.as_fd().try_clone_to_owned()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_the_last_256_kib_without_its_newline() {
        let check = |pieces: &[&[u8]], expected: &str| {
            let mut tail = Tail::default();
            pieces.iter().for_each(|piece| tail.push(piece));
            assert!(tail.into_result() == expected);
        };
        check(&[], "");
        check(&[b"\n"], "");
        check(&[b"one\n"], "one");
        check(&[b"one\n\n"], "one\n");
        check(&[b"no newline"], "no newline");
        check(&[b"bad \xff"], "bad \u{fffd}");
        let long = vec![b'x'; 3 * RESULT_LIMIT];
        check(
            &[&long, &long, b"end\n"],
            &format!("{}end", "x".repeat(RESULT_LIMIT - 3)),
        );
    }
}
