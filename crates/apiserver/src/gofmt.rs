//! Values as Go prints them (`%v`), for the messages that show them so.

use serde_json::Value;

/// `map[a:1 b:[x y]]`.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", join(items.iter().map(self::value))),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, item)| format!("{key}:{}", self::value(item)));
            format!("map[{}]", join(fields))
        }
        other => other.to_string(),
    }
}

fn join(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn maps_and_lists() {
    let shown = value(&serde_json::json!({"b": [1, "x", null], "a": {"c": true}}));
    assert_eq!(shown, "map[a:map[c:true] b:[1 x <nil>]]");
}
