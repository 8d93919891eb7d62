//! Merge patches from two versions of a value. Rule: RFC 7396.

use serde_json::{Map, Value};

/// The merge patch (RFC 7396) that makes one value into another; none if they are the same.
pub(crate) fn diff(old: &Value, new: &Value) -> Option<Value> {
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        return (old != new).then(|| new.clone());
    };
    let mut changes = Map::new();
    for field in before.keys().filter(|f| !after.contains_key(*f)) {
        changes.insert(field.clone(), Value::Null);
    }
    for (field, value) in after {
        let change = match before.get(field) {
            Some(old) => diff(old, value),
            None => Some(value.clone()),
        };
        changes.extend(change.map(|c| (field.clone(), c)));
    }
    (!changes.is_empty()).then_some(Value::Object(changes))
}
