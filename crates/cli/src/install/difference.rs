//! What differs between an object as it is and as it would be, line by line.

use serde_json::Value;

/// What the server keeps for itself.
const OF_THE_SERVER: [&str; 5] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
];

/// `path: before -> after` for each value that differs, in the order of paths.
pub fn differences(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", &as_told(before), &as_told(after), &mut found);
    found
}

/// An object as its writer tells it: without the server's own fields.
fn as_told(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|name, _| !OF_THE_SERVER.contains(&name.as_str()));
    }
    object
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                compare(&join(path, name), &before[name], &after[name], found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(&format!("{path}[{index}]"), one, other, found);
            }
        }
        _ if before == after => {}
        (Value::Null, _) => found.push(format!("{path}: {after} is added")),
        (_, Value::Null) => found.push(format!("{path}: {before} goes")),
        _ => found.push(format!("{path}: {before} -> {after}")),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else if name.contains(['.', '/']) {
        format!("{path}[{name}]")
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(before: &Value, after: &Value, expected: &[&str]) {
        assert_eq!(differences(before, after), expected);
    }

    #[test]
    fn values_that_differ_are_named() {
        check(
            &json!({"spec": {"replicas": 2, "image": "a"}}),
            &json!({"spec": {"replicas": 3, "image": "a"}}),
            &["spec.replicas: 2 -> 3"],
        );
        check(
            &json!({"args": ["a", "b"], "gone": 1}),
            &json!({"args": ["a", "c"], "new": true}),
            &["args[1]: \"b\" -> \"c\"", "gone: 1 goes", "new: true is added"],
        );
        check(
            &json!({"metadata": {"labels": {"a.b/c": "1"}}}),
            &json!({"metadata": {"labels": {"a.b/c": "2"}}}),
            &["metadata.labels[a.b/c]: \"1\" -> \"2\""],
        );
        check(
            &json!({"list": [1]}),
            &json!({"list": [1, 2]}),
            &["list: [1] -> [1,2]"],
        );
    }

    #[test]
    fn what_the_server_keeps_does_not_count() {
        check(
            &json!({"metadata": {"uid": "u", "resourceVersion": "1"}, "status": {"replicas": 1}}),
            &json!({"metadata": {"uid": "u", "resourceVersion": "2"}, "status": {}}),
            &[],
        );
    }
}
