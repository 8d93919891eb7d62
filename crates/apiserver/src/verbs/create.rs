//! `create`: a new object, or, with `generateName`, one under a name that is free.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use crate::admit;
use crate::body::Answer;
use crate::call::{Call, Outcome};
use crate::commit::{Committed, Stop, commit};
use crate::contents;
use crate::decode;
use crate::object::{Draft, child, meta, meta_mut, pluck, without_revision};
use crate::status::ApiError;

/// How many generated names are tried, as kube-apiserver does.
const NAMES: usize = 8;
/// Longest prefix of a generated name: the suffix still fits into a DNS label.
const PREFIX_MAX: usize = meta::names::LABEL_MAX - meta::names::SUFFIX_LENGTH;

/// Creates the object in the body.
pub(crate) async fn create(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    if call.row.namespaced && call.target.namespace.is_empty() {
        return Err(ApiError::method_not_allowed());
    }
    let object = decode::object(call.headers, body, &call.row.kind)?;
    let outcome = create_object(call, object, Some(body))?;
    call.answer(outcome).await
}

/// Creates an object of the call's kind.
pub(crate) fn create_object(
    call: &Call<'_>,
    mut object: Value,
    body: Option<&Bytes>,
) -> Result<Outcome, ApiError> {
    admit::identify(call, &mut object)?;
    let warnings = admit::conform(call, &mut object, body)?;
    if !meta(&object, "resourceVersion").is_empty() {
        return Err(ApiError::unclassified(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    let generated = meta(&object, "name").is_empty();
    let mut prefix = meta(&object, "generateName").to_owned();
    prefix.truncate(prefix.floor_char_boundary(PREFIX_MAX));
    admit::stamp(call, &mut object);
    first_status(call, &mut object);
    for attempt in 1..=NAMES {
        if generated && !prefix.is_empty() {
            let name = format!("{prefix}{}", call.server.host.name_suffix());
            meta_mut(&mut object).insert("name".to_owned(), name.into());
            // A name may appear in what is defaulted from it.
            (call.row.strategy.default)(&mut object);
        }
        admit::check(&call.row, &object)?;
        match insert(call, &object) {
            Err(error) if generated && error.reason() == "AlreadyExists" && attempt < NAMES => {}
            Err(error) => return Err(error),
            Ok(Committed { object, revision }) => {
                // What was not stored has no revision.
                let object = match call.query.dry_run() {
                    true => without_revision(&object),
                    false => object,
                };
                return Ok(Outcome {
                    code: StatusCode::CREATED,
                    warnings,
                    object,
                    revision,
                });
            }
        }
    }
    Err(ApiError::internal("no generated name was free"))
}

/// A new object's status is the server's to set, where status is a part of its own.
fn first_status(call: &Call<'_>, object: &mut Value) {
    if call.row.subresources.status {
        if let Some(map) = object.as_object_mut() {
            map.remove("status");
        }
        if !call.row.custom {
            child(object, "status");
        }
    }
    (call.row.strategy.prepare)(object);
}

fn insert(call: &Call<'_>, object: &Value) -> Result<Committed, ApiError> {
    let (row, server) = (&call.row, call.server);
    let (name, namespace) = (meta(object, "name"), call.target.namespace.as_ref());
    let key = row.key(namespace, name);
    let draft = Draft::new(object)?;
    let account = if row.is_namespace() {
        let key = server.core_row("serviceaccounts")?.key(name, "default");
        Some((key, server.default_account(name)?))
    } else {
        None
    };
    let committed = commit(&server.store, call.query.dry_run(), |tx| {
        contents::check_open(tx, server, row, namespace, name)?;
        contents::check_account(tx, server, row, object)?;
        if let Some(there) = tx.get(&key) {
            let leaving = pluck(&there.value, &["metadata", "deletionTimestamp"]).is_some();
            return Err(Stop::Refused(match leaving {
                true => ApiError::still_exists(row, name),
                false => ApiError::already_exists(row, name),
            }));
        }
        let object = draft.seal(tx.next_revision().0);
        tx.put(&key, object.clone());
        if let Some((key, account)) = account {
            tx.put_with(&key, |revision| account.seal(revision.0));
        }
        Ok(object)
    })?;
    contents::after_write(server, row)?;
    server.expiry.created(server, row)?;
    committed.ok_or_else(|| ApiError::conflict(row, name))
}
