//! The executor: sends writes, retries what may pass, and decides nothing.
//!
//! An answer may be lost after the write was committed. Retrying is safe all the same: patches and
//! deletions carry preconditions and do the same again; of a creation that was committed, the retry says
//! `AlreadyExists`, and the caller compares ([`Executor::ensure`]).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use kinds::kube::Client;
use kinds::kube::client::Body;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::backoff::Backoff;
use crate::gate::Gate;
use crate::metrics::Metrics;
use crate::write::Write;

/// Attempts at one write: about five seconds of trouble are ridden out here, longer ones by replanning.
const ATTEMPTS_MAX: u32 = 9;
/// An answer that takes longer is taken for lost. Longer than kube-apiserver's own limit would be idle.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// However long a server asks us to stay away.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// The form of most answers.
const OBJECT: &str = "application/json";
/// Asks for the metadata alone; a server that does not know how answers with the object.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// Why a write did not happen, or may not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There is no such object.
    #[error("not found: {0}")]
    NotFound(String),
    /// There is such an object already.
    #[error("already exists: {0}")]
    AlreadyExists(String),
    /// A precondition does not hold any more; plan again.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The rights do not allow it.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// The API refuses it for what it says, and will again.
    #[error("refused ({0}): {1}")]
    Refused(u16, String),
    /// The answer is not of the form asked for.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// It could not be had in the attempts made; it may or may not have happened.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

impl Failure {
    /// What the server said.
    pub fn message(&self) -> &str {
        match self {
            Self::NotFound(message)
            | Self::AlreadyExists(message)
            | Self::Conflict(message)
            | Self::Forbidden(message)
            | Self::Refused(_, message)
            | Self::Unreadable(message)
            | Self::Unavailable(message) => message,
        }
    }

    /// Whether a later attempt may pass.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict(_))
    }
}

/// One request, as often as it is sent.
struct Request {
    method: http::Method,
    path: String,
    content_type: &'static str,
    accept: &'static str,
    body: Bytes,
}

impl Request {
    fn get(path: String) -> Self {
        Self {
            method: http::Method::GET,
            path,
            content_type: OBJECT,
            accept: OBJECT,
            body: Bytes::new(),
        }
    }

    fn is_write(&self) -> bool {
        self.method != http::Method::GET
    }
}

/// How one attempt ended, if it did not succeed.
enum Trouble {
    /// Try again, after the server's own wait if it named one.
    Again(Option<Duration>, String),
    /// Trying again would not help.
    Final(Failure),
}

/// The version of an object: `metadata.resourceVersion`.
pub type Version = String;

/// An object, of which only the version matters.
#[derive(Deserialize)]
struct Versioned {
    metadata: VersionedMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionedMeta {
    resource_version: Version,
}

/// The parts of a `metav1.Status` that decide.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    message: String,
    reason: String,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    retry_after_seconds: u64,
    causes: Vec<Cause>,
}

/// What is wrong with one field.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    field: String,
}

/// Sends writes to the API. Cheap to clone.
#[derive(Clone)]
pub struct Executor {
    client: Client,
    gate: Gate,
    metrics: Arc<Metrics>,
}

impl Executor {
    /// An executor that writes through `client`.
    pub fn new(client: Client, metrics: Arc<Metrics>) -> Self {
        Self {
            client,
            gate: Gate::default(),
            metrics,
        }
    }

    /// The same executor, whose requests pass this gate.
    #[must_use]
    pub fn through(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    /// Whether its writes are told instead of done.
    pub fn is_shadow(&self) -> bool {
        self.gate.shadow().is_some()
    }

    /// The counts it adds to.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Does a write; the answer's bytes.
    pub async fn write(&self, write: &Write) -> Result<Bytes, Failure> {
        self.write_for(write, OBJECT).await
    }

    /// Does a write whose answer says no more than the object's new version: the object may be large.
    pub async fn write_briefly(&self, write: &Write) -> Result<Version, Failure> {
        let answer: Versioned = decode(&self.write_for(write, METADATA).await?)?;
        Ok(answer.metadata.resource_version)
    }

    async fn write_for(&self, write: &Write, accept: &'static str) -> Result<Bytes, Failure> {
        if let Some(shadow) = self.gate.shadow() {
            shadow.hear(write);
            return Err(Failure::Unavailable("a shadow writes nothing".to_owned()));
        }
        let (method, path, content_type, body) = write.request();
        let request = Request {
            method,
            path,
            content_type,
            accept,
            body: body.into(),
        };
        let answer = self.attempts(&request).await;
        if answer.is_ok() {
            meta::crash::point(write.point);
        }
        answer
    }

    /// Does a write; the answer as a projection.
    pub async fn write_as<T: DeserializeOwned>(&self, write: &Write) -> Result<T, Failure> {
        decode(&self.write(write).await?)
    }

    /// Reads an object.
    pub async fn read<T: DeserializeOwned>(
        &self,
        kind: crate::Kind,
        key: &meta::ObjectKey,
    ) -> Result<T, Failure> {
        decode(&self.attempts(&Request::get(kind.path(key))).await?)
    }

    /// The objects of a namespace that have a label with this value; none if the kind is not served.
    pub async fn list<T: DeserializeOwned>(
        &self,
        kind: crate::Kind,
        namespace: &str,
        (label, value): (&str, &str),
    ) -> Result<Vec<T>, Failure> {
        #[derive(Deserialize)]
        struct List<T> {
            items: Vec<T>,
        }
        let label = label.replace('/', "%2F");
        let path = format!("{}?labelSelector={label}%3D{value}", kind.collection(namespace));
        match self.attempts(&Request::get(path)).await {
            Err(Failure::NotFound(_)) => Ok(Vec::new()),
            answer => decode(&answer?).map(|list: List<T>| list.items),
        }
    }

    /// Creates an object, or finds that it was created before: `is_ours` tells whether the one that is
    /// there is the one meant. If it is not, `AlreadyExists`.
    pub async fn ensure<T: DeserializeOwned>(
        &self,
        create: &Write,
        is_ours: impl Fn(&T) -> bool,
    ) -> Result<T, Failure> {
        match self.write_as(create).await {
            Err(Failure::AlreadyExists(message)) => {
                let there: T = self.read(create.kind, &create.key).await?;
                if is_ours(&there) {
                    Ok(there)
                } else {
                    Err(Failure::AlreadyExists(message))
                }
            }
            answer => answer,
        }
    }

    async fn attempts(&self, request: &Request) -> Result<Bytes, Failure> {
        let mut backoff = Backoff::default();
        loop {
            if !self.gate.pass(request.is_write()).await {
                return Err(Failure::Unavailable("another replica leads".to_owned()));
            }
            self.metrics.requests.add(1);
            self.metrics.writes.add(request.is_write().into());
            let trouble = match self.attempt(request).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Again(asked, _) if backoff.failures() + 1 < ATTEMPTS_MAX => {
                    self.metrics.retries.add(1);
                    let wait = backoff.wait();
                    tokio::time::sleep(asked.unwrap_or(wait).min(RETRY_AFTER_MAX)).await;
                }
                Trouble::Again(_, message) => {
                    self.metrics.failures.add(1);
                    return Err(Failure::Unavailable(message));
                }
                Trouble::Final(failure) => return Err(failure),
            }
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Bytes, Trouble> {
        let request = http::Request::builder()
            .method(&request.method)
            .uri(&request.path)
            .header(http::header::CONTENT_TYPE, request.content_type)
            .header(http::header::ACCEPT, request.accept)
            .body(Body::from(request.body.clone()))
            .map_err(|error| Trouble::Final(Failure::Refused(400, error.to_string())))?;
        let answered = tokio::time::timeout(ANSWER_WITHIN, self.exchange(request)).await;
        let (status, answer) = answered
            .unwrap_or_else(|_| Err("no answer in time".to_owned()))
            .map_err(|message| Trouble::Again(None, message))?;
        if status.is_success() {
            return Ok(answer);
        }
        Err(trouble(status.as_u16(), &answer))
    }

    async fn exchange(&self, request: http::Request<Body>) -> Result<(http::StatusCode, Bytes), String> {
        let response = self.client.send(request).await.map_err(|e| e.to_string())?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|e| e.to_string())?;
        Ok((status, body.to_bytes()))
    }
}

/// What an answer that is no success means. Rule: the HTTP codes and reasons of apimachinery's `StatusReason`.
fn trouble(code: u16, answer: &[u8]) -> Trouble {
    let status: Status = serde_json::from_slice(answer).unwrap_or_default();
    let message = status.message;
    let details = status.details.unwrap_or_default();
    let asked = details.retry_after_seconds;
    let another = details.causes.iter().any(|cause| cause.field == "metadata.uid");
    match (code, status.reason.as_str()) {
        (429, _) | (500.., _) => {
            let asked = (asked > 0).then(|| Duration::from_secs(asked));
            Trouble::Again(asked, format!("{code}: {message}"))
        }
        (409, "AlreadyExists") => Trouble::Final(Failure::AlreadyExists(message)),
        (409, _) => Trouble::Final(Failure::Conflict(message)),
        // A patch that names its object's uid has met another object of the same name.
        (422, _) if another => Trouble::Final(Failure::Conflict(message)),
        (404, _) => Trouble::Final(Failure::NotFound(message)),
        (401 | 403, _) => Trouble::Final(Failure::Forbidden(message)),
        _ => Trouble::Final(Failure::Refused(code, message)),
    }
}

fn decode<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(answer).map_err(|error| Failure::Unreadable(error.to_string()))
}

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;
