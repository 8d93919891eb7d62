//! Strategic merge of specs and templates: a workflow over its template over the controller's defaults.
//!
//! Objects merge field by field, lists of things with names merge by name, other lists are replaced.
//! Rule: apimachinery's strategic merge patch with the merge keys that Argo's types declare.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Lists that merge, and by which field of their elements.
const MERGE_KEYS: &[(&str, &str)] = &[
    ("templates", "name"),
    ("parameters", "name"),
    ("artifacts", "name"),
    ("volumes", "name"),
    ("volumeClaimTemplates", "name"),
    ("imagePullSecrets", "name"),
    ("initContainers", "name"),
    ("sidecars", "name"),
    ("containers", "name"),
    ("tasks", "name"),
    ("env", "name"),
    ("volumeMounts", "mountPath"),
    ("ports", "containerPort"),
    ("hostAliases", "ip"),
    ("resourceClaims", "name"),
    ("prometheus", "name"),
];

/// `over` merged onto `base`; what `over` says wins.
pub(crate) fn over<T: Serialize + DeserializeOwned>(base: &T, over: &T) -> Result<T, String> {
    let text = |e: serde_json::Error| e.to_string();
    let mut merged = serde_json::to_value(base).map_err(text)?;
    merge(&mut merged, serde_json::to_value(over).map_err(text)?);
    serde_json::from_value(merged).map_err(text)
}

/// Merges `patch` into `target`.
pub(crate) fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => merge_objects(target, patch),
        (target, patch) => *target = patch,
    }
}

fn merge_objects(target: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (field, value) in patch {
        let key = MERGE_KEYS
            .iter()
            .find(|(list, _)| *list == field)
            .map(|(_, k)| *k);
        match (target.get_mut(&field), value, key) {
            (_, Value::Null, _) => drop(target.remove(&field)),
            (Some(Value::Array(old)), Value::Array(new), Some(key)) => merge_lists(old, new, key),
            (Some(old), new, _) => merge(old, new),
            (None, new, _) => drop(target.insert(field, new)),
        }
    }
}

/// Elements of the patch come first in its order when new, as apimachinery places them; known ones merge
/// where they are.
fn merge_lists(target: &mut Vec<Value>, patch: Vec<Value>, key: &str) {
    for element in patch {
        let same = |old: &&mut Value| element.get(key).is_some() && old.get(key) == element.get(key);
        match target.iter_mut().find(same) {
            Some(old) => merge(old, element),
            None => target.push(element),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn named_lists_merge_and_others_are_replaced() {
        let mut base = json!({"arguments": {"parameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]}, "args": ["x"], "gone": 1});
        merge(
            &mut base,
            json!({"arguments": {"parameters": [{"name": "b", "value": "3"}, {"name": "c"}]}, "args": ["y"], "gone": null}),
        );
        let expected = json!({"arguments": {"parameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "3"}, {"name": "c"}]}, "args": ["y"]});
        assert_eq!(base, expected);
    }
}
