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
use crate::cascade;
use crate::commit::{ATTEMPTS, Committed, commit, unchanged};
use crate::contents;
use crate::object::{Draft, has_finalizers, meta, meta_mut, with_revision};
use crate::partial::{Partial, Scope, is_kept};
use crate::status::{ApiError, Cause};

/// What a change makes of an object, and what to warn about.
pub(crate) type Changed = Result<(Value, Vec<String>), ApiError>;

/// Changes the object that the path names. `change` sees what of the object is in `scope`, in the version of the path,
/// and may be called again when others were faster.
pub(crate) fn modify(
    call: &Call<'_>,
    scope: Scope<'_>,
    change: &dyn Fn(&Value) -> Changed,
) -> Result<Outcome, ApiError> {
    let (key, name) = (call.key(), call.target.name.as_ref());
    for _ in 0..ATTEMPTS {
        let entry = call
            .server
            .store
            .get(&key)
            .ok_or_else(|| ApiError::not_found(&call.row, name))?;
        let mut current = Partial::read(&entry.value, call, scope)?;
        current.value["apiVersion"] = call.row.api_version.as_str().into();
        let (new, warnings) = change(&current.value)?;
        preconditions(call, &current.value, &new)?;
        let (new, changed) = settle(call, scope, &mut current, new)?;
        let committed = if !changed && !is_finished(call, &new.value) {
            // Nothing changed: nothing is written and the revision stays.
            Some(Committed {
                object: entry.value.clone(),
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
    let changed = |field: &&str| {
        let value = &new["metadata"][*field];
        !value.is_null() && *value != "" && *value != current["metadata"][*field]
    };
    let immutable = ["uid", "deletionTimestamp", "deletionGracePeriodSeconds"]
        .into_iter()
        .filter(changed);
    let causes: Vec<Cause> = immutable
        .map(|field| {
            Cause::invalid(
                format!("metadata.{field}"),
                &new["metadata"][field],
                "field is immutable",
            )
        })
        .collect();
    match causes.is_empty() {
        true => Ok(()),
        false => Err(ApiError::invalid(&call.row, name, &causes)),
    }
}

/// What becomes of the object, and whether it changes: `new`, but for what this request may not change, checked.
fn settle<'b>(
    call: &Call<'_>,
    scope: Scope<'_>,
    current: &mut Partial<'b>,
    new: Value,
) -> Result<(Partial<'b>, bool), ApiError> {
    let row = &call.row;
    current.value["apiVersion"] = row.stored_api_version.as_str().into();
    let mut new = current.with(new, row.custom);
    new.value["apiVersion"] = current.value["apiVersion"].clone();
    let raw = merge_raw(call, scope, &mut new)?;
    restore(&mut new.value, &current.value, |field| is_kept(call, field));
    let same_desire = raw != RawChange::Desire && same_desire(call, &new.value, &current.value);
    merge_owned(call, &current.value, &mut new.value, same_desire);
    let whole = call.target.subresource.is_empty() && !scope.is_apart_from_desire(call);
    admit::check_change(row, &new.value, &current.value, whole)?;
    let changed = raw != RawChange::None || new.value != current.value;
    Ok((new, changed))
}

/// What a patch changed of the fields that are text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RawChange {
    None,
    Status,
    Desire,
}

/// Merges a patch into the fields that are text, where it may change them.
fn merge_raw(call: &Call<'_>, scope: Scope<'_>, object: &mut Partial<'_>) -> Result<RawChange, ApiError> {
    let mut all = RawChange::None;
    let Scope::Patch(patch) = scope else {
        return Ok(all);
    };
    for (name, value) in patch.iter().filter(|(name, _)| !is_kept(call, name)) {
        let Value::Object(value) = value else { continue };
        if object.merge(name, value)? {
            all = all.max(match is_desire(name, call.row.subresources.status) {
                true => RawChange::Desire,
                false => RawChange::Status,
            });
        }
    }
    Ok(all)
}

/// Restores what only the server may change, and counts what is desired.
fn merge_owned(call: &Call<'_>, current: &Value, new: &mut Value, same_desire: bool) {
    keep_system_fields(new, current);
    if call.row.strategy.generation && !same_desire {
        let generation = current["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
        meta_mut(new).insert("generation".to_owned(), generation.into());
    }
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
pub(super) fn replace(
    call: &Call<'_>,
    entry: &Entry,
    new: &Partial<'_>,
) -> Result<Option<Committed>, ApiError> {
    let (server, row) = (call.server, &call.row);
    let draft = Draft::with_raw(&new.value, &new.raw)?;
    let finished = is_finished(call, &new.value);
    let committed = commit(&server.store, call.query.dry_run(), |tx| {
        unchanged(tx, &entry.key, entry.modified)?;
        let object = draft.seal(tx.next_revision().0);
        if finished {
            // Watchers are told what was there last, not what it would have become.
            let last = with_revision(&entry.value, tx.next_revision().0);
            tx.delete_with(&entry.key, |_| last);
            cascade::after_removal(tx, server, &object)?;
            contents::after_removal(tx, server, row, &call.target.namespace)?;
        } else {
            tx.put(&entry.key, object.clone());
            contents::after_change(tx, server, row, &entry.key, &new.value)?;
        }
        Ok(object)
    })?;
    contents::after_write(server, row)?;
    Ok(committed)
}
