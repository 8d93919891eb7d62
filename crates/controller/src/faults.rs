//! A worse API server than the one there is: a tower layer between a controller and its API.
//!
//! ```text
//!   controller ─► client ─► FaultLayer ─► API
//!                             ├ answers 429, 500 and 409 that nothing happened for
//!                             ├ loses answers of what did happen
//!                             ├ delays requests, answers and watch events, each watch by its own lag
//!                             └ ends watches, also in the middle of a line, and calls versions too old
//! ```
//!
//! The embedded server is kinder than a real one (total order, no lag, no throttling); nothing may lean on
//! that, so tests run behind this by default. Everything follows from a seed. [`FaultLayer::heal`] ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kinds::kube::client::Body;
use meta::seeded::{Seeded, SharedSeeded};
use serde_json::json;
use tower::{BoxError, Layer, Service};

/// How bad it is, in percent of the cases and milliseconds at most.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Requests refused with 429 and a wait of a second.
    pub throttled: u64,
    /// Requests refused with 500.
    pub broken: u64,
    /// Patches refused with 409.
    pub conflicts: u64,
    /// Writes that happen, but whose answers are lost.
    pub lost_answers: u64,
    /// Delay of each request and each answer.
    pub lag_ms: u64,
    /// Delay of each watch event; every watch draws its own bound below this.
    pub watch_lag_ms: u64,
    /// Watch events after which the watch ends.
    pub dropped_watches: u64,
    /// Watches that are told their version is too old.
    pub too_old: u64,
}

impl Profile {
    /// A bad day: every fault often enough to meet it in a short run.
    pub const ROUGH: Self = Self {
        throttled: 3,
        broken: 3,
        conflicts: 5,
        lost_answers: 5,
        lag_ms: 5,
        watch_lag_ms: 200,
        dropped_watches: 3,
        too_old: 10,
    };
}

struct Shared {
    profile: Profile,
    random: SharedSeeded,
    healed: AtomicBool,
}

impl Shared {
    fn hits(&self, percent: u64) -> bool {
        !self.healed.load(Ordering::Relaxed) && self.random.draw(|r| r.chance(percent))
    }

    async fn lag(&self, at_most_ms: u64) {
        if self.healed.load(Ordering::Relaxed) {
            return;
        }
        let wait = self.random.draw(|r| r.below(at_most_ms + 1));
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

/// Puts the faults around a service. Cheap to clone; clones share seed and healing.
#[derive(Clone)]
pub struct FaultLayer {
    shared: Arc<Shared>,
}

impl FaultLayer {
    /// Faults of this profile, drawn from this generator.
    pub fn new(profile: Profile, random: Seeded) -> Self {
        Self {
            shared: Arc::new(Shared {
                profile,
                random: SharedSeeded::new(random),
                healed: AtomicBool::new(false),
            }),
        }
    }

    /// No more faults from now on.
    pub fn heal(&self) {
        self.shared.healed.store(true, Ordering::Relaxed);
    }
}

impl<S> Layer<S> for FaultLayer {
    type Service = FaultService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        FaultService {
            inner,
            shared: Arc::clone(&self.shared),
        }
    }
}

/// A service behind faults.
#[derive(Clone)]
pub struct FaultService<S> {
    inner: S,
    shared: Arc<Shared>,
}

/// The body of an answer behind faults.
pub type FaultBody = UnsyncBoxBody<Bytes, BoxError>;

impl<S, B> Service<Request<Body>> for FaultService<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<FaultBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The service that was polled ready is the one to call.
        let fresh = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, fresh);
        let shared = Arc::clone(&self.shared);
        async move {
            let kind = Call::of(&request);
            shared.lag(shared.profile.lag_ms).await;
            if let Some(refusal) = refusal(&shared, &kind) {
                return Ok(refusal);
            }
            let answer = inner.call(request).await.map_err(Into::into)?;
            if kind.writes && shared.hits(shared.profile.lost_answers) {
                return Err("the answer was lost".into());
            }
            if kind.watches {
                return Ok(answer.map(|body| unsteady(body, shared)));
            }
            shared.lag(shared.profile.lag_ms).await;
            Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
        }
        .boxed()
    }
}

/// What a request is about, as far as faults differ.
struct Call {
    writes: bool,
    patches: bool,
    watches: bool,
    resumes: bool,
}

impl Call {
    fn of(request: &Request<Body>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let has = |word: &str| query.split('&').any(|pair| pair == word);
        let watches = has("watch=true") || has("watch=1");
        Self {
            writes: request.method() != http::Method::GET,
            patches: request.method() == http::Method::PATCH,
            watches,
            resumes: watches && query.contains("resourceVersion=") && !has("resourceVersion=0"),
        }
    }
}

fn refusal(shared: &Shared, call: &Call) -> Option<Response<FaultBody>> {
    let profile = &shared.profile;
    if shared.hits(profile.throttled) {
        return Some(status(429, "TooManyRequests"));
    }
    if shared.hits(profile.broken) {
        return Some(status(500, "InternalError"));
    }
    if call.patches && shared.hits(profile.conflicts) {
        return Some(status(409, "Conflict"));
    }
    if call.resumes && shared.hits(profile.too_old) {
        return Some(status(410, "Expired"));
    }
    None
}

fn status(code: u16, reason: &str) -> Response<FaultBody> {
    let body = json!({
        "apiVersion": "v1",
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": format!("injected: {reason}"),
        "details": {"retryAfterSeconds": u8::from(code == 429)},
    });
    let body = Full::new(Bytes::from(body.to_string()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
    response
}

type Frame = Result<http_body::Frame<Bytes>, BoxError>;

/// A watch whose events come late, and which ends before its time.
struct Unsteady<S> {
    inner: S,
    shared: Arc<Shared>,
    lag_ms: u64,
    ended: bool,
}

fn unsteady<B>(body: B, shared: Arc<Shared>) -> FaultBody
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let watch = Unsteady {
        inner: Box::pin(body.into_data_stream()),
        lag_ms: shared.random.draw(|r| r.below(shared.profile.watch_lag_ms + 1)),
        shared,
        ended: false,
    };
    StreamBody::new(futures::stream::unfold(watch, Unsteady::next)).boxed_unsync()
}

impl<S, E> Unsteady<S>
where
    S: futures::Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<BoxError>,
{
    async fn next(mut self) -> Option<(Frame, Self)> {
        if self.ended {
            return None;
        }
        let event = match self.inner.next().await? {
            Ok(event) => event,
            Err(error) => return Some((Err(error.into()), self)),
        };
        self.shared.lag(self.lag_ms).await;
        if self.shared.hits(self.shared.profile.dropped_watches) {
            self.ended = true;
            let part = event.slice(..event.len() / 2);
            return Some((Ok(http_body::Frame::data(part)), self));
        }
        Some((Ok(http_body::Frame::data(event)), self))
    }
}
