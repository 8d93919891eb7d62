//! What the command line needs from the embedded platform: to start one, and to stop it.
//!
//! The binary implements [`Platform`]; commands see only this, and talk to what they started
//! through an ordinary `kube::Client`.

use std::net::SocketAddr;
use std::path::PathBuf;

use futures::future::BoxFuture;
use kinds::k8s::api::rbac::v1::PolicyRule;
use kinds::kube;
use meta::LabelSelector;
use tokio_util::sync::CancellationToken;

use crate::simulated::Simulated;

/// Starts embedded platforms. Implemented by the binary.
pub trait Platform: Send + Sync {
    /// Starts a platform on `options.data_dir` and resolves once it is ready:
    /// its API answers and `kubeconfig` is written.
    fn start(&self, options: PlatformOptions) -> BoxFuture<'_, Result<Running, PlatformError>>;

    /// Runs the workflow controller of the cluster that `client` talks to, until `shutdown`.
    fn control(
        &self,
        client: kube::Client,
        options: ControlOptions,
        shutdown: CancellationToken,
    ) -> BoxFuture<'_, Result<(), PlatformError>>;

    /// Runs a scheduler of the cluster that `client` talks to, until `shutdown`.
    fn schedule(
        &self,
        client: kube::Client,
        options: ScheduleOptions,
        shutdown: CancellationToken,
    ) -> BoxFuture<'_, Result<(), PlatformError>>;

    /// What the programs of an installation need to be allowed.
    fn rights(&self, leases: Leases<'_>) -> Rights;
}

/// The names of the Leases that the replicas of each program of an installation share.
#[derive(Clone, Copy, Debug)]
pub struct Leases<'a> {
    /// Of the workflow controller.
    pub controller: &'a str,
    /// Of the scheduler.
    pub scheduler: &'a str,
}

/// What the programs of an installation need to be allowed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rights {
    /// The controller's, in every namespace.
    pub everywhere: Vec<Right>,
    /// The controller's, in its own namespace.
    pub at_home: Vec<Right>,
    /// Those of a step's pod, in its namespace.
    pub steps: Vec<Right>,
    /// The scheduler's, in every namespace.
    pub scheduler: Vec<Right>,
    /// The scheduler's, in its own namespace.
    pub scheduler_at_home: Vec<Right>,
}

/// A rule and what it is needed for.
#[derive(Clone, Debug, PartialEq)]
pub struct Right {
    /// What is allowed.
    pub rule: PolicyRule,
    /// What for.
    pub why: &'static str,
}

/// How to run the controller of a cluster.
#[derive(Clone, Debug)]
pub struct ControlOptions {
    /// Only workflows with this `workflows.argoproj.io/controller-instanceid`; none means those without.
    pub instance_id: Option<String>,
    /// What it is as a replica.
    pub replica: Replica,
    /// The image that holds this program, for steps with outputs.
    pub exec_image: Option<String>,
    /// Whether the cluster's nodes mount images as volumes.
    pub image_volumes: bool,
    /// What images run that a container names no command for: pattern, entry point, arguments.
    pub images: Vec<ImageRuns>,
}

/// How to run a scheduler of a cluster.
#[derive(Clone, Debug)]
pub struct ScheduleOptions {
    /// The `schedulerName` of the pods it places.
    pub name: String,
    /// The nodes that are given to it; none means all.
    pub nodes: Option<LabelSelector>,
    /// Pods like those to be expected; none means to learn from those that come.
    pub expected: Vec<serde_json::Value>,
    /// What it is as a replica.
    pub replica: Replica,
}

/// What a program of a cluster is as one of several, of which one leads.
#[derive(Clone, Debug)]
pub struct Replica {
    /// Namespace and name of the Lease that the replicas share.
    pub lease: (String, String),
    /// What this replica is called in the Lease; none takes the host's name and a random number.
    pub identity: Option<String>,
    /// Where metrics and health are served; none serves them nowhere.
    pub listen: Option<SocketAddr>,
    /// Requests a second, and how many at once after a quiet time.
    pub rate: (u32, u32),
    /// Whether to write nothing, and say what would be written.
    pub shadow: bool,
}

/// What an image runs where a container does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageRuns {
    /// The image, or a pattern of images.
    #[serde(skip)]
    pub image: String,
    /// Program and first arguments.
    pub entrypoint: Vec<String>,
    /// Arguments of a container that names none.
    pub cmd: Vec<String>,
}

/// How to start a platform.
#[derive(Clone, Debug)]
pub struct PlatformOptions {
    /// Where everything the platform keeps lies; created if absent.
    pub data_dir: PathBuf,
    /// The platform's settings; `None` takes `config.yaml` in the data directory, if it is there.
    pub config: Option<PathBuf>,
    /// The loopback port to serve https on; `None` takes a free one.
    pub port: Option<u16>,
    /// Nodes to simulate beside this machine's own.
    pub simulated: Option<Simulated>,
}

/// A platform that is up.
pub struct Running {
    /// A client with an administrator's rights, in process.
    pub client: kube::Client,
    /// The kubeconfig written for others.
    pub kubeconfig: PathBuf,
    /// Where the API is served, such as `https://127.0.0.1:41643`.
    pub address: String,
    /// What the user should be told once, plainly: for example that containers run
    /// with this machine's own programs, or that private mounts are not possible here.
    pub notices: Vec<String>,
    /// Resolves if the platform cannot go on by itself (the disk became full, say);
    /// pending for ever otherwise.
    pub failed: BoxFuture<'static, PlatformError>,
    /// Resolves, with a sentence, when everything waits for space on the disk; pending for ever otherwise.
    pub full: BoxFuture<'static, String>,
    /// Shuts the platform down in good order: everything durable, running processes left to the spawner
    /// or ended as the platform sees fit.
    pub shutdown: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>,
}

/// Why a platform does not start, or cannot go on. Each kind has an exit code
/// (see [`crate::exit`]).
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// Another process holds the data directory.
    #[error("the data directory `{}` is in use{}", data_dir.display(), pid.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    InUse {
        /// The directory.
        data_dir: PathBuf,
        /// Its holder, where known.
        pid: Option<u32>,
    },
    /// The requested port is taken.
    #[error("the address {address} is already taken")]
    PortTaken {
        /// Host and port.
        address: String,
    },
    /// No space left.
    #[error("the disk that holds `{}` is full", path.display())]
    DiskFull {
        /// The file or directory being written.
        path: PathBuf,
    },
    /// The path cannot be read or written.
    #[error("cannot write `{}`", path.display())]
    NotWritable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data was written by another version of this program.
    #[error("the data in `{}` has format {found}; this version reads {known}", data_dir.display())]
    Format {
        /// The directory.
        data_dir: PathBuf,
        /// What the directory says.
        found: String,
        /// What this program knows.
        known: String,
    },
    /// Anything else.
    #[error("the platform cannot start")]
    Other(#[source] anyhow::Error),
}

impl PlatformError {
    /// Sorts an I/O error on `path` into the kind a user can act on.
    #[must_use]
    pub fn from_io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::NotWritable { path, source },
        }
    }
}
