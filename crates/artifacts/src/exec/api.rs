//! The way to the API server: its unix socket on this machine, https inside a cluster.
//!
//! The socket is spoken to directly: a whole client would cost a step more than its report.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use argo::exec::{SOCKET_ENV, TOKEN_ENV};
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use kinds::kube;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The content type of whole objects.
pub(super) const JSON: &str = "application/json";
/// The content type of merge patches.
pub(super) const MERGE_PATCH: &str = "application/merge-patch+json";

/// Where kubelet mounts a pod's token.
const TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The API server as this process reaches it.
pub(super) enum Api {
    /// By its socket, with the pod's token.
    Socket { path: PathBuf, token: String },
    /// By the service account that kubelet mounts.
    Cluster,
}

/// One request.
pub(super) struct Request {
    /// What is done.
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    /// What the body is.
    pub(super) content_type: &'static str,
    /// The body; empty for none.
    pub(super) body: Bytes,
}

/// What the server answered.
pub(super) struct Reply {
    /// The status.
    pub(super) status: StatusCode,
    /// An object, as JSON.
    pub(super) body: Bytes,
}

/// What the server says to a report.
pub(super) enum Answer {
    /// It is done.
    Done,
    /// The object exists already.
    Exists,
    /// It will never be done.
    Refused(String),
    /// It may be done later.
    Later(String),
}

impl Request {
    /// Reads an object or a list.
    pub(super) fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            content_type: JSON,
            body: Bytes::new(),
        }
    }

    /// Sends an object.
    pub(super) fn write(method: Method, path: String, content_type: &'static str, object: &Value) -> Self {
        Self {
            method,
            path,
            content_type,
            body: object.to_string().into_bytes().into(),
        }
    }
}

impl Api {
    /// The server that this process's environment names.
    pub(super) fn from_env() -> Self {
        match std::env::var_os(SOCKET_ENV) {
            Some(path) => Self::Socket {
                path: path.into(),
                token: token(),
            },
            None => Self::Cluster,
        }
    }

    /// Whether the server is elsewhere on a network.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self, Self::Cluster)
    }

    /// Whether the server may come back: the socket of a platform that was stopped may, as long as the
    /// folder it lay in is there.
    pub(super) fn is_worth_waiting_for(&self) -> bool {
        match self {
            // A folder that was removed may still be mounted here, but then has no name left.
            Self::Socket { path, .. } => path
                .parent()
                .and_then(|folder| folder.metadata().ok())
                .is_some_and(|folder| folder.is_dir() && folder.nlink() > 0),
            Self::Cluster => true,
        }
    }

    /// Sends one request and reads its answer; fails where there is none.
    pub(super) async fn exchange(&self, request: &Request) -> Result<Reply, String> {
        let exchange = async {
            match self {
                Self::Socket { path, token } => by_socket(path, token, request).await,
                Self::Cluster => by_cluster(request).await,
            }
        };
        let in_time = timeout(REQUEST_TIMEOUT, exchange).await;
        let (status, body) = in_time.map_err(|_| "the API server did not answer in time".to_owned())??;
        Ok(Reply { status, body })
    }

    /// Sends one request of which only matters whether it was done.
    pub(super) async fn send(&self, request: &Request) -> Answer {
        match self.exchange(request).await {
            Ok(reply) => answer(&request.method, reply.status, &reply.body),
            Err(problem) => Answer::Later(problem),
        }
    }
}

/// The pod's token: from the environment, or where kubelet mounts it.
fn token() -> String {
    let mounted = || std::fs::read_to_string(TOKEN_FILE).map(|token| token.trim().to_owned());
    std::env::var(TOKEN_ENV)
        .ok()
        .filter(|token| !token.is_empty())
        .or_else(|| mounted().ok())
        .unwrap_or_default()
}

fn answer(method: &Method, status: StatusCode, body: &[u8]) -> Answer {
    let message = || {
        let status_object = serde_json::from_slice::<Value>(body).unwrap_or_default();
        let message = status_object
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default();
        format!("the API server answered {status}: {message}")
    };
    match status {
        status if status.is_success() => Answer::Done,
        StatusCode::CONFLICT if *method == Method::POST => Answer::Exists,
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            Answer::Later(message())
        }
        status if status.is_server_error() => Answer::Later(message()),
        _ => Answer::Refused(message()),
    }
}

async fn by_socket(path: &Path, token: &str, request: &Request) -> Result<(StatusCode, Bytes), String> {
    let lost = |error: &dyn std::fmt::Display| format!("no answer at {}: {error}", path.display());
    let stream = connect(path).await.map_err(|error| lost(&error))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| lost(&error))?;
    let driver = tokio::spawn(connection);
    let request = http::Request::builder()
        .method(&request.method)
        .uri(&request.path)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, request.content_type)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Full::new(request.body.clone()))
        .map_err(|error| lost(&error))?;
    let response = sender.send_request(request).await.map_err(|error| lost(&error))?;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| lost(&error))?
        .to_bytes();
    driver.abort();
    Ok((status, body))
}

/// Connects through the socket's folder: a socket's path may have 107 bytes, and data directories may be deep.
async fn connect(path: &Path) -> std::io::Result<UnixStream> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(std::io::ErrorKind::InvalidFilename.into());
    };
    let folder = File::open(folder)?;
    let short = Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(name);
    UnixStream::connect(short).await
}

async fn by_cluster(request: &Request) -> Result<(StatusCode, Bytes), String> {
    let config = kube::Config::incluster().map_err(|error| error.to_string())?;
    let client = kube::Client::try_from(config).map_err(|error| error.to_string())?;
    let request = http::Request::builder()
        .method(&request.method)
        .uri(&request.path)
        .header(header::CONTENT_TYPE, request.content_type)
        .body(kube::client::Body::from(request.body.to_vec()))
        .map_err(|error| error.to_string())?;
    let response = client.send(request).await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    Ok((status, body))
}
