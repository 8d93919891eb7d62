//! The embedded platform, put together and taken apart.
//!
//! ```text
//!   directory --> store --> apiserver --+-- in process --> controllers (each with its own rights)
//!                                       +-- in process, durable --> node --> spawner
//!                                       +-- unix socket, loopback TLS --> everyone else
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use apiserver::{ApiServer, Durability, User};
use cli::{
    ControlOptions, Leases, Platform, PlatformError, PlatformOptions, Rights, Running, ScheduleOptions,
    Simulated,
};
use controller::{Identity, Metrics};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kinds::k8s::api::core::v1 as k8s;
use kinds::kube::api::{DeleteParams, ListParams};
use kinds::kube::{Api, Client};
use meta::host::Host;
use node::Node;
use store::{RealDisk, Store};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::directory::{Directory, make_private};
use crate::doors::Doors;
use crate::execs::NodeExecs;
use crate::logs::NodeLogs;
use crate::{cluster, definitions, doors, host, rights, settings, shapes, stats};

/// Starts platforms in this process.
pub(crate) struct Embedded;

impl Platform for Embedded {
    fn start(&self, options: PlatformOptions) -> BoxFuture<'_, Result<Running, PlatformError>> {
        Box::pin(start(options))
    }

    fn control(
        &self,
        client: Client,
        options: ControlOptions,
        shutdown: CancellationToken,
    ) -> BoxFuture<'_, Result<(), PlatformError>> {
        Box::pin(cluster::control(client, options, shutdown))
    }

    fn schedule(
        &self,
        client: Client,
        options: ScheduleOptions,
        shutdown: CancellationToken,
    ) -> BoxFuture<'_, Result<(), PlatformError>> {
        Box::pin(cluster::schedule(client, options, shutdown))
    }

    fn rights(&self, leases: Leases<'_>) -> Rights {
        rights::of_installation(leases)
    }
}

/// In the order in which each part needs those before it.
async fn start(options: PlatformOptions) -> Result<Running, PlatformError> {
    let directory = Directory::open(&options.data_dir)?;
    let file = options
        .config
        .unwrap_or_else(|| directory.path().join("config.yaml"));
    let config = Config::read(&file).map_err(PlatformError::Other)?;
    let host = host::real();
    let certificate = doors::certificate();
    let store = open_store(&directory)?;
    let api = apiserver::Config {
        witness: shapes::witness(),
        ..apiserver::Config::new(host.clone())
    };
    let server = ApiServer::new(store.clone(), api)
        .await
        .map_err(|error| PlatformError::Other(anyhow::anyhow!("{}", error.message())))?;
    let admin = client(&server, User::admin("system:admin"), Durability::Durable);
    definitions::register(&admin)
        .await
        .map_err(PlatformError::Other)?;
    let doors = Doors::open(&server, &directory, options.port).await?;
    let stopping = CancellationToken::new();
    let nodes = start_nodes(&server, &directory, &config, options.simulated.as_ref(), &host).await?;
    forget_nodes(&admin, &nodes).await?;
    let notices = notices(&nodes);
    let controllers = start_controllers(&server, &directory, &config, host.clone(), stopping.clone());
    let doors = doors
        .announce(&server, &directory, &*host.random, certificate)
        .await?;
    Ok(Running {
        client: admin,
        kubeconfig: directory.kubeconfig(),
        address: doors.address(),
        notices,
        failed: failure(store.clone(), directory.store()).boxed(),
        full: fullness(store.clone(), directory.store()).boxed(),
        shutdown: Box::new(move || {
            let parts = Parts {
                directory,
                store,
                doors,
                nodes,
                controllers,
                stopping,
            };
            parts.stop().boxed()
        }),
    })
}

/// What runs, to be taken apart in order.
struct Parts {
    directory: Directory,
    store: Store,
    doors: Doors,
    nodes: Vec<(String, Node)>,
    controllers: JoinHandle<()>,
    stopping: CancellationToken,
}

impl Parts {
    /// Who decides stops, then who acts, then nobody comes in any more, then what they wrote becomes durable.
    async fn stop(self) {
        self.stopping.cancel();
        let _ = self.controllers.await;
        for (_, node) in self.nodes {
            node.stop().await;
        }
        self.doors.close().await;
        // A store that failed has said so already, through `Running::failed`.
        let _ = self.store.durable(self.store.revision()).await;
        stats::leave(&self.store);
        drop(self.directory);
    }
}

fn open_store(directory: &Directory) -> Result<Store, PlatformError> {
    let path = directory.store();
    let opened =
        RealDisk::open(&path).and_then(|disk| Store::open(Arc::new(disk), &store::Options::default()));
    opened.map_err(|error| store_error(&error, path))
}

fn store_error(error: &store::Error, path: PathBuf) -> PlatformError {
    use store::ErrorKind::{Format, Full, InUse};
    match error.kind() {
        Full => PlatformError::DiskFull { path },
        InUse => PlatformError::InUse {
            data_dir: path,
            pid: None,
        },
        Format => PlatformError::Format {
            data_dir: path,
            found: error.to_string(),
            known: "1".to_owned(),
        },
        _ => PlatformError::NotWritable {
            path,
            source: std::io::Error::other(error.clone()),
        },
    }
}

/// This machine as a node, and those that are simulated on it, by name.
async fn start_nodes(
    server: &ApiServer,
    directory: &Directory,
    config: &Config,
    simulated: Option<&Simulated>,
    host: &Host,
) -> Result<Vec<(String, Node)>, PlatformError> {
    let program = std::env::current_exe()
        .context("cannot find this program")
        .map_err(PlatformError::Other)?;
    let own = settings::node(directory, config, program, host.clone());
    let simulated = simulated.map(|simulated| settings::simulated_nodes(directory, &own, simulated));
    let mut nodes = Vec::new();
    for config in [own].into_iter().chain(simulated.into_iter().flatten()) {
        make_private(&config.directory).map_err(|error| PlatformError::from_io(&config.directory, error))?;
        let user = User::admin(&format!("system:node:{}", config.name));
        let name = config.name.clone();
        let node = Node::start(client(server, user, Durability::Durable), config)
            .await
            .map_err(other)?;
        nodes.push((name, node));
    }
    let sessions = nodes.iter().map(|(_, node)| node.sessions());
    server.set_execs(Arc::new(NodeExecs(sessions.collect())));
    server.set_logs(Arc::new(NodeLogs {
        logs: nodes.iter().map(|(_, node)| node.log_source()).collect(),
        host: host.clone(),
    }));
    Ok(nodes)
}

/// Forgets the simulated nodes of an earlier start that are no more, so that no pod is placed on them.
async fn forget_nodes(admin: &Client, nodes: &[(String, Node)]) -> Result<(), PlatformError> {
    let api = Api::<k8s::Node>::all(admin.clone());
    let simulated = ListParams::default().labels(node::SIMULATED);
    for old in api.list(&simulated).await.map_err(other)? {
        let name = old.metadata.name.unwrap_or_default();
        if !nodes.iter().any(|(known, _)| *known == name) {
            api.delete(&name, &DeleteParams::default()).await.map_err(other)?;
        }
    }
    Ok(())
}

fn start_controllers(
    server: &ApiServer,
    directory: &Directory,
    config: &Config,
    host: Host,
    stopping: CancellationToken,
) -> JoinHandle<()> {
    let server = server.clone();
    let connect = move |identity: &Identity| {
        let rules = identity.rules.iter().map(apiserver::PolicyRule::from).collect();
        client(&server, User::limited(identity.user, rules), Durability::Appended)
    };
    let config = settings::controllers(directory, config);
    tokio::spawn(controller::run_all(
        connect,
        host,
        config,
        Arc::new(Metrics::default()),
        stopping,
    ))
}

fn client(server: &ApiServer, user: User, durability: Durability) -> Client {
    Client::new(server.client_service(user, durability), "default")
}

/// What the user is told once: what containers are here, and what the machine does not allow.
fn notices(nodes: &[(String, Node)]) -> Vec<String> {
    let programs =
        "Containers run as processes of this machine, with its own programs; images are not pulled.";
    let simulated = (nodes.len() > 1).then(|| {
        let count = nodes.len() - 1;
        format!("Of {count} nodes machine and GPUs are simulated: their pods run on this machine too.")
    });
    let obstacle = nodes
        .first()
        .and_then(|(_, node)| node.abilities().obstacle.clone());
    [programs.to_owned()]
        .into_iter()
        .chain(simulated)
        .chain(obstacle)
        .collect()
}

/// Resolves when the store can no longer write.
async fn failure(store: Store, path: PathBuf) -> PlatformError {
    store_error(&store.failed().await, path)
}

/// How often the disk is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Resolves when writes wait for space.
async fn fullness(store: Store, path: PathBuf) -> String {
    while !store.is_full() {
        tokio::time::sleep(LOOK).await;
    }
    let path = path.display();
    format!("The disk that holds `{path}` is full: everything waits until there is room")
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> PlatformError {
    PlatformError::Other(anyhow::Error::new(error))
}
