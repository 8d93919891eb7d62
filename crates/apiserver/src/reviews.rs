//! Questions that are created and answered at once, and not stored: who is this, and what may they do?
//!
//! | asked | about |
//! | --- | --- |
//! | `SelfSubjectReview`, `SelfSubjectAccessReview`, `SelfSubjectRulesReview` | oneself: anyone may ask |
//! | `SubjectAccessReview`, `LocalSubjectAccessReview` | someone by name: groups decide, as nobody has roles here |
//! | `TokenReview` | whose token it is |

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::body::{Answer, json as json_answer};
use crate::decode;
use crate::path::Target;
use crate::server::ApiServer;
use crate::status::{ApiError, Cause};
use crate::user::{Attributes, User};

/// A kind of question.
#[derive(Clone, Copy)]
pub(crate) struct Review {
    pub(crate) group: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespaced: bool,
    answer: fn(&Question<'_>) -> Result<Value, ApiError>,
}

const AUTHENTICATION: &str = "authentication.k8s.io";
const AUTHORIZATION: &str = "authorization.k8s.io";

const fn review(
    group: &'static str,
    plural: &'static str,
    kind: &'static str,
    answer: fn(&Question<'_>) -> Result<Value, ApiError>,
) -> Review {
    Review {
        group,
        plural,
        kind,
        namespaced: false,
        answer,
    }
}

/// Every kind of question.
pub(crate) const REVIEWS: [Review; 6] = [
    review(
        AUTHENTICATION,
        "selfsubjectreviews",
        "SelfSubjectReview",
        identity,
    ),
    review(AUTHENTICATION, "tokenreviews", "TokenReview", token),
    Review {
        namespaced: true,
        ..review(
            AUTHORIZATION,
            "localsubjectaccessreviews",
            "LocalSubjectAccessReview",
            access_of_other,
        )
    },
    review(
        AUTHORIZATION,
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        own_access,
    ),
    review(
        AUTHORIZATION,
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
        own_rules,
    ),
    review(
        AUTHORIZATION,
        "subjectaccessreviews",
        "SubjectAccessReview",
        access_of_other,
    ),
];

/// A question, and who asks it.
struct Question<'q> {
    server: &'q ApiServer,
    user: &'q User,
    kind: &'static str,
    review: &'q Value,
}

/// The question that a path asks, if it asks one.
pub(crate) fn kind(target: &Target<'_>) -> Option<&'static Review> {
    let asked = |review: &&Review| {
        (review.group, "v1", review.plural) == (target.group, target.version, target.resource)
            && review.namespaced != target.namespace.is_empty()
    };
    REVIEWS.iter().find(asked)
}

/// Answers a question.
pub(crate) fn answer(
    server: &ApiServer,
    review: &'static Review,
    user: &User,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Answer, ApiError> {
    let mut question = decode::object(headers, body, review.kind)?;
    if question["metadata"]["name"].is_string() && review.group == AUTHORIZATION {
        let cause = Cause::invalid("metadata", &question["metadata"], "must be empty");
        return Err(refused(&[cause]));
    }
    let asked = Question {
        server,
        user,
        kind: review.kind,
        review: &question,
    };
    let status = (review.answer)(&asked)?;
    question["kind"] = review.kind.into();
    question["apiVersion"] = format!("{}/v1", review.group).into();
    if question["metadata"].is_null() {
        question["metadata"] = json!({});
    }
    if review.kind == "SelfSubjectReview" {
        question["metadata"]["creationTimestamp"] = server.0.now().into();
    }
    question["status"] = status;
    Ok(json_answer(StatusCode::CREATED, &question))
}

/// 422 as kube-apiserver says it of reviews: without the kind.
fn refused(causes: &[Cause]) -> ApiError {
    ApiError::invalid_kind("", AUTHORIZATION, "", causes)
}

fn identity(asked: &Question<'_>) -> Result<Value, ApiError> {
    Ok(json!({"userInfo": {"username": asked.user.name, "groups": asked.user.groups}}))
}

fn token(asked: &Question<'_>) -> Result<Value, ApiError> {
    let token = asked.review["spec"]["token"].as_str().unwrap_or_default();
    if token.is_empty() {
        return Err(ApiError::bad_request(
            "token is required for TokenReview in authentication",
        ));
    }
    Ok(match asked.server.account_of(token) {
        Some(user) => json!({
            "authenticated": true, "user": {"username": user.name, "groups": user.groups},
            "audiences": [crate::door::AUDIENCE],
        }),
        None => json!({"user": {}, "error": "invalid bearer token"}),
    })
}

fn own_access(asked: &Question<'_>) -> Result<Value, ApiError> {
    let spec = &asked.review["spec"];
    check_attributes(spec)?;
    Ok(json!({"allowed": may(asked.user, spec)}))
}

fn access_of_other(asked: &Question<'_>) -> Result<Value, ApiError> {
    let spec = &asked.review["spec"];
    let name = spec["user"].as_str().unwrap_or_default();
    let groups: Vec<&str> = spec["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    check_attributes(spec)?;
    if name.is_empty() && groups.is_empty() {
        let why = "at least one of user or group must be specified";
        return Err(refused(&[Cause::invalid("spec.user", &"".into(), why)]));
    }
    if asked.kind == "LocalSubjectAccessReview" {
        let (own, of) = (
            &asked.review["metadata"]["namespace"],
            &spec["resourceAttributes"]["namespace"],
        );
        if own != of {
            let why = "must match metadata.namespace";
            return Err(refused(&[Cause::invalid(
                "spec.resourceAttributes.namespace",
                of,
                why,
            )]));
        }
    }
    // Who has no roles may do what the group of all who may do everything allows.
    Ok(json!({"allowed": groups.contains(&"system:masters")}))
}

/// One of the two forms of a question about access is asked.
fn check_attributes(spec: &Value) -> Result<(), ApiError> {
    let path = &spec["nonResourceAttributes"];
    match (spec["resourceAttributes"].is_null(), path.is_null()) {
        (true, true) => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            Err(refused(&[Cause::invalid(
                "spec.resourceAttributes",
                &Value::Null,
                why,
            )]))
        }
        (false, false) => {
            let text = |field: &str| path[field].as_str().unwrap_or_default();
            let shown = json!({"Path": text("path"), "Verb": text("verb")});
            let why = "cannot be specified in combination with resourceAttributes";
            Err(refused(&[Cause::invalid(
                "spec.nonResourceAttributes",
                &shown,
                why,
            )]))
        }
        _ => Ok(()),
    }
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

fn own_rules(asked: &Question<'_>) -> Result<Value, ApiError> {
    let namespace = asked.review["spec"]["namespace"].as_str().unwrap_or_default();
    if namespace.is_empty() {
        return Err(ApiError::bad_request("no namespace on request"));
    }
    let mut rules = vec![
        json!({"verbs": ["create"], "apiGroups": [AUTHORIZATION],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]}),
        json!({"verbs": ["create"], "apiGroups": [AUTHENTICATION], "resources": ["selfsubjectreviews"]}),
    ];
    match &asked.user.rules {
        None => rules.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})),
        Some(own) => rules.extend(own.iter().filter(|rule| rule.holds_in(namespace)).map(|rule| {
            let mut shown = json!({
                "verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources,
            });
            if !rule.resource_names.is_empty() {
                shown["resourceNames"] = rule.resource_names.clone().into();
            }
            shown
        })),
    }
    let paths = json!([{"verbs": ["*"], "nonResourceURLs": ["*"]}]);
    Ok(json!({"resourceRules": rules, "nonResourceRules": paths, "incomplete": false}))
}
