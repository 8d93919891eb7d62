//! The tower service that answers a `kube::Client` in process.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use store::Durability;
use tower::Service;

use crate::body::Answer;
use crate::call::Caller;
use crate::server::ApiServer;
use crate::user::User;

/// The answer to come.
pub type HandleFuture = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

/// One user's way in. Give it to `kube::Client::new`.
#[derive(Clone)]
pub struct ClientService {
    server: ApiServer,
    caller: Arc<Caller>,
}

impl ApiServer {
    /// A service that acts as `user`.
    ///
    /// With [`Durability::Appended`] answers and watches do not wait for the disk: for controllers that end with this
    /// process. With [`Durability::Durable`] what is answered survives a crash.
    pub fn client_service(&self, user: User, durability: Durability) -> ClientService {
        ClientService {
            server: self.clone(),
            caller: Arc::new(Caller { user, durability }),
        }
    }
}

impl<B> Service<Request<B>> for ClientService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = HandleFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> HandleFuture {
        let (server, caller) = (self.server.clone(), Arc::clone(&self.caller));
        Box::pin(async move { Ok(server.handle(&caller, request).await) })
    }
}
