//! What breaks a schema's rules, where, and in kube-apiserver's words.
//!
//! Rule: `apiextensions-apiserver/pkg/apiserver/validation`, whose sentences come from go-openapi.

use serde_json::{Map, Number, Value};

use crate::node::{Bound, Id, Kind, Limits, Node, Schema, Unique};
use crate::path::Path;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, as `spec.replicas`; empty for the object itself.
    pub path: String,
    /// Which kind of rule.
    pub rule: Rule,
    /// The value that breaks it; for [`Rule::Type`] the name of its type.
    pub value: Value,
    /// The rule in words; empty where the kind says all.
    pub message: String,
}

/// Kinds of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The value has another JSON type; the one wanted.
    Type(&'static str),
    /// The field must be there.
    Required,
    /// The value must be one of these.
    Enum(Vec<Value>),
    /// The value is out of bounds.
    Bounds,
    /// The text is not in the format.
    Format,
    /// The text is longer than this many bytes.
    TooLong(u64),
    /// The list or map has more than this many entries.
    TooMany(u64),
    /// The element occurs before.
    Duplicate,
}

impl Schema {
    /// Every broken rule, in document order.
    pub fn validate(&self, value: &Value) -> Vec<Violation> {
        let mut walk = Walk {
            schema: self,
            found: Vec::new(),
            types_only: false,
        };
        walk.check(self.root, value, Path::Root);
        walk.found
    }

    /// Only values of a wrong JSON type: what a typed decoder would refuse. Null stands for absence.
    pub fn mistyped(&self, value: &Value) -> Vec<Violation> {
        let mut walk = Walk {
            schema: self,
            found: Vec::new(),
            types_only: true,
        };
        walk.check(self.root, value, Path::Root);
        walk.found
    }

    fn accepts(&self, id: Id, value: &Value) -> bool {
        let mut walk = Walk {
            schema: self,
            found: Vec::new(),
            types_only: false,
        };
        walk.check(id, value, Path::Root);
        walk.found.is_empty()
    }
}

struct Walk<'s> {
    schema: &'s Schema,
    found: Vec<Violation>,
    types_only: bool,
}

impl Walk<'_> {
    fn check(&mut self, id: Id, value: &Value, path: Path<'_>) {
        let node = self.schema.node(id);
        if value.is_null() && (node.nullable || node.kind == Kind::Any || self.types_only) {
            return;
        }
        if !node.kind.admits(value) {
            self.wrong_type(node.kind, value, path);
            return;
        }
        if !self.types_only {
            self.limits(&node.limits, value, path);
            self.junctors(node, value, path);
        }
        match value {
            Value::Object(map) => self.object(node, map, path),
            Value::Array(items) => self.array(node, items, path),
            _ => {}
        }
    }

    fn object(&mut self, node: &Node, map: &Map<String, Value>, path: Path<'_>) {
        if !self.types_only {
            for name in node.required.iter().filter(|name| !map.contains_key(*name)) {
                self.report(
                    Path::Field(&path, name),
                    Rule::Required,
                    Value::Null,
                    String::new(),
                );
            }
        }
        for (key, value) in map {
            if let Some(child) = node.properties.get(key) {
                // An optional field that is null is absent: defaulting and pruning come later.
                if value.is_null() && !self.schema.node(*child).nullable && !node.required.contains(key) {
                    continue;
                }
                self.check(*child, value, Path::Field(&path, key));
            } else if let Some(child) = node.additional {
                self.check(child, value, Path::Key(&path, key));
            }
        }
    }

    fn array(&mut self, node: &Node, items: &[Value], path: Path<'_>) {
        if let Some(child) = node.items {
            for (at, item) in items.iter().enumerate() {
                self.check(child, item, Path::Index(&path, at));
            }
        }
        let Some(unique) = node.limits.unique.as_ref().filter(|_| !self.types_only) else {
            return;
        };
        let keys: Vec<Value> = items.iter().map(|item| unique.key(item)).collect();
        for (at, key) in keys.iter().enumerate() {
            if keys[..at].contains(key) {
                self.report(
                    Path::Index(&path, at),
                    Rule::Duplicate,
                    key.clone(),
                    String::new(),
                );
            }
        }
    }

    fn wrong_type(&mut self, wanted: Kind, value: &Value, path: Path<'_>) {
        let actual = type_name(value);
        let message = format!("{path} in body must be of type {}: \"{actual}\"", wanted.name());
        self.report(path, Rule::Type(wanted.name()), actual.into(), message);
    }

    fn limits(&mut self, limits: &Limits, value: &Value, path: Path<'_>) {
        if !limits.allowed.is_empty() && !limits.allowed.contains(value) {
            self.report(
                path,
                Rule::Enum(limits.allowed.clone()),
                value.clone(),
                String::new(),
            );
        }
        match value {
            Value::Number(number) => self.number(limits, number, path),
            Value::String(text) => self.string(limits, text, path),
            Value::Array(items) => self.count(&limits.items, items.len(), "items", path),
            Value::Object(map) => self.count(&limits.properties, map.len(), "properties", path),
            _ => {}
        }
    }

    fn number(&mut self, limits: &Limits, number: &Number, path: Path<'_>) {
        let value = number.as_f64().unwrap_or_default();
        let mut refuse = |words: String| {
            let message = format!("{path} in body should be {words}");
            self.report(path, Rule::Bounds, Value::Number(number.clone()), message);
        };
        if let Some(Bound {
            value: bound,
            exclusive,
        }) = &limits.minimum
        {
            let least = bound.as_f64().unwrap_or(f64::MIN);
            if value < least || (*exclusive && value <= least) {
                let or_equal = if *exclusive { "" } else { " or equal to" };
                refuse(format!("greater than{or_equal} {}", plain(bound)));
            }
        }
        if let Some(Bound {
            value: bound,
            exclusive,
        }) = &limits.maximum
        {
            let most = bound.as_f64().unwrap_or(f64::MAX);
            if value > most || (*exclusive && value >= most) {
                let or_equal = if *exclusive { "" } else { " or equal to" };
                refuse(format!("less than{or_equal} {}", plain(bound)));
            }
        }
        if let Some(step) = &limits.multiple_of {
            let ratio = value / step.as_f64().unwrap_or(1.0);
            if (ratio - ratio.round()).abs() > f64::EPSILON {
                refuse(format!("a multiple of {}", plain(step)));
            }
        }
    }

    fn string(&mut self, limits: &Limits, text: &str, path: Path<'_>) {
        let length = text.chars().count() as u64;
        // The first of these is told.
        if let Some(max) = limits.length.max.filter(|max| length > *max) {
            self.report(path, Rule::TooLong(max), Value::Null, String::new());
        } else if let Some(min) = limits.length.min.filter(|min| length < *min) {
            let message = format!("{path} in body should be at least {min} chars long");
            self.report(path, Rule::Bounds, text.into(), message);
        } else if let Some(pattern) = limits.pattern.as_ref().filter(|p| !p.is_match(text)) {
            let message = format!("{path} in body should match '{pattern}'");
            self.report(path, Rule::Bounds, text.into(), message);
        }
        if !format_fits(&limits.format, text) {
            let message = format!("{path} in body must be of type {}: \"{text}\"", limits.format);
            self.report(path, Rule::Format, text.into(), message);
        }
    }

    fn count(&mut self, range: &crate::node::Range, count: usize, of: &str, path: Path<'_>) {
        let count = count as u64;
        if let Some(min) = range.min.filter(|min| count < *min) {
            let message = format!("{path} in body should have at least {min} {of}");
            self.report(path, Rule::Bounds, count.into(), message);
        }
        if let Some(max) = range.max.filter(|max| count > *max) {
            self.report(path, Rule::TooMany(max), count.into(), String::new());
        }
    }

    fn junctors(&mut self, node: &Node, value: &Value, path: Path<'_>) {
        for id in &node.all_of {
            self.check(*id, value, path);
        }
        let mut refuse = |message: String| {
            self.found.push(Violation {
                path: path.to_string(),
                rule: Rule::Bounds,
                value: "".into(),
                message,
            });
        };
        if !node.any_of.is_empty() && !node.any_of.iter().any(|id| self.schema.accepts(*id, value)) {
            refuse(format!("\"{path}\" must validate at least one schema (anyOf)"));
        }
        if !node.one_of.is_empty() {
            let valid = node
                .one_of
                .iter()
                .filter(|id| self.schema.accepts(**id, value))
                .count();
            if valid != 1 {
                let found = if valid == 0 {
                    "Found none valid".to_owned()
                } else {
                    format!("Found {valid} valid alternatives")
                };
                refuse(format!(
                    "\"{path}\" must validate one and only one schema (oneOf). {found}"
                ));
            }
        }
        if node.not.is_some_and(|id| self.schema.accepts(id, value)) {
            refuse(format!("\"{path}\" must not validate the schema (not)"));
        }
    }

    fn report(&mut self, path: Path<'_>, rule: Rule, value: Value, message: String) {
        self.found.push(Violation {
            path: path.to_string(),
            rule,
            value,
            message,
        });
    }
}

impl Unique {
    fn key(&self, item: &Value) -> Value {
        match self {
            Self::Value => item.clone(),
            Self::Keys(keys) => keys
                .iter()
                .map(|key| (key.clone(), item[key.as_str()].clone()))
                .collect(),
        }
    }
}

impl Kind {
    pub(crate) fn admits(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Integer => is_integer(value),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::IntOrString => value.is_string() || is_integer(value),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::IntOrString => "integer,string",
        }
    }
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
}

/// A number as Go writes it: `1`, not `1.0`.
fn plain(number: &Number) -> String {
    let text = number.to_string();
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether a text has a format; formats that are not known are not checked.
fn format_fits(format: &str, text: &str) -> bool {
    match format {
        "date-time" => meta::time::parse(text).is_some(),
        "duration" => meta::duration::parse(text).is_ok(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "literals read best as values")]
    fn check(schema: Value, value: Value, expected: &[&str]) {
        let schema = Schema::compile(&json!({"type": "object", "properties": {"x": schema}})).unwrap();
        let found = schema.validate(&json!({"x": value}));
        let lines: Vec<String> = found
            .iter()
            .map(|v| {
                format!("{} {:?} {} {}", v.path, v.rule, v.value, v.message)
                    .trim_end()
                    .to_owned()
            })
            .collect();
        assert_eq!(lines, expected, "{value}");
    }

    #[test]
    fn scalars() {
        check(json!({"type": "integer"}), json!(3), &[]);
        check(json!({"type": "integer"}), json!(3.0), &[]);
        check(
            json!({"type": "integer"}),
            json!("a"),
            &[r#"x Type("integer") "string" x in body must be of type integer: "string""#],
        );
        check(
            json!({"type": "integer", "minimum": 1, "maximum": 5, "exclusiveMaximum": true}),
            json!(5),
            &["x Bounds 5 x in body should be less than 5"],
        );
        check(
            json!({"type": "number", "minimum": 1, "multipleOf": 2}),
            json!(-1),
            &[
                "x Bounds -1 x in body should be greater than or equal to 1",
                "x Bounds -1 x in body should be a multiple of 2",
            ],
        );
        check(
            json!({"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 3}),
            json!("ABCD"),
            &["x TooLong(3) null"],
        );
        check(
            json!({"type": "string", "enum": ["a", "b"]}),
            json!("c"),
            &[r#"x Enum([String("a"), String("b")]) "c""#],
        );
        check(
            json!({"x-kubernetes-int-or-string": true}),
            json!(true),
            &[r#"x Type("integer,string") "boolean" x in body must be of type integer,string: "boolean""#],
        );
        check(json!({"type": "string"}), Value::Null, &[]);
    }

    #[test]
    fn objects_and_lists() {
        check(
            json!({"type": "object", "required": ["a"], "maxProperties": 1, "additionalProperties": {"type": "string"}}),
            json!({"b": 1, "c": "c"}),
            &[
                "x TooMany(1) 2",
                "x.a Required null",
                r#"x[b] Type("string") "integer" x[b] in body must be of type string: "integer""#,
            ],
        );
        check(
            json!({"type": "array", "minItems": 3, "items": {"type": "object"},
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}),
            json!([{"k": 1, "v": 1}, {"k": 1, "v": 2}]),
            &[
                "x Bounds 2 x in body should have at least 3 items",
                r#"x[1] Duplicate {"k":1}"#,
            ],
        );
    }

    #[test]
    fn junctors() {
        let one = json!({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
        check(one.clone(), json!({"a": 1}), &[]);
        check(
            one,
            json!({"a": 1, "b": 1}),
            &[r#"x Bounds "" "x" must validate one and only one schema (oneOf). Found 2 valid alternatives"#],
        );
        check(
            json!({"not": {"enum": [1]}}),
            json!(1),
            &[r#"x Bounds "" "x" must not validate the schema (not)"#],
        );
    }

    #[test]
    fn recursive_definitions_compile() {
        let tree = json!({"type": "object", "properties": {
            "children": {"type": "array", "items": {"$ref": "#/definitions/Tree"}}}});
        let definitions = Map::from_iter([("Tree".to_owned(), tree.clone())]);
        let schema = Schema::compile_with(&tree, &definitions).unwrap();
        let found = schema.mistyped(&json!({"children": [{"children": [{"children": 1}]}]}));
        assert_eq!(found[0].path, "children[0].children[0].children");
        assert!(Schema::compile_with(&json!({"$ref": "#/definitions/None"}), &definitions).is_err());
    }
}
