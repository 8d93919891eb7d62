//! The form of answers: whole objects, tables for people, or metadata alone.
//!
//! Rule: `Accept: application/json;as=Table;v=v1;g=meta.k8s.io, application/json` and its like. The first form in the
//! list that the server speaks is taken.

use bytes::Bytes;
use http::HeaderMap;
use http::header::ACCEPT;

use crate::call::Call;
use crate::object::{read, text_at, with_api_version};
use crate::registry::Row;
use crate::status::ApiError;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The object itself.
    Object,
    /// A `meta.k8s.io/v1` Table.
    Table,
    /// A `PartialObjectMetadata`.
    Metadata,
}

/// Reads the `Accept` header.
pub(crate) fn form(headers: &HeaderMap) -> Result<Form, ApiError> {
    let Some(accept) = headers.get(ACCEPT).and_then(|value| value.to_str().ok()) else {
        return Ok(Form::Object);
    };
    let mut ranges = accept.split(',').map(str::trim);
    if let Some(form) = ranges.clone().find_map(range_form) {
        return Ok(form);
    }
    let json = ranges.any(|range| is_json(range.split(';').next().unwrap_or_default().trim()));
    Err(if json {
        ApiError::no_such_form()
    } else {
        ApiError::not_acceptable()
    })
}

fn is_json(media: &str) -> bool {
    matches!(media, "application/json" | "*/*" | "application/*" | "")
}

fn range_form(range: &str) -> Option<Form> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next().is_some_and(is_json) {
        return None;
    }
    let mut form = Form::Object;
    for parameter in parts {
        match parameter.split_once('=') {
            Some(("as", "Table")) => form = Form::Table,
            Some(("as", "PartialObjectMetadata" | "PartialObjectMetadataList")) => form = Form::Metadata,
            Some(("as", _)) => return None,
            Some(("v", version)) if version != "v1" => return None,
            _ => {}
        }
    }
    Some(form)
}

/// Stored bytes as the caller's version and form have them.
pub(crate) fn object(call: &Call<'_>, bytes: Bytes) -> Result<Bytes, ApiError> {
    match call.form {
        Form::Object => Ok(versioned(&call.row, bytes)),
        Form::Metadata => Ok(metadata(&bytes)),
        Form::Table => {
            let object = read(&bytes)?;
            let table = call.printer().one(&object);
            Ok(table.to_string().into())
        }
    }
}

/// Stored bytes under the `apiVersion` of `row`.
pub(crate) fn versioned(row: &Row, bytes: Bytes) -> Bytes {
    if row.custom {
        with_api_version(&bytes, &row.api_version)
    } else {
        bytes
    }
}

/// The metadata of stored bytes alone.
pub(crate) fn metadata(bytes: &[u8]) -> Bytes {
    const HEAD: &str = r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#;
    let metadata = text_at(bytes, &["metadata"]).unwrap_or("{}");
    [HEAD, metadata, "}"].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, expected: Option<Form>) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        assert_eq!(form(&headers).ok(), expected, "{accept}");
    }

    #[test]
    fn forms() {
        check("application/json", Some(Form::Object));
        check("*/*", Some(Form::Object));
        check(
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            Some(Form::Table),
        );
        check(
            "application/json;as=Table;g=meta.k8s.io;v=v1beta1, application/json",
            Some(Form::Object),
        );
        check(
            "application/vnd.kubernetes.protobuf, application/json",
            Some(Form::Object),
        );
        check(
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Some(Form::Metadata),
        );
        check("application/vnd.kubernetes.protobuf", None);
    }
}
