//! A JSON Merge Patch on text: what the patch does not name is copied, not parsed.
//!
//! ```text
//!   {"a":{"b":1,"c":[...]},"d":"..."}   +   {"a":{"b":2}}
//!        └ entered ┘└ copied ───────┘
//! ```
//!
//! The text's fields must be sorted, as `serde_json` writes them, wherever the patch enters: text and patch are then
//! merged as two sorted lists. The answer is what parsing, [`super::merge`] and writing give, byte for byte.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value};

/// The object in `target` after `patch`; `None` where the text is no object with sorted fields, or no JSON.
///
/// Only what is needed to find the fields is checked: the text is taken for JSON that was written by `serde_json`.
pub fn merge(target: &str, patch: &Map<String, Value>) -> Option<String> {
    let mut out = String::with_capacity(target.len() + 256);
    merge_into(&mut out, target, patch)?;
    Some(out)
}

fn merge_into(out: &mut String, target: &str, patch: &Map<String, Value>) -> Option<()> {
    let mut fields = Fields::of(target)?;
    let mut patch = patch.iter().peekable();
    let mut writer = Writer::begin(out);
    let mut last: Option<Cow<'_, str>> = None;
    while let Some(field) = fields.next()? {
        let name = field.name()?;
        if last.is_some_and(|last| last >= name) {
            return None;
        }
        while let Some((added, value)) = patch.next_if(|(added, _)| added.as_str() < &*name) {
            writer.add(added, value)?;
        }
        match patch.peek().map(|(changed, _)| changed.as_str().cmp(&name)) {
            Some(Ordering::Equal) => {
                let (_, value) = patch.next()?;
                writer.change(&field, value)?;
            }
            _ => writer.copy(&field),
        }
        last = Some(name);
    }
    patch.try_for_each(|(added, value)| writer.add(added, value))?;
    out.push('}');
    Some(())
}

/// Writes an object, field by field.
struct Writer<'o> {
    out: &'o mut String,
    first: bool,
}

impl<'o> Writer<'o> {
    fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
    }

    fn copy(&mut self, field: &Field<'_>) {
        self.comma();
        self.out.push_str(field.text);
    }

    /// A field that the target has.
    fn change(&mut self, field: &Field<'_>, patch: &Value) -> Option<()> {
        match patch {
            Value::Null => Some(()),
            Value::Object(patch) if field.value().starts_with('{') => {
                self.comma();
                self.out.push_str(&field.text[..field.value_at]);
                merge_into(self.out, field.value(), patch)
            }
            other => {
                self.comma();
                self.out.push_str(&field.text[..field.value_at]);
                self.fresh(other)
            }
        }
    }

    /// A field that the target does not have.
    fn add(&mut self, name: &str, patch: &Value) -> Option<()> {
        if patch.is_null() {
            return Some(());
        }
        self.comma();
        self.out.push_str(&serde_json::to_string(name).ok()?);
        self.out.push(':');
        self.fresh(patch)
    }

    /// A value that nothing is merged with: the nulls of its objects say what is not there anyway.
    fn fresh(&mut self, patch: &Value) -> Option<()> {
        let text = if patch.is_object() {
            let mut value = Value::Null;
            super::merge(&mut value, patch);
            serde_json::to_string(&value)
        } else {
            serde_json::to_string(patch)
        };
        self.out.push_str(&text.ok()?);
        Some(())
    }
}

/// A field of an object, as it is written.
struct Field<'t> {
    /// Name, colon and value.
    text: &'t str,
    name_end: usize,
    value_at: usize,
}

impl<'t> Field<'t> {
    fn name(&self) -> Option<Cow<'t, str>> {
        let quoted = &self.text[..self.name_end];
        if quoted.contains('\\') {
            serde_json::from_str(quoted).ok().map(Cow::Owned)
        } else {
            quoted.get(1..quoted.len() - 1).map(Cow::Borrowed)
        }
    }

    fn value(&self) -> &'t str {
        &self.text[self.value_at..]
    }
}

/// The fields of an object, one after the other.
struct Fields<'t> {
    text: &'t str,
    at: usize,
    first: bool,
}

impl<'t> Fields<'t> {
    fn of(text: &'t str) -> Option<Self> {
        let at = skip_space(text.as_bytes(), 0);
        (text.as_bytes().get(at) == Some(&b'{')).then_some(Self {
            text,
            at: at + 1,
            first: true,
        })
    }

    /// The next field: the outer `None` is text that is no JSON, the inner one the end.
    #[expect(
        clippy::option_option,
        reason = "the outer one is an error that `?` passes on"
    )]
    fn next(&mut self) -> Option<Option<Field<'t>>> {
        let bytes = self.text.as_bytes();
        let mut at = skip_space(bytes, self.at);
        match (bytes.get(at)?, std::mem::take(&mut self.first)) {
            (b'}', _) => return Some(None),
            (b',', false) => at = skip_space(bytes, at + 1),
            (_, true) => {}
            _ => return None,
        }
        let name_end = string_end(bytes, at)?;
        let colon = skip_space(bytes, name_end);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let value_at = skip_space(bytes, colon + 1);
        self.at = value_end(bytes, value_at)?;
        Some(Some(Field {
            text: self.text.get(at..self.at)?,
            name_end: name_end - at,
            value_at: value_at - at,
        }))
    }
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Where the value that begins at `at` ends.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => nested_end(bytes, at),
        _ => {
            let scalar = |byte: &&u8| !matches!(byte, b',' | b'}' | b']') && !byte.is_ascii_whitespace();
            let length = bytes[at..].iter().take_while(scalar).count();
            (length > 0).then_some(at + length)
        }
    }
}

/// Where the string whose quote is at `at` ends.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += bytes
            .get(at..)?
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\'))?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Where the object or list that begins at `at` ends.
fn nested_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(target: &str, patch: Value, expected: Option<&str>) {
        let Value::Object(patch) = patch else {
            panic!("patches are objects here");
        };
        assert_eq!(merge(target, &patch).as_deref(), expected, "{target} + {patch:?}");
    }

    #[test]
    fn fields_are_merged_in_their_order() {
        check("{}", json!({"a": 1}), Some(r#"{"a":1}"#));
        check(
            r#"{"b":1}"#,
            json!({"a": 1, "c": {"d": null}}),
            Some(r#"{"a":1,"b":1,"c":{}}"#),
        );
        check(
            r#"{"a":{"x":[1,{"y":"}"}]},"b":2}"#,
            json!({"a": {"z": 1}}),
            Some(r#"{"a":{"x":[1,{"y":"}"}],"z":1},"b":2}"#),
        );
        check(r#"{"a":1,"b":2}"#, json!({"a": null, "b": null}), Some("{}"));
        check(
            r#"{"a\"b":1,"c":"\\"}"#,
            json!({"a\"b": 2}),
            Some(r#"{"a\"b":2,"c":"\\"}"#),
        );
    }

    #[test]
    fn what_is_not_sorted_or_no_json_is_left_to_others() {
        for text in [
            "",
            "7",
            "[]",
            "{",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":"\"#,
            r#"{"a":1 "b":2}"#,
        ] {
            check(text, json!({"z": 1}), None);
        }
    }

    /// Values with names that are sorted by what they mean, not by how they are written.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            // Few digits: serde_json does not read all of a long fraction.
            (-9..9).prop_map(|quarters| json!(f64::from(quarters) / 4.0)),
            r#"[a-c"\\{}é]{0,4}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(r#"[a-c"\\\u{1}é]{0,2}"#, inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn text_is_merged_as_values_are(target in value(), patch in value()) {
            let (Value::Object(_), Value::Object(fields)) = (&target, &patch) else {
                return Ok(());
            };
            let text = serde_json::to_string(&target).unwrap();
            let mut expected: Value = serde_json::from_str(&text).unwrap();
            super::super::merge(&mut expected, &patch);
            prop_assert_eq!(merge(&text, fields).unwrap(), serde_json::to_string(&expected).unwrap());
        }

        #[test]
        fn no_text_makes_trouble(text in r#"[{}\[\]":,a\\ 1é]{0,24}"#, patch in value()) {
            if let Value::Object(patch) = patch {
                let _ = merge(&text, &patch);
            }
        }
    }
}
