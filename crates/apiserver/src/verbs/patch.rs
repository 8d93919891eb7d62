//! `patch`: JSON Patch, JSON Merge Patch, strategic merge patch and server-side apply.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::apply;
use super::modify::{Changed, modify};
use crate::admit;
use crate::body::Answer;
use crate::call::{Call, Outcome};
use crate::decode;
use crate::gofmt;
use crate::partial::Scope;
use crate::status::ApiError;

const JSON_PATCH: &str = "application/json-patch+json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const STRATEGIC_PATCH: &str = "application/strategic-merge-patch+json";
const APPLY_PATCH: &str = "application/apply-patch+yaml";
/// Most operations of a JSON Patch, as kube-apiserver.
const OPERATIONS_MAX: usize = 10_000;

/// Most bytes that the operations of a JSON Patch copy, as kube-apiserver (3 MiB).
const COPIED_MAX: usize = 3 << 20;

/// Whether a request is one to apply a configuration.
pub(crate) fn applies(headers: &HeaderMap) -> bool {
    format(headers) == APPLY_PATCH
}

fn format(headers: &HeaderMap) -> &str {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let format = content_type.unwrap_or_default().split(';').next();
    format.unwrap_or_default().trim()
}

/// Changes the object as the body says, in the format that the content type names.
pub(crate) async fn patch(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let outcome = match format(call.headers) {
        APPLY_PATCH => return apply::apply(call, body).await,
        JSON_PATCH => json_patch(call, body),
        MERGE_PATCH => {
            let patch = patch_object(body)?;
            merge_patch(call, &patch, Scope::of(&patch))
        }
        STRATEGIC_PATCH if !call.row.custom => {
            let patch = decode::from_json(body).map_err(ApiError::bad_request)?;
            strategic_patch(call, &patch, Scope::of(&patch))
        }
        STRATEGIC_PATCH => {
            return Err(ApiError::unsupported_media_type(&[
                JSON_PATCH,
                MERGE_PATCH,
                APPLY_PATCH,
            ]));
        }
        _ => return Err(ApiError::no_patch_type()),
    };
    call.answer(outcome?).await
}

fn json_patch(call: &Call<'_>, body: &Bytes) -> Result<Outcome, ApiError> {
    let patch = patch_value(body)?;
    let Value::Array(operations) = &patch else {
        let (name, wanted) = (schema::go_name(&patch), "[]handlers.jsonPatchOp");
        return Err(undecodable(&format!(
            "json: cannot unmarshal {name} into Go value of type {wanted}"
        )));
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(ApiError::too_large(OPERATIONS_MAX));
    }
    modify(call, Scope::Whole, &|current| {
        changed(call, Scope::Whole, current, None, &|object| {
            operate(object, operations)
        })
    })
}

fn merge_patch(call: &Call<'_>, patch: &Value, scope: Scope<'_>) -> Result<Outcome, ApiError> {
    within(scope, &|scope| {
        modify(call, scope, &|current| {
            changed(call, scope, current, None, &|object| {
                schema::patch::merge(object, patch);
                Ok(())
            })
        })
    })
}

fn strategic_patch(call: &Call<'_>, patch: &Value, scope: Scope<'_>) -> Result<Outcome, ApiError> {
    within(scope, &|scope| {
        modify(call, scope, &|current| {
            changed(call, scope, current, Some(patch), &|object| {
                match call.row.schema() {
                    Some(schema) => schema
                        .strategic_merge(object, patch)
                        .map_err(ApiError::unclassified)?,
                    None => schema::patch::merge(object, patch),
                }
                Ok(())
            })
        })
    })
}

/// Tries a change on the part of the object that is in scope. What is refused is tried on the whole once more: messages
/// show all of it.
fn within(
    scope: Scope<'_>,
    attempt: &dyn Fn(Scope<'_>) -> Result<Outcome, ApiError>,
) -> Result<Outcome, ApiError> {
    match attempt(scope) {
        Err(error) if error.reason() == "Invalid" => attempt(Scope::Whole),
        outcome => outcome,
    }
}

fn undecodable(why: &str) -> ApiError {
    ApiError::bad_request(format!("error decoding patch: {why}"))
}

fn patch_value(body: &Bytes) -> Result<Value, ApiError> {
    decode::from_json(body).map_err(|why| undecodable(&why))
}

fn patch_object(body: &Bytes) -> Result<Value, ApiError> {
    let patch = patch_value(body)?;
    if patch.is_object() {
        return Ok(patch);
    }
    let (name, wanted) = (schema::go_name(&patch), "map[string]interface {}");
    Err(undecodable(&format!(
        "json: cannot unmarshal {name} into Go value of type {wanted}"
    )))
}

/// Changes a copy of the current object and makes it fit its kind again.
///
/// What does not fit a built-in kind is shown: `shown`, or else what the change has made of the object.
fn changed(
    call: &Call<'_>,
    scope: Scope<'_>,
    current: &Value,
    shown: Option<&Value>,
    change: &dyn Fn(&mut Value) -> Result<(), ApiError>,
) -> Changed {
    let mut object = current.clone();
    change(&mut object)?;
    let refuse = |why: &str| {
        if call.row.custom {
            return admit::undecodable(&call.row, why);
        }
        let shown = shown.map_or_else(
            || {
                let mut again = current.clone();
                // It could be done before.
                let _ = change(&mut again);
                again.to_string()
            },
            gofmt::value,
        );
        ApiError::invalid_patch(&shown, why)
    };
    admit::of_kind(call, &mut object).map_err(|error| match call.row.custom {
        true => error,
        false => refuse(error.message()),
    })?;
    let warnings = admit::conform_part(call, scope, &mut object).map_err(|why| refuse(&why))?;
    admit::place(call, &mut object)?;
    Ok((object, warnings))
}

/// Does the operations in turn. What they copy is bounded in all: copies of copies grow fast.
fn operate(object: &mut Value, operations: &[Value]) -> Result<(), ApiError> {
    let mut copied = 0;
    for operation in operations {
        if operation["op"] == "copy" {
            let from = operation["from"].as_str().unwrap_or_default();
            copied += object.pointer(from).map_or(0, |value| value.to_string().len());
            if copied > COPIED_MAX {
                return Err(ApiError::too_large(COPIED_MAX));
            }
        }
        schema::patch::json(object, &Value::Array(vec![lenient(object, operation)]))
            .map_err(|_| ApiError::unprocessable())?;
    }
    Ok(())
}

/// Replacing a field that an object does not have adds it, as kube-apiserver has it.
fn lenient(object: &Value, operation: &Value) -> Value {
    let mut operation = operation.clone();
    let path = operation["path"].as_str().unwrap_or_default();
    let parent = path
        .rsplit_once('/')
        .and_then(|(parent, _)| object.pointer(parent));
    if operation["op"] == "replace" && object.pointer(path).is_none() && parent.is_some_and(Value::is_object)
    {
        operation["op"] = "add".into();
    }
    operation
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
