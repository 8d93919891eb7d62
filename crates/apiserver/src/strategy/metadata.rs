//! Checks of `metadata`, the same for every kind.

use meta::names::{check_label, check_subdomain};
use serde_json::{Map, Value, json};

use crate::registry::{NameRule, Row};
use crate::status::Cause;

/// Largest sum of keys and values of annotations, in bytes (256 KiB, as kube-apiserver).
const ANNOTATIONS_MAX: usize = 256 << 10;
/// Longest label value and longest name part of a key.
const WORD_MAX: usize = 63;

/// Checks the metadata of an object of a kind.
pub(crate) fn validate(row: &Row, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    check_name(row, &object["metadata"]["name"], &mut causes);
    check_labels(&object["metadata"]["labels"], &mut causes);
    check_annotations(&object["metadata"]["annotations"], &mut causes);
    check_owners(&object["metadata"]["ownerReferences"], &mut causes);
    check_finalizers(&object["metadata"]["finalizers"], &mut causes);
    causes
}

fn check_name(row: &Row, name: &Value, causes: &mut Vec<Cause>) {
    let text = name.as_str().unwrap_or_default();
    if text.is_empty() {
        causes.push(Cause::required(
            "metadata.name",
            "name or generateName is required",
        ));
        return;
    }
    let verdict = match row.strategy.name {
        NameRule::Label => check_label(text),
        NameRule::Subdomain => check_subdomain(text),
    };
    if let Err(why) = verdict {
        causes.push(Cause::invalid("metadata.name", name, &why));
    }
}

fn check_labels(labels: &Value, causes: &mut Vec<Cause>) {
    for (key, value) in labels.as_object().into_iter().flat_map(Map::iter) {
        check_key("metadata.labels", key, causes);
        let text = value.as_str().unwrap_or_default();
        if text.len() > WORD_MAX {
            let why = format!("must be no more than {WORD_MAX} bytes");
            causes.push(Cause::invalid("metadata.labels", value, &why));
        } else if !text.is_empty() && !is_word(text) {
            causes.push(Cause::invalid(
                "metadata.labels",
                value,
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                 must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
                 regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
            ));
        }
    }
}

fn check_annotations(annotations: &Value, causes: &mut Vec<Cause>) {
    let mut size = 0;
    for (key, value) in annotations.as_object().into_iter().flat_map(Map::iter) {
        check_key("metadata.annotations", &key.to_lowercase(), causes);
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > ANNOTATIONS_MAX {
        causes.push(Cause::too_long("metadata.annotations", ANNOTATIONS_MAX));
    }
}

/// A qualified name: `[subdomain/]word`.
fn check_key(field: &str, key: &str, causes: &mut Vec<Cause>) {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(p, n)| (Some(p), n));
    if let Some(Err(why)) = prefix.map(check_subdomain) {
        causes.push(Cause::invalid(field, &json!(key), &format!("prefix part {why}")));
    }
    let why = if name.is_empty() {
        "name part must be non-empty"
    } else if name.len() > WORD_MAX {
        "name part must be no more than 63 bytes"
    } else if !is_word(name) {
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
         alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
         '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    } else {
        return;
    };
    causes.push(Cause::invalid(field, &json!(key), why));
}

fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn check_owners(owners: &Value, causes: &mut Vec<Cause>) {
    let owners: &[Value] = owners.as_array().map_or(&[], Vec::as_slice);
    for (i, owner) in owners.iter().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().is_none_or(str::is_empty) {
                let path = format!("metadata.ownerReferences[{i}].{field}");
                causes.push(Cause::invalid(path, &json!(""), "must not be empty"));
            }
        }
    }
    let controllers: Vec<&str> = owners
        .iter()
        .filter(|owner| owner["controller"] == true)
        .filter_map(|owner| owner["name"].as_str())
        .collect();
    if let [first, second, ..] = controllers.as_slice() {
        let why = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {second}"
        );
        causes.push(Cause::invalid(
            "metadata.ownerReferences",
            &Value::Array(owners.to_vec()),
            &why,
        ));
    }
}

fn check_finalizers(finalizers: &Value, causes: &mut Vec<Cause>) {
    for finalizer in finalizers.as_array().into_iter().flatten() {
        check_key(
            "metadata.finalizers",
            finalizer.as_str().unwrap_or_default(),
            causes,
        );
    }
}
