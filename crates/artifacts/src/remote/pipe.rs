//! A stream of bytes between a thread that blocks and one that does not. Two pieces may be on their way: whoever is
//! faster waits.

use std::io::{self, Read, Write};

use bytes::{Buf as _, Bytes};
use futures::channel::mpsc::{self, Receiver, Sender};
use futures::executor::block_on;
use futures::{SinkExt as _, StreamExt as _};

/// Bytes of a piece. Stores want parts of at least 5 MiB.
pub(crate) const PIECE: usize = 8 * 1024 * 1024;
/// Pieces on their way.
const ON_THEIR_WAY: usize = 2;

/// What goes through.
pub(crate) enum Piece {
    /// Bytes.
    Data(Bytes),
    /// That was all. Where this does not come, the writer gave up.
    End,
}

/// Where a blocking thread writes.
pub(crate) struct Outlet {
    to: Sender<Piece>,
    gathered: Vec<u8>,
}

/// Where a blocking thread reads.
pub(crate) struct Inlet {
    from: Receiver<io::Result<Bytes>>,
    current: Bytes,
}

/// A writer, and where its pieces come out.
pub(crate) fn outlet() -> (Outlet, Receiver<Piece>) {
    let (to, pieces) = mpsc::channel(ON_THEIR_WAY);
    let gathered = Vec::new();
    (Outlet { to, gathered }, pieces)
}

/// Where pieces go in, and their reader.
pub(crate) fn inlet() -> (Sender<io::Result<Bytes>>, Inlet) {
    let (to, from) = mpsc::channel(ON_THEIR_WAY);
    let current = Bytes::new();
    (to, Inlet { from, current })
}

impl Outlet {
    /// Says that this was all.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if !self.gathered.is_empty() {
            self.send_gathered()?;
        }
        self.send(Piece::End)
    }

    fn send_gathered(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.gathered);
        self.send(Piece::Data(piece.into()))
    }

    fn send(&mut self, piece: Piece) -> io::Result<()> {
        block_on(self.to.send(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Outlet {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let taken = buffer.len().min(PIECE - self.gathered.len());
        self.gathered.extend_from_slice(&buffer[..taken]);
        if self.gathered.len() == PIECE {
            self.send_gathered()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Inlet {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match block_on(self.from.next()) {
                Some(piece) => self.current = piece?,
                None => return Ok(0),
            }
        }
        let taken = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..taken]);
        Ok(taken)
    }
}
