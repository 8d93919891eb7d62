//! One connection: requests are authenticated and handed to the server until it closes.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use http::Request;
use http::header::AUTHORIZATION;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use store::Durability;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::tls::Tokens;
use crate::body::{Answer, failure};
use crate::call::Caller;
use crate::server::ApiServer;
use crate::status::ApiError;
use crate::user::User;

/// How a door knows who comes in.
#[derive(Clone)]
pub(super) enum Guard {
    /// Who reaches the door is the owner; with a service account's token, that account.
    Owner,
    /// Only who brings a token.
    Token(Arc<Tokens>),
}

/// Serves a connection until it closes; once `shutdown` is cancelled, only what is under way.
pub(super) async fn serve<S>(server: ApiServer, guard: Guard, stream: S, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(server.clone(), guard.clone(), request));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that hangs up is nothing to worry about.
        tracing::debug!(%error, "connection ended");
    }
}

async fn answer(server: ApiServer, guard: Guard, request: Request<Incoming>) -> Result<Answer, Infallible> {
    Ok(match authenticate(&server, &guard, &request) {
        Some(user) => {
            let caller = Caller {
                user,
                durability: Durability::Durable,
            };
            server.handle(&caller, request).await
        }
        None => failure(&ApiError::unauthorized()),
    })
}

fn authenticate(server: &ApiServer, guard: &Guard, request: &Request<Incoming>) -> Option<User> {
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        return matches!(guard, Guard::Owner).then(|| User::admin("system:admin"));
    };
    let token = header.to_str().ok()?.strip_prefix("Bearer ")?.trim();
    match guard {
        Guard::Token(tokens) if tokens.admits(token) => Some(User::admin("system:admin")),
        _ => server.account_of(token),
    }
}
