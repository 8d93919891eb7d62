//! Server-side apply: an object as one manager wants it, merged into what others want.
//!
//! A sound simplification of the real thing: managers and the fields they applied are recorded in
//! `metadata.managedFields`, a change of a field that another applier owns is a conflict unless forced, and fields that
//! a manager no longer applies are removed when nobody else owns them. Changes by other verbs are not attributed.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::create::create_object;
use super::fieldset::FieldSet;
use super::modify::{Changed, modify};
use crate::admit;
use crate::body::Answer;
use crate::call::Call;
use crate::decode;
use crate::object::{meta, meta_mut};
use crate::partial::Scope;
use crate::status::ApiError;

/// Applies the configuration in the body: creates the object or merges into it.
pub(crate) async fn apply(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let manager = call.query.get("fieldManager").unwrap_or_default();
    let wanted = decode::from_json(body).or_else(|_| decode::from_yaml(body));
    let mut wanted = wanted.map_err(|why| ApiError::bad_request(format!("error decoding YAML: {why}")))?;
    check_wanted(call, &wanted)?;
    admit::identify(call, &mut wanted)?;
    let fields = FieldSet::of(&wanted);
    let merged = modify(call, Scope::Whole, &|current| {
        merge(call, current, &wanted, manager, &fields)
    });
    let outcome = match merged {
        Err(error) if error.reason() == "NotFound" && call.target.subresource.is_empty() => {
            check_new(call, &wanted)?;
            let mut object = wanted.clone();
            record(call, &mut object, manager, &fields);
            object["apiVersion"] = call.row.api_version.as_str().into();
            let mut outcome = create_object(call, object, None)?;
            outcome.code = StatusCode::CREATED;
            outcome
        }
        outcome => outcome?,
    };
    call.answer(outcome).await
}

/// Refuses what no configuration may be, before anything is compared.
fn check_wanted(call: &Call<'_>, wanted: &Value) -> Result<(), ApiError> {
    let row = &call.row;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&wanted["apiVersion"]), text(&wanted["kind"]));
    let (group, number) = version.split_once('/').unwrap_or(("", &version));
    if (version.as_str(), kind.as_str()) != (row.api_version.as_str(), row.kind.as_str()) {
        return Err(ApiError::bad_request(format!(
            "invalid object type: {group}/{number}, Kind={kind}"
        )));
    }
    if !wanted["metadata"]["managedFields"].is_null() {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    let unknown = row
        .schema()
        .and_then(|schema| schema.unknown(wanted).into_iter().next());
    unknown.map_or(Ok(()), |path| {
        Err(ApiError::unclassified(format!(
            "failed to create typed patch object ({}/{}; {group}/{number}, Kind={kind}): .{path}: field not declared in \
             schema",
            meta(wanted, "namespace"),
            meta(wanted, "name"),
        )))
    })
}

/// An object that is to be made cannot be the one of a uid.
fn check_new(call: &Call<'_>, wanted: &Value) -> Result<(), ApiError> {
    let uid = meta(wanted, "uid");
    if uid.is_empty() {
        return Ok(());
    }
    let why =
        format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
    Err(ApiError::conflict_because(&call.row, &call.target.name, &why))
}

fn merge(call: &Call<'_>, current: &Value, wanted: &Value, manager: &str, fields: &FieldSet) -> Changed {
    let version = meta(wanted, "resourceVersion");
    if !version.is_empty() && version != meta(current, "resourceVersion") {
        return Err(ApiError::conflict(&call.row, &call.target.name));
    }
    let others = managers(current, manager, call.target.subresource);
    let mut conflicts = Vec::new();
    for (other, owned) in &others {
        for path in owned.intersection(fields) {
            if path.value(current) != path.value(wanted) {
                conflicts.push((other.clone(), path.to_string()));
            }
        }
    }
    let force = call.query.flag("force");
    if !conflicts.is_empty() && !force {
        return Err(ApiError::apply_conflict(&conflicts));
    }
    let mut object = current.clone();
    remove_abandoned(
        &mut object,
        current,
        manager,
        fields,
        &others,
        call.target.subresource,
    );
    match call.row.schema().filter(|_| !call.row.custom) {
        Some(schema) => schema
            .strategic_merge(&mut object, wanted)
            .map_err(ApiError::bad_request)?,
        None => schema::patch::merge(&mut object, wanted),
    }
    if force {
        take_over(&mut object, manager, fields);
    }
    record(call, &mut object, manager, fields);
    admit::identify(call, &mut object)?;
    let warnings = admit::conform(call, &mut object, None)?;
    Ok((object, warnings))
}

/// The other appliers of the object, as messages name them, with the fields each owns.
fn managers(object: &Value, but: &str, subresource: &str) -> Vec<(String, FieldSet)> {
    entries(object)
        .filter(|entry| entry["operation"] == "Apply" && !is_own(entry, but, subresource))
        .map(|entry| {
            let mut name = entry["manager"].to_string();
            if let Some(part) = entry["subresource"].as_str().filter(|part| !part.is_empty()) {
                name.push_str(&format!(" with subresource \"{part}\""));
            }
            (name, FieldSet::decode(&entry["fieldsV1"]))
        })
        .collect()
}

fn entries(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
}

fn is_own(entry: &Value, manager: &str, subresource: &str) -> bool {
    entry["manager"] == manager
        && entry["operation"] == "Apply"
        && entry["subresource"].as_str().unwrap_or_default() == subresource
}

/// Removes what the manager applied before and does not now, unless others own it too.
fn remove_abandoned(
    object: &mut Value,
    current: &Value,
    manager: &str,
    fields: &FieldSet,
    others: &[(String, FieldSet)],
    subresource: &str,
) {
    let own = entries(current).find(|entry| is_own(entry, manager, subresource));
    let Some(before) = own.map(|entry| FieldSet::decode(&entry["fieldsV1"])) else {
        return;
    };
    for path in before.difference(fields) {
        if !others.iter().any(|(_, owned)| owned.contains(path)) {
            path.remove(object);
        }
    }
}

/// Other appliers lose the fields that were forced.
fn take_over(object: &mut Value, manager: &str, fields: &FieldSet) {
    let Some(Value::Array(list)) = meta_mut(object).get_mut("managedFields") else {
        return;
    };
    for entry in list.iter_mut().filter(|entry| entry["manager"] != manager) {
        let rest = FieldSet::decode(&entry["fieldsV1"]).without(fields);
        entry["fieldsV1"] = rest.encode();
    }
}

/// Notes what the manager applied. The time changes only if the fields do, so that applying twice changes nothing.
fn record(call: &Call<'_>, object: &mut Value, manager: &str, fields: &FieldSet) {
    let encoded = fields.encode();
    let subresource = call.target.subresource;
    let (now, api_version) = (call.server.now(), call.row.api_version.clone());
    let metadata = meta_mut(object);
    if !metadata.get("managedFields").is_some_and(Value::is_array) {
        metadata.insert("managedFields".to_owned(), json!([]));
    }
    let Some(Value::Array(list)) = metadata.get_mut("managedFields") else {
        return;
    };
    if list
        .iter()
        .any(|entry| is_own(entry, manager, subresource) && entry["fieldsV1"] == encoded)
    {
        return;
    }
    list.retain(|entry| !is_own(entry, manager, subresource));
    let mut entry = json!({
        "manager": manager, "operation": "Apply", "apiVersion": api_version, "time": now,
        "fieldsType": "FieldsV1", "fieldsV1": encoded,
    });
    if !subresource.is_empty() {
        entry["subresource"] = subresource.into();
    }
    list.push(entry);
    let place = |entry: &Value| {
        ["time", "manager", "subresource"].map(|field| entry[field].as_str().map(str::to_owned))
    };
    list.sort_by_key(place);
}
