//! Changing an object that exists: the part that update and patch share.
//!
//! ```text
//!   read current ─> change ─> keep what the server owns ─> check ─> encode ─┬─> commit
//!        ^                                                                  │ changed meanwhile
//!        └──────────────────────────────────────────────────────────────────┘
//! ```

use serde_json::Value;
use store::Entry;

use crate::admit;
use crate::call::{Call, Outcome};
use crate::commit::{ATTEMPTS, Committed, commit, unchanged};
use crate::contents;
use crate::object::{Draft, has_finalizers, meta, meta_mut, read};
use crate::status::ApiError;

/// What a change makes of an object, and what to warn about.
pub(crate) type Changed = Result<(Value, Vec<String>), ApiError>;

/// Changes the object that the path names. `change` sees the object in the version of the path and may be called again
/// when others were faster.
pub(crate) fn modify(call: &Call<'_>, change: &dyn Fn(&Value) -> Changed) -> Result<Outcome, ApiError> {
    let (key, name) = (call.key(), call.target.name.as_ref());
    for _ in 0..ATTEMPTS {
        let entry = call
            .server
            .store
            .get(&key)
            .ok_or_else(|| ApiError::not_found(&call.row, name))?;
        let mut current = read(&entry.value)?;
        current["apiVersion"] = call.row.api_version.as_str().into();
        let (mut new, warnings) = change(&current)?;
        preconditions(call, &current, &new)?;
        current["apiVersion"] = call.row.stored_api_version.as_str().into();
        new["apiVersion"] = current["apiVersion"].clone();
        let new = merge_owned(call, &current, new);
        admit::check_change(&call.row, &new, &current, call.target.subresource.is_empty())?;
        let committed = if new == current && !is_finished(call, &new) {
            // Nothing changed: nothing is written and the revision stays.
            Some(Committed {
                object: entry.value,
                revision: entry.modified,
            })
        } else {
            replace(call, &entry, &new)?
        };
        if let Some(Committed { object, revision }) = committed {
            return Ok(Outcome {
                warnings,
                ..Outcome::ok(object, revision)
            });
        }
    }
    Err(ApiError::conflict(&call.row, name))
}

/// Refuses a change that was made to another revision or another object.
fn preconditions(call: &Call<'_>, current: &Value, new: &Value) -> Result<(), ApiError> {
    let name = call.target.name.as_ref();
    let asked = meta(new, "resourceVersion");
    if !asked.is_empty() && asked != meta(current, "resourceVersion") {
        return Err(ApiError::conflict(&call.row, name));
    }
    let uid = meta(new, "uid");
    if !uid.is_empty() && uid != meta(current, "uid") {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            meta(current, "uid")
        );
        return Err(ApiError::conflict_because(&call.row, name, &why));
    }
    Ok(())
}

/// The new object, but for what this request may not change.
fn merge_owned(call: &Call<'_>, current: &Value, mut new: Value) -> Value {
    let (strategy, parts) = (&call.row.strategy, call.row.subresources);
    restore(&mut new, current, |field| match call.target.subresource {
        "status" => field != "status" && (field != "metadata" || !strategy.status_may_change_metadata),
        _ => field == "status" && parts.status,
    });
    keep_system_fields(&mut new, current);
    if strategy.generation && !same_desire(call, &new, current) {
        let generation = current["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
        meta_mut(&mut new).insert("generation".to_owned(), generation.into());
    }
    new
}

/// Gives the fields that are `kept` the values they had. Most have them still, and are not copied.
fn restore(new: &mut Value, current: &Value, kept: impl Fn(&str) -> bool) {
    let (Some(new), Some(current)) = (new.as_object_mut(), current.as_object()) else {
        return;
    };
    new.retain(|field, _| !kept(field) || current.contains_key(field));
    for (field, value) in current.iter().filter(|(field, _)| kept(field)) {
        if new.get(field) != Some(value) {
            new.insert(field.clone(), value.clone());
        }
    }
}

/// Fields of metadata that only the server sets.
const SYSTEM_FIELDS: [&str; 10] = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "generateName",
    "resourceVersion",
    "selfLink",
];

fn keep_system_fields(new: &mut Value, current: &Value) {
    let was = &current["metadata"];
    let metadata = meta_mut(new);
    if let Some(managers) = was.get("managedFields") {
        metadata
            .entry("managedFields")
            .or_insert_with(|| managers.clone());
    }
    restore(&mut new["metadata"], was, |field| SYSTEM_FIELDS.contains(&field));
    meta_mut(new).retain(|_, value| !value.is_null() && !is_empty(value));
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// Whether two states of an object differ in nothing that its generation counts.
fn same_desire(call: &Call<'_>, one: &Value, other: &Value) -> bool {
    let status = call.row.subresources.status;
    let counted = |object: &Value| -> usize {
        let fields = object.as_object().into_iter().flatten();
        fields.filter(|(field, _)| is_desire(field, status)).count()
    };
    let mut fields = one.as_object().into_iter().flatten();
    counted(one) == counted(other)
        && fields.all(|(field, value)| !is_desire(field, status) || other.get(field) == Some(value))
}

fn is_desire(field: &str, status: bool) -> bool {
    field != "metadata" && !(status && field == "status")
}

/// Whether the object waits for nothing but to be removed.
fn is_finished(call: &Call<'_>, object: &Value) -> bool {
    let metadata = &object["metadata"];
    let waits =
        call.row.strategy.graceful && metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) > 0;
    let holds = call.row.is_namespace()
        && object["spec"]["finalizers"]
            .as_array()
            .is_some_and(|f| !f.is_empty());
    let full = call.row.is_crd();
    !metadata["deletionTimestamp"].is_null() && !has_finalizers(object) && !waits && !holds && !full
}

/// Writes the new object, or removes it if that is all it waited for. `None`: decide again.
pub(super) fn replace(call: &Call<'_>, entry: &Entry, new: &Value) -> Result<Option<Committed>, ApiError> {
    let (server, row) = (call.server, &call.row);
    let draft = Draft::new(new)?;
    let finished = is_finished(call, new);
    let committed = commit(&server.store, call.query.dry_run()?, |tx| {
        unchanged(tx, &entry.key, entry.modified)?;
        let object = draft.seal(tx.next_revision().0);
        if finished {
            tx.delete_with(&entry.key, |_| object.clone());
            contents::after_removal(tx, server, row, &call.target.namespace)?;
        } else {
            tx.put(&entry.key, object.clone());
            contents::after_change(tx, server, row, &entry.key, new)?;
        }
        Ok(object)
    })?;
    contents::after_write(server, row)?;
    Ok(committed)
}
