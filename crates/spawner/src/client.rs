//! How a node reaches the spawner. What is said then is in [`crate::protocol`].

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::service::{ARGV0, SOCKET};

/// Connects to the spawner of `directory`, if one runs.
pub fn connect(directory: &Path) -> io::Result<UnixStream> {
    // Through the open directory, as a socket's path may have no more than 107 bytes.
    let handle = File::open(directory)?;
    UnixStream::connect(PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd())).join(SOCKET))
}

/// Connects to the spawner of `directory`, starting one from `program` if none runs.
///
/// `program` must call [`crate::run_if_asked`] first in its `main`. Blocks for some milliseconds.
pub fn launch(program: &Path, directory: &Path) -> io::Result<UnixStream> {
    std::fs::create_dir_all(directory)?;
    if let Ok(stream) = connect(directory) {
        return Ok(stream);
    }
    let status = Command::new(program)
        .arg0(ARGV0)
        .arg(std::path::absolute(directory)?)
        .env_clear()
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if !status.success() {
        let reason = std::fs::read_to_string(directory.join("spawner.error")).unwrap_or_default();
        return Err(io::Error::other(format!(
            "the spawner could not start: {}",
            reason.trim()
        )));
    }
    connect(directory)
}
