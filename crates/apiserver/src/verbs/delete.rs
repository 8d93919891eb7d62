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
use serde_json::{Value, json};
use store::{Entry, Tx};

use super::eviction;
use super::list::render;
use super::selection::Selection;
use crate::body::{Answer, bytes, json as json_answer};
use crate::call::{Call, Outcome};
use crate::cascade;
use crate::commit::{ATTEMPTS, Committed, Stop, commit, unchanged};
use crate::contents;
use crate::decode;
use crate::object::{Draft, has_finalizers, meta, meta_mut, pluck, read, with_revision};
use crate::options;
use crate::orphans;
use crate::registry::Row;
use crate::server::NAMESPACES;
use crate::status::{ApiError, Cause, deleted};

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
        Self::new(call, &decode::any(call.headers, body)?)
    }

    /// Reads `DeleteOptions`; parameters of the request stand in where there are none.
    pub(super) fn new(call: &Call<'_>, options: &Value) -> Result<Self, ApiError> {
        let query = &call.query;
        let asked = match options.is_null() {
            true => json!({
                "propagationPolicy": query.get("propagationPolicy"),
                "orphanDependents": query.get("orphanDependents").map(|_| query.flag("orphanDependents")),
                "gracePeriodSeconds": query.number("gracePeriodSeconds")?,
                "dryRun": query.get("dryRun").map(|word| [word]),
            }),
            false => options.clone(),
        };
        check_options(&asked)?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let policy = asked["propagationPolicy"].as_str();
        Ok(Self {
            // A negative time is the shortest.
            grace: asked["gracePeriodSeconds"]
                .as_i64()
                .map(|seconds| if seconds < 0 { 1 } else { seconds }),
            orphan: policy == Some("Orphan") || asked["orphanDependents"] == true,
            foreground: policy == Some("Foreground"),
            uid: text(&asked["preconditions"]["uid"]),
            revision: text(&asked["preconditions"]["resourceVersion"]),
            dry_run: asked["dryRun"].as_array().is_some_and(|list| !list.is_empty()),
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

/// Rule: apimachinery's `ValidateDeleteOptions`.
fn check_options(options: &Value) -> Result<(), ApiError> {
    let kind = options["kind"].as_str().unwrap_or("DeleteOptions");
    if kind != "DeleteOptions" {
        let version = options["apiVersion"].as_str().unwrap_or_default();
        return Err(ApiError::bad_request(format!(
            "no kind \"{kind}\" is registered for version \"{version}\" in scheme \"pkg/runtime/scheme.go:111\""
        )));
    }
    let policy = &options["propagationPolicy"];
    let mut causes = Vec::new();
    if !policy.is_null() && options["orphanDependents"].is_boolean() {
        let why = "orphanDependents and deletionPropagation cannot be both set";
        causes.push(Cause::invalid("propagationPolicy", policy, why));
    }
    let policies = ["Foreground", "Background", "Orphan"];
    if policy.as_str().is_some_and(|policy| !policies.contains(&policy)) {
        let allowed = ["Foreground", "Background", "Orphan", "nil"];
        causes.push(Cause::not_supported("propagationPolicy", policy, &allowed));
    }
    let words = options["dryRun"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    causes.extend(words.filter_map(options::dry_run));
    match causes.is_empty() {
        true => Ok(()),
        false => Err(ApiError::invalid_options("DeleteOptions", &causes)),
    }
}

/// What becomes of an object.
pub(crate) enum Fate {
    /// It is removed; what was waited for is told its last form.
    Remove(Option<Value>),
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
        return Fate::Remove(row.strategy.graceful.then(|| {
            mark(row, &mut marked, grace, now);
            marked
        }));
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
    let asked = wish.grace.unwrap_or(own);
    let before = pod["metadata"]["deletionGracePeriodSeconds"].as_i64();
    before.map_or(asked, |before| before.min(asked))
}

fn mark(row: &Row, object: &mut Value, grace: i64, now: Timestamp) {
    let before = object["metadata"]["deletionGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(0);
    let again = !object["metadata"]["deletionTimestamp"].is_null();
    if again && before <= grace {
        return;
    }
    let generation = object["metadata"]["generation"].as_i64();
    let at = now + meta::time::SignedDuration::from_secs(grace);
    let metadata = meta_mut(object);
    metadata.insert("deletionTimestamp".to_owned(), meta::time::seconds(at).into());
    // A namespace's end takes as long as its contents'.
    if !row.is_namespace() {
        metadata.insert("deletionGracePeriodSeconds".to_owned(), grace.into());
    }
    if let Some(generation) = generation.filter(|_| row.strategy.generation && !again) {
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
            Fate::Remove(last) => (remove(call, &entry, last.as_ref(), namespace, wish)?, true),
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
    last: Option<&Value>,
    namespace: &str,
    wish: &Wish,
) -> Result<Option<Committed>, ApiError> {
    let last = last.map(Draft::new).transpose()?;
    commit(&call.server.store, wish.dry_run, |tx| {
        unchanged(tx, &entry.key, entry.modified)?;
        let revision = tx.next_revision().0;
        let last = match last {
            Some(last) => last.seal(revision),
            None => with_revision(&entry.value, revision),
        };
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
    let refuse = |what: &str, asked: &str, actual: &str, since: &str| {
        let why = format!(
            "the {what} in the precondition ({asked}) does not match the {what} in record ({actual}). {since}"
        );
        Err(ApiError::precondition(row, name, &why))
    };
    match (&wish.uid, meta(object, "uid")) {
        (Some(asked), actual) if asked != actual => {
            return refuse(
                "UID",
                asked,
                actual,
                "The object might have been deleted and then recreated",
            );
        }
        _ => {}
    }
    match (&wish.revision, meta(object, "resourceVersion")) {
        (Some(asked), actual) if asked != actual => refuse(
            "ResourceVersion",
            asked,
            actual,
            "The object might have been modified",
        ),
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
