//! The door for processes of this machine's user: a unix socket that only the user can open.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::accept::connections;
use super::connection::{Guard, serve};
use crate::server::ApiServer;

impl ApiServer {
    /// Opens the socket at `path` and serves it until `shutdown`. The socket is there when this returns; the future
    /// inside serves.
    ///
    /// A socket that an earlier process left is replaced: the caller holds the data directory's lock.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn serve_unix(
        &self,
        path: &Path,
        shutdown: CancellationToken,
    ) -> io::Result<impl Future<Output = ()> + Send + 'static> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let (server, ending) = (self.clone(), shutdown.clone());
        let serve_one = move |stream| serve(server.clone(), Guard::Owner, stream, ending.clone());
        Ok(connections(self.clone(), listener, shutdown, serve_one))
    }
}
