//! Hands the API server's requests for logs to the node.

use apiserver::{LogError, LogRequest, LogSource, LogStream};
use futures::StreamExt;
use futures::future::BoxFuture;
use meta::host::Host;

/// The logs of this machine's containers.
pub(crate) struct NodeLogs {
    /// Of each of its nodes.
    pub(crate) logs: Vec<node::Logs>,
    pub(crate) host: Host,
}

impl LogSource for NodeLogs {
    fn open(&self, request: LogRequest) -> BoxFuture<'static, Result<LogStream, LogError>> {
        let opened = self.translate(request).and_then(|request| {
            let stream = self.open_any(&request).map_err(refusal)?;
            Ok(stream)
        });
        Box::pin(std::future::ready(opened))
    }
}

impl NodeLogs {
    /// The log of the node that has one; the last one's answer if none has.
    fn open_any(&self, request: &node::LogRequest) -> Result<LogStream, node::LogError> {
        let mut answer = Err(node::LogError::Unavailable(String::new()));
        for logs in &self.logs {
            answer = logs.open(request).map(StreamExt::boxed);
            if answer.is_ok() {
                break;
            }
        }
        answer
    }

    fn translate(&self, asked: LogRequest) -> Result<node::LogRequest, LogError> {
        let since = match (asked.since_time, asked.since_seconds) {
            (Some(time), _) => {
                let parsed = meta::time::parse(&time);
                Some(parsed.ok_or_else(|| LogError::Failed(format!("invalid sinceTime {time:?}")))?)
            }
            (None, seconds) => seconds.map(|seconds| node::seconds_before(self.host.now(), seconds)),
        };
        Ok(node::LogRequest {
            uid: asked.uid,
            pod: asked.pod,
            container: asked.container,
            previous: asked.previous,
            follow: asked.follow,
            tail_lines: asked.tail_lines,
            limit_bytes: asked.limit_bytes,
            since,
            timestamps: asked.timestamps,
        })
    }
}

fn refusal(error: node::LogError) -> LogError {
    match error {
        node::LogError::Unavailable(why) => LogError::Unavailable(why),
        node::LogError::Io(error) => LogError::Failed(error.to_string()),
    }
}
