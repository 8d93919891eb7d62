//! `propagationPolicy: Orphan`: what an object owned stays, and forgets its owner in the same write.
//!
//! Otherwise the collector of owned objects, which sees only that the owner is gone, would take them along.

use serde_json::Value;
use store::Tx;

use crate::commit::Stop;
use crate::object::{Draft, read};
use crate::server::Inner;

/// Removes the references to `owner` from everything in its namespace; a cluster-scoped owner's are everywhere.
pub(crate) fn disown(tx: &mut Tx<'_>, server: &Inner, owner: &str, namespace: &str) -> Result<(), Stop> {
    for row in server.registry.stored() {
        if !row.namespaced && !namespace.is_empty() {
            continue;
        }
        for entry in tx.range(&row.collection(if row.namespaced { namespace } else { "" })) {
            // Most objects have no owner: a look at the bytes saves decoding them.
            if !contains(&entry.value, owner.as_bytes()) {
                continue;
            }
            let mut object = read(&entry.value)?;
            let Some(Value::Array(owners)) = object["metadata"].get_mut("ownerReferences") else {
                continue;
            };
            let before = owners.len();
            owners.retain(|reference| reference["uid"] != owner);
            if owners.len() < before {
                let draft = Draft::new(&object)?;
                tx.put_with(&entry.key, |revision| draft.seal(revision.0));
            }
        }
    }
    Ok(())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|window| window == needle)
}
