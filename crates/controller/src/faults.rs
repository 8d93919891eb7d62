//! A worse API server than the one there is: a tower layer between a controller and its API.
//!
//! ```text
//!   controller ─► client ─► FaultLayer ─► API
//!                             ├ answers 429, 500 and 409 that nothing happened for
//!                             ├ loses answers of what did happen, at once or by never answering
//!                             ├ delays requests, answers and watch events, each watch by its own lag
//!                             ├ ends watches, also in the middle of a line, and calls versions too old
//!                             └ cuts one user off from the API
//! ```
//!
//! The embedded server is kinder than a real one (total order, no lag, no throttling); nothing may lean on
//! that, so tests run behind this by default. Everything follows from a seed. [`FaultLayer::heal`] ends it.

mod profile;
mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use kinds::kube::client::Body;
use meta::seeded::{Seeded, SharedSeeded};
use meta::told::Told;
use serde_json::json;
use tower::{BoxError, Layer, Service};

pub use profile::{Profile, Rates};

/// What is wrong right now, beside the rates.
#[derive(Clone, Debug, Default)]
struct State {
    /// Nothing is wrong any more.
    healed: bool,
    /// How often all watches were ended.
    drops: u64,
    /// The users that do not reach the API.
    apart: BTreeSet<String>,
}

struct Shared {
    profile: Profile,
    random: SharedSeeded,
    state: Told<State>,
}

impl Shared {
    fn is_healed(&self) -> bool {
        self.state.look(|state| state.healed)
    }

    fn hits(&self, percent: u64) -> bool {
        percent > 0 && !self.is_healed() && self.random.draw(|r| r.chance(percent))
    }

    async fn lag(&self, at_most_ms: u64) {
        if at_most_ms == 0 || self.is_healed() {
            return;
        }
        let wait = self.random.draw(|r| r.below(at_most_ms + 1));
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

/// Puts the faults around a service. Cheap to clone; clones share seed and state.
#[derive(Clone)]
pub struct FaultLayer {
    shared: Arc<Shared>,
    user: Arc<str>,
}

impl FaultLayer {
    /// Faults of this profile, drawn from this generator.
    pub fn new(profile: Profile, random: Seeded) -> Self {
        Self {
            shared: Arc::new(Shared {
                profile,
                random: SharedSeeded::new(random),
                state: Told::default(),
            }),
            user: Arc::from(""),
        }
    }

    /// The same layer for the client of a user, who can be cut off by this name.
    #[must_use]
    pub fn of(&self, user: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            user: Arc::from(user),
        }
    }

    /// No more faults from now on.
    pub fn heal(&self) {
        self.shared.state.change(|state| {
            state.healed = true;
            state.apart.clear();
        });
    }

    /// Ends all watches that are open now.
    pub fn drop_watches(&self) {
        self.shared.state.change(|state| state.drops += 1);
    }

    /// Cuts a user off: requests fail, watches stand still and have ended once the user is back.
    pub fn cut_off(&self, user: &str) {
        self.shared.state.change(|state| {
            state.apart.insert(user.to_owned());
        });
    }

    /// Ends [`Self::cut_off`].
    pub fn reconnect(&self, user: &str) {
        self.shared.state.change(|state| {
            state.apart.remove(user);
        });
    }

    fn is_apart(&self) -> bool {
        self.shared.state.look(|state| state.apart.contains(&*self.user))
    }
}

impl<S> Layer<S> for FaultLayer {
    type Service = FaultService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        FaultService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service behind faults.
#[derive(Clone)]
pub struct FaultService<S> {
    inner: S,
    layer: FaultLayer,
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
        let layer = self.layer.clone();
        async move {
            let call = Call::of(&request);
            let rates = *layer.shared.profile.of(request.uri().path());
            let shared = &layer.shared;
            shared.lag(rates.lag_ms).await;
            if layer.is_apart() {
                return Err("the API cannot be reached".into());
            }
            if let Some(refusal) = refusal(shared, &rates, &call) {
                return Ok(refusal);
            }
            let answer = inner.call(request).await.map_err(Into::into)?;
            if call.writes {
                lose_answer(&layer, &rates).await?;
            }
            if call.watches {
                return Ok(answer.map(|body| watch::unsteady(body, &layer, rates)));
            }
            shared.lag(rates.lag_ms).await;
            Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()))
        }
        .boxed()
    }
}

/// Loses the answer of what has happened now and then, or always if the user was cut off meanwhile.
async fn lose_answer(layer: &FaultLayer, rates: &Rates) -> Result<(), BoxError> {
    if layer.shared.hits(rates.unanswered) {
        std::future::pending::<()>().await;
    }
    if layer.is_apart() || layer.shared.hits(rates.lost_answers) {
        return Err("the answer was lost".into());
    }
    Ok(())
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

fn refusal(shared: &Shared, rates: &Rates, call: &Call) -> Option<Response<FaultBody>> {
    if shared.hits(rates.throttled) {
        return Some(status(429, "TooManyRequests"));
    }
    if shared.hits(rates.broken) {
        return Some(status(500, "InternalError"));
    }
    if call.patches && shared.hits(rates.conflicts) {
        return Some(status(409, "Conflict"));
    }
    if call.resumes && shared.hits(rates.too_old) {
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

#[cfg(test)]
mod tests;
