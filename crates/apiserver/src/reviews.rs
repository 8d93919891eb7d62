//! Questions about oneself: who am I (`SelfSubjectReview`), may I do this (`SelfSubjectAccessReview`)?
//!
//! They are created and answered at once; nothing is stored. Anyone may ask.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::admit::decode;
use crate::body::{Answer, json as json_answer};
use crate::path::Target;
use crate::status::ApiError;
use crate::user::{Attributes, User};

/// A kind of question.
#[derive(Clone, Copy)]
pub(crate) enum Review {
    Identity,
    Access,
}

/// The question that a path asks, if it asks one.
pub(crate) fn kind(target: &Target<'_>) -> Option<Review> {
    match (target.group, target.version, target.resource) {
        ("authentication.k8s.io", "v1", "selfsubjectreviews") => Some(Review::Identity),
        ("authorization.k8s.io", "v1", "selfsubjectaccessreviews") => Some(Review::Access),
        _ => None,
    }
}

/// Answers a question.
pub(crate) fn answer(
    review: Review,
    user: &User,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Answer, ApiError> {
    let mut question = decode(headers, body)?;
    if !question.is_object() {
        return Err(ApiError::bad_request("the review is not an object"));
    }
    question["status"] = match review {
        Review::Identity => json!({"userInfo": {"username": user.name, "groups": user.groups}}),
        Review::Access => {
            let allowed = may(user, &question["spec"]);
            json!({"allowed": allowed})
        }
    };
    Ok(json_answer(StatusCode::CREATED, &question))
}

fn may(user: &User, spec: &Value) -> bool {
    let asked = &spec["resourceAttributes"];
    let text = |field: &str| asked[field].as_str().unwrap_or_default();
    if asked.is_null() {
        // Paths outside resources are open to everyone who came in.
        return !spec["nonResourceAttributes"].is_null();
    }
    user.allows(&Attributes {
        verb: text("verb"),
        group: text("group"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
    })
}
