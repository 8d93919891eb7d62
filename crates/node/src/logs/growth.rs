//! When a log that is followed has grown, or is complete.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use spawner::protocol::Key;
use tokio::net::unix::pipe;
use tokio::sync::watch;

use crate::active::Active;

/// Tells when a log has grown or is complete.
pub(super) struct Growth {
    /// An inotify descriptor, which reads as a pipe does.
    changes: pipe::Receiver,
    key: Key,
    active: Active,
    ends: watch::Receiver<()>,
}

impl Growth {
    /// Watches `directory`, in which the log of `key` and its next segments lie.
    pub(super) fn new(directory: &Path, key: Key, active: &Active) -> io::Result<Self> {
        let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(&watch, directory, WatchFlags::MODIFY | WatchFlags::CREATE)?;
        Ok(Self {
            changes: pipe::Receiver::from_file_unchecked(File::from(watch))?,
            key,
            ends: active.changes(),
            active: active.clone(),
        })
    }

    pub(super) fn has_ended(&self) -> bool {
        !self.active.contains(&self.key)
    }

    /// Returns after a change; sometimes without one.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            ready = self.changes.readable() => {
                let mut buffer = [0; 1024];
                while ready.is_ok() && self.changes.try_read(&mut buffer).is_ok() {}
            }
            _ = self.ends.changed() => {}
        }
    }
}
