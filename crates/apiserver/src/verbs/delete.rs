//! `delete` and `deletecollection`: what becomes of an object that someone wants gone.
//!
//! | it has | it becomes |
//! | --- | --- |
//! | no finalizers, and nothing to wait for | removed |
//! | finalizers | marked with `deletionTimestamp`; the write that takes the last finalizer removes it |
//! | a node that runs it (pods) | marked; the node's own delete with grace 0 removes it |
//! | contents (namespaces, definitions) | marked; see [`crate::contents`] |

use bytes::Bytes;
use http::StatusCode;
use meta::Timestamp;
use serde_json::Value;
use store::{Entry, Tx};

use super::eviction;
use super::list::render;
use super::selection::Selection;
use crate::admit;
use crate::body::{Answer, bytes, json as json_answer};
use crate::call::{Call, Outcome};
use crate::cascade;
use crate::commit::{ATTEMPTS, Committed, Stop, commit, unchanged};
use crate::contents;
use crate::object::{Draft, has_finalizers, meta, meta_mut, pluck, read, with_revision};
use crate::orphans;
use crate::registry::Row;
use crate::server::NAMESPACES;
use crate::status::{ApiError, deleted};

/// Seconds that a bound pod gets if nobody says.
const GRACE: i64 = 30;

/// How someone wants an object gone (`DeleteOptions`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    grace: Option<i64>,
    /// What the object owns stays.
    orphan: bool,
    /// What the object owns goes first.
    foreground: bool,
    uid: Option<String>,
    revision: Option<String>,
    dry_run: bool,
    /// It is told that it has to make room.
    evict: bool,
}

impl Wish {
    fn read(call: &Call<'_>, body: &Bytes) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Self::new(call, &Value::Null);
        }
        Self::new(call, &admit::decode(call.headers, body)?)
    }

    /// Reads `DeleteOptions`; parameters of the request stand in for what they do not say.
    pub(super) fn new(call: &Call<'_>, options: &Value) -> Result<Self, ApiError> {
        let text = |value: &Value| value.as_str().filter(|s| !s.is_empty()).map(str::to_owned);
        let query = &call.query;
        let policy = text(&options["propagationPolicy"]);
        let policy = policy.as_deref().or_else(|| query.get("propagationPolicy"));
        let orphan = match policy {
            Some("Orphan") => true,
            None => options["orphanDependents"] == true || query.flag("orphanDependents"),
            Some("Foreground" | "Background") => false,
            Some(other) => {
                return Err(ApiError::bad_request(format!(
                    "propagationPolicy: Unsupported value: \"{other}\": supported values: \"Foreground\", \
                     \"Background\", \"Orphan\", \"nil\""
                )));
            }
        };
        Ok(Self {
            grace: options["gracePeriodSeconds"]
                .as_i64()
                .or(query.number("gracePeriodSeconds")?),
            orphan,
            foreground: policy == Some("Foreground"),
            uid: text(&options["preconditions"]["uid"]),
            revision: text(&options["preconditions"]["resourceVersion"]),
            dry_run: query.dry_run()? || options["dryRun"].as_array().is_some_and(|list| !list.is_empty()),
            evict: false,
        })
    }

    /// The same, as an eviction.
    pub(super) fn evicting(self) -> Self {
        Self { evict: true, ..self }
    }

    /// As the owner of something that goes first, and what it owns likewise.
    pub(crate) fn foreground() -> Self {
        Self {
            foreground: true,
            ..Self::default()
        }
    }
}

/// What becomes of an object.
pub(crate) enum Fate {
    /// It is removed.
    Remove,
    /// It stays for now, in this form.
    Mark(Value),
    /// It is on its way already.
    Nothing,
}

/// Decides what becomes of an object of a kind.
pub(crate) fn fate(row: &Row, object: &Value, wish: &Wish, now: Timestamp) -> Fate {
    let grace = if row.strategy.graceful {
        pod_grace(object, wish)
    } else {
        0
    };
    let mut marked = object.clone();
    let container = row.is_namespace() || row.is_crd();
    if wish.foreground && !container {
        cascade::hold(&mut marked);
    }
    if grace == 0 && !has_finalizers(&marked) && !container {
        return Fate::Remove;
    }
    mark(row, &mut marked, grace, now);
    if marked == *object {
        Fate::Nothing
    } else {
        Fate::Mark(marked)
    }
}

/// Seconds a pod gets: none where nothing runs it, and never more than it was given before.
fn pod_grace(pod: &Value, wish: &Wish) -> i64 {
    let unbound = pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty);
    let ended = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if unbound || ended {
        return 0;
    }
    let own = pod["spec"]["terminationGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(GRACE);
    let asked = match wish.grace.unwrap_or(own) {
        grace if grace < 0 => 1,
        grace => grace,
    };
    let before = pod["metadata"]["deletionGracePeriodSeconds"].as_i64();
    before.map_or(asked, |before| before.min(asked))
}

fn mark(row: &Row, object: &mut Value, grace: i64, now: Timestamp) {
    let before = object["metadata"]["deletionGracePeriodSeconds"].as_i64();
    if before.is_some_and(|before| before <= grace) && !object["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    let generation = object["metadata"]["generation"].as_i64();
    let at = now + meta::time::SignedDuration::from_secs(grace);
    let metadata = meta_mut(object);
    metadata.insert("deletionTimestamp".to_owned(), meta::time::seconds(at).into());
    metadata.insert("deletionGracePeriodSeconds".to_owned(), grace.into());
    if let Some(generation) = generation.filter(|_| row.strategy.generation) {
        metadata.insert("generation".to_owned(), (generation + 1).into());
    }
    if row.is_namespace() {
        object["status"]["phase"] = "Terminating".into();
    }
}

/// Deletes the object that the path names.
pub(crate) async fn delete(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let wish = Wish::read(call, body)?;
    let name = call.target.name.as_ref();
    if call.row.is_namespace() && NAMESPACES.contains(&name) {
        let why = "this namespace may not be deleted";
        return Err(ApiError::forbidden(&call.row.plural, &call.row.group, name, why));
    }
    let (done, gone) = delete_one(call, &call.target.namespace, name, &wish)?;
    if gone && !call.row.strategy.returns_deleted {
        call.settle(done.revision).await?;
        let uid = read(&done.object)?;
        return Ok(json_answer(
            StatusCode::OK,
            &deleted(&call.row, name, meta(&uid, "uid")),
        ));
    }
    call.answer(Outcome::ok(done.object, done.revision)).await
}

/// Deletes one object; says whether it is gone.
pub(super) fn delete_one(
    call: &Call<'_>,
    namespace: &str,
    name: &str,
    wish: &Wish,
) -> Result<(Committed, bool), ApiError> {
    let (server, row) = (call.server, &call.row);
    let key = row.key(namespace, name);
    for _ in 0..ATTEMPTS {
        let entry = server
            .store
            .get(&key)
            .ok_or_else(|| ApiError::not_found(row, name))?;
        let mut object = read(&entry.value)?;
        preconditions(row, name, &object, wish)?;
        if wish.evict {
            eviction::tell(&mut object, server.host.now());
        }
        let (committed, gone) = match fate(row, &object, wish, server.host.now()) {
            Fate::Nothing => {
                if wish.foreground && !wish.dry_run {
                    cascade::carry_out(server, row, &object)?;
                }
                let committed = Committed {
                    object: entry.value,
                    revision: entry.modified,
                };
                return Ok((committed, false));
            }
            Fate::Remove => (remove(call, &entry, namespace, wish)?, true),
            Fate::Mark(marked) => (mark_stored(call, &entry, &marked, wish)?, false),
        };
        contents::after_write(server, row)?;
        if let Some(committed) = committed {
            if wish.foreground && !wish.dry_run {
                cascade::carry_out(server, row, &object)?;
            }
            let gone = gone || (!wish.dry_run && server.store.get(&key).is_none());
            return Ok((committed, gone));
        }
    }
    Err(ApiError::conflict(row, name))
}

fn remove(
    call: &Call<'_>,
    entry: &Entry,
    namespace: &str,
    wish: &Wish,
) -> Result<Option<Committed>, ApiError> {
    commit(&call.server.store, wish.dry_run, |tx| {
        unchanged(tx, &entry.key, entry.modified)?;
        let last = with_revision(&entry.value, tx.next_revision().0);
        tx.delete_with(&entry.key, |_| last.clone());
        forget_owner(tx, call, entry, namespace, wish)?;
        cascade::after_removal(tx, call.server, &last)?;
        contents::after_removal(tx, call.server, &call.row, namespace)?;
        Ok(last)
    })
}

fn mark_stored(
    call: &Call<'_>,
    entry: &Entry,
    marked: &Value,
    wish: &Wish,
) -> Result<Option<Committed>, ApiError> {
    let draft = Draft::new(marked)?;
    commit(&call.server.store, wish.dry_run, |tx| {
        unchanged(tx, &entry.key, entry.modified)?;
        let object = draft.seal(tx.next_revision().0);
        tx.put(&entry.key, object.clone());
        forget_owner(tx, call, entry, meta(marked, "namespace"), wish)?;
        contents::after_change(tx, call.server, &call.row, &entry.key, marked)?;
        Ok(object)
    })
}

fn forget_owner(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    owner: &Entry,
    namespace: &str,
    wish: &Wish,
) -> Result<(), Stop> {
    match pluck(&owner.value, &["metadata", "uid"]) {
        Some(uid) if wish.orphan => orphans::disown(tx, call.server, &uid, namespace),
        _ => Ok(()),
    }
}

fn preconditions(row: &Row, name: &str, object: &Value, wish: &Wish) -> Result<(), ApiError> {
    let mismatch = |what: &str, asked: &str, actual: &str| {
        let why =
            format!("Precondition failed: {what} in precondition: {asked}, {what} in object meta: {actual}");
        Err(ApiError::conflict_because(row, name, &why))
    };
    match (&wish.uid, meta(object, "uid")) {
        (Some(asked), actual) if asked != actual => return mismatch("UID", asked, actual),
        _ => {}
    }
    match (&wish.revision, meta(object, "resourceVersion")) {
        (Some(asked), actual) if asked != actual => mismatch("ResourceVersion", asked, actual),
        _ => Ok(()),
    }
}

/// Deletes every object that is selected; answers with them as they were.
pub(crate) async fn delete_collection(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let wish = Wish::read(call, body)?;
    if call.row.is_namespace() || (call.row.namespaced && call.target.namespace.is_empty()) {
        return Err(ApiError::method_not_allowed());
    }
    let selection = Selection::of(call)?;
    let (mut entries, _) = call.server.store.list(&selection.prefix(call));
    entries.retain(|entry| selection.matches(&entry.value));
    let mut revision = call.server.store.revision();
    for entry in &entries {
        let (namespace, name) = call.row.split_key(&entry.key);
        match delete_one(call, namespace, name, &wish) {
            Ok((done, _)) => revision = revision.max(done.revision),
            Err(error) if error.reason() == "NotFound" => {}
            Err(error) => return Err(error),
        }
    }
    call.settle(revision).await?;
    Ok(bytes(StatusCode::OK, render(call, &entries, revision)?))
}
