//! The platform's API through its unix socket, spoken by hand: one request a connection, so that nothing is kept
//! between the platform's lives.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The API of the platform whose data lies in one directory.
pub(crate) struct Api {
    run: PathBuf,
}

/// An answer: its HTTP status and its object.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) object: Value,
}

impl Api {
    /// Nothing is connected yet.
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            run: data.join("run"),
        }
    }

    /// Reads an object or a list.
    pub(crate) fn get(&self, path: &str) -> io::Result<Answer> {
        self.call("GET", path, "application/json", "")
    }

    /// Creates an object.
    pub(crate) fn create(&self, path: &str, object: &Value) -> io::Result<Answer> {
        self.call("POST", path, "application/json", &object.to_string())
    }

    /// Changes an object by a merge patch.
    pub(crate) fn merge(&self, path: &str, patch: &Value) -> io::Result<Answer> {
        self.call("PATCH", path, "application/merge-patch+json", &patch.to_string())
    }

    /// Deletes an object or a list.
    pub(crate) fn delete(&self, path: &str) -> io::Result<Answer> {
        self.call("DELETE", path, "application/json", "")
    }

    /// HTTP/1.0, whose answers end with their connection.
    fn call(&self, method: &str, path: &str, kind: &str, body: &str) -> io::Result<Answer> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: plimsoll\r\nAccept: application/json\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        parse(&bytes).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    }

    /// Through the open directory, as a socket's path may have no more than 107 bytes.
    fn connect(&self) -> io::Result<UnixStream> {
        let folder = std::fs::File::open(&self.run)?;
        UnixStream::connect(format!("/proc/self/fd/{}/api.sock", folder.as_raw_fd()))
    }
}

/// An answer that came whole.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let object = serde_json::from_slice(&bytes[end + 4..]).ok()?;
    Some(Answer { status, object })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_cut_off_is_none() {
        let whole = b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{\"a\": 1}";
        let answer = parse(whole).map(|answer| (answer.status, answer.object));
        assert_eq!(answer, Some((200, serde_json::json!({"a": 1}))));
        for cut in 0..whole.len() {
            assert!(parse(&whole[..cut]).is_none(), "{cut}");
        }
    }
}
