//! `list`: a collection, spliced from stored bytes.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use store::{Entry, Revision};

use super::selection::Selection;
use crate::body::{Answer, bytes};
use crate::call::Call;
use crate::negotiate::{Form, metadata, versioned};
use crate::object::{read, without_kind};
use crate::registry::Row;
use crate::status::ApiError;

/// Answers with the objects that are selected, all of them: `limit` is a wish that may be ignored.
///
/// Every list is of the latest state; an exact older `resourceVersion` is not kept.
pub(crate) async fn list(call: &Call<'_>) -> Result<Answer, ApiError> {
    let selection = Selection::of(call)?;
    let (mut entries, revision) = call.server.store.list(&selection.prefix(call));
    check_revision(call, revision)?;
    if !selection.is_everything() {
        entries.retain(|entry| selection.matches(&entry.value));
    }
    call.settle(revision).await?;
    let body = render(call, &entries, revision)?;
    Ok(bytes(StatusCode::OK, body))
}

fn check_revision(call: &Call<'_>, current: Revision) -> Result<(), ApiError> {
    let asked = call.query.revision();
    let asked = asked
        .map_err(|error| ApiError::bad_request(format!("invalid resource version: {}", error.message())));
    let asked = asked?.unwrap_or(0);
    if call.query.get("continue").is_some() {
        return Err(ApiError::bad_request(
            "continue key is not valid: lists are never cut",
        ));
    }
    if asked > current.0 {
        return Err(ApiError::too_new(asked, current.0));
    }
    match call.query.get("resourceVersionMatch") {
        Some("Exact") if asked != current.0 => Err(ApiError::expired(asked, current.0)),
        _ => Ok(()),
    }
}

/// The list in the form asked for.
pub(crate) fn render(call: &Call<'_>, entries: &[Entry], revision: Revision) -> Result<Bytes, ApiError> {
    match call.form {
        Form::Object => {
            let items = entries.iter().map(|entry| item(&call.row, &entry.value));
            let size = entries.iter().map(|entry| entry.value.len() + 1).sum();
            let kind = &call.row.list_kind;
            Ok(splice(
                kind,
                &call.row.api_version,
                revision,
                items,
                size,
                call.row.custom,
            ))
        }
        Form::Metadata => {
            let items: Vec<Bytes> = entries.iter().map(|entry| metadata(&entry.value)).collect();
            let kind = "PartialObjectMetadataList";
            let size = items.iter().map(|item| item.len() + 1).sum();
            Ok(splice(
                kind,
                "meta.k8s.io/v1",
                revision,
                items.into_iter(),
                size,
                false,
            ))
        }
        Form::Table => {
            let objects: Vec<Value> = entries
                .iter()
                .map(|entry| read(&entry.value))
                .collect::<Result<_, _>>()?;
            let table = call.printer().many(&objects, revision.0);
            Ok(table.to_string().into())
        }
    }
}

/// An object as an item of a list: built-in kinds say what they are once, for the whole list.
fn item(row: &Row, object: &Bytes) -> Bytes {
    match row.custom {
        true => versioned(row, object.clone()),
        false => without_kind(object, &row.api_version, &row.kind),
    }
}

/// A list of items of `size` bytes in all.
fn splice(
    kind: &str,
    api_version: &str,
    revision: Revision,
    items: impl Iterator<Item = Bytes>,
    size: usize,
    custom: bool,
) -> Bytes {
    // Lists of custom kinds say that nothing was cut, others leave it out.
    let cut = if custom { r#""continue":"","# } else { "" };
    let head = format!(
        r#"{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{{{cut}"resourceVersion":"{revision}"}},"items":["#
    );
    let mut out = Vec::with_capacity(head.len() + size + 2);
    out.extend_from_slice(head.as_bytes());
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&item);
    }
    out.extend_from_slice(b"]}");
    out.into()
}
