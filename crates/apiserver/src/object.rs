//! Objects as bytes: how they are laid out so that answers need no re-encoding.
//!
//! ```text
//! {"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"42", ...}, ...}
//!                                             ^ the first occurrence, by construction
//! ```
//!
//! A [`Draft`] is encoded outside the store's lock and sealed with its revision inside it. Lists and watches splice the
//! sealed bytes. Reading one field of stored bytes ([`pluck`]) skips the rest without building it.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::partial::Raw;
use crate::status::ApiError;

const REVISION: &[u8] = b"\"resourceVersion\":\"";
const API_VERSION: &[u8] = b"{\"apiVersion\":\"";

/// Most digits of a revision.
const DIGITS_MAX: usize = 20;

/// An encoded object that still lacks the digits of its revision.
///
/// ```text
///   <room for digits>{"apiVersion": ... "resourceVersion":"", ...}
///                    └ head, moved forward when sealed ──┘└ tail, written once ┘
/// ```
pub(crate) struct Draft {
    bytes: Vec<u8>,
    tail_at: usize,
}

impl Draft {
    /// Encodes an object; its own `resourceVersion`, if any, is left out.
    pub(crate) fn new(object: &Value) -> Result<Self, ApiError> {
        Self::with_raw(object, &Raw::new())
    }

    /// Encodes an object of which some fields are text.
    pub(crate) fn with_raw(object: &Value, raw: &Raw<'_>) -> Result<Self, ApiError> {
        let size: usize = raw.values().map(|text| text.len()).sum();
        let mut out = Vec::with_capacity(DIGITS_MAX + 2048 + size);
        out.extend_from_slice(&[0; DIGITS_MAX]);
        out.extend_from_slice(b"{\"apiVersion\":");
        write(&mut out, &object["apiVersion"])?;
        out.extend_from_slice(b",\"kind\":");
        write(&mut out, &object["kind"])?;
        out.extend_from_slice(b",\"metadata\":{");
        out.extend_from_slice(REVISION);
        let tail_at = out.len();
        out.push(b'"');
        for (key, value) in object["metadata"].as_object().into_iter().flatten() {
            if key != "resourceVersion" {
                write_field(&mut out, key, Text::Of(value))?;
            }
        }
        out.push(b'}');
        for (key, text) in other_fields(object, raw) {
            write_field(&mut out, key, text)?;
        }
        out.push(b'}');
        Ok(Self { bytes: out, tail_at })
    }

    /// The object at `revision`.
    pub(crate) fn seal(self, revision: u64) -> Bytes {
        let (mut bytes, tail_at) = (self.bytes, self.tail_at);
        let digits = revision.to_string();
        let start = DIGITS_MAX - digits.len();
        bytes.copy_within(DIGITS_MAX..tail_at, start);
        bytes[tail_at - digits.len()..tail_at].copy_from_slice(digits.as_bytes());
        // It is kept for long: of a small object, nothing but itself.
        if bytes.len() < EXACT_BELOW {
            return Bytes::copy_from_slice(&bytes[start..]);
        }
        bytes.shrink_to_fit();
        Bytes::from(bytes).slice(start..)
    }
}

/// Objects below this size are copied to where nothing is wasted.
const EXACT_BELOW: usize = 64 << 10;

/// A field's value: to be written, or written already.
#[derive(Clone, Copy)]
enum Text<'v> {
    Of(&'v Value),
    Is(&'v str),
}

/// What comes after `metadata`, in order.
fn other_fields<'v>(object: &'v Value, raw: &'v Raw<'_>) -> BTreeMap<&'v str, Text<'v>> {
    let fields = object.as_object().into_iter().flatten();
    let fields = fields.map(|(key, value)| (key.as_str(), Text::Of(value)));
    let mut all: BTreeMap<&str, Text<'_>> = fields
        .filter(|(key, _)| !["apiVersion", "kind", "metadata"].contains(key))
        .collect();
    all.extend(raw.iter().map(|(key, text)| (&**key, Text::Is(text))));
    all
}

fn write(out: &mut Vec<u8>, value: &Value) -> Result<(), ApiError> {
    serde_json::to_writer(out, value).map_err(ApiError::internal)
}

/// `,"key":value`.
fn write_field(out: &mut Vec<u8>, key: &str, value: Text<'_>) -> Result<(), ApiError> {
    out.push(b',');
    serde_json::to_writer(&mut *out, key).map_err(ApiError::internal)?;
    out.push(b':');
    match value {
        Text::Of(value) => write(out, value),
        Text::Is(text) => {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
}

/// Stored bytes as an object.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(bytes).map_err(ApiError::internal)
}

/// The same object with another revision.
pub(crate) fn with_revision(bytes: &Bytes, revision: u64) -> Bytes {
    let Some(start) = find(bytes, REVISION).map(|at| at + REVISION.len()) else {
        return bytes.clone();
    };
    let digits = bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
    [
        &bytes[..start],
        revision.to_string().as_bytes(),
        &bytes[start + digits..],
    ]
    .concat()
    .into()
}

/// The same object without a revision.
pub(crate) fn without_revision(bytes: &Bytes) -> Bytes {
    let Some(start) = find(bytes, REVISION) else {
        return bytes.clone();
    };
    let value = start + REVISION.len();
    let end = value + bytes[value..].iter().take_while(|b| b.is_ascii_digit()).count() + 1;
    // The comma after it goes too.
    let end = end + usize::from(bytes.get(end) == Some(&b','));
    [&bytes[..start], &bytes[end..]].concat().into()
}

/// The same object under another `apiVersion` of its group (conversion strategy `None`).
pub(crate) fn with_api_version(bytes: &Bytes, api_version: &str) -> Bytes {
    let Some(rest) = bytes.strip_prefix(API_VERSION) else {
        return bytes.clone();
    };
    let end = rest.iter().position(|b| *b == b'"').unwrap_or(0);
    if &rest[..end] == api_version.as_bytes() {
        return bytes.clone();
    }
    [API_VERSION, api_version.as_bytes(), &rest[end..]]
        .concat()
        .into()
}

/// The same object without `apiVersion` and `kind`, which are these.
pub(crate) fn without_kind(bytes: &Bytes, api_version: &str, kind: &str) -> Bytes {
    let rest = bytes
        .strip_prefix(API_VERSION)
        .and_then(|rest| rest.strip_prefix(api_version.as_bytes()))
        .and_then(|rest| rest.strip_prefix(b"\",\"kind\":\""))
        .and_then(|rest| rest.strip_prefix(kind.as_bytes()))
        .and_then(|rest| rest.strip_prefix(b"\","));
    match rest {
        Some(rest) => [b"{", rest].concat().into(),
        None => bytes.clone(),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The scalar at a path of stored bytes, as text.
pub(crate) fn pluck(bytes: &[u8], path: &[&str]) -> Option<String> {
    let value = serde_json::from_str(text_at(bytes, path)?).ok()?;
    match value {
        Value::String(text) => Some(text),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The labels of stored bytes.
pub(crate) fn labels(bytes: &[u8]) -> BTreeMap<String, String> {
    let labels = text_at(bytes, &["metadata", "labels"]).and_then(|text| serde_json::from_str(text).ok());
    labels.unwrap_or_default()
}

/// The text of the value at a path of stored bytes: what comes before it is skipped unread, what comes after it not
/// looked at.
pub(crate) fn text_at<'b>(bytes: &'b [u8], path: &[&str]) -> Option<&'b str> {
    let mut found = None;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    // That the rest is left unread is an error that says nothing.
    let _ = Seek(path, &mut found).deserialize(&mut deserializer);
    found
}

struct Seek<'p, 'f, 'b>(&'p [&'p str], &'f mut Option<&'b str>);

impl<'de> DeserializeSeed<'de> for Seek<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.0.is_empty() {
            *self.1 = Some(<&RawValue>::deserialize(deserializer)?.get());
            return Ok(());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(());
        };
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if key == *first {
                return map.next_value_seed(Seek(rest, self.1));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// A text field of `metadata`; empty if absent.
pub(crate) fn meta<'v>(object: &'v Value, field: &str) -> &'v str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// The object's `metadata`, made if it is absent.
pub(crate) fn meta_mut(object: &mut Value) -> &mut Map<String, Value> {
    child(object, "metadata")
}

/// The map under `key`, made if it is absent or null.
pub(crate) fn child<'v>(object: &'v mut Value, key: &str) -> &'v mut Map<String, Value> {
    as_map(as_map(object).entry(key).or_insert(Value::Null))
}

/// The value as a map; anything else is replaced by an empty one.
fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        // Not reachable: an object was put there two lines above.
        _ => unreachable!("an object was just put there"),
    }
}

/// Sets a field to `value` unless it has one.
pub(crate) fn default_to(map: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    if map.get(key).is_none_or(Value::is_null) {
        map.insert(key.to_owned(), value.into());
    }
}

/// Whether the object still has finalizers.
pub(crate) fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|list| !list.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sealed() -> Bytes {
        let pod = json!({"kind": "Pod", "spec": {"nodeName": "n", "a": [{"nodeName": 1}]}, "apiVersion": "v1",
            "metadata": {"name": "p\"", "resourceVersion": "7", "labels": {"a": "b"}}});
        Draft::new(&pod).unwrap().seal(41)
    }

    #[test]
    fn the_revision_is_spliced() {
        let bytes = sealed();
        assert!(bytes.starts_with(
            b"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"41\","
        ));
        let mut object = read(&with_revision(&bytes, 12_345)).unwrap();
        assert_eq!(meta(&object, "resourceVersion"), "12345");
        object["metadata"]["resourceVersion"] = "41".into();
        assert_eq!(object, read(&bytes).unwrap());
        assert_eq!(
            read(&with_api_version(&bytes, "x/v2")).unwrap()["apiVersion"],
            "x/v2"
        );
        assert_eq!(with_api_version(&bytes, "v1"), bytes);
        assert!(without_kind(&bytes, "v1", "Pod").starts_with(b"{\"metadata\":{"));
        assert_eq!(without_kind(&bytes, "v1", "Node"), bytes);
    }

    #[test]
    fn fields_are_plucked() {
        let bytes = sealed();
        assert_eq!(pluck(&bytes, &["spec", "nodeName"]).as_deref(), Some("n"));
        assert_eq!(pluck(&bytes, &["metadata", "name"]).as_deref(), Some("p\""));
        assert_eq!(pluck(&bytes, &["spec", "nothing"]), None);
        assert_eq!(pluck(&bytes, &["kind", "nodeName"]), None);
        assert_eq!(labels(&bytes), BTreeMap::from([("a".into(), "b".into())]));
    }
}
