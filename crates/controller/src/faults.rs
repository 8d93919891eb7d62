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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use tower::ServiceExt;

    use super::*;

    const CALM: Profile = Profile {
        throttled: 0,
        broken: 0,
        conflicts: 0,
        lost_answers: 0,
        lag_ms: 0,
        watch_lag_ms: 0,
        dropped_watches: 0,
        too_old: 0,
    };

    /// What comes of a request to a service that always answers 200 with `one\n`: the code or the error,
    /// the body, and how often the service was reached.
    async fn ask(profile: Profile, healed: bool, method: http::Method, uri: &str) -> (String, String, u32) {
        let reached = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&reached);
        let service = tower::service_fn(move |_: Request<Body>| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok::<_, BoxError>(Response::new(Full::new(Bytes::from("one\n")))) }
        });
        let layer = FaultLayer::new(profile, Seeded::new(1));
        if healed {
            layer.heal();
        }
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .body(Body::empty())
            .unwrap();
        let (code, body) = match layer.layer(service).oneshot(request).await {
            Err(error) => (error.to_string(), String::new()),
            Ok(answer) => {
                let code = answer.status().as_u16().to_string();
                let bytes = answer.into_body().collect().await.unwrap().to_bytes();
                (code, String::from_utf8_lossy(&bytes).into_owned())
            }
        };
        (code, body, reached.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn each_fault_is_what_it_says() {
        let all = |set: fn(&mut Profile)| {
            let mut profile = CALM;
            set(&mut profile);
            profile
        };
        let (get, post, patch) = (http::Method::GET, http::Method::POST, http::Method::PATCH);
        let watch = "/api/v1/pods?watch=true&resourceVersion=7";
        for (profile, method, uri, code, reached) in [
            (CALM, &get, "/", "200", 1),
            (all(|p| p.throttled = 100), &get, "/", "429", 0),
            (all(|p| p.broken = 100), &post, "/", "500", 0),
            (all(|p| p.conflicts = 100), &patch, "/", "409", 0),
            (all(|p| p.conflicts = 100), &post, "/", "200", 1),
            (
                all(|p| p.lost_answers = 100),
                &post,
                "/",
                "the answer was lost",
                1,
            ),
            (all(|p| p.lost_answers = 100), &get, "/", "200", 1),
            (all(|p| p.too_old = 100), &get, watch, "410", 0),
            (
                all(|p| p.too_old = 100),
                &get,
                "/api/v1/pods?watch=true",
                "200",
                1,
            ),
        ] {
            let found = ask(profile, false, method.clone(), uri).await;
            assert_eq!((found.0.as_str(), found.2), (code, reached), "{profile:?}");
            assert_eq!(
                ask(profile, true, method.clone(), uri).await.0,
                "200",
                "once healed"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_ends_in_the_middle_of_a_line() {
        let profile = Profile {
            dropped_watches: 100,
            ..CALM
        };
        let found = ask(
            profile,
            false,
            http::Method::GET,
            "/api/v1/pods?watch=1&resourceVersion=7",
        )
        .await;
        assert_eq!(found.1, "on");
    }
}
