//! The server's state, and how it starts.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use meta::host::Host;
use serde_json::json;
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::door::TokenKey;
use crate::expiry::Expiry;
use crate::logs::LogSource;
use crate::object::{Draft, read};
use crate::registry::{CRD_GROUP, CRD_PLURAL, Registry, Row};
use crate::shape::Witness;
use crate::status::ApiError;
use crate::streams::ExecSource;

/// Namespaces that exist from the start and cannot be deleted.
pub(crate) const NAMESPACES: [&str; 3] = ["default", "kube-system", "kube-node-lease"];

/// What an API server is given.
#[derive(Clone)]
pub struct Config {
    /// The clock and the source of randomness.
    pub host: Host,
    /// Where logs come from; can be given later by [`ApiServer::set_logs`].
    pub logs: Option<Arc<dyn LogSource>>,
    /// Maximums.
    pub limits: Limits,
    /// Is told the shape of every request, if anyone wants to know.
    pub witness: Option<Witness>,
}

impl Config {
    /// The usual limits and no logs yet.
    pub fn new(host: Host) -> Self {
        Self {
            host,
            logs: None,
            limits: Limits::default(),
            witness: None,
        }
    }
}

/// Maximums of the server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's body: 3 MiB, as kube-apiserver.
    pub body: usize,
    /// Watches open at once; more are refused with 429.
    pub watches: usize,
    /// How long a watch lasts that does not say.
    pub watch_timeout: Duration,
    /// Time between bookmarks on a quiet watch.
    pub bookmark_interval: Duration,
    /// How long reading a request's body may take.
    pub body_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 3 << 20,
            watches: 10_000,
            watch_timeout: Duration::from_secs(3600),
            bookmark_interval: Duration::from_secs(60),
            body_timeout: Duration::from_secs(60),
        }
    }
}

/// A Kubernetes API server over a store. Clones are handles of the same server.
#[derive(Clone)]
pub struct ApiServer(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) host: Host,
    pub(crate) limits: Limits,
    pub(crate) watches: Arc<Semaphore>,
    pub(crate) tokens: TokenKey,
    /// Ends watches and followed logs when the server goes down.
    pub(crate) closing: CancellationToken,
    pub(crate) expiry: Expiry,
    pub(crate) witness: Option<Witness>,
    logs: OnceLock<Arc<dyn LogSource>>,
    execs: OnceLock<Arc<dyn ExecSource>>,
}

impl ApiServer {
    /// Starts a server over what `store` holds. A new store gets its first namespaces.
    ///
    /// # Errors
    /// The store refuses a write, or holds what is no JSON.
    #[expect(clippy::unused_async, reason = "starting may come to wait for the disk")]
    pub async fn new(store: Store, config: Config) -> Result<Self, ApiError> {
        let tokens = TokenKey::load(&store, &config.host)?;
        let inner = Inner {
            registry: Registry::new(),
            watches: Arc::new(Semaphore::new(config.limits.watches)),
            host: config.host,
            limits: config.limits,
            expiry: Expiry::default(),
            witness: config.witness,
            logs: OnceLock::new(),
            execs: OnceLock::new(),
            closing: CancellationToken::new(),
            tokens,
            store,
        };
        let server = Self(Arc::new(inner));
        if let Some(logs) = config.logs {
            server.set_logs(logs);
        }
        server.0.reload_crds()?;
        for namespace in NAMESPACES {
            server.0.ensure_namespace(namespace)?;
        }
        crate::cascade::resume(&server.0)?;
        Ok(server)
    }

    /// Says where logs come from. Only the first call counts.
    pub fn set_logs(&self, logs: Arc<dyn LogSource>) {
        let _ = self.0.logs.set(logs);
    }

    /// Says who runs commands in containers. Only the first call counts.
    pub fn set_execs(&self, execs: Arc<dyn ExecSource>) {
        let _ = self.0.execs.set(execs);
    }

    /// Ends all watches and followed logs: the server is about to go down.
    pub fn close(&self) {
        self.0.closing.cancel();
    }

    /// The store beneath.
    pub fn store(&self) -> &Store {
        &self.0.store
    }
}

impl Inner {
    pub(crate) fn logs(&self) -> Option<&Arc<dyn LogSource>> {
        self.logs.get()
    }

    pub(crate) fn execs(&self) -> Option<&Arc<dyn ExecSource>> {
        self.execs.get()
    }

    /// Now, as `metadata` writes it.
    pub(crate) fn now(&self) -> String {
        meta::time::seconds(self.host.now())
    }

    /// A built-in row.
    pub(crate) fn core_row(&self, plural: &str) -> Result<Arc<Row>, ApiError> {
        let row = self.registry.get("", "v1", plural);
        row.ok_or_else(|| ApiError::internal(format!("no row for {plural}")))
    }

    /// The row of CustomResourceDefinition.
    pub(crate) fn crd_row(&self) -> Option<Arc<Row>> {
        self.registry.get(CRD_GROUP, "v1", CRD_PLURAL)
    }

    /// Makes the rows of the CustomResourceDefinitions that the store holds now.
    pub(crate) fn reload_crds(&self) -> Result<(), ApiError> {
        let Some(row) = self.crd_row() else {
            return Ok(());
        };
        self.registry.set_crds(|| {
            let (entries, _) = self.store.list(&row.prefix);
            entries.iter().map(|entry| read(&entry.value)).collect()
        })
    }

    /// Makes a namespace unless it is there.
    fn ensure_namespace(&self, name: &str) -> Result<(), ApiError> {
        let row = self.core_row("namespaces")?;
        let key = row.key("", name);
        if self.store.get(&key).is_some() {
            return Ok(());
        }
        let mut object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": name, "uid": self.host.uid(), "creationTimestamp": self.now()}});
        (row.strategy.default)(&mut object);
        (row.strategy.prepare)(&mut object);
        let (namespace, account) = (Draft::new(&object)?, self.default_account(name)?);
        let account_key = self.core_row("serviceaccounts")?.key(name, "default");
        self.store.transact(|tx| {
            tx.put_with(&key, |revision| namespace.seal(revision.0));
            tx.put_with(&account_key, |revision| account.seal(revision.0));
            Ok::<_, ApiError>(())
        })?;
        Ok(())
    }

    /// The ServiceAccount that every namespace has.
    pub(crate) fn default_account(&self, namespace: &str) -> Result<Draft, ApiError> {
        Draft::new(
            &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
            "name": "default", "namespace": namespace, "uid": self.host.uid(), "creationTimestamp": self.now()}}),
        )
    }
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        use store::ErrorKind::{Full, Io, Permission, ReadOnly, TooLarge};
        match error.kind() {
            Full | Io | Permission | ReadOnly => Self::storage(error.to_string()),
            TooLarge => Self::bad_request(format!("etcdserver: request is too large: {error}")),
            _ => Self::internal(error),
        }
    }
}
