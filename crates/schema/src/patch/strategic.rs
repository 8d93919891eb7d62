//! Strategic merge patch: a merge patch that knows which lists are merged, and by which key.
//!
//! Rule: apimachinery's `strategicpatch`. The schema says how lists merge (`x-kubernetes-patch-strategy`,
//! `x-kubernetes-patch-merge-key`); the patch may carry directives:
//!
//! | in the patch | does |
//! | --- | --- |
//! | `$patch: replace` | the rest of the map, or the list's other elements, replace what is there |
//! | `$patch: delete` | the map, or the element with the same key, goes |
//! | `$retainKeys: [..]` | other keys of the map go |
//! | `$deleteFromPrimitiveList/x: [..]` | these scalars leave the list `x` |
//! | `$setElementOrder/x: [..]` | the merged list `x` is in this order |

use serde_json::{Map, Value};

use crate::node::{Id, Node, Schema};
use crate::patch::merge;

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

impl Schema {
    /// Applies a strategic merge patch; on an error `target` may be half changed.
    pub fn strategic_merge(&self, target: &mut Value, patch: &Value) -> Result<(), String> {
        self.map(Some(self.root), target, patch)
    }

    fn map(&self, id: Option<Id>, target: &mut Value, patch: &Value) -> Result<(), String> {
        let Value::Object(changes) = patch else {
            *target = patch.clone();
            return Ok(());
        };
        match changes.get(DIRECTIVE).and_then(Value::as_str) {
            Some("replace") => {
                *target = Value::Object(plain(changes));
                return Ok(());
            }
            Some("delete") => {
                *target = Value::Object(Map::new());
                return Ok(());
            }
            Some("merge") | None => {}
            Some(other) => return Err(format!("unknown $patch type \"{other}\"")),
        }
        if !target.is_object() {
            *target = Value::Object(Map::new());
        }
        let Value::Object(fields) = target else {
            return Ok(());
        };
        retain(fields, changes)?;
        for (key, value) in changes.iter().filter(|(key, _)| !key.starts_with('$')) {
            self.field(id, fields, key, value)?;
        }
        self.list_directives(id, fields, changes)
    }

    fn field(
        &self,
        id: Option<Id>,
        fields: &mut Map<String, Value>,
        key: &str,
        value: &Value,
    ) -> Result<(), String> {
        if value.is_null() {
            fields.remove(key);
            return Ok(());
        }
        let child = id.and_then(|id| self.node(id).child(key));
        let node = child.map(|child| self.node(child));
        if value["$patch"] == "delete" {
            fields.remove(key);
            return Ok(());
        }
        let slot = fields.entry(key.to_owned()).or_insert(Value::Null);
        match (value, node) {
            (Value::Array(items), Some(node)) if node.merge.list && slot.is_array() => {
                self.list(node, slot, items)
            }
            (Value::Array(items), Some(node)) => {
                *slot = Value::Array(elements(items, node));
                Ok(())
            }
            (Value::Object(_), _) => self.map(child, slot, value),
            _ => {
                merge(slot, value);
                Ok(())
            }
        }
    }

    /// Merges the elements of a patch's list into a list.
    fn list(&self, node: &Node, target: &mut Value, patch: &[Value]) -> Result<(), String> {
        let Value::Array(list) = target else { return Ok(()) };
        if patch.iter().any(|item| item[DIRECTIVE] == "replace") {
            *list = elements(patch, node);
            return Ok(());
        }
        let Some(key) = &node.merge.key else {
            let new: Vec<Value> = patch
                .iter()
                .filter(|item| !list.contains(item))
                .cloned()
                .collect();
            list.extend(new);
            return Ok(());
        };
        for item in patch {
            let id = item.get(key.as_str());
            let Some(id) = id else {
                return Err(format!("map: {item} does not contain declared merge key: {key}"));
            };
            let place = list
                .iter()
                .position(|existing| existing.get(key.as_str()) == Some(id));
            match (item[DIRECTIVE].as_str(), place) {
                (Some("delete"), Some(at)) => drop(list.remove(at)),
                (Some("delete"), None) => {}
                (_, Some(at)) => self.map(node.items, &mut list[at], item)?,
                (_, None) => {
                    let mut made = Value::Null;
                    self.map(node.items, &mut made, item)?;
                    list.push(made);
                }
            }
        }
        Ok(())
    }

    fn list_directives(
        &self,
        id: Option<Id>,
        fields: &mut Map<String, Value>,
        changes: &Map<String, Value>,
    ) -> Result<(), String> {
        for (key, value) in changes {
            let Some(value) = value.as_array() else { continue };
            if let Some(list) = key.strip_prefix(DELETE_FROM) {
                if let Some(Value::Array(items)) = fields.get_mut(list) {
                    items.retain(|item| !value.contains(item));
                }
            } else if let Some(list) = key.strip_prefix(ORDER) {
                let child = id.and_then(|id| self.node(id).child(list));
                let merge_key = child.and_then(|child| self.node(child).merge.key.as_deref());
                if let Some(Value::Array(items)) = fields.get_mut(list) {
                    order(items, value, merge_key);
                }
            } else if key.starts_with('$') && key != RETAIN {
                return Err(format!("unknown directive \"{key}\""));
            }
        }
        Ok(())
    }
}

fn retain(fields: &mut Map<String, Value>, changes: &Map<String, Value>) -> Result<(), String> {
    let Some(keys) = changes.get(RETAIN) else {
        return Ok(());
    };
    let Some(keys) = keys.as_array() else {
        return Err("$retainKeys must be a list".to_owned());
    };
    let named = |key: &str| keys.iter().any(|k| k == key);
    if let Some(key) = changes.keys().find(|key| !key.starts_with('$') && !named(key)) {
        return Err(format!(
            "the key \"{key}\" is in the patch but not in $retainKeys"
        ));
    }
    fields.retain(|key, _| named(key));
    Ok(())
}

/// Elements that a list starts with: without directives.
fn elements(items: &[Value], node: &Node) -> Vec<Value> {
    let directive_only = |item: &&Value| {
        let gone = item[DIRECTIVE] == "delete";
        let bare = item[DIRECTIVE] == "replace" && item.as_object().is_some_and(|map| map.len() == 1);
        !(node.merge.list && (gone || bare))
    };
    items.iter().filter(directive_only).map(strip).collect()
}

fn strip(item: &Value) -> Value {
    match item {
        Value::Object(map) => Value::Object(plain(map)),
        other => other.clone(),
    }
}

/// The map without directives, and without fields that are null.
fn plain(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter()
        .filter(|(key, value)| !key.starts_with('$') && !value.is_null())
        .map(|(key, value)| (key.clone(), strip(value)))
        .collect()
}

/// Sorts the elements that `wanted` names into its order; others keep their place behind their neighbour.
fn order(items: &mut [Value], wanted: &[Value], key: Option<&str>) {
    let id = |item: &Value| match key {
        Some(key) => item.get(key).cloned().unwrap_or_default(),
        None => item.clone(),
    };
    let rank = |item: &Value| wanted.iter().position(|w| id(w) == id(item));
    let mut last = 0;
    let ranks: Vec<(usize, usize)> = items
        .iter()
        .enumerate()
        .map(|(at, item)| match rank(item) {
            Some(rank) => {
                last = rank;
                (rank, 0)
            }
            None => (last, at + 1),
        })
        .collect();
    let mut sorted: Vec<(usize, usize, Value)> = ranks
        .into_iter()
        .zip(items.iter().cloned())
        .map(|((rank, behind), item)| (rank, behind, item))
        .collect();
    sorted.sort_by_key(|(rank, behind, _)| (*rank, *behind));
    for (slot, (_, _, item)) in items.iter_mut().zip(sorted) {
        *slot = item;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "literals read best as values")]
    fn check(target: Value, patch: Value, expected: Value) {
        let container = json!({"type": "object", "properties": {
            "name": {"type": "string"},
            "args": {"type": "array", "items": {"type": "string"}},
            "env": {"type": "array", "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name",
                "items": {"type": "object", "properties": {"name": {}, "value": {}}}}}});
        let schema = Schema::compile(&json!({"type": "object", "properties": {
            "finalizers": {"type": "array", "x-kubernetes-patch-strategy": "merge", "items": {"type": "string"}},
            "volume": {"type": "object", "x-kubernetes-patch-strategy": "retainKeys", "properties": {}},
            "containers": {"type": "array", "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": "name", "items": container}}}))
        .unwrap();
        let mut value = target;
        schema.strategic_merge(&mut value, &patch).unwrap();
        assert_eq!(value, expected, "{patch}");
    }

    #[test]
    fn lists_merge_by_key() {
        let two = json!({"containers": [{"name": "a", "args": ["1", "2"]}, {"name": "b"}]});
        check(
            two.clone(),
            json!({"containers": [{"name": "a", "args": ["3"], "env": [{"name": "X", "value": "1"}]}, {"name": "c"}]}),
            json!({"containers": [{"name": "a", "args": ["3"], "env": [{"name": "X", "value": "1"}]}, {"name": "b"},
                {"name": "c"}]}),
        );
        check(
            two.clone(),
            json!({"containers": [{"name": "a", "$patch": "delete"}]}),
            json!({"containers": [{"name": "b"}]}),
        );
        check(
            two.clone(),
            json!({"containers": [{"$patch": "replace"}, {"name": "z"}]}),
            json!({"containers": [{"name": "z"}]}),
        );
        check(
            two,
            json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "b", "x": 1}]}),
            json!({"containers": [{"name": "b", "x": 1}, {"name": "a", "args": ["1", "2"]}]}),
        );
    }

    #[test]
    fn scalars_and_maps() {
        check(
            json!({"finalizers": ["a"]}),
            json!({"finalizers": ["b", "a"]}),
            json!({"finalizers": ["a", "b"]}),
        );
        check(
            json!({"finalizers": ["a", "b"]}),
            json!({"$deleteFromPrimitiveList/finalizers": ["a"]}),
            json!({"finalizers": ["b"]}),
        );
        check(
            json!({"volume": {"emptyDir": {}, "name": "v"}}),
            json!({"volume": {"$retainKeys": ["hostPath", "name"], "hostPath": {"path": "/"}}}),
            json!({"volume": {"hostPath": {"path": "/"}, "name": "v"}}),
        );
        check(
            json!({"volume": {"a": 1}}),
            json!({"volume": {"$patch": "replace", "b": 2}}),
            json!({"volume": {"b": 2}}),
        );
        check(json!({"volume": {"a": 1}}), json!({"volume": null}), json!({}));
        check(
            json!({}),
            json!({"volume": {"a": null, "b": 1}}),
            json!({"volume": {"b": 1}}),
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let schema = Schema::compile(&json!({"type": "object"})).unwrap();
        for patch in [
            json!({"$patch": "dance"}),
            json!({"$retainKeys": 1}),
            json!({"$retainKeys": [], "a": 1}),
        ] {
            assert!(schema.strategic_merge(&mut json!({}), &patch).is_err(), "{patch}");
        }
    }
}
