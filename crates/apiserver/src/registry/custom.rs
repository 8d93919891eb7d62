//! CustomResourceDefinitions: their defaults, checks and conditions, and the rows they add.
//!
//! Rule: `apiextensions.k8s.io/v1`. A definition that passes the checks is served at once, so `NamesAccepted` and
//! `Established` are set in the write that creates it. Conversion is `None`: versions differ in `apiVersion` alone.

use std::sync::Arc;

use meta::names::{check_dns_1035, check_label, check_subdomain};
use schema::Schema;
use serde_json::{Value, json};

use super::row::{Columns, Row, RowSchema, Strategy, Subresources, prefix};
use crate::object::{child, default_to, meta};
use crate::status::Cause;

/// Fills in defaults.
pub(crate) fn default(crd: &mut Value) {
    let spec = child(crd, "spec");
    default_to(spec, "conversion", json!({"strategy": "None"}));
    let names = child(&mut crd["spec"], "names");
    let kind = names
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    default_to(names, "singular", kind.to_lowercase());
    default_to(names, "listKind", format!("{kind}List"));
}

/// Accepts a definition: the status says that it is served.
pub(crate) fn accept(crd: &mut Value) {
    let (names, stored) = (crd["spec"]["names"].clone(), storage_version(crd).to_owned());
    let since = meta(crd, "creationTimestamp").to_owned();
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": since});
    crd["status"] = json!({
        "acceptedNames": names,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "storedVersions": [stored],
    });
}

/// Checks a definition that has its defaults.
pub(crate) fn validate(crd: &Value) -> Vec<Cause> {
    let spec = &crd["spec"];
    let mut causes = Vec::new();
    check_names(crd, &mut causes);
    if !matches!(spec["scope"].as_str(), Some("Namespaced" | "Cluster")) {
        causes.push(Cause::not_supported(
            "spec.scope",
            &spec["scope"],
            &["Cluster", "Namespaced"],
        ));
    }
    if spec["conversion"]["strategy"] != "None" {
        causes.push(Cause::not_supported(
            "spec.conversion.strategy",
            &spec["conversion"]["strategy"],
            &["None"],
        ));
    }
    let versions = versions(crd);
    let stored = versions
        .iter()
        .filter(|version| version["storage"] == true)
        .count();
    if stored != 1 {
        let why = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid("spec.versions", &spec["versions"], why));
    }
    for (at, version) in versions.iter().enumerate() {
        check_version(version, &format!("spec.versions[{at}]"), &mut causes);
    }
    causes
}

/// What identifies the kind stays as it is.
pub(crate) fn validate_update(new: &Value, old: &Value) -> Vec<Cause> {
    [
        "/spec/group",
        "/spec/scope",
        "/spec/names/kind",
        "/spec/names/plural",
    ]
    .into_iter()
    .filter(|path| new.pointer(path) != old.pointer(path))
    .map(|path| {
        let field = path.trim_start_matches('/').replace('/', ".");
        Cause::invalid(
            field,
            new.pointer(path).unwrap_or(&Value::Null),
            "field is immutable",
        )
    })
    .collect()
}

fn check_names(crd: &Value, causes: &mut Vec<Cause>) {
    let spec = &crd["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    if group.is_empty() {
        causes.push(Cause::required("spec.group", ""));
    } else if let Err(why) = check_subdomain(&group) {
        causes.push(Cause::invalid("spec.group", &spec["group"], &why));
    }
    for field in ["plural", "singular", "kind", "listKind"] {
        let value = &spec["names"][field];
        let path = format!("spec.names.{field}");
        if text(value).is_empty() {
            causes.push(Cause::required(path, ""));
        } else if let Err(why) = check_name(field, &text(value)) {
            causes.push(Cause::invalid(path, value, &why));
        }
    }
    let expected = format!("{plural}.{group}");
    if meta(crd, "name") != expected {
        let why = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &crd["metadata"]["name"], why));
    }
}

/// Kinds may have capitals.
fn check_name(field: &str, name: &str) -> Result<(), String> {
    let lower = matches!(field, "plural" | "singular");
    let name = if lower {
        name.to_owned()
    } else {
        name.to_lowercase()
    };
    check_dns_1035(&name)
}

fn check_version(version: &Value, path: &str, causes: &mut Vec<Cause>) {
    if let Err(why) = check_label(version["name"].as_str().unwrap_or_default()) {
        causes.push(Cause::invalid(format!("{path}.name"), &version["name"], &why));
    }
    let schema = &version["schema"]["openAPIV3Schema"];
    if !schema.is_object() {
        causes.push(Cause::required(format!("{path}.schema.openAPIV3Schema"), ""));
    } else if let Err(why) = Schema::compile(schema) {
        let path = format!("{path}.schema.openAPIV3Schema");
        causes.push(Cause::invalid(path, &Value::Null, &why));
    }
}

fn versions(crd: &Value) -> &[Value] {
    crd["spec"]["versions"].as_array().map_or(&[], Vec::as_slice)
}

fn storage_version(crd: &Value) -> &str {
    let stored = versions(crd).iter().find(|version| version["storage"] == true);
    stored
        .and_then(|version| version["name"].as_str())
        .unwrap_or_default()
}

/// The rows of a definition: one for each version that is served.
pub(super) fn rows(crd: &Value) -> Vec<Row> {
    let served = versions(crd).iter().filter(|version| version["served"] == true);
    served.map(|version| row(crd, version)).collect()
}

fn row(crd: &Value, version: &Value) -> Row {
    let (spec, names) = (&crd["spec"], &crd["spec"]["names"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let words = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
    let (group, plural) = (text(&spec["group"]), text(&names["plural"]));
    let api_version = |version: &str| format!("{group}/{version}");
    let columns = version["additionalPrinterColumns"].as_array();
    Row {
        version: text(&version["name"]),
        kind: text(&names["kind"]),
        list_kind: text(&names["listKind"]),
        singular: text(&names["singular"]),
        short_names: words(&names["shortNames"]),
        categories: words(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        api_version: api_version(version["name"].as_str().unwrap_or_default()),
        stored_api_version: api_version(storage_version(crd)),
        prefix: prefix(&group, &plural),
        subresources: Subresources {
            status: version["subresources"]["status"].is_object(),
            ..Subresources::default()
        },
        columns: columns.map_or(Columns::Age, |columns| Columns::Custom(columns.clone())),
        strategy: Strategy {
            generation: true,
            status_may_change_metadata: false,
            unconditional_update: false,
            ..Strategy::default()
        },
        // Checked when the definition was admitted: a schema that does not compile is not stored.
        schema: RowSchema::Custom(
            Schema::compile(&version["schema"]["openAPIV3Schema"])
                .ok()
                .map(Arc::new),
        ),
        custom_schema: Some(version["schema"]["openAPIV3Schema"].clone()),
        custom: true,
        group,
        plural,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widget() -> Value {
        json!({"metadata": {"name": "widgets.x.dev"}, "spec": {
            "group": "x.dev", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [
                {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}},
                {"name": "v0", "served": true, "storage": false, "schema": {"openAPIV3Schema": {"type": "object"}}}]}})
    }

    #[test]
    fn a_definition_becomes_rows() {
        let mut crd = widget();
        default(&mut crd);
        assert_eq!(validate(&crd), []);
        let rows = rows(&crd);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].api_version, "x.dev/v0");
        assert_eq!(rows[1].stored_api_version, "x.dev/v1");
        assert_eq!(rows[0].singular, "widget");
        assert_eq!(rows[0].key("a", "b"), "x.dev/widgets/a/b");
    }

    #[test]
    fn a_bad_definition_is_refused() {
        let check = |path: &str, value: Value, field: &str| {
            let mut crd = widget();
            default(&mut crd);
            if let Some(at) = crd.pointer_mut(path) {
                *at = value;
            }
            let fields: Vec<String> = validate(&crd).into_iter().map(|cause| cause.field).collect();
            assert!(fields.iter().any(|f| f == field), "{path}: {fields:?}");
        };
        check("/metadata/name", json!("widgets"), "metadata.name");
        check("/spec/scope", json!("Galaxy"), "spec.scope");
        check("/spec/versions/0/storage", json!(false), "spec.versions");
        check(
            "/spec/versions/0/schema",
            json!({}),
            "spec.versions[0].schema.openAPIV3Schema",
        );
        check(
            "/spec/versions/0/schema/openAPIV3Schema/type",
            json!("blob"),
            "spec.versions[0].schema.openAPIV3Schema",
        );
    }
}
