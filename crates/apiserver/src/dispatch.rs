//! From a request to the verb that answers it.

use std::borrow::Cow;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::body::{Answer, failure, json};
use crate::call::{Call, Caller};
use crate::discovery;
use crate::negotiate;
use crate::path::{self, Route, Target};
use crate::query::Query;
use crate::reviews;
use crate::server::{ApiServer, Inner};
use crate::status::ApiError;
use crate::user::Attributes;
use crate::verbs;

impl ApiServer {
    /// Answers one request.
    pub(crate) async fn handle<B>(&self, caller: &Caller, request: Request<B>) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        match self.0.route(caller, &parts, body).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(method = %parts.method, path = parts.uri.path(), code = error.code(), "refused");
                failure(&error)
            }
        }
    }
}

impl Inner {
    async fn route<B>(&self, caller: &Caller, parts: &Parts, body: B) -> Result<Answer, ApiError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        match path::parse(parts.uri.path()) {
            Route::Objects(target) => self.objects(caller, parts, target, body).await,
            _ if parts.method != Method::GET => Err(ApiError::method_not_allowed()),
            Route::Unknown => Err(ApiError::no_such_path()),
            Route::Health => Ok(health()),
            route => discovery::answer(&self.registry, &route, &parts.headers),
        }
    }

    async fn objects<B>(
        &self,
        caller: &Caller,
        parts: &Parts,
        target: Target<'_>,
        body: B,
    ) -> Result<Answer, ApiError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let verb = verb(&parts.method, &target, &query)?;
        caller.user.authorize(&attributes(verb, &target))?;
        if let Some(review) = reviews::kind(&target) {
            let body = self.collect(body).await?;
            return reviews::answer(review, &caller.user, &parts.headers, &body);
        }
        let row = self.registry.get(target.group, target.version, target.resource);
        let row = row.ok_or_else(ApiError::no_such_path)?;
        if row.namespaced == target.namespace.is_empty() && !target.name.is_empty() {
            return Err(ApiError::no_such_path());
        }
        let call = Call {
            server: self,
            caller,
            row,
            target,
            query,
            headers: &parts.headers,
            form: negotiate::form(&parts.headers)?,
        };
        if matches!(verb, "get" | "list" | "watch") {
            return verbs::read(&call, verb).await;
        }
        let body = self.collect(body).await?;
        verbs::write(&call, verb, &body).await
    }

    /// Reads a body of bounded size in bounded time.
    async fn collect<B>(&self, body: B) -> Result<Bytes, ApiError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let limit = self.limits.body;
        let body = body.map_err(|error| error.to_string());
        let all = Limited::new(body, limit).collect();
        match tokio::time::timeout(self.limits.body_timeout, all).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::too_large(limit)),
            Ok(Err(error)) => Err(ApiError::bad_request(format!("cannot read the body: {error}"))),
            Err(_) => Err(ApiError::timeout("the body did not arrive in time")),
        }
    }
}

fn verb(method: &Method, target: &Target<'_>, query: &Query<'_>) -> Result<&'static str, ApiError> {
    let one = !target.name.is_empty();
    Ok(match *method {
        Method::GET if target.watch || (query.flag("watch") && !one) => "watch",
        Method::GET | Method::HEAD if one => "get",
        Method::GET | Method::HEAD => "list",
        Method::POST => "create",
        Method::PUT if one => "update",
        Method::PATCH if one => "patch",
        Method::DELETE if one => "delete",
        Method::DELETE => "deletecollection",
        _ => return Err(ApiError::method_not_allowed()),
    })
}

fn attributes<'a>(verb: &'a str, target: &'a Target<'_>) -> Attributes<'a> {
    Attributes {
        verb,
        group: target.group,
        resource: target.resource,
        subresource: target.subresource,
        // A namespace is in itself, as far as Roles are concerned.
        namespace: match &target.namespace {
            Cow::Borrowed("") if target.resource == "namespaces" => &target.name,
            namespace => namespace,
        },
        name: &target.name,
    }
}

fn health() -> Answer {
    let mut answer = json(StatusCode::OK, &serde_json::Value::Null);
    *answer.body_mut() = crate::body::Body::Once(Some(Bytes::from_static(b"ok")));
    let text = http::HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, text);
    answer
}
