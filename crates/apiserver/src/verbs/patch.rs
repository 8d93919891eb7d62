//! `patch`: JSON Patch, JSON Merge Patch, strategic merge patch and server-side apply.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::apply;
use super::modify::{Changed, modify};
use crate::admit;
use crate::body::Answer;
use crate::call::{Call, Outcome};
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

/// Changes the object as the body says, in the format that the content type names.
pub(crate) async fn patch(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let content_type = call
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let format = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let outcome = match format {
        APPLY_PATCH => return apply::apply(call, body).await,
        JSON_PATCH => {
            let patch = patch_value(body)?;
            let operations = patch.as_array().map_or(0, Vec::len);
            if operations > OPERATIONS_MAX {
                return Err(ApiError::too_large(OPERATIONS_MAX));
            }
            modify(call, Scope::Whole, &|current| {
                changed(call, Scope::Whole, current, |object| {
                    json_patch(call, object, &patch)
                })
            })
        }
        MERGE_PATCH => {
            let patch = patch_value(body)?;
            merge_patch(call, &patch, Scope::of(&patch))
        }
        STRATEGIC_PATCH if !call.row.custom => {
            let patch = patch_value(body)?;
            strategic_patch(call, &patch, Scope::of(&patch))
        }
        _ if call.row.custom => {
            return Err(ApiError::unsupported_media_type(&[
                JSON_PATCH,
                MERGE_PATCH,
                APPLY_PATCH,
            ]));
        }
        _ => {
            let all = [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH];
            return Err(ApiError::unsupported_media_type(&all));
        }
    };
    call.answer(outcome?).await
}

fn merge_patch(call: &Call<'_>, patch: &Value, scope: Scope<'_>) -> Result<Outcome, ApiError> {
    modify(call, scope, &|current| {
        changed(call, scope, current, |object| {
            schema::patch::merge(object, patch);
            Ok(())
        })
    })
}

fn strategic_patch(call: &Call<'_>, patch: &Value, scope: Scope<'_>) -> Result<Outcome, ApiError> {
    modify(call, scope, &|current| {
        changed(call, scope, current, |object| strategic(call, object, patch))
    })
}

fn patch_value(body: &Bytes) -> Result<Value, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))
}

/// Changes a copy of the current object and makes it fit its kind again.
fn changed(
    call: &Call<'_>,
    scope: Scope<'_>,
    current: &Value,
    change: impl FnOnce(&mut Value) -> Result<(), ApiError>,
) -> Changed {
    let mut object = current.clone();
    change(&mut object)?;
    admit::identify(call, &mut object)?;
    let warnings = admit::conform_part(call, scope, &mut object)?;
    Ok((object, warnings))
}

/// Applies the operations in turn. What they copy is bounded in all: copies of copies grow fast.
fn json_patch(call: &Call<'_>, object: &mut Value, patch: &Value) -> Result<(), ApiError> {
    let refuse = |why: String| ApiError::unprocessable(&call.row, &call.target.name, &why);
    let Some(operations) = patch.as_array() else {
        return Err(ApiError::bad_request(
            "error decoding patch: a JSON Patch is a list",
        ));
    };
    let mut copied = 0;
    for operation in operations {
        if operation["op"] == "copy" {
            let from = operation["from"].as_str().unwrap_or_default();
            copied += object.pointer(from).map_or(0, |value| value.to_string().len());
            if copied > COPIED_MAX {
                return Err(ApiError::too_large(COPIED_MAX));
            }
        }
        schema::patch::json(object, &Value::Array(vec![operation.clone()])).map_err(refuse)?;
    }
    Ok(())
}

fn strategic(call: &Call<'_>, object: &mut Value, patch: &Value) -> Result<(), ApiError> {
    match call.row.schema() {
        Some(schema) => schema
            .strategic_merge(object, patch)
            .map_err(ApiError::bad_request),
        None => {
            schema::patch::merge(object, patch);
            Ok(())
        }
    }
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
