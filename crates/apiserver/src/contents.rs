//! Kinds that contain others: namespaces contain objects, CustomResourceDefinitions contain the objects they define.
//!
//! Deleting such a container marks it, deletes what it contains in the same transaction, and removes the container when
//! its last content is gone: at once, or in the write that removes the last object which had to be waited for
//! (finalizers, a pod's grace). Nothing is created in a container that is going away.

use std::sync::Arc;

use serde_json::Value;
use store::Tx;

use crate::cascade;
use crate::commit::Stop;
use crate::object::{Draft, has_finalizers, meta, pluck, read};
use crate::registry::Row;
use crate::server::Inner;
use crate::status::ApiError;
use crate::verbs::delete::{Fate, Wish, fate};

const DELETED_AT: [&str; 2] = ["metadata", "deletionTimestamp"];

/// Refuses to create in a namespace, or under a definition, that is missing or going away.
pub(crate) fn check_open(
    tx: &Tx<'_>,
    server: &Inner,
    row: &Row,
    namespace: &str,
    name: &str,
) -> Result<(), Stop> {
    let defined = definition(tx, server, row);
    if defined.is_some_and(|(_, bytes)| pluck(&bytes, &DELETED_AT).is_some()) {
        return Err(Stop::Refused(ApiError::method_not_allowed()));
    }
    if !row.namespaced {
        return Ok(());
    }
    let namespaces = server.core_row("namespaces")?;
    let Some(entry) = tx.get(&namespaces.key("", namespace)) else {
        return Err(Stop::Refused(ApiError::not_found(&namespaces, namespace)));
    };
    if pluck(&entry.value, &DELETED_AT).is_some() {
        return Err(Stop::Refused(ApiError::namespace_terminating(
            row, name, namespace,
        )));
    }
    Ok(())
}

/// Refuses a pod of a service account that is not there (the admission plugin `ServiceAccount`).
pub(crate) fn check_account(tx: &Tx<'_>, server: &Inner, row: &Row, pod: &Value) -> Result<(), Stop> {
    if !row.is_pod() {
        return Ok(());
    }
    let namespace = meta(pod, "namespace");
    let account = pod["spec"]["serviceAccountName"].as_str().unwrap_or_default();
    if tx
        .get(&server.core_row("serviceaccounts")?.key(namespace, account))
        .is_some()
    {
        return Ok(());
    }
    let why = format!(
        "error looking up service account {namespace}/{account}: serviceaccount \"{account}\" not found"
    );
    let name = meta(pod, "name");
    Err(Stop::Refused(ApiError::forbidden(
        &row.plural,
        &row.group,
        name,
        &why,
    )))
}

/// What follows from a change: a container that was marked as deleted loses its contents.
pub(crate) fn after_change(
    tx: &mut Tx<'_>,
    server: &Inner,
    row: &Row,
    key: &str,
    object: &Value,
) -> Result<(), Stop> {
    let container = row.is_namespace() || row.is_crd();
    if !container || object["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    for (row, prefix) in contained(server, row, object) {
        empty(tx, server, &row, &prefix)?;
    }
    remove_if_empty(tx, server, row, key, object)
}

/// What follows from a removal: a container that waited for it goes too.
pub(crate) fn after_removal(tx: &mut Tx<'_>, server: &Inner, row: &Row, namespace: &str) -> Result<(), Stop> {
    if row.namespaced {
        let namespaces = server.core_row("namespaces")?;
        let key = namespaces.key("", namespace);
        if let Some(entry) = tx
            .get(&key)
            .filter(|entry| pluck(&entry.value, &DELETED_AT).is_some())
        {
            remove_if_empty(tx, server, &namespaces, &key, &read(&entry.value)?)?;
        }
    }
    let defined = definition(tx, server, row).filter(|(_, bytes)| pluck(bytes, &DELETED_AT).is_some());
    if let (Some((key, bytes)), Some(crds)) = (defined, server.crd_row()) {
        remove_if_empty(tx, server, &crds, &key, &read(&bytes)?)?;
    }
    Ok(())
}

/// What follows once a write is visible: definitions change the registry.
///
/// A custom kind's object may have taken its definition with it.
pub(crate) fn after_write(server: &Inner, row: &Row) -> Result<(), ApiError> {
    let definitions = row.is_crd() || gone(server, row);
    if definitions { server.reload_crds() } else { Ok(()) }
}

fn gone(server: &Inner, row: &Row) -> bool {
    definition_key(server, row).is_some_and(|key| server.store.get(&key).is_none())
}

fn definition_key(server: &Inner, row: &Row) -> Option<String> {
    let crds = server.crd_row().filter(|_| row.custom)?;
    Some(crds.key("", &row.qualified()))
}

fn definition(tx: &Tx<'_>, server: &Inner, row: &Row) -> Option<(String, bytes::Bytes)> {
    let key = definition_key(server, row)?;
    tx.get(&key).map(|entry| (key, entry.value))
}

/// The collections that a container contains.
fn contained(server: &Inner, row: &Row, object: &Value) -> Vec<(Arc<Row>, String)> {
    let rows = server.registry.stored().into_iter();
    if row.is_namespace() {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let inside = rows.filter(|row| row.namespaced);
        return inside
            .map(|row| {
                let prefix = row.collection(name);
                (row, prefix)
            })
            .collect();
    }
    let defined = |row: &Arc<Row>| {
        object["spec"]["group"] == row.group.as_str()
            && object["spec"]["names"]["plural"] == row.plural.as_str()
    };
    let inside = rows.filter(defined);
    inside
        .map(|row| {
            let prefix = row.prefix.clone();
            (row, prefix)
        })
        .collect()
}

/// Deletes every object under a prefix, each as its kind is deleted.
fn empty(tx: &mut Tx<'_>, server: &Inner, row: &Row, prefix: &str) -> Result<(), Stop> {
    for entry in tx.range(prefix) {
        let object = read(&entry.value)?;
        match fate(row, &object, &Wish::default(), server.host.now()) {
            Fate::Remove(_) => {
                let value = entry.value.clone();
                tx.delete_with(&entry.key, |revision| {
                    crate::object::with_revision(&value, revision.0)
                });
                cascade::after_removal(tx, server, &entry.value)?;
            }
            Fate::Mark(marked) => {
                let draft = Draft::new(&marked)?;
                tx.put_with(&entry.key, |revision| draft.seal(revision.0));
            }
            Fate::Nothing => {}
        }
    }
    Ok(())
}

fn remove_if_empty(
    tx: &mut Tx<'_>,
    server: &Inner,
    row: &Row,
    key: &str,
    object: &Value,
) -> Result<(), Stop> {
    let full = contained(server, row, object)
        .iter()
        .any(|(_, prefix)| tx.find(prefix, |_| true).is_some());
    let others = object["spec"]["finalizers"]
        .as_array()
        .is_some_and(|list| list.iter().any(|f| f != "kubernetes"));
    if full || has_finalizers(object) || (row.is_namespace() && others) {
        return Ok(());
    }
    if let Some(entry) = tx.get(key) {
        tx.delete_with(key, |revision| {
            crate::object::with_revision(&entry.value, revision.0)
        });
    }
    Ok(())
}
