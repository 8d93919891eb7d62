//! One request on objects, with all that verbs need to know about it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::upgrade::OnUpgrade;
use store::{Durability, Revision};

use crate::body::Answer;
use crate::negotiate::{self, Form};
use crate::path::Target;
use crate::query::Query;
use crate::registry::Row;
use crate::server::Inner;
use crate::status::ApiError;
use crate::table::Printer;
use crate::user::User;

/// The places where a test may kill the process: a write was made but may be lost, it is durable but was not told.
pub const CRASH_POINTS: [&str; 2] = ["apiserver.appended", "apiserver.durable"];

/// Who calls, and what answers wait for.
pub(crate) struct Caller {
    pub(crate) user: User,
    pub(crate) durability: Durability,
}

/// A request on objects of one kind.
pub(crate) struct Call<'r> {
    pub(crate) server: &'r Inner,
    pub(crate) caller: &'r Caller,
    pub(crate) row: Arc<Row>,
    pub(crate) target: Target<'r>,
    pub(crate) query: Query<'r>,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) form: Form,
    /// The connection, where it can change its protocol.
    pub(crate) upgrade: Option<OnUpgrade>,
}

/// What a verb on one object leaves: the object, and the revision that holds it.
pub(crate) struct Outcome {
    pub(crate) code: StatusCode,
    pub(crate) object: Bytes,
    pub(crate) revision: Revision,
    pub(crate) warnings: Vec<String>,
}

impl Outcome {
    pub(crate) fn ok(object: Bytes, revision: Revision) -> Self {
        Self {
            code: StatusCode::OK,
            object,
            revision,
            warnings: Vec::new(),
        }
    }
}

impl Call<'_> {
    /// The key of the object that the path names.
    pub(crate) fn key(&self) -> String {
        self.row.key(&self.target.namespace, &self.target.name)
    }

    /// Prints tables as this caller wants them.
    pub(crate) fn printer(&self) -> Printer {
        Printer::new(
            &self.row,
            self.query.get("includeObject"),
            self.server.host.clone(),
        )
    }

    /// Waits until `revision` may be told to this caller.
    pub(crate) async fn settle(&self, revision: Revision) -> Result<(), ApiError> {
        if self.caller.durability == Durability::Durable && self.server.store.durable_revision() < revision {
            meta::crash::point("apiserver.appended");
            self.server.store.durable(revision).await?;
            meta::crash::point("apiserver.durable");
        }
        Ok(())
    }

    /// Answers with one object in the form asked for.
    pub(crate) async fn answer(&self, outcome: Outcome) -> Result<Answer, ApiError> {
        self.settle(outcome.revision).await?;
        let body = negotiate::object(self, outcome.object)?;
        let mut answer = crate::body::bytes(outcome.code, body);
        for warning in outcome.warnings {
            // Rule: RFC 7234 as kube-apiserver uses it, `299 - "text"`.
            let text = format!("299 - {}", serde_json::Value::from(warning));
            if let Ok(value) = HeaderValue::from_str(&text) {
                answer.headers_mut().append(http::header::WARNING, value);
            }
        }
        Ok(answer)
    }
}
