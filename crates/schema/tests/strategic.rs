//! Strategic merge patches, as tables.
#![expect(clippy::needless_pass_by_value, reason = "literals read best as values")]

use schema::Schema;
use serde_json::{Value, json};

/// A pod and what is in it, with the merge keys that core types have.
fn pod() -> Schema {
    let text = || json!({"type": "string"});
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    let list = |of: &str, key: &str| {
        json!({"type": "array", "items": {"$ref": format!("#/definitions/{of}")},
            "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": key})
    };
    let definitions = json!({
        "Named": object(json!({"name": text(), "value": text()})),
        "Port": object(json!({"containerPort": {"type": "integer"}, "name": text()})),
        "Container": object(json!({
            "name": text(), "image": text(), "command": {"type": "array", "items": text()},
            "env": list("Named", "name"), "ports": list("Port", "containerPort"),
        })),
        "Spec": object(json!({
            "containers": list("Container", "name"), "volumes": list("Named", "name"),
            "nodeSelector": {"type": "object", "additionalProperties": text()},
            "selector": {"type": "object", "additionalProperties": text(), "x-kubernetes-patch-strategy": "replace"},
        })),
        "Meta": object(json!({
            "finalizers": {"type": "array", "items": text(), "x-kubernetes-patch-strategy": "merge"},
        })),
    });
    let pod =
        object(json!({"metadata": {"$ref": "#/definitions/Meta"}, "spec": {"$ref": "#/definitions/Spec"}}));
    let definitions = definitions.as_object().cloned().unwrap_or_default();
    Schema::compile_with(&pod, &definitions).expect("the schema is well-formed")
}

/// Patches the `spec` of a pod.
fn check(original: Value, change: Value, expected: Value) {
    let mut target = json!({"spec": original});
    pod()
        .strategic_merge(&mut target, &json!({"spec": change}))
        .expect("the patch applies");
    assert_eq!(target["spec"], expected, "with {change}");
}

fn refuse(change: Value, expected: &str) {
    let original = json!({"spec": {"containers": [{"name": "a"}], "volumes": [{"name": "v"}]}});
    let mut target = original.clone();
    let refused = pod()
        .strategic_merge(&mut target, &json!({"spec": change}))
        .expect_err("it is refused");
    assert_eq!(refused, expected, "with {change}");
    assert_eq!(target, original, "a refused patch changes nothing");
}

#[test]
fn objects_merge_and_null_removes() {
    check(
        json!({"nodeSelector": {"a": "1", "b": "2"}}),
        json!({"nodeSelector": {"a": null, "c": "3"}, "absent": null}),
        json!({"nodeSelector": {"b": "2", "c": "3"}}),
    );
}

#[test]
fn lists_with_a_merge_key_merge_by_it() {
    check(
        json!({"containers": [{"name": "nginx", "image": "nginx-1.0"}]}),
        json!({"containers": [{"name": "log-tailer", "image": "log-tailer-1.0"}]}),
        json!({"containers": [{"name": "log-tailer", "image": "log-tailer-1.0"}, {"name": "nginx", "image": "nginx-1.0"}]}),
    );
    check(
        json!({"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]}),
        json!({"containers": [{"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}]}]}),
        json!({"containers": [
            {"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]},
            {"name": "b"}]}),
    );
}

#[test]
fn lists_without_a_merge_key_are_replaced() {
    check(
        json!({"containers": [{"name": "a", "command": ["x", "y"]}]}),
        json!({"containers": [{"name": "a", "command": ["z"]}]}),
        json!({"containers": [{"name": "a", "command": ["z"]}]}),
    );
}

#[test]
fn numbers_are_merge_keys_too() {
    check(
        json!({"containers": [{"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 90}]}]}),
        json!({"containers": [{"name": "a", "ports": [{"containerPort": 90, "name": "x"}]}]}),
        json!({"containers": [{"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 90, "name": "x"}]}]}),
    );
}

#[test]
fn items_are_deleted_by_their_key() {
    check(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"containers": [{"$patch": "delete", "name": "a"}, {"$patch": "delete", "name": "nobody"}]}),
        json!({"containers": [{"name": "b"}]}),
    );
}

#[test]
fn lists_and_objects_are_replaced_where_the_patch_says_so() {
    check(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"containers": [{"name": "c"}, {"$patch": "replace"}]}),
        json!({"containers": [{"name": "c"}]}),
    );
    check(
        json!({"nodeSelector": {"a": "1"}}),
        json!({"nodeSelector": {"$patch": "replace", "b": "2"}}),
        json!({"nodeSelector": {"b": "2"}}),
    );
    check(
        json!({"nodeSelector": {"a": "1"}}),
        json!({"nodeSelector": {"$patch": "delete"}}),
        json!({"nodeSelector": {}}),
    );
    check(
        json!({"selector": {"a": "1"}}),
        json!({"selector": {"b": "2"}}),
        json!({"selector": {"b": "2"}}),
    );
    check(
        json!({"containers": [{"name": "a", "image": "1", "command": ["x"]}]}),
        json!({"containers": [{"name": "a", "image": "2"}]}),
        json!({"containers": [{"name": "a", "image": "2", "command": ["x"]}]}),
    );
}

#[test]
fn retain_keys_clears_the_others() {
    check(
        json!({"volumes": [{"name": "v", "value": "1", "old": {}}]}),
        json!({"volumes": [{"name": "v", "new": {}, "$retainKeys": ["name", "new"]}]}),
        json!({"volumes": [{"name": "v", "new": {}}]}),
    );
    refuse(
        json!({"volumes": [{"name": "v", "new": {}, "$retainKeys": ["name"]}]}),
        "the patch sets a field that its $retainKeys does not keep",
    );
}

#[test]
fn the_order_is_what_the_patch_says() {
    check(
        json!({"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
        json!({"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}, {"name": "d"}, {"name": "b"}],
            "containers": [{"name": "d"}]}),
        json!({"containers": [{"name": "c"}, {"name": "a"}, {"name": "d"}, {"name": "b"}]}),
    );
    check(
        json!({"containers": [{"name": "a"}, {"name": "b"}]}),
        json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}),
        json!({"containers": [{"name": "b"}, {"name": "a"}]}),
    );
    refuse(
        json!({"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "a"}]}),
        "The order in patch list containers doesn't match $setElementOrder list",
    );
}

#[test]
fn what_only_the_server_has_keeps_its_place() {
    check(
        json!({"containers": [{"name": "server"}, {"name": "a"}, {"name": "b"}]}),
        json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}),
        json!({"containers": [{"name": "server"}, {"name": "b"}, {"name": "a"}]}),
    );
}

/// Patches the finalizers of a pod, a set of scalars.
fn check_set(original: Value, change: Value, expected: Value) {
    let mut target = json!({"metadata": {"finalizers": original}});
    pod()
        .strategic_merge(&mut target, &json!({"metadata": change}))
        .expect("the patch applies");
    assert_eq!(
        target["metadata"],
        json!({"finalizers": expected}),
        "with {change}"
    );
}

#[test]
fn sets_of_scalars_merge() {
    check_set(
        json!(["a", "b"]),
        json!({"finalizers": ["b", "c"]}),
        json!(["a", "b", "c"]),
    );
    check_set(
        json!(["a", "b"]),
        json!({"$deleteFromPrimitiveList/finalizers": ["a", "z"]}),
        json!(["b"]),
    );
    check_set(
        json!(["a", "b", "c"]),
        json!({"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["d"],
            "$setElementOrder/finalizers": ["d", "c", "b"]}),
        json!(["d", "c", "b"]),
    );
}

#[test]
fn new_values_carry_no_directives() {
    check(
        json!({}),
        json!({"nodeSelector": {"a": "1", "b": null}, "containers": [
            {"name": "a", "$setElementOrder/env": [{"name": "X"}], "env": [{"name": "X"}, {"name": "Y", "$patch": "delete"}]}]}),
        json!({"nodeSelector": {"a": "1"}, "containers": [{"name": "a", "env": [{"name": "X"}]}]}),
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    refuse(
        json!({"containers": [{"image": "x"}]}),
        "map: {\"image\":\"x\"} does not contain declared merge key: name",
    );
    refuse(
        json!({"containers": [{"name": "a", "$patch": "burn"}]}),
        "unknown patch type: \"burn\"",
    );
    refuse(json!({"$patch": "burn"}), "unknown patch type: \"burn\"");
    refuse(
        json!({"containers": ["a"]}),
        "a merged list holds objects or scalars, not both, and no lists",
    );
    refuse(
        json!({"$deleteFromPrimitiveList/x": 1}),
        "invalid patch format of $deleteFromPrimitiveList list",
    );
}

#[test]
fn where_the_schema_ends_it_is_a_merge_patch() {
    let anything = Schema::compile(&json!({})).expect("the schema is well-formed");
    let mut target = json!({"a": {"b": 1, "c": 2}, "l": [1]});
    let patch = json!({"a": {"b": null}, "l": [2]});
    anything.strategic_merge(&mut target, &patch).expect("it applies");
    assert_eq!(target, json!({"a": {"c": 2}, "l": [2]}));
}
