//! One connection to the spawner: bytes in and out, never waiting.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use crate::frame::{self, Inbox};
use crate::protocol::{Message, Request};

const READ_AT_ONCE: usize = 64 << 10;

/// A connection; closed ones are dropped by their owner.
pub(crate) struct Connection {
    stream: UnixStream,
    inbox: Inbox,
    output: Vec<u8>,
    greeted: bool,
    closed: bool,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            inbox: Inbox::default(),
            output: Vec::new(),
            greeted: false,
            closed: false,
        })
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    pub(crate) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the peer was welcomed: before that it expects no other message.
    pub(crate) fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// Every whole request that has arrived.
    pub(crate) fn receive(&mut self) -> Vec<Request> {
        self.fill();
        let mut requests = Vec::new();
        loop {
            match self.inbox.take() {
                Ok(Some(request)) => requests.push(request),
                Ok(None) => return requests,
                Err(error) => {
                    self.send(Some(&Message::Refused {
                        reason: error.to_string(),
                    }));
                    self.flush();
                    self.closed = true;
                    return requests;
                }
            }
        }
    }

    fn fill(&mut self) {
        let mut buffer = [0; READ_AT_ONCE];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(length) => {
                    self.inbox.extend(&buffer[..length]);
                    if length == buffer.len() {
                        continue;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => self.closed |= error.kind() != ErrorKind::WouldBlock,
            }
            return;
        }
    }

    /// Queues a message; it goes out with the next [`Connection::flush`].
    pub(crate) fn send(&mut self, message: Option<&Message>) {
        if let Some(message) = message {
            self.greeted |= matches!(message, Message::Welcome { .. });
            self.closed |= frame::encode(message, &mut self.output).is_err();
        }
    }

    /// Writes what the peer takes now.
    pub(crate) fn flush(&mut self) {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(length) => drop(self.output.drain(..length)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.closed |= error.kind() != ErrorKind::WouldBlock;
                    return;
                }
            }
        }
    }
}
