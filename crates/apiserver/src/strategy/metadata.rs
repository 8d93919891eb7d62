//! Checks of `metadata`, the same for every kind. Rule: apimachinery's `ValidateObjectMeta`, and core's beside it.

use meta::names::{check_label, check_label_value, check_qualified, check_subdomain};
use serde_json::{Map, Value};

use crate::registry::{NameRule, Row};
use crate::status::Cause;

/// Largest sum of keys and values of annotations, in bytes (256 KiB, as kube-apiserver).
const ANNOTATIONS_MAX: usize = 256 << 10;
/// Finalizers that need no group before them.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// Checks the metadata of an object of a kind.
pub(crate) fn validate(row: &Row, object: &Value) -> Vec<Cause> {
    let metadata = &object["metadata"];
    let mut causes = Vec::new();
    check_name(row, metadata, &mut causes);
    check_labels(&metadata["labels"], &mut causes);
    check_annotations(&metadata["annotations"], &mut causes);
    check_owners(&metadata["ownerReferences"], &mut causes);
    check_finalizers(row, &metadata["finalizers"], &mut causes);
    causes
}

fn check_name(row: &Row, metadata: &Value, causes: &mut Vec<Cause>) {
    let rule = |name: &str| match row.strategy.name {
        NameRule::Label => check_label(name),
        NameRule::Subdomain => check_subdomain(name),
    };
    // A prefix may end with what a name may not: something follows it.
    if let Some(prefix) = metadata["generateName"]
        .as_str()
        .filter(|prefix| !prefix.is_empty())
        && let Err(why) = rule(&masked(prefix))
    {
        causes.push(Cause::invalid("metadata.generateName", &prefix.into(), &why));
    }
    let name = metadata["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        causes.push(Cause::required(
            "metadata.name",
            "name or generateName is required",
        ));
    } else if let Err(why) = rule(name) {
        causes.push(Cause::invalid("metadata.name", &name.into(), &why));
    }
}

/// A prefix whose last sign is replaced if it is a dash.
fn masked(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => format!("{rest}a"),
        _ => prefix.to_owned(),
    }
}

fn check_labels(labels: &Value, causes: &mut Vec<Cause>) {
    for (key, value) in labels.as_object().into_iter().flat_map(Map::iter) {
        check_key("metadata.labels", key, causes);
        if let Err(why) = check_label_value(value.as_str().unwrap_or_default()) {
            causes.push(Cause::invalid("metadata.labels", value, &why));
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

fn check_key(field: &str, key: &str, causes: &mut Vec<Cause>) {
    let mistakes = check_qualified(key);
    causes.extend(mistakes.iter().map(|why| Cause::invalid(field, &key.into(), why)));
}

fn check_owners(owners: &Value, causes: &mut Vec<Cause>) {
    const FIELD: &str = "metadata.ownerReferences";
    let list: &[Value] = owners.as_array().map_or(&[], Vec::as_slice);
    for owner in list {
        let text = |field: &str| owner[field].as_str().unwrap_or_default();
        let version = text("apiVersion");
        if version.is_empty() || version.matches('/').count() > 1 {
            let field = format!("{FIELD}.apiVersion");
            causes.push(Cause::invalid(
                field,
                &version.into(),
                "version must not be empty",
            ));
        }
        for field in ["kind", "name", "uid"] {
            if text(field).is_empty() {
                causes.push(Cause::invalid(
                    format!("{FIELD}.{field}"),
                    &"".into(),
                    "must not be empty",
                ));
            }
        }
        if (version, text("kind")) == ("v1", "Event") {
            let why = "/v1, Kind=Event is disallowed from being an owner";
            causes.push(Cause::invalid(FIELD, owner, why));
        }
    }
    let controllers = list.iter().filter(|owner| owner["controller"] == true);
    let names: Vec<String> = controllers
        .map(|owner| {
            ["kind", "name"]
                .map(|field| owner[field].as_str().unwrap_or_default())
                .join("/")
        })
        .collect();
    if let [first, second, ..] = names.as_slice() {
        let why = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {second}"
        );
        causes.push(Cause::invalid(FIELD, owners, &why));
    }
}

fn check_finalizers(row: &Row, finalizers: &Value, causes: &mut Vec<Cause>) {
    let names: Vec<&str> = finalizers
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (at, name) in names.iter().enumerate() {
        check_key("metadata.finalizers", name, causes);
        // Kinds of other groups than Kubernetes' own may name theirs as they like.
        if !row.custom && !row.is_crd() && !name.contains('/') && !STANDARD_FINALIZERS.contains(name) {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::invalid(
                format!("metadata.finalizers[{at}]"),
                &(*name).into(),
                why,
            ));
        }
    }
    if ["orphan", "foregroundDeletion"]
        .iter()
        .all(|both| names.contains(both))
    {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        causes.push(Cause::invalid("metadata.finalizers", finalizers, why));
    }
}
