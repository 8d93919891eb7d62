//! Taking connections: the same loop behind every door. Knows no protocol.

use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::server::ApiServer;

/// How long answers under way may take once the server goes down.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How long a door rests when it cannot take a connection (too many open files, say).
const PAUSE: Duration = Duration::from_millis(50);

/// Where connections come in.
pub(super) trait Listener: Send + 'static {
    type Stream: Send + 'static;

    /// The next connection.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

/// Serves every connection as `serve` says until `shutdown`; then ends the server's watches and lets the connections
/// finish what they are at.
pub(super) async fn connections<L: Listener, S>(
    server: ApiServer,
    listener: L,
    shutdown: CancellationToken,
    serve: impl Fn(L::Stream) -> S + Send,
) where
    S: Future<Output = ()> + Send + 'static,
{
    let connections = TaskTracker::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.next()).await {
        match accepted {
            Ok(stream) => {
                connections.spawn(serve(stream));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    server.close();
    connections.close();
    if tokio::time::timeout(DRAIN_MAX, connections.wait()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}
