//! The front doors beside the in-process one: a unix socket and loopback TLS.
//!
//! ```text
//!   unix socket (mode 0600: whoever can open it is the owner) ──┐
//!   https on loopback ── bearer token ─ who is it? ─ 401 ───────┴─> ApiServer::handle, Durable
//! ```
//!
//! Answers at both doors wait for the disk. A server is told to go down by a token; it then takes no new connections,
//! ends watches, and lets answers that are under way finish.

mod connection;
mod kubeconfig;
mod tls;
mod token;
mod unix;

use std::io;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::server::ApiServer;
use crate::user::User;

pub use kubeconfig::kubeconfig;
pub use tls::{Tls, Tokens};
pub(crate) use token::{Binding, Claims, TokenKey};

/// How long answers under way may take once the server goes down.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How long a door rests when it cannot take a connection (too many open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Lets the connections finish what they are at.
async fn drain(connections: &TaskTracker) {
    connections.close();
    if tokio::time::timeout(DRAIN_MAX, connections.wait()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

async fn pause_after(error: &io::Error) {
    tracing::warn!(%error, "cannot take a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

impl ApiServer {
    /// The service account that a token stands for, as long as the account and the pod it is bound to are there.
    fn account_of(&self, token: &str) -> Option<User> {
        let server = &self.0;
        let claims = server.tokens.verify(token, server.host.now())?;
        let exists = |plural: &str, name: &str, uid: &str| {
            let row = server.core_row(plural).ok()?;
            let entry = server.store.get(&row.key(&claims.namespace, name))?;
            let actual = crate::object::pluck(&entry.value, &["metadata", "uid"])?;
            (uid.is_empty() || actual == uid).then_some(())
        };
        exists("serviceaccounts", &claims.account, &claims.account_uid)?;
        if let Some(pod) = &claims.pod {
            exists("pods", &pod.name, &pod.uid)?;
        }
        Some(claims.user())
    }
}
