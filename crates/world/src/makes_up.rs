//! A layer that makes up answers to some requests instead of passing them on, where the world is broken so:
//! an executor that drops an effect.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use apiserver::{Body as AnswerBody, ClientService, HandleFuture};
use bytes::Bytes;
use http::{Method, Request, Response};
use kinds::kube::client::Body;
use tower::Service;

use crate::broken::Broken;

/// Every so-many-th status patch is dropped, where they are.
const EVERY: u64 = 3;

/// A user's way in, some of whose requests are not passed on.
#[derive(Clone)]
pub(crate) struct MakesUp {
    inner: ClientService,
    broken: Broken,
    patches: Arc<AtomicU64>,
}

impl MakesUp {
    /// Around a way in.
    pub(crate) fn new(inner: ClientService, broken: Broken) -> Self {
        Self {
            inner,
            broken,
            patches: Arc::default(),
        }
    }

    fn drops(&self, request: &Request<Body>) -> bool {
        let path = request.uri().path();
        let patches = |kind: &str| request.method() == Method::PATCH && path.contains(kind);
        match self.broken {
            Broken::DropsReleases => patches("/pods/"),
            Broken::DropsPatches => {
                patches("/workflows/") && self.patches.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY - 1
            }
            Broken::DropsDeletions => request.method() == Method::DELETE,
            _ => false,
        }
    }
}

impl Service<Request<Body>> for MakesUp {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = HandleFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> HandleFuture {
        if self.drops(&request) {
            if request.method() == Method::DELETE {
                let done = AnswerBody::Once(Some(Bytes::from_static(b"{}")));
                return Box::pin(async { Ok(Response::new(done)) });
            }
            // A patch is answered with the object as it is.
            *request.method_mut() = Method::GET;
            *request.body_mut() = Body::empty();
        }
        self.inner.call(request)
    }
}
