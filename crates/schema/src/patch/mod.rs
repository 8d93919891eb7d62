//! Patches: JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386) and Kubernetes' strategic merge patch.
//!
//! The last is `Schema::strategic_merge`, since it needs a schema.

mod order;
pub mod raw;
mod strategic;

use json_patch::PatchOperation;
use serde_json::{Map, Value};

/// Applies a JSON Merge Patch.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Bytes that the `copy` operations of one patch may add, as in kube-apiserver: the limit on a request.
/// Without it twenty copies make a megabyte of one byte.
const COPIED_MAX: usize = 3 << 20;

/// Applies a JSON Patch; on an error nothing has changed.
pub fn json(target: &mut Value, patch: &Value) -> Result<(), String> {
    let patch: json_patch::Patch =
        serde_json::from_value(patch.clone()).map_err(|error| error.to_string())?;
    let mut patched = target.clone();
    let mut copied = 0;
    for operation in patch.0 {
        copied += copied_bytes(&patched, &operation);
        if copied > COPIED_MAX {
            return Err(format!(
                "the copies of the patch are larger than {COPIED_MAX} bytes"
            ));
        }
        json_patch::patch(&mut patched, std::slice::from_ref(&operation))
            .map_err(|error| error.to_string())?;
    }
    *target = patched;
    Ok(())
}

fn copied_bytes(target: &Value, operation: &PatchOperation) -> usize {
    match operation {
        PatchOperation::Copy(copy) => target.pointer(copy.from.as_str()).map_or(0, bytes),
        _ => 0,
    }
}

/// About what a value takes as JSON.
fn bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(bytes).sum::<usize>(),
        Value::Object(fields) => {
            2 + fields
                .iter()
                .map(|(name, value)| name.len() + 4 + bytes(value))
                .sum::<usize>()
        }
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_examples_of_rfc_7386() {
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!(["a", "b"]), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut value = target.clone();
            merge(&mut value, &patch);
            assert_eq!(value, expected, "{target} + {patch}");
        }
    }

    #[test]
    fn a_failed_json_patch_changes_nothing() {
        let mut value = json!({"a": 1});
        let patch =
            json!([{"op": "add", "path": "/b", "value": 2}, {"op": "test", "path": "/a", "value": 2}]);
        assert!(json(&mut value, &patch).is_err());
        assert_eq!(value, json!({"a": 1}));
        assert!(json(&mut value, &json!({"not": "a list"})).is_err());
    }

    #[test]
    fn copies_do_not_grow_without_bound() {
        let mut value = json!({"a": ["x"]});
        let copy = json!({"op": "copy", "from": "/a", "path": "/a/-"});
        let patch = Value::Array(vec![copy; 40]);
        assert!(json(&mut value, &patch).is_err());
        assert_eq!(value, json!({"a": ["x"]}));
    }

    /// Small JSON values over few keys, so that patches meet what they change.
    pub(crate) fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            (0..3).prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn merging_twice_is_merging_once(target in value(), patch in value()) {
            let mut once = target;
            merge(&mut once, &patch);
            let mut twice = once.clone();
            merge(&mut twice, &patch);
            prop_assert_eq!(once, twice);
        }
    }
}
