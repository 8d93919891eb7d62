//! Streams to and from containers: `pods/NAME/exec` and `attach`, over WebSocket.
//!
//! ```text
//!   GET .../exec?command=...    Upgrade: websocket
//!      --> the node's session opens --> 101 --> channels, until either side ends
//! ```
//!
//! Where processes are is the node's matter: it implements [`ExecSource`]. This knows the request, and how bytes are
//! carried ([`channels`]); of SPDY, which clients used before Kubernetes 1.31, it knows nothing.

mod channels;
mod websocket;

use futures::StreamExt;
use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::StreamReader;

use crate::body::Answer;
use crate::call::Call;
use crate::logs::LogRequest;
use crate::object::{meta, read};
use crate::status::ApiError;
use crate::verbs::subresource;

/// What is asked for by `pods/NAME/exec`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecRequest {
    /// `metadata.uid` of the pod.
    pub uid: String,
    /// Name of the container.
    pub container: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Whether the caller sends input.
    pub stdin: bool,
    /// Whether the caller wants output.
    pub stdout: bool,
    /// Whether the caller wants errors.
    pub stderr: bool,
    /// Whether the command has a terminal.
    pub tty: bool,
}

/// What a command reads.
pub type Input = Box<dyn AsyncWrite + Send + Unpin>;
/// What a command writes. An error is an end.
pub type Output = Box<dyn AsyncRead + Send + Unpin>;
/// Tells a terminal its size: columns and rows.
pub type Resize = Box<dyn Fn(u16, u16) + Send + Sync>;

/// A command that runs. Dropping it ends the command.
pub struct ExecSession {
    /// What it reads, until dropped.
    pub stdin: Option<Input>,
    /// What it writes.
    pub stdout: Option<Output>,
    /// What it complains of.
    pub stderr: Option<Output>,
    /// Its terminal's size.
    pub resize: Option<Resize>,
    /// Its exit code, or why it did not start.
    pub ended: BoxFuture<'static, Result<i32, String>>,
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecError {
    /// The container does not run: why, in kubelet's words.
    NotFound(String),
    /// It could not be made.
    Failed(String),
}

/// Runs commands in containers.
pub trait ExecSource: Send + Sync {
    /// Runs a command.
    fn exec(&self, request: ExecRequest) -> BoxFuture<'static, Result<ExecSession, ExecError>>;
}

/// Runs a command in a container.
pub(crate) async fn exec(call: &Call<'_>) -> Result<Answer, ApiError> {
    let (pod, container) = target(call)?;
    let query = &call.query;
    let request = ExecRequest {
        uid: meta(&pod, "uid").to_owned(),
        container,
        command: query.all("command"),
        stdin: query.flag("stdin"),
        stdout: query.flag("stdout"),
        stderr: query.flag("stderr") && !query.flag("tty"),
        tty: query.flag("tty"),
    };
    if request.command.is_empty() {
        return Err(ApiError::bad_request(
            "you must specify at least 1 command for the container",
        ));
    }
    let handshake = websocket::Handshake::of(call.headers, &channels::PROTOCOLS)?;
    let source = call.server.execs();
    let source = source.ok_or_else(|| ApiError::internal("no node of this server runs commands"))?;
    let session = source.exec(request).await.map_err(|error| match error {
        ExecError::NotFound(why) => ApiError::no_such(why),
        ExecError::Failed(why) => ApiError::internal(why),
    })?;
    open(call, &handshake, session)
}

/// Shows what a container writes from now on.
pub(crate) async fn attach(call: &Call<'_>) -> Result<Answer, ApiError> {
    let (pod, container) = target(call)?;
    let handshake = websocket::Handshake::of(call.headers, &channels::PROTOCOLS)?;
    let request = LogRequest {
        follow: true,
        tail_lines: Some(0),
        ..subresource::plain_log_request(call, &pod, container)
    };
    let stream = subresource::open_log(call, request).await?;
    let chunks = stream.map(Ok::<_, std::io::Error>);
    let session = ExecSession {
        stdin: None,
        stdout: Some(Box::new(StreamReader::new(chunks))),
        stderr: None,
        resize: None,
        ended: Box::pin(std::future::ready(Ok(0))),
    };
    open(call, &handshake, session)
}

/// The pod, and the name of the container that is meant.
fn target(call: &Call<'_>) -> Result<(Value, String), ApiError> {
    let name = call.target.name.as_ref();
    let entry = call.server.store.get(&call.key());
    let pod = read(&entry.ok_or_else(|| ApiError::not_found(&call.row, name))?.value)?;
    if pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty() {
        return Err(ApiError::bad_request(format!(
            "pod {name} does not have a host assigned"
        )));
    }
    let container = subresource::container(&pod, name, call.query.get("container"))?;
    Ok((pod, container))
}

/// Answers that the protocol changes, and carries the session once it has.
fn open(call: &Call<'_>, handshake: &websocket::Handshake, session: ExecSession) -> Result<Answer, ApiError> {
    let upgrade = call.upgrade.clone();
    let upgrade =
        upgrade.ok_or_else(|| ApiError::bad_request("this connection cannot change its protocol"))?;
    let closing = call.server.closing.clone();
    tokio::spawn(async move {
        match upgrade.await {
            Ok(stream) => channels::serve(TokioIo::new(stream), session, closing).await,
            Err(error) => tracing::debug!(%error, "a connection did not change its protocol"),
        }
    });
    Ok(handshake.answer())
}
