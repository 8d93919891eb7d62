//! Defaults: a field that is absent gets the value its schema gives, and so do the fields inside that value.
//!
//! Rule: `apiextensions-apiserver/pkg/apiserver/schema/defaulting`. Null values of fields that are not nullable are
//! replaced too; lists and maps are never made longer.

use serde_json::Value;

use crate::node::{Id, Schema};

impl Schema {
    /// Fills in defaults.
    pub fn default(&self, value: &mut Value) {
        self.default_at(self.root, value);
    }

    fn default_at(&self, id: Id, value: &mut Value) {
        let node = self.node(id);
        match value {
            Value::Object(map) => {
                for (name, child) in &node.properties {
                    let Some(default) = &self.node(*child).default else {
                        continue;
                    };
                    let absent = map
                        .get(name)
                        .is_none_or(|v| v.is_null() && !self.node(*child).nullable);
                    if absent {
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
    }
}
