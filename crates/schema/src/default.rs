//! Defaults: a field that is absent gets the value its schema gives, and so do the fields inside that value.
//!
//! Rule: `apiextensions-apiserver/pkg/apiserver/schema/defaulting`. A null in a field that is not nullable counts as
//! absent: it is replaced by the default or removed. Lists and maps are never made longer.

use serde_json::Value;

use crate::node::{Id, Kind, Schema};

impl Schema {
    /// Fills in defaults.
    pub fn default(&self, value: &mut Value) {
        self.default_at(self.root, value);
    }

    fn default_at(&self, id: Id, value: &mut Value) {
        let node = self.node(id);
        match value {
            Value::Object(map) => {
                map.retain(|name, value| {
                    let child = node.properties.get(name).map(|child| self.node(*child));
                    !value.is_null() || child.is_none_or(|child| child.nullable || child.kind == Kind::Any)
                });
                for (name, child) in &node.properties {
                    if let Some(default) = &self.node(*child).default
                        && !map.contains_key(name)
                    {
                        map.insert(name.clone(), default.clone());
                    }
                }
                for (key, value) in map.iter_mut() {
                    if let Some(child) = node.child(key) {
                        self.default_at(child, value);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(child) = node.items {
                    items.iter_mut().for_each(|item| self.default_at(child, item));
                }
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
    fn absent_fields_get_defaults_inside_out() {
        let schema = Schema::compile(&json!({"type": "object", "properties": {
            "spec": {"type": "object", "default": {}, "properties": {
                "n": {"type": "integer", "default": 3},
                "maybe": {"type": "string", "nullable": true, "default": "x"}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"b": {"default": true}}}}}}))
        .unwrap();
        let check = |mut value: Value, expected: Value| {
            schema.default(&mut value);
            assert_eq!(value, expected);
        };
        check(json!({}), json!({"spec": {"n": 3, "maybe": "x"}}));
        check(
            json!({"spec": {"n": null, "maybe": null}, "list": [{}]}),
            json!({"spec": {"n": 3, "maybe": null}, "list": [{"b": true}]}),
        );
        check(
            json!({"list": null, "other": null}),
            json!({"other": null, "spec": {"n": 3, "maybe": "x"}}),
        );
    }
}
