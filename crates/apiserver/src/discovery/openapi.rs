//! OpenAPI documents, one per group and version, made from the registry's rows and their schemas.
//!
//! kubectl reads three things here: a kind's fields (`explain`, client-side validation), how lists merge (`apply`), and
//! from the parameters of a kind's paths whether the server validates fields itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use meta::hash::fnv1a_32;
use serde_json::{Map, Value, json};

use crate::registry::{Registry, Row};

const COMPONENTS: &str = "#/components/schemas/";
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The list of documents. Clients keep a document as long as its hash stays.
pub(super) fn index(registry: &Registry) -> Value {
    let mut paths = Map::new();
    for row in registry.rows() {
        let path = path_of(&row.group, &row.version);
        if !paths.contains_key(&path) {
            let text = document(registry, &path).unwrap_or_default().to_string();
            let hash = format!("{:08X}", fnv1a_32(text.as_bytes()));
            let url = format!("/openapi/v3/{path}?hash={hash}");
            paths.insert(path, json!({"serverRelativeURL": url}));
        }
    }
    json!({"paths": paths})
}

fn path_of(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

/// One document.
pub(super) fn document(registry: &Registry, path: &str) -> Option<Value> {
    let rows: Vec<Arc<Row>> = registry.rows();
    let rows: Vec<Arc<Row>> = rows
        .into_iter()
        .filter(|row| path_of(&row.group, &row.version) == path)
        .collect();
    rows.first()?;
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for row in &rows {
        let name = definition_name(row);
        schemas.insert(name.clone(), definition(row));
        paths.extend(row_paths(row, &name));
    }
    with_referenced(&mut schemas);
    Some(json!({
        "openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.35.0"}, "paths": paths,
        "components": {"schemas": schemas},
    }))
}

/// OpenAPI v2 has no schemas here: clients that ask for it fall back to the server's own validation.
pub(super) fn v2(_: &Registry) -> Value {
    json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.35.0"}, "paths": {}, "definitions": {}})
}

fn definition_name(row: &Row) -> String {
    if let Some(name) = kinds::definition_name(&row.gvk()) {
        return name.to_owned();
    }
    let reversed: Vec<&str> = row.group.split('.').rev().collect();
    format!("{}.{}.{}", reversed.join("."), row.version, row.kind)
}

fn definition(row: &Row) -> Value {
    if let Some(definition) =
        kinds::definition_name(&row.gvk()).and_then(|name| kinds::definitions().get(name))
    {
        return definition.clone();
    }
    let mut schema = row
        .custom_schema
        .clone()
        .unwrap_or_else(|| json!({"type": "object"}));
    let fields = crate::object::child(&mut schema, "properties");
    fields.insert(
        "apiVersion".to_owned(),
        json!({"type": "string", "description": "The version of the schema."}),
    );
    fields.insert(
        "kind".to_owned(),
        json!({"type": "string", "description": "The kind of the object."}),
    );
    let metadata = json!({"allOf": [{"$ref": format!("{COMPONENTS}{OBJECT_META}")}], "description": "Standard metadata."});
    fields.insert("metadata".to_owned(), metadata);
    schema["x-kubernetes-group-version-kind"] = json!([kind_of(row)]);
    schema
}

fn kind_of(row: &Row) -> Value {
    json!({"group": row.group, "version": row.version, "kind": row.kind})
}

/// Adds what the schemas refer to, and what that refers to.
fn with_referenced(schemas: &mut Map<String, Value>) {
    let mut waiting: BTreeSet<String> = BTreeSet::new();
    schemas
        .values()
        .for_each(|schema| references(schema, &mut waiting));
    while let Some(name) = waiting.pop_first() {
        if schemas.contains_key(&name) {
            continue;
        }
        let Some(definition) = kinds::definitions().get(&name) else {
            continue;
        };
        references(definition, &mut waiting);
        schemas.insert(name, definition.clone());
    }
}

fn references(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(name) = map
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|r| r.strip_prefix(COMPONENTS))
            {
                found.insert(name.to_owned());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// The paths of a row, with the parameters that clients look for.
fn row_paths(row: &Row, definition: &str) -> Vec<(String, Value)> {
    let scope = if row.namespaced {
        "namespaces/{namespace}/"
    } else {
        ""
    };
    let collection = format!("/{}/{scope}{}", path_of(&row.group, &row.version), row.plural);
    let operation = |action: &str, parameters: Value| {
        json!({
            "parameters": parameters, "x-kubernetes-action": action, "x-kubernetes-group-version-kind": kind_of(row),
            "responses": {"200": {"description": "OK", "content": {"application/json": {
                "schema": {"$ref": format!("{COMPONENTS}{definition}")}}}}},
        })
    };
    let writing = || json!([query("dryRun"), query("fieldManager"), query("fieldValidation")]);
    let reading = || {
        json!([
            query("labelSelector"),
            query("fieldSelector"),
            query("resourceVersion"),
            query("watch")
        ])
    };
    let whole = json!({
        "get": operation("list", reading()), "post": operation("post", writing()),
        "delete": operation("deletecollection", reading()),
    });
    let one = json!({
        "get": operation("get", json!([])), "put": operation("put", writing()),
        "patch": operation("patch", writing()), "delete": operation("delete", json!([query("dryRun")])),
    });
    let item = format!("{collection}/{{name}}");
    vec![(collection, whole), (item, one)]
}

fn query(name: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}})
}
