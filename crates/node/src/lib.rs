//! The node: kubelet's part, on this machine's own processes.
//!
//! ```text
//!     API server --- pods bound to this node ---> agent ---> pod::Machine (pure): what next?
//!         ^                                         |
//!         |  status, events, lease                  |  start, signal
//!         +-----------------------------------------+------> spawner ---> processes
//!                                                                            |
//!     Node::logs() <------------------- files <------------------------------+
//! ```
//!
//! It sees pods that name it, and reports them as kubelet would. It knows nothing of workflows, queues or policies, and
//! processes are not its children: the spawner's are they, and outlive it.

mod active;
mod agent;
mod claims;
mod config;
mod devices;
mod directory;
mod environment;
mod expand;
mod fields;
mod gpus;
mod grpc;
mod image_name;
mod limits;
mod link;
mod logs;
mod objects;
mod outcome;
mod payload;
pub mod pod;
mod refresh;
mod register;
mod request;
mod session;
mod sizes;
mod start;
mod tell;
mod volumes;

use std::io;

use bytes::Bytes;
use futures::Stream;
use kinds::kube::Client;
use spawner::protocol::Abilities;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Where a test may kill the control plane: the names of [`meta::crash::point`] in this crate.
pub const CRASH_POINTS: [&str; 9] = [
    "node.pod-directory",
    "node.start",
    "node.start-sent",
    "node.ended",
    "node.status-written",
    "node.delete",
    "node.claim-directory",
    "node.claim-volume",
    "node.claim-removed",
];

pub use config::{ApiAccess, Capacity, Image, NodeConfig};
pub use gpus::Gpus;
pub use logs::{LogError, LogRequest, Logs, seconds_before};
pub use session::{ExecError, ExecRequest, Input, Output, Session, Sessions, Terminal};

use active::Active;
use agent::Agent;
use claims::{Claims, Reclaimer};
use fields::NodeFacts;
use link::Link;
pub use register::SIMULATED;
use register::{Offer, Registrar};
use start::Starter;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The spawner cannot be started or reached.
    #[error("the spawner of `{directory}` cannot be reached: {source}")]
    Spawner {
        /// The node's directory.
        directory: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The API server does not take the Node object.
    #[error("the node could not be registered: {0}")]
    Register(#[from] Box<kinds::kube::Error>),
}

/// A node that runs.
pub struct Node {
    logs: Logs,
    sessions: Sessions,
    abilities: Abilities,
    shutdown: CancellationToken,
    agent: JoinHandle<()>,
    heartbeat: JoinHandle<()>,
    reclaimer: JoinHandle<()>,
}

impl Node {
    /// Starts a node: its spawner, its Node object, its agent.
    ///
    /// `client` should answer only with what is durable, so that a process starts only for a durable pod.
    pub async fn start(client: Client, config: NodeConfig) -> Result<Self, StartError> {
        let spawner_error = |source| StartError::Spawner {
            directory: config.directory.clone(),
            source,
        };
        let link = Link::open(&config.program, &config.directory)
            .await
            .map_err(spawner_error)?;
        let (abilities, offer) = (link.abilities.clone(), Offer::new(config.capacity));
        let registrar = Registrar {
            client: client.clone(),
            config: config.clone(),
            abilities: abilities.clone(),
            offer,
            boot: link.boot.clone(),
        };
        let active = Active::new();
        let logs = Logs::new(&config.directory, active.clone());
        let facts = NodeFacts {
            address: config.address.clone(),
            cpu_millis: offer.cpu_millis,
            memory: offer.memory,
        };
        let claims = Claims::new(client.clone(), &config.directory);
        let starter = Starter {
            client,
            config: config.clone(),
            facts,
            abilities: abilities.clone(),
            claims: claims.clone(),
        };
        let agent = Agent::new(starter, link, active).await.map_err(spawner_error)?;
        registrar.register().await.map_err(Box::new)?;
        let shutdown = CancellationToken::new();
        Ok(Self {
            logs,
            sessions: agent.sessions(),
            abilities,
            agent: tokio::spawn(agent.run(shutdown.clone())),
            heartbeat: tokio::spawn(registrar.keep_alive()),
            reclaimer: tokio::spawn(Reclaimer::new(claims).run(shutdown.clone())),
            shutdown,
        })
    }

    /// Opens a container's log.
    pub fn logs(&self, request: &LogRequest) -> Result<impl Stream<Item = Bytes> + Send + use<>, LogError> {
        self.logs.open(request)
    }

    /// What opens logs, for others to keep.
    pub fn log_source(&self) -> Logs {
        self.logs.clone()
    }

    /// What runs commands inside containers, for others to keep.
    pub fn sessions(&self) -> Sessions {
        self.sessions.clone()
    }

    /// What the machine lets processes have; its `obstacle` is worth telling the user once.
    pub fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    /// Stops the node. Processes go on under the spawner, which ends by itself if there are none.
    pub async fn stop(self) {
        self.heartbeat.abort();
        self.shutdown.cancel();
        let _ = self.agent.await;
        let _ = self.reclaimer.await;
    }
}
