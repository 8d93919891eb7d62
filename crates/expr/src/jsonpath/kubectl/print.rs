//! Writing what was selected: plain values as they are, maps and lists as JSON, blanks between.

use serde_json::Value as Json;

use super::execute::Item;

/// The texts of several items.
pub(super) fn texts(found: &[Item<'_>]) -> String {
    let texts: Vec<String> = found.iter().map(|item| text(item)).collect();
    texts.join(" ")
}

/// The text of one value.
pub(super) fn text(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::String(text) => text.clone(),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => crate::go::sprint(&crate::lang::Value::Float(float)),
            None => number.to_string(),
        },
        Json::Bool(value) => value.to_string(),
        Json::Array(_) | Json::Object(_) => {
            // Go writes maps in the order of their keys; ours may keep that of the document.
            let mut sorted = value.clone();
            sorted.sort_all_objects();
            escape_html(&sorted.to_string())
        }
    }
}

/// Go's JSON escapes what could end a script in a page.
fn escape_html(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}
