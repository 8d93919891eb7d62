//! Patches and schemas, on documents that have nothing to do with either.

use std::sync::LazyLock;

use schema::{Schema, patch};
use serde_json::{Value, json};

/// Lists of objects merged by a key, lists of values, a map, and a list that is replaced.
static MERGED: LazyLock<Option<Schema>> = LazyLock::new(|| {
    let item = json!({"type": "object", "properties": {"name": {"type": "string"}, "v": {}, "tags": {
        "type": "array", "items": {"type": "string"}, "x-kubernetes-patch-strategy": "merge"}}});
    let schema = json!({"type": "object", "properties": {
        "items": {"type": "array", "items": item, "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name"},
        "names": {"type": "array", "items": {"type": "string"}, "x-kubernetes-patch-strategy": "merge"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "plain": {"type": "array", "items": item},
    }});
    Schema::compile(&schema).ok()
});

/// A JSON array of a target and patches of any form: each is tried as every kind of patch.
pub(crate) fn patches(bytes: &[u8]) {
    let Ok(Value::Array(parts)) = serde_json::from_slice(bytes) else {
        return;
    };
    let Some((target, patches)) = parts.split_first() else {
        return;
    };
    for one in patches {
        merge(target, one);
        let mut patched = target.clone();
        if patch::json(&mut patched, one).is_err() {
            assert_eq!(patched, *target, "a JSON patch that fails has changed something");
        }
        let Some(schema) = &*MERGED else { continue };
        let mut patched = target.clone();
        if schema.strategic_merge(&mut patched, one).is_err() {
            assert_eq!(
                patched, *target,
                "a strategic patch that fails has changed something"
            );
        }
    }
}

/// Merging twice is merging once, and text and tree agree.
fn merge(target: &Value, one: &Value) {
    let mut merged = target.clone();
    patch::merge(&mut merged, one);
    let mut again = merged.clone();
    patch::merge(&mut again, one);
    assert_eq!(again, merged, "merged twice");
    let (Value::Object(_), Value::Object(fields)) = (target, one) else {
        return;
    };
    if let Some(text) = patch::raw::merge(&target.to_string(), fields) {
        assert_eq!(text, merged.to_string(), "text and tree");
    }
}

/// A JSON array of a schema and values.
pub(crate) fn schemas(bytes: &[u8]) {
    let Ok(Value::Array(parts)) = serde_json::from_slice(bytes) else {
        return;
    };
    let Some((schema, values)) = parts.split_first() else {
        return;
    };
    let Ok(schema) = Schema::compile(schema) else {
        return;
    };
    for value in values {
        let _ = (
            schema.validate(value),
            schema.mistyped(value),
            schema.unknown(value),
        );
        let mut pruned = value.clone();
        schema.prune(&mut pruned);
        assert_eq!(
            schema.unknown_fields(&pruned).len(),
            0,
            "pruned, and fields are unknown"
        );
        let mut defaulted = value.clone();
        schema.default(&mut defaulted);
        let mut again = defaulted.clone();
        schema.default(&mut again);
        assert_eq!(again, defaulted, "defaulted twice");
    }
}
