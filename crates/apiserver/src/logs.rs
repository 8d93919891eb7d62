//! Where the logs of containers come from: a trait that the node's side implements.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

/// What is asked for by `pods/NAME/log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRequest {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// `metadata.uid` of the pod.
    pub uid: String,
    /// Node the pod is bound to.
    pub node: String,
    /// Name of the container.
    pub container: String,
    /// Go on as the container writes, until it ends.
    pub follow: bool,
    /// The container's previous run.
    pub previous: bool,
    /// Only the last so many lines.
    pub tail_lines: Option<u64>,
    /// At most so many bytes.
    pub limit_bytes: Option<u64>,
    /// Only what is younger than so many seconds.
    pub since_seconds: Option<i64>,
    /// Only what is not older than this time (RFC 3339).
    pub since_time: Option<String>,
    /// Put the time (RFC 3339 with nanoseconds) before each line.
    pub timestamps: bool,
}

/// A log as it comes. It ends early where reading fails.
pub type LogStream = BoxStream<'static, Bytes>;

/// Why there is no log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogError {
    /// The container has no log (yet, or any more): why, in kubelet's words.
    Unavailable(String),
    /// Reading failed.
    Failed(String),
}

/// Gives the logs of containers.
pub trait LogSource: Send + Sync {
    /// Opens a log.
    fn open(&self, request: LogRequest) -> BoxFuture<'static, Result<LogStream, LogError>>;
}
