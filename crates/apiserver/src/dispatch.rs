//! From a request to the verb that answers it.

use std::borrow::Cow;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::body::{Answer, failure, json};
use crate::call::{Call, Caller};
use crate::discovery;
use crate::negotiate::{self, Form};
use crate::options;
use crate::path::{self, Route, Target};
use crate::query::Query;
use crate::reviews;
use crate::server::{ApiServer, Inner};
use crate::shape::shape;
use crate::status::ApiError;
use crate::user::Attributes;
use crate::verbs::{self, patch};

impl ApiServer {
    /// Answers one request.
    pub(crate) async fn handle<B>(&self, caller: &Caller, request: Request<B>) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        if let Some(witness) = &self.0.witness {
            witness(&shape(&parts, |target| self.0.is_custom(target)));
        }
        match self.route(caller, &parts, body).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(method = %parts.method, path = parts.uri.path(), code = error.code(), "refused");
                failure(&error)
            }
        }
    }
}

impl Inner {
    fn is_custom(&self, target: &Target<'_>) -> bool {
        let row = self.registry.get(target.group, target.version, target.resource);
        row.is_some_and(|row| row.custom)
    }
}

impl ApiServer {
    async fn route<B>(&self, caller: &Caller, parts: &Parts, body: B) -> Result<Answer, ApiError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        match path::parse(parts.uri.path()) {
            Route::Objects(target) => self.objects(caller, parts, target, body).await,
            _ if parts.method != Method::GET => Err(ApiError::method_not_allowed()),
            Route::Unknown => Err(ApiError::no_such_page()),
            Route::Health => Ok(health()),
            route => discovery::answer(&self.0.registry, &route, &parts.headers),
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
            match (verb, target.name.is_empty()) {
                ("create", true) => {}
                (_, true) => return Err(ApiError::method_not_allowed()),
                (_, false) => return Err(ApiError::no_such_path()),
            }
            let body = self.0.collect(body).await?;
            return reviews::answer(self, review, &caller.user, &parts.headers, &body);
        }
        let registry = &self.0.registry;
        let row = registry.get(target.group, target.version, target.resource);
        let row = row.ok_or_else(ApiError::no_such_path)?;
        if row.namespaced == target.namespace.is_empty() && !target.name.is_empty() {
            return Err(ApiError::no_such_path());
        }
        options::check(verb, patch::applies(&parts.headers), &query)?;
        let form = negotiate::form(&parts.headers)?;
        if form == Form::Table {
            options::check_include(&query)?;
        }
        let call = Call {
            server: &self.0,
            caller,
            row,
            target,
            query,
            headers: &parts.headers,
            form,
            upgrade: parts.extensions.get().cloned(),
        };
        if matches!(verb, "get" | "list" | "watch") {
            return verbs::read(&call, verb).await;
        }
        let body = self.0.collect(body).await?;
        verbs::write(&call, verb, &body).await
    }
}

impl Inner {
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
        Method::GET if one => "get",
        Method::GET => "list",
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
