//! Ctrl-C and termination requests.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::Result;

/// SIGINT and SIGTERM, one after the other. While one exists the signals no longer end the process.
pub struct Interrupts {
    int: Signal,
    term: Signal,
}

impl Interrupts {
    /// Starts listening.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub fn listen() -> Result<Self> {
        Ok(Self {
            int: signal(SignalKind::interrupt())?,
            term: signal(SignalKind::terminate())?,
        })
    }

    /// Resolves at the next of either.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.int.recv() => {}
            _ = self.term.recv() => {}
        }
    }
}
