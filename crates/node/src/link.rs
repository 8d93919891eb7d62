//! The connection to the spawner: requests go out at once, messages come in one by one.

use std::io;
use std::path::Path;

use spawner::frame::{self, Inbox};
use spawner::protocol::{Abilities, Message, Request, VERSION};
use tokio::net::UnixStream;

/// How often a connection is tried that breaks at once.
const TRIES: u32 = 5;
const READ_AT_ONCE: usize = 64 << 10;

/// A connection to the spawner, greeted.
pub(crate) struct Link {
    stream: UnixStream,
    inbox: Inbox,
    output: Vec<u8>,
    buffer: Vec<u8>,
    /// What the spawner can do on this machine.
    pub(crate) abilities: Abilities,
    /// The kernel's identifier of this boot.
    pub(crate) boot: String,
}

impl Link {
    /// Connects to the spawner of `directory`, starting one from `program` if none runs. One that is just ending may
    /// still take a connection, and is tried again.
    pub(crate) async fn open(program: &Path, directory: &Path) -> io::Result<Self> {
        let mut result = Self::greet(program, directory).await;
        for _ in 1..TRIES {
            let Err(error) = &result else { break };
            let ending = [
                io::ErrorKind::ConnectionReset,
                io::ErrorKind::BrokenPipe,
                io::ErrorKind::UnexpectedEof,
            ];
            if !ending.contains(&error.kind()) {
                break;
            }
            result = Self::greet(program, directory).await;
        }
        result
    }

    async fn greet(program: &Path, directory: &Path) -> io::Result<Self> {
        let (program, directory) = (program.to_owned(), directory.to_owned());
        let stream = tokio::task::spawn_blocking(move || connect(&program, &directory)).await??;
        let mut link = Self {
            stream: UnixStream::from_std(stream)?,
            inbox: Inbox::default(),
            output: Vec::new(),
            buffer: vec![0; READ_AT_ONCE],
            abilities: Abilities::default(),
            boot: String::new(),
        };
        link.send(&Request::Hello { version: VERSION })?;
        match link.next().await? {
            Message::Welcome { abilities, boot, .. } => {
                link.abilities = abilities;
                link.boot = boot;
                Ok(link)
            }
            Message::Refused { reason } => Err(io::Error::other(reason)),
            other => Err(io::Error::other(format!("the spawner greeted with {other:?}"))),
        }
    }

    /// Sends a request, now if the socket takes it, else with the next [`Link::next`].
    pub(crate) fn send(&mut self, request: &Request) -> io::Result<()> {
        frame::encode(request, &mut self.output).map_err(io::Error::other)?;
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.try_write(&self.output) {
                Ok(length) => drop(self.output.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next message. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = self.inbox.take().map_err(io::Error::other)? {
                return Ok(message);
            }
            match self.stream.try_read(&mut self.buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.inbox.extend(&self.buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait().await?,
                Err(error) => return Err(error),
            }
        }
    }

    async fn wait(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return self.stream.readable().await;
        }
        let ready = self
            .stream
            .ready(tokio::io::Interest::READABLE | tokio::io::Interest::WRITABLE)
            .await?;
        if ready.is_writable() { self.flush() } else { Ok(()) }
    }
}

fn connect(program: &Path, directory: &Path) -> io::Result<std::os::unix::net::UnixStream> {
    let stream = spawner::launch(program, directory)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}
