//! Fields that a schema does not define: listed, or removed.

use serde_json::Value;

use crate::node::{Id, Node, Schema};
use crate::path::Path;

/// Fields that every whole object has, whatever its schema says.
const OBJECT_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// A field that a schema does not define.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Where it is, as `spec.entryPoint`.
    pub path: String,
    /// The fields that are defined there: one of them was perhaps meant.
    pub known: Vec<String>,
}

impl Schema {
    /// The fields that the schema does not define, in document order, each with those that it does define there.
    pub fn unknown_fields(&self, value: &Value) -> Vec<Unknown> {
        let mut found = Vec::new();
        self.walk_unknown(self.root, value, Path::Root, true, &mut |path, node| {
            found.push(Unknown {
                path: path.to_string(),
                known: node.properties.keys().cloned().collect(),
            });
        });
        found
    }

    /// The paths of fields that the schema does not define, in document order.
    ///
    /// `apiVersion`, `kind` and `metadata` are known at the root.
    pub fn unknown(&self, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.walk_unknown(self.root, value, Path::Root, true, &mut |path, _| {
            found.push(path.to_string());
        });
        found
    }

    fn walk_unknown(
        &self,
        id: Id,
        value: &Value,
        path: Path<'_>,
        whole: bool,
        report: &mut impl FnMut(Path<'_>, &Node),
    ) {
        let node = self.node(id);
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let field = if node.properties.contains_key(key) {
                        Path::Field(&path, key)
                    } else {
                        Path::Key(&path, key)
                    };
                    match node.child(key) {
                        _ if whole && OBJECT_FIELDS.contains(&key.as_str()) => {}
                        Some(child) => {
                            let whole = self.node(child).embedded;
                            self.walk_unknown(child, value, field, whole, report);
                        }
                        None if node.allows_unknown() => {}
                        None => report(Path::Field(&path, key), node),
                    }
                }
            }
            Value::Array(items) => {
                let Some(child) = node.items else { return };
                let whole = self.node(child).embedded;
                for (at, item) in items.iter().enumerate() {
                    self.walk_unknown(child, item, Path::Index(&path, at), whole, report);
                }
            }
            _ => {}
        }
    }

    /// Removes the fields that the schema does not define.
    pub fn prune(&self, value: &mut Value) {
        self.prune_at(self.root, value, true);
    }

    fn prune_at(&self, id: Id, value: &mut Value, whole: bool) {
        let node = self.node(id);
        match value {
            Value::Object(map) => {
                map.retain(|key, _| {
                    node.child(key).is_some()
                        || node.allows_unknown()
                        || (whole && OBJECT_FIELDS.contains(&key.as_str()))
                });
                for (key, value) in map.iter_mut() {
                    let kept = whole && OBJECT_FIELDS.contains(&key.as_str());
                    if let Some(child) = node.child(key).filter(|_| !kept) {
                        self.prune_at(child, value, self.node(child).embedded);
                    }
                }
            }
            Value::Array(items) => {
                let Some(child) = node.items else { return };
                let whole = self.node(child).embedded;
                items
                    .iter_mut()
                    .for_each(|item| self.prune_at(child, item, whole));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn undefined_fields_are_listed_and_removed() {
        let schema = Schema::compile(&json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {
                "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
                "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {}}},
                "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {}},
                "free": {"x-kubernetes-preserve-unknown-fields": true}}}}}))
        .unwrap();
        let mut value = json!({"apiVersion": "v1", "kind": "K", "metadata": {"name": "n"}, "extra": 1, "spec": {
            "list": [{"a": "x", "b": 1}], "open": {"x": {"y": 1}}, "map": {"k": {"z": 1}}, "free": [1, {"q": 2}],
            "pod": {"kind": "Pod", "metadata": {}, "spec": {}}, "more": {}}});
        assert!(schema.unknown_fields(&value).contains(&Unknown {
            path: "spec.list[0].b".to_owned(),
            known: vec!["a".to_owned()]
        }));
        let mut unknown = schema.unknown(&value);
        unknown.sort();
        assert_eq!(
            unknown,
            [
                "extra",
                "spec.list[0].b",
                "spec.map[k].z",
                "spec.more",
                "spec.pod.spec"
            ]
        );
        schema.prune(&mut value);
        assert_eq!(schema.unknown(&value), [""; 0]);
        assert_eq!(
            value["spec"],
            json!({"list": [{"a": "x"}], "open": {"x": {"y": 1}}, "map": {"k": {}}, "free": [1, {"q": 2}],
                "pod": {"kind": "Pod", "metadata": {}}})
        );
    }
}
