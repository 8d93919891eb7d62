//! A YAML or JSON document as a JSON value, and where each of its parts lies in the text.
//!
//! Scalars are read as kubectl reads them (YAML 1.1): `yes` and `on` are true, `0644` is octal, `<<` merges.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};

/// Where the parts of a document lie, by JSON pointer (RFC 6901), in bytes of the whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    places: BTreeMap<String, Place>,
}

/// Where one part lies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

impl Spans {
    /// The key at `pointer`, or its value where it has no key (an item of a list, the document);
    /// of its nearest ancestor where it is not in the document at all.
    #[must_use]
    pub fn key(&self, pointer: &str) -> Option<Range<usize>> {
        self.nearest(pointer)
            .map(|place| place.key.clone().unwrap_or_else(|| place.value.clone()))
    }

    /// The value at `pointer`, or the key of its nearest ancestor where there is no such value.
    #[must_use]
    pub fn value(&self, pointer: &str) -> Option<Range<usize>> {
        match self.places.get(pointer) {
            Some(place) if !place.value.is_empty() => Some(place.value.clone()),
            _ => self.key(pointer),
        }
    }

    fn nearest(&self, pointer: &str) -> Option<&Place> {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return Some(place);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }
}

/// What the reader says of a document it cannot read.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Where, in bytes of the whole file.
    pub span: Option<Range<usize>>,
}

/// Reads one document, which begins `offset` bytes into its file.
///
/// # Errors
/// The text is not YAML, or has duplicate keys, unknown aliases or too many of them.
pub fn read(text: &str, offset: usize) -> Result<(Value, Spans), Broken> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true, with_snippet: false };
    let root: Spanned<Node> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| broken(&error, text, offset))?;
    let mut spans = Spans::default();
    let mut reader = Reader {
        text,
        offset,
        spans: &mut spans,
    };
    let value = reader.value(String::new(), None, root);
    Ok((value, spans))
}

fn broken(error: &serde_saphyr::Error, text: &str, offset: usize) -> Broken {
    let error = error.without_snippet();
    let message = message(error);
    let place = error.location().and_then(|location| range(&location, text));
    Broken {
        hint: hint(&message, text, place.as_ref().map_or(0, |at| at.start)),
        message,
        // An empty place still gets a caret.
        span: place.map(|at| at.start + offset..at.end.max(at.start + 1) + offset),
    }
}

/// What is wrong, in the reader's words except where those speak of its own settings.
fn message(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` is given twice"),
        Error::DuplicateMappingKey { .. } => "a key is given twice".to_owned(),
        Error::NonFiniteFloat { .. } => "a number must be finite".to_owned(),
        other => plain(&other.to_string()),
    }
}

/// What usually lies behind the message, or behind what stands around `at`.
fn hint(message: &str, text: &str, at: usize) -> String {
    if is_bare_tag(text, at) {
        return "a value that begins with `{{` must be quoted: \"{{...}}\"".to_owned();
    }
    let known = HINTS.iter().find(|(part, _)| message.contains(part));
    known.map_or(GENERAL_HINT, |(_, hint)| hint).to_owned()
}

/// Parts of the reader's messages, and what to do about them.
const HINTS: [(&str, &str); 6] = [
    (
        "illegal placement of ':'",
        "is a bracket, brace or quote left open before this place?",
    ),
    (
        "mapping values are not allowed",
        "is the indentation right? a value that contains `: ` must be quoted",
    ),
    ("unclosed quote", "close the quote"),
    ("tabs", "indent with blanks: YAML allows no tabs there"),
    (
        "unknown anchor",
        "define it with `&name` before it is used with `*name`",
    ),
    ("given twice", "keep one of the two"),
];

const GENERAL_HINT: &str = "look at the indentation and for open brackets and quotes just before this place";

/// Whether the line around `at` has a value that begins with `{{` and is not quoted, as people write
/// tags elsewhere.
fn is_bare_tag(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let value = line
        .split_once(": ")
        .or_else(|| line.split_once("- "))
        .map(|(_, value)| value);
    value.is_some_and(|value| value.trim_start().starts_with("{{"))
}

/// The message without the line and column that it may end with: the caret says those.
fn plain(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let end = message.find(" at line ").unwrap_or(message.len());
    message[..end].trim_end_matches(':').to_owned()
}

/// A location as a range of bytes of the document.
fn range(location: &Location, text: &str) -> Option<Range<usize>> {
    let span = location.span();
    let whole = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
    let start = whole(span.byte_offset())
        .or_else(|| offset_of(location, text))?
        .min(text.len());
    let length = whole(span.byte_len()).unwrap_or(0);
    Some(start..start.saturating_add(length).min(text.len()))
}

/// The byte that a line and a column (both from 1, in characters) name; some errors carry no more.
fn offset_of(location: &Location, text: &str) -> Option<usize> {
    let line = usize::try_from(location.line()).ok()?.checked_sub(1)?;
    let column = usize::try_from(location.column()).ok()?.saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = &text[start.min(text.len())..];
    let within = rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at);
    Some(start + within)
}

struct Reader<'a> {
    text: &'a str,
    offset: usize,
    spans: &'a mut Spans,
}

impl Reader<'_> {
    fn range(&self, location: &Location) -> Range<usize> {
        let found = range(location, self.text).unwrap_or(0..0);
        found.start + self.offset..found.end + self.offset
    }

    fn value(&mut self, pointer: String, key: Option<Range<usize>>, node: Spanned<Node>) -> Value {
        let place = Place {
            key,
            value: self.range(&node.referenced),
        };
        let value = match node.value {
            Node::Scalar(scalar) => as_kubectl(
                scalar,
                self.text.get(range(&node.defined, self.text).unwrap_or(0..0)),
            ),
            Node::List(items) => {
                let item = |(index, item)| self.value(format!("{pointer}/{index}"), None, item);
                Value::Array(items.into_iter().enumerate().map(item).collect())
            }
            Node::Map(entries) => Value::Object(self.entries(&pointer, entries)),
        };
        self.spans.places.insert(pointer, place);
        value
    }

    fn entries(
        &mut self,
        pointer: &str,
        entries: Vec<(Spanned<String>, Spanned<Node>)>,
    ) -> Map<String, Value> {
        let mut map = Map::new();
        for (key, value) in entries {
            let place = self.range(&key.referenced);
            let below = format!("{pointer}/{}", escape(&key.value));
            let value = self.value(below, Some(place), value);
            map.insert(key.value, value);
        }
        map
    }
}

/// The words that kubectl reads as booleans, in these spellings only: go-yaml's list.
const BOOLEANS: [&str; 22] = [
    "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "n", "N", "no", "No", "NO",
    "false", "False", "FALSE", "off", "Off", "OFF",
];

/// A scalar as kubectl reads its text, where our reader has another opinion of a plain one: `tRUE` is text, `08` a number.
fn as_kubectl(scalar: Value, text: Option<&str>) -> Value {
    let Some(text) = text.filter(|text| !text.starts_with(['"', '\'', '|', '>', '!', '&', '*'])) else {
        return scalar;
    };
    match scalar {
        Value::Bool(_) if !BOOLEANS.contains(&text) => Value::String(text.to_owned()),
        Value::String(same) if same == text && is_no_octal(text) => {
            let number = text.parse().ok().and_then(Number::from_f64);
            number.map_or(Value::String(same), Value::Number)
        }
        other => other,
    }
}

/// Whether digits begin like an octal number but are none: they are decimal then, with a fraction or without.
fn is_no_octal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let zero = digits.starts_with('0') && digits.contains(['8', '9']);
    zero && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// A key as a part of a JSON pointer.
#[must_use]
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A YAML node whose parts carry their places.
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number must be finite"))?;
        Ok(Node::Scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Scalar(Value::String(value)))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Node, E> {
        Err(E::custom("binary values have no place in a manifest"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{self, Diagnostic, Source};
    use expect_test::expect;
    use serde_json::json;

    fn check(text: &str, expected: &Value) {
        let (value, _) = read(text, 0).unwrap_or_else(|broken| panic!("{text}: {broken:?}"));
        assert_eq!(&value, expected, "{text}");
    }

    #[test]
    fn scalars_are_read_as_kubectl_reads_them() {
        check(
            "a: yes\nb: 'yes'\nc: off\n",
            &json!({"a": true, "b": "yes", "c": false}),
        );
        check(
            "a: [y, Y, N, n, On, OFF, Yes, NO]\nb: [yEs, tRUE, oN, nO]\n",
            &json!({"a": [true, true, false, false, true, false, true, false], "b": ["yEs", "tRUE", "oN", "nO"]}),
        );
        check(
            "a: [08, -09, 018, 1_000, 0o17, 0b11, 0x_1F, +1, 1., .5, 1e3, 0.8]\nb: !!str yes\nc: &x yEs\nd: *x\n",
            &json!({"a": [8.0, -9.0, 18.0, 1000, 15, 3, 31, 1, 1.0, 0.5, 1000.0, 0.8], "b": "yes", "c": "yEs", "d": "yEs"}),
        );
        check(
            "a: 0644\nb: 1e3\nc: 0x1f\nd: 12\n",
            &json!({"a": 420, "b": 1000.0, "c": 31, "d": 12}),
        );
        check(
            "a: ~\nb:\nc: null\nd: ''\n",
            &json!({"a": null, "b": null, "c": null, "d": ""}),
        );
        check(
            "a: 2020-01-01\nb: 1:30\n",
            &json!({"a": "2020-01-01", "b": "1:30"}),
        );
        check("- |\n  x\n  y\n- >-\n  x\n  y\n", &json!(["x\ny\n", "x y"]));
        check(
            "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\n",
            &json!({"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 3}}),
        );
        check("1: a\n", &json!({"1": "a"}));
        check(
            "{\"a\": [1, 2.5, \"\\u00e9\\n\"],\n\t\"b\": {}}\n",
            &json!({"a": [1, 2.5, "é\n"], "b": {}}),
        );
        check(
            "apiVersion: v1\nnumber: 12345678901234567890\n",
            &json!({"apiVersion": "v1", "number": 12_345_678_901_234_567_890_u64}),
        );
    }

    #[test]
    fn every_part_has_its_place() {
        let text = "é: 1\nspec:\n  steps:\n    - - name: one\n        when: \"a\"\n";
        let (_, spans) = read(text, 0).expect("a document");
        let key = |pointer| spans.key(pointer).map(|range| &text[range]);
        let value = |pointer| spans.value(pointer).map(|range| &text[range]);
        assert_eq!(key("/é"), Some("é"));
        assert_eq!(value("/é"), Some("1"));
        assert_eq!(key("/spec/steps"), Some("steps"));
        assert_eq!(key("/spec/steps/0/0/when"), Some("when"));
        assert_eq!(value("/spec/steps/0/0/when"), Some("\"a\""));
        assert_eq!(key("/spec/steps/0/0/missing"), key("/spec/steps/0/0"));
        assert_eq!(key("/spec/nothing/at/all"), Some("spec"));
    }

    #[test]
    fn places_count_from_the_start_of_the_file() {
        let text = "a: 1\n---\nb: 2\n";
        let (_, spans) = read(&text[5..], 5).expect("a document");
        assert_eq!(spans.key("/b").map(|range| &text[range]), Some("b"));
    }

    fn rendered(text: &str) -> String {
        let broken = read(text, 0).expect_err(text);
        let source = std::sync::Arc::new(Source {
            name: "a.yaml".to_owned(),
            text: text.to_owned(),
        });
        let problem = Diagnostic::at(&source, broken.span, broken.message).hint(broken.hint);
        diagnostic::render(&problem, 80, false)
    }

    #[test]
    fn broken_documents_say_where() {
        expect![[r#"
            error: illegal placement of ':' indicator
             --> a.yaml:2:2
              |
            2 | b: 3
              |  ^
            hint: is a bracket, brace or quote left open before this place?"#]]
        .assert_eq(&rendered("a: [1, 2\nb: 3\n"));
        expect![[r#"
            error: the key `a` is given twice
             --> a.yaml:2:1
              |
            2 | a: 2
              | ^
            hint: keep one of the two"#]]
        .assert_eq(&rendered("a: 1\na: 2\n"));
        expect![[r#"
            error: alias references unknown anchor
             --> a.yaml:1:4
              |
            1 | a: *x
              |    ^
            hint: define it with `&name` before it is used with `*name`"#]]
        .assert_eq(&rendered("a: *x\n"));
        expect![[r#"
            error: mapping values are not allowed in this context
             --> a.yaml:2:3
              |
            2 |  b: 2
              |   ^
            hint: is the indentation right? a value that contains `: ` must be quoted"#]]
        .assert_eq(&rendered("a: 1\n b: 2\n"));
        expect![[r#"
            error: unclosed quote
             --> a.yaml:1:4
              |
            1 | é: "x
              |    ^
            hint: close the quote"#]]
        .assert_eq(&rendered("é: \"x\n"));
        expect![[r#"
            error: tabs disallowed within this context (block indentation)
             --> a.yaml:2:2
              |
            2 |     - b
              |     ^
            hint: indent with blanks: YAML allows no tabs there"#]]
        .assert_eq(&rendered("a:\n\t- b\n"));
        expect![[r#"
            error: a number must be finite
             --> a.yaml:1:4
              |
            1 | a: .inf
              |    ^^^^
            hint: look at the indentation and for open brackets and quotes just before this place"#]]
        .assert_eq(&rendered("a: .inf\n"));
        expect![[r#"
            error: expected string scalar
             --> a.yaml:2:11
              |
            2 | - value: {{inputs.parameters.x}}
              |           ^
            hint: a value that begins with `{{` must be quoted: "{{...}}""#]]
        .assert_eq(&rendered("a:\n- value: {{inputs.parameters.x}}\n"));
    }
}
