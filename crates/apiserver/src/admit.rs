//! Admission: from the bytes of a request to an object that fits its kind.
//!
//! ```text
//!   decode ─> identify (apiVersion, kind, name, namespace) ─> conform (unknown fields, types, defaults) ─> check
//! ```

use std::sync::OnceLock;

use bytes::Bytes;
use schema::{Rule, Schema, Violation};
use serde_json::{Value, json};

use crate::call::Call;
use crate::decode;
use crate::duplicates;
use crate::object::{meta, meta_mut};
use crate::partial::Scope;
use crate::registry::Row;
use crate::status::{ApiError, Cause};
use crate::strategy::metadata;

/// What to do about fields that nobody defined (`fieldValidation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strictness {
    Ignore,
    Warn,
    Strict,
}

/// Checks that the object is of the kind, version, namespace and name that the path says, and fills in what it leaves
/// out. Stored objects are in the storage version.
pub(crate) fn identify(call: &Call<'_>, object: &mut Value) -> Result<(), ApiError> {
    of_kind(call, object)?;
    place(call, object)
}

/// Checks that the object is of the kind and version that the path says, and fills in what it leaves out.
pub(crate) fn of_kind(call: &Call<'_>, object: &mut Value) -> Result<(), ApiError> {
    let row = &call.row;
    check_kind(call, object)?;
    object["apiVersion"] = row.stored_api_version.as_str().into();
    object["kind"] = row.kind.as_str().into();
    if !object["metadata"].is_null() && !object["metadata"].is_object() {
        return Err(undecodable(
            row,
            "json: cannot unmarshal metadata into Go struct field of type v1.ObjectMeta",
        ));
    }
    Ok(())
}

/// Refuses an object of another kind or version, in the words of what would read it on a real server.
fn check_kind(call: &Call<'_>, object: &Value) -> Result<(), ApiError> {
    let row = &call.row;
    let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    if kind.is_empty() && row.custom {
        let body = object.to_string();
        let why = format!("Object 'Kind' is missing in '{body}'");
        return Err(decode::unrecognized(&row.kind, &why, body.as_bytes()));
    }
    let fits =
        (kind.is_empty() || kind == row.kind) && (api_version.is_empty() || api_version == row.api_version);
    if fits {
        return Ok(());
    }
    if row.custom {
        return Err(ApiError::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({})",
            row.api_version
        )));
    }
    let (kind, api_version) = (or(kind, &row.kind), or(api_version, &row.api_version));
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let why = match call.server.registry.of_kind(api_version, kind) {
        Some(_) => format!(
            "converting ({version}.{kind}) to ({}.{}): unknown conversion",
            package(group),
            row.kind
        ),
        None => format!(
            "no kind \"{kind}\" is registered for version \"{api_version}\" in scheme \"pkg/runtime/scheme.go:111\""
        ),
    };
    Err(ApiError::bad_request(format!(
        "{kind} in version \"{version}\" cannot be handled as a {}: {why}",
        row.kind
    )))
}

fn or<'t>(text: &'t str, otherwise: &'t str) -> &'t str {
    if text.is_empty() { otherwise } else { text }
}

/// The Go package of a group's internal types, as messages name it.
fn package(group: &str) -> &str {
    or(group.split('.').next().unwrap_or_default(), "core")
}

/// Namespace and name of the object are those of the path.
pub(crate) fn place(call: &Call<'_>, object: &mut Value) -> Result<(), ApiError> {
    let (namespace, name) = (call.target.namespace.as_ref(), call.target.name.as_ref());
    let metadata = meta_mut(object);
    let own = |field: &str, metadata: &serde_json::Map<String, Value>| {
        metadata
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (own_namespace, own_name) = (own("namespace", metadata), own("name", metadata));
    if !call.row.namespaced {
        metadata.remove("namespace");
    } else if own_namespace.is_empty() {
        metadata.insert("namespace".to_owned(), namespace.into());
    } else if own_namespace != namespace {
        return Err(ApiError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    if name.is_empty() || own_name == name {
        return Ok(());
    }
    if !own_name.is_empty() {
        return Err(ApiError::bad_request(format!(
            "the name of the object ({own_name}) does not match the name on the URL ({name})"
        )));
    }
    metadata.insert("name".to_owned(), name.into());
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Makes the object fit its schema: types right, unknown fields gone, defaults filled in. Returns warnings.
///
/// `body` is what the object was decoded from, where that is the whole object: decoding hides keys that occur twice.
pub(crate) fn conform(
    call: &Call<'_>,
    object: &mut Value,
    body: Option<&Bytes>,
) -> Result<Vec<String>, ApiError> {
    let body = body.filter(|_| call.query.get("fieldValidation").is_some());
    let twice = body.map(|body| duplicates::find(body)).unwrap_or_default();
    let twice = twice
        .into_iter()
        .map(|path| format!("duplicate field \"{path}\""));
    fit(call, Scope::Whole, object, twice.collect()).map_err(|why| undecodable(&call.row, &why))
}

/// The same for what of an object is in `scope`; says in words why it does not fit.
pub(crate) fn conform_part(
    call: &Call<'_>,
    scope: Scope<'_>,
    object: &mut Value,
) -> Result<Vec<String>, String> {
    fit(call, scope, object, Vec::new())
}

fn fit(
    call: &Call<'_>,
    scope: Scope<'_>,
    object: &mut Value,
    mut mistakes: Vec<String>,
) -> Result<Vec<String>, String> {
    let row = &call.row;
    let strictness = strictness(call);
    check_types(row, object)?;
    mistakes.extend(prune(row, object));
    if let Some(schema) = row.schema() {
        schema.default(object);
    }
    if !scope.is_apart_from_desire(call) {
        (row.strategy.default)(object);
    }
    match strictness {
        Strictness::Strict if !mistakes.is_empty() => {
            Err(format!("strict decoding error: {}", mistakes.join(", ")))
        }
        Strictness::Warn => Ok(mistakes),
        Strictness::Strict | Strictness::Ignore => Ok(Vec::new()),
    }
}

/// The schema of every object's `metadata`.
fn metadata_schema() -> Option<&'static Schema> {
    static SCHEMA: OnceLock<Option<Schema>> = OnceLock::new();
    let reference = json!({"$ref": "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"});
    SCHEMA
        .get_or_init(|| Schema::compile_with(&reference, kinds::definitions()).ok())
        .as_ref()
}

/// Refuses what a typed decoder would not read. Of a custom kind that is its metadata; its schema checks the rest.
fn check_types(row: &Row, object: &Value) -> Result<(), String> {
    let wrong = if row.custom {
        metadata_schema().and_then(|schema| schema.undecodable("ObjectMeta", &object["metadata"]))
    } else {
        row.schema()
            .and_then(|schema| schema.undecodable(&row.kind, object))
    };
    wrong.map_or(Ok(()), Err)
}

/// Removes fields that nobody defined, and says which.
fn prune(row: &Row, object: &mut Value) -> Vec<String> {
    let line = |path: String| format!("unknown field \"{path}\"");
    let mut mistakes = Vec::new();
    if let Some(schema) = row.schema() {
        mistakes.extend(schema.unknown(object).into_iter().map(line));
        if !mistakes.is_empty() {
            schema.prune(object);
        }
    }
    let metadata = prune_metadata(object).into_iter().map(line);
    // A custom kind's metadata is read by itself, before the rest.
    let at = if row.custom { 0 } else { mistakes.len() };
    mistakes.splice(at..at, metadata);
    mistakes
}

fn prune_metadata(object: &mut Value) -> Vec<String> {
    let Some(schema) = metadata_schema() else {
        return Vec::new();
    };
    let unknown = schema.unknown(&object["metadata"]);
    if !unknown.is_empty() {
        schema.prune(&mut object["metadata"]);
    }
    unknown.iter().map(|path| format!("metadata.{path}")).collect()
}

fn strictness(call: &Call<'_>) -> Strictness {
    match call.query.get("fieldValidation") {
        Some("Ignore") => Strictness::Ignore,
        Some("Strict") => Strictness::Strict,
        _ => Strictness::Warn,
    }
}

pub(crate) fn undecodable(row: &Row, why: &str) -> ApiError {
    let (kind, version) = (&row.kind, &row.version);
    ApiError::bad_request(format!(
        "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
    ))
}

/// Checks an object that conforms.
pub(crate) fn check(row: &Row, object: &Value) -> Result<(), ApiError> {
    let mut causes = metadata::validate(row, object);
    causes.extend(schema_causes(row, object));
    causes.extend((row.strategy.validate)(object));
    verdict(row, object, &causes)
}

/// Checks an object against what it replaces; of a part (`status`) alone, what concerns it.
pub(crate) fn check_change(row: &Row, new: &Value, old: &Value, whole: bool) -> Result<(), ApiError> {
    let mut causes = metadata::validate(row, new);
    causes.extend(schema_causes(row, new));
    causes.extend(new_finalizers(new, old));
    causes.extend((row.strategy.validate_status)(new));
    if whole {
        causes.extend((row.strategy.validate_update)(new, old));
        if causes.is_empty() {
            causes.extend((row.strategy.validate)(new));
        }
    }
    verdict(row, new, &causes)
}

fn verdict(row: &Row, object: &Value, causes: &[Cause]) -> Result<(), ApiError> {
    if causes.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid(row, meta(object, "name"), causes))
    }
}

/// What breaks a custom kind's schema. Built-in kinds are checked by their types and strategies.
fn schema_causes(row: &Row, object: &Value) -> Vec<Cause> {
    let schema = row.schema().filter(|_| row.custom);
    let violations = schema.map(|schema| schema.validate(object)).unwrap_or_default();
    violations.into_iter().map(cause).collect()
}

/// What is being deleted gets no new finalizers.
fn new_finalizers(new: &Value, old: &Value) -> Option<Cause> {
    if old["metadata"]["deletionTimestamp"].is_null() {
        return None;
    }
    let before = old["metadata"]["finalizers"].as_array();
    let added: Vec<String> = new["metadata"]["finalizers"]
        .as_array()?
        .iter()
        .filter(|finalizer| !before.is_some_and(|before| before.contains(finalizer)))
        .map(Value::to_string)
        .collect();
    (!added.is_empty()).then(|| {
        let why = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            added.join(", ")
        );
        Cause::forbidden("metadata.finalizers", &why)
    })
}

/// A broken rule of a schema in the API's terms.
fn cause(violation: Violation) -> Cause {
    let Violation {
        path,
        rule,
        value,
        message,
    } = violation;
    match rule {
        Rule::Type(_) | Rule::Format => Cause::type_invalid(path, &value, &message),
        Rule::Required => Cause::required(path, ""),
        Rule::Enum(allowed) => {
            let words: Vec<String> = allowed
                .iter()
                .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            Cause::not_supported(path, &value, &words)
        }
        Rule::Bounds => Cause::invalid(path, &value, &message),
        Rule::TooLong(most) => Cause::too_long(path, usize::try_from(most).unwrap_or(usize::MAX)),
        Rule::TooMany(most) => Cause::too_many(path, &value, most),
        Rule::Duplicate => Cause::duplicate(path, &value),
    }
}

/// The metadata that the server sets on a new object.
pub(crate) fn stamp(call: &Call<'_>, object: &mut Value) {
    let (uid, now) = (call.server.host.uid(), call.server.now());
    let generation = call.row.strategy.generation;
    let metadata = meta_mut(object);
    for field in [
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    ] {
        metadata.remove(field);
    }
    metadata.insert("uid".to_owned(), uid.into());
    metadata.insert("creationTimestamp".to_owned(), now.into());
    if generation {
        metadata.insert("generation".to_owned(), json!(1));
    }
}
