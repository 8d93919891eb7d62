//! `propagationPolicy: Foreground`: what an object owns goes first, and the object with the last of it.
//!
//! ```text
//!   delete ─> the owner is marked, and held by the finalizer `foregroundDeletion`
//!               └─> what it owns and what blocks it (`blockOwnerDeletion`) is deleted likewise
//!                     └─> the removal of the last that blocks it lets the owner go
//! ```
//!
//! A real server leaves this to its garbage collector. Here it follows the delete, one small write per object, and goes
//! on where it stopped when the server starts. What does not block its owner is collected once the owner is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use store::{Entry, Tx};

use crate::commit::Stop;
use crate::contents;
use crate::object::{Draft, has_finalizers, meta, meta_mut, read, text_at, with_revision};
use crate::registry::Row;
use crate::server::Inner;
use crate::status::ApiError;
use crate::verbs::delete::{Fate, Wish, fate};

/// The finalizer that holds an owner. Rule: apimachinery's `FinalizerDeleteDependents`.
const HOLD: &str = "foregroundDeletion";

/// Holds an object until what it owns is gone.
pub(crate) fn hold(object: &mut Value) {
    let finalizers = meta_mut(object).entry("finalizers").or_insert_with(|| json!([]));
    if let Some(finalizers) = finalizers
        .as_array_mut()
        .filter(|list| !list.iter().any(|f| f == HOLD))
    {
        finalizers.push(HOLD.into());
    }
}

fn is_held(object: &Value) -> bool {
    let finalizers = object["metadata"]["finalizers"].as_array();
    finalizers.is_some_and(|list| list.iter().any(|finalizer| finalizer == HOLD))
}

/// An object's place: its row, its key, its uid.
type Place = (Arc<Row>, String, String);

/// Goes on with what was under way when the server went down.
pub(crate) fn resume(server: &Inner) -> Result<(), ApiError> {
    for row in server.registry.stored() {
        let (entries, _) = server.store.list(&row.prefix);
        for entry in entries {
            let finalizers = text_at(&entry.value, &["metadata", "finalizers"]);
            if finalizers.is_some_and(|finalizers| finalizers.contains(HOLD)) {
                carry_out(server, &row, &read(&entry.value)?)?;
            }
        }
    }
    Ok(())
}

/// Deletes what blocks an owner that was marked and held, and lets go whom nothing blocks any more.
pub(crate) fn carry_out(server: &Inner, row: &Arc<Row>, owner: &Value) -> Result<(), ApiError> {
    let (namespace, uid) = (meta(owner, "namespace"), meta(owner, "uid").to_owned());
    let blocking = blocking(server, namespace);
    let mut seen = BTreeSet::from([uid.clone()]);
    let mut held: Vec<Place> = vec![(Arc::clone(row), row.key(namespace, meta(owner, "name")), uid)];
    let mut next = 0;
    while let Some((_, _, uid)) = held.get(next) {
        next += 1;
        for (row, key) in blocking.get(uid).into_iter().flatten() {
            if let Some(uid) = mark(server, row, key)?
                && seen.insert(uid.clone())
            {
                held.push((Arc::clone(row), key.clone(), uid));
            }
        }
    }
    for (row, key, uid) in held.iter().rev() {
        server
            .store
            .transact(|tx| let_go(tx, server, row, key, uid).map_err(refusal))?;
        contents::after_write(server, row)?;
    }
    Ok(())
}

/// What blocks the deletion of its owners, by their uids. A cluster-scoped owner's dependents are everywhere.
fn blocking(server: &Inner, namespace: &str) -> BTreeMap<String, Vec<(Arc<Row>, String)>> {
    let mut all: BTreeMap<String, Vec<(Arc<Row>, String)>> = BTreeMap::new();
    for row in server.registry.stored() {
        if !row.namespaced && !namespace.is_empty() {
            continue;
        }
        let collection = row.collection(if row.namespaced { namespace } else { "" });
        for entry in server.store.list(&collection).0 {
            for owner in blocked_by(&entry.value) {
                let of_owner = all.entry(owner.uid).or_default();
                of_owner.push((Arc::clone(&row), entry.key.to_string()));
            }
        }
    }
    all
}

/// Marks and holds a dependent; its uid if it is held now.
fn mark(server: &Inner, row: &Row, key: &str) -> Result<Option<String>, ApiError> {
    let marked = server.store.transact(|tx| {
        let Some(entry) = tx.get(key) else { return Ok(None) };
        let object = read(&entry.value)?;
        Ok::<_, ApiError>(match fate(row, &object, &Wish::foreground(), server.host.now()) {
            Fate::Mark(marked) => {
                let draft = Draft::new(&marked)?;
                tx.put_with(key, |revision| draft.seal(revision.0));
                Some(meta(&marked, "uid").to_owned())
            }
            Fate::Nothing => is_held(&object).then(|| meta(&object, "uid").to_owned()),
            // Not of what is held.
            Fate::Remove(_) => None,
        })
    })?;
    Ok(marked.0)
}

/// What follows from a removal: an owner that was held for it is let go.
pub(crate) fn after_removal(tx: &mut Tx<'_>, server: &Inner, removed: &[u8]) -> Result<(), Stop> {
    let namespace = crate::object::pluck(removed, &["metadata", "namespace"]).unwrap_or_default();
    for owner in blocked_by(removed) {
        if let Some(row) = server.registry.of_kind(&owner.api_version, &owner.kind) {
            let namespace = if row.namespaced { namespace.as_str() } else { "" };
            let_go(tx, server, &row, &row.key(namespace, &owner.name), &owner.uid)?;
        }
    }
    Ok(())
}

/// Lets an owner go that is held and that nothing blocks any more.
fn let_go(tx: &mut Tx<'_>, server: &Inner, row: &Row, key: &str, uid: &str) -> Result<(), Stop> {
    let Some(entry) = tx.get(key) else { return Ok(()) };
    let finalizers = text_at(&entry.value, &["metadata", "finalizers"]).unwrap_or_default();
    if !finalizers.contains(HOLD) {
        return Ok(());
    }
    let mut owner = read(&entry.value)?;
    let namespace = meta(&owner, "namespace").to_owned();
    if meta(&owner, "uid") != uid || !is_held(&owner) || is_blocked(tx, server, &namespace, uid) {
        return Ok(());
    }
    if let Some(Value::Array(finalizers)) = meta_mut(&mut owner).get_mut("finalizers") {
        finalizers.retain(|finalizer| finalizer != HOLD);
    }
    if has_finalizers(&owner) || waits(&owner) {
        let draft = Draft::new(&owner)?;
        tx.put_with(key, |revision| draft.seal(revision.0));
        return Ok(());
    }
    remove(tx, server, row, &entry, &namespace)
}

fn remove(tx: &mut Tx<'_>, server: &Inner, row: &Row, entry: &Entry, namespace: &str) -> Result<(), Stop> {
    tx.delete_with(&entry.key, |revision| with_revision(&entry.value, revision.0));
    after_removal(tx, server, &entry.value)?;
    contents::after_removal(tx, server, row, namespace)
}

/// Whether something blocks the deletion of an owner. The first that does ends the search.
fn is_blocked(tx: &Tx<'_>, server: &Inner, namespace: &str, uid: &str) -> bool {
    let rows = server.registry.stored().into_iter();
    let mut rows = rows.filter(|row| row.namespaced || namespace.is_empty());
    rows.any(|row| {
        let collection = row.collection(if row.namespaced { namespace } else { "" });
        let blocks = |entry: &Entry| blocked_by(&entry.value).any(|owner| owner.uid == uid);
        tx.find(&collection, blocks).is_some()
    })
}

/// Whether a marked object is still left to its node for a while.
fn waits(object: &Value) -> bool {
    object["metadata"]["deletionGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(0)
        > 0
}

/// A reference to an owner that waits for the object.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Owner {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
    block_owner_deletion: bool,
}

/// Whose deletion stored bytes block.
fn blocked_by(bytes: &[u8]) -> impl Iterator<Item = Owner> + use<> {
    let owners = text_at(bytes, &["metadata", "ownerReferences"]);
    let owners: Option<Vec<Owner>> = owners.and_then(|text| serde_json::from_str(text).ok());
    let owners = owners.into_iter().flatten();
    owners.filter(|owner| owner.block_owner_deletion)
}

fn refusal(stop: Stop) -> ApiError {
    match stop {
        Stop::Refused(error) => error,
        Stop::Stale | Stop::Rehearsed(_) => ApiError::internal("a write without conditions was not made"),
    }
}
