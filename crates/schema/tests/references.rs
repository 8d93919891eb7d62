//! References, and the ways to write a choice: what is behind them is validated, pruned and defaulted as if it
//! stood there.

use schema::Schema;
use serde_json::{Value, json};

/// A tree whose nodes refer to themselves, in each spelling of a reference.
fn tree() -> Schema {
    let definitions = json!({
        "Node": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"},
            "weight": {"type": "integer", "default": 1},
            "left": {"allOf": [{"$ref": "#/components/schemas/Node"}], "nullable": true},
            "right": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
            "children": {"type": "array", "items": {"$ref": "#/definitions/Alias"}},
            "extra": {"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "null"}]},
            "mode": {"oneOf": [{"const": "fast", "description": "quick"}, {"const": "slow"}]},
        }},
        "Alias": {"$ref": "#/definitions/Node"},
    });
    let definitions = definitions.as_object().cloned().unwrap_or_default();
    let root = json!({"type": "object", "properties": {"root": {"$ref": "#/definitions/Node"}}});
    Schema::compile_with(&root, &definitions).expect("the schema is well-formed")
}

fn check(node: &Value, unknown: &[&str], wrong: &[&str]) {
    let object = json!({"root": node});
    assert_eq!(tree().unknown(&object), unknown, "{node}");
    let paths: Vec<String> = tree()
        .validate(&object)
        .into_iter()
        .map(|found| found.path)
        .collect();
    assert_eq!(paths, wrong, "{node}");
}

#[test]
fn what_is_behind_a_reference_is_checked() {
    for place in ["left", "right"] {
        check(&json!({"name": "a", place: {"name": "b", place: null}}), &[], &[]);
        let unknown = format!("root.{place}.nam");
        let missing = format!("root.{place}.name");
        check(
            &json!({"name": "a", place: {"nam": "b"}}),
            &[&unknown],
            &[&missing],
        );
        let deep = format!("root.{place}.{place}.name");
        check(
            &json!({"name": "a", place: {"name": "b", place: {"name": 1}}}),
            &[],
            &[&deep],
        );
    }
    check(
        &json!({"name": "a", "children": [{"nam": "b"}]}),
        &["root.children[0].nam"],
        &["root.children[0].name"],
    );
    check(&json!({"name": "a", "extra": {"b": 1}}), &["root.extra.b"], &[]);
    check(&json!({"name": "a", "extra": null}), &[], &[]);
    check(&json!({"name": "a", "extra": 1}), &[], &["root.extra"]);
}

#[test]
fn constants_are_an_enumeration() {
    check(&json!({"name": "a", "mode": "fast"}), &[], &[]);
    check(&json!({"name": "a", "mode": "fats"}), &[], &["root.mode"]);
}

#[test]
fn defaults_behind_references_are_filled_in() {
    let mut object = json!({"root": {"name": "a", "left": {"name": "b"}, "children": [{"name": "c"}]}});
    tree().default(&mut object);
    let expected = json!({"root": {"name": "a", "weight": 1, "left": {"name": "b", "weight": 1},
        "children": [{"name": "c", "weight": 1}]}});
    assert_eq!(object, expected);
}

#[test]
fn a_circle_of_names_ends() {
    let definitions = json!({"a": {"$ref": "b"}, "b": {"$ref": "a"}});
    let definitions = definitions.as_object().cloned().unwrap_or_default();
    let circle = Schema::compile_with(&json!({"$ref": "a"}), &definitions).expect("it ends");
    assert_eq!(circle.validate(&json!({"x": 1})), []);
}
