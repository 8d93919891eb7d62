//! Hands the API server's requests for commands in containers to the node.

use apiserver::{ExecError, ExecRequest, ExecSession, ExecSource};
use futures::future::BoxFuture;
use node::Sessions;

/// Runs commands in the containers of each of this machine's nodes.
pub(crate) struct NodeExecs(pub(crate) Vec<Sessions>);

impl ExecSource for NodeExecs {
    fn exec(&self, request: ExecRequest) -> BoxFuture<'static, Result<ExecSession, ExecError>> {
        let nodes = self.0.clone();
        Box::pin(async move {
            let request = asked(request);
            let mut answer = Err(node::ExecError::NotFound(request.container.clone()));
            for sessions in &nodes {
                answer = sessions.exec(&request).await;
                if !matches!(answer, Err(node::ExecError::NotFound(_))) {
                    break;
                }
            }
            answer.map(opened).map_err(refusal)
        })
    }
}

fn asked(request: ExecRequest) -> node::ExecRequest {
    node::ExecRequest {
        uid: request.uid,
        container: request.container,
        command: request.command,
        stdin: request.stdin,
        stdout: request.stdout,
        stderr: request.stderr,
        tty: request.tty,
    }
}

fn opened(session: node::Session) -> ExecSession {
    let resize = session.terminal.map(|terminal| {
        let resize = move |columns, rows| {
            if let Err(error) = terminal.resize(columns, rows) {
                tracing::debug!(%error, "a terminal kept its size");
            }
        };
        Box::new(resize) as apiserver::Resize
    });
    ExecSession {
        stdin: session.stdin,
        stdout: session.stdout,
        stderr: session.stderr,
        resize,
        ended: session.ended,
    }
}

fn refusal(error: node::ExecError) -> ExecError {
    match error {
        node::ExecError::NotFound(_) => ExecError::NotFound(error.to_string()),
        node::ExecError::Failed(why) => ExecError::Failed(why),
    }
}
