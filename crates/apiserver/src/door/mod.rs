//! The front doors beside the in-process one: a unix socket and loopback TLS.
//!
//! ```text
//!   unix socket (mode 0600: whoever can open it is the owner) ──┐
//!   https on loopback ── bearer token ─ who is it? ─ 401 ───────┴─> ApiServer::handle, Durable
//! ```
//!
//! Answers at both doors wait for the disk. A server is told to go down by a token; it then takes no new connections,
//! ends watches, and lets answers that are under way finish.

mod accept;
mod connection;
mod kubeconfig;
mod tls;
mod token;
mod unix;

use meta::names::ACTS_ANNOTATION;

use crate::server::ApiServer;
use crate::user::User;

pub use kubeconfig::kubeconfig;
pub use tls::{Tls, Tokens};
pub(crate) use token::{Binding, Claims, TokenKey};

/// Whom tokens are for, if nobody says: this server, under the name that a cluster has for its own.
pub(crate) const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

impl ApiServer {
    /// The service account that a token stands for, as long as the account and the pod it is bound to are there.
    pub(crate) fn account_of(&self, token: &str) -> Option<User> {
        let server = &self.0;
        let claims = server.tokens.verify(token, server.host.now())?;
        let find = |plural: &str, name: &str, uid: &str| {
            let row = server.core_row(plural).ok()?;
            let entry = server.store.get(&row.key(&claims.namespace, name))?;
            let actual = crate::object::pluck(&entry.value, &["metadata", "uid"])?;
            (uid.is_empty() || actual == uid).then_some(entry)
        };
        find("serviceaccounts", &claims.account, &claims.account_uid)?;
        let pod = match &claims.pod {
            Some(pod) => Some(find("pods", &pod.name, &pod.uid)?),
            None => None,
        };
        let acts = pod
            .and_then(|pod| crate::object::pluck(&pod.value, &["metadata", "annotations", ACTS_ANNOTATION]));
        let user = claims.user();
        Some(match acts.as_deref() {
            Some("true") => User { rules: None, ..user },
            _ => user,
        })
    }
}
