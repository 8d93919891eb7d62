//! From the bytes of a request to a value, in the format that its content type names.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::protobuf;
use crate::status::ApiError;
use crate::syntax;

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
/// Bytes of a body that are shown when it is not understood.
const SHOWN_MAX: usize = 30;
/// Where kube-apiserver reads apiVersion and kind of a body into, as Go names it in messages.
const KIND_HEAD: &str =
    r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;

/// Why a body has no value.
enum Unread {
    /// It is in a format that is not read at all.
    Refused(ApiError),
    /// It is not what its format says it is.
    Malformed(String),
}

/// The body as an object of a kind.
pub(crate) fn object(headers: &HeaderMap, body: &Bytes, kind: &str) -> Result<Value, ApiError> {
    read(headers, body).map_err(|unread| match unread {
        Unread::Refused(error) => error,
        Unread::Malformed(why) => unrecognized(kind, &why, body),
    })
}

/// The body of which the kind is not known before it is read.
pub(crate) fn any(headers: &HeaderMap, body: &Bytes) -> Result<Value, ApiError> {
    read(headers, body).map_err(|unread| match unread {
        Unread::Refused(error) => error,
        Unread::Malformed(why) => ApiError::bad_request(why),
    })
}

/// 400: a body that cannot be seen to be of the kind.
pub(crate) fn unrecognized(kind: &str, why: &str, body: &[u8]) -> ApiError {
    ApiError::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): {why} ({})",
        summary(body)
    ))
}

/// What to show of a body: the beginning of an object, or bytes in hexadecimal digits.
fn summary(body: &[u8]) -> String {
    let shown = &body[..body.len().min(SHOWN_MAX)];
    let text = match body.first() {
        None => return "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(shown).into_owned(),
        Some(_) => shown.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    if body.len() > SHOWN_MAX {
        format!("{text} ...")
    } else {
        text
    }
}

fn read(headers: &HeaderMap, body: &Bytes) -> Result<Value, Unread> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = content_type.unwrap_or(JSON).split(';').next().unwrap_or_default();
    let value = match media.trim() {
        JSON | "*/*" | "" => from_json(body).map_err(|why| Unread::Malformed(no_kind(&why)))?,
        YAML | "application/x-yaml" | "text/yaml" => from_yaml(body).map_err(Unread::Malformed)?,
        protobuf::MEDIA_TYPE => return protobuf::decode(body).map_err(Unread::Refused),
        _ => {
            let read = [JSON, YAML, protobuf::MEDIA_TYPE];
            return Err(Unread::Refused(ApiError::unsupported_media_type(&read)));
        }
    };
    match schema::go_name(&value) {
        "object" => Ok(value),
        other => {
            let why = format!("json: cannot unmarshal {other} into Go value of type {KIND_HEAD}");
            Err(Unread::Malformed(no_kind(&why)))
        }
    }
}

fn no_kind(why: &str) -> String {
    format!("couldn't get version/kind; json parse error: {why}")
}

/// A value of JSON, or what is wrong with it in Go's words.
pub(crate) fn from_json(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| syntax::mistake(body).unwrap_or_else(|| error.to_string()))
}

/// A value of YAML, or what is wrong with it.
pub(crate) fn from_yaml(body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    // As kubectl reads it: 0644 is octal, and of a key that occurs twice the last value counts.
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        with_snippet: false,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| format!("yaml: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_shown_in_part() {
        for (body, expected) in [
            ("", "<empty>"),
            ("[1]", "5b315d"),
            (r#"{"a""#, r#"{"a""#),
            (
                r#"{"metadata": {"name": "aaaaaaaaaaaaa"}"#,
                r#"{"metadata": {"name": "aaaaaaa ..."#,
            ),
        ] {
            assert_eq!(summary(body.as_bytes()), expected, "{body}");
        }
    }
}
