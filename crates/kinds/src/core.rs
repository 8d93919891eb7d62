//! Schemas of built-in kinds, from the typed ones.
//!
//! The definitions are OpenAPI v3 with Kubernetes' extensions for patches added ([`crate::merge_keys`]); they are made
//! once, at their first use. References are `#/components/schemas/NAME`.

use std::sync::OnceLock;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use meta::Gvk;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::merge_keys;

/// Where references point to.
const COMPONENTS: &str = "#/components/schemas/";
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";

/// Kinds that have a schema: group, version, kind, and the name of its definition.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("", "v1", "Binding", "io.k8s.api.core.v1.Binding"),
    ("", "v1", "ConfigMap", "io.k8s.api.core.v1.ConfigMap"),
    ("", "v1", "Event", "io.k8s.api.core.v1.Event"),
    ("", "v1", "Namespace", "io.k8s.api.core.v1.Namespace"),
    ("", "v1", "Node", "io.k8s.api.core.v1.Node"),
    (
        "",
        "v1",
        "PersistentVolume",
        "io.k8s.api.core.v1.PersistentVolume",
    ),
    (
        "",
        "v1",
        "PersistentVolumeClaim",
        "io.k8s.api.core.v1.PersistentVolumeClaim",
    ),
    ("", "v1", "Pod", "io.k8s.api.core.v1.Pod"),
    ("", "v1", "Secret", "io.k8s.api.core.v1.Secret"),
    ("", "v1", "Service", "io.k8s.api.core.v1.Service"),
    ("", "v1", "ServiceAccount", "io.k8s.api.core.v1.ServiceAccount"),
    (
        "coordination.k8s.io",
        "v1",
        "Lease",
        "io.k8s.api.coordination.v1.Lease",
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
    ),
];

/// The name of a kind's definition.
pub fn definition_name(gvk: &Gvk) -> Option<&'static str> {
    KINDS
        .iter()
        .find(|(group, version, kind, _)| {
            (*group, *version, *kind) == (&*gvk.group, &*gvk.version, &*gvk.kind)
        })
        .map(|(.., name)| *name)
}

/// A reference to a kind's definition, to be looked up in [`definitions`].
pub fn schema(gvk: &Gvk) -> Option<Value> {
    definition_name(gvk).map(|name| json!({"$ref": format!("{COMPONENTS}{name}")}))
}

/// Every definition, by name.
pub fn definitions() -> &'static Map<String, Value> {
    static DEFINITIONS: OnceLock<Map<String, Value>> = OnceLock::new();
    DEFINITIONS.get_or_init(generate)
}

fn generate() -> Map<String, Value> {
    let mut generator = SchemaSettings::openapi3().into_generator();
    collect(&mut generator);
    let mut definitions = generator.take_definitions(true);
    // A quantity may be written as a number.
    let quantity = json!({"description": "An amount of a resource, as 500m or 1.5Gi.",
        "oneOf": [{"type": "string"}, {"type": "number"}]});
    definitions.insert(QUANTITY.to_owned(), quantity);
    for (name, definition) in &mut definitions {
        if is_any_json(name) {
            *definition = json!({"x-kubernetes-preserve-unknown-fields": true});
        }
        open_if_bare(definition);
        merge_keys::annotate(name, definition);
        wrap_references(definition);
        mark_kind(name, definition);
    }
    definitions
}

fn collect(generator: &mut SchemaGenerator) {
    generator.subschema_for::<core::Binding>();
    generator.subschema_for::<core::ConfigMap>();
    generator.subschema_for::<core::Event>();
    generator.subschema_for::<core::Namespace>();
    generator.subschema_for::<core::Node>();
    generator.subschema_for::<core::PersistentVolume>();
    generator.subschema_for::<core::PersistentVolumeClaim>();
    generator.subschema_for::<core::Pod>();
    generator.subschema_for::<core::Secret>();
    generator.subschema_for::<core::Service>();
    generator.subschema_for::<core::ServiceAccount>();
    generator.subschema_for::<Lease>();
    generator.subschema_for::<TokenRequest>();
    generator.subschema_for::<CustomResourceDefinition>();
    // Its spec is part of a Workflow's too.
    generator.subschema_for::<PodDisruptionBudget>();
}

/// Pieces of a CRD's schema that may be of several types, though their definitions say "object".
fn is_any_json(name: &str) -> bool {
    let kind = name.rsplit('.').next().unwrap_or(name);
    matches!(
        kind,
        "JSON" | "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrBool" | "JSONSchemaPropsOrStringArray"
    )
}

/// An object without defined fields holds anything (`FieldsV1`, `RawExtension`).
fn open_if_bare(definition: &mut Value) {
    let bare = definition["type"] == "object"
        && definition.get("properties").is_none()
        && definition.get("additionalProperties").is_none();
    if bare {
        definition["x-kubernetes-preserve-unknown-fields"] = true.into();
    }
}

/// OpenAPI 3.0 ignores what stands beside a reference: a described reference becomes `allOf` with one.
fn wrap_references(definition: &mut Value) {
    let Some(properties) = definition.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for property in properties.values_mut() {
        let Some(map) = property.as_object_mut().filter(|map| map.len() > 1) else {
            continue;
        };
        if let Some(reference) = map.remove("$ref") {
            map.insert("allOf".to_owned(), json!([{"$ref": reference}]));
        }
    }
}

/// kubectl finds a kind's definition by this extension.
fn mark_kind(name: &str, definition: &mut Value) {
    if let Some((group, version, kind, _)) = KINDS.iter().find(|(.., definition)| *definition == name) {
        let gvk = json!([{"group": group, "version": version, "kind": kind}]);
        definition["x-kubernetes-group-version-kind"] = gvk;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_definition_and_every_reference_its_target() {
        let definitions = definitions();
        for (.., name) in KINDS {
            assert!(definitions.contains_key(*name), "{name}");
        }
        let text = serde_json::to_string(definitions).unwrap();
        for reference in text.split(COMPONENTS).skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(definitions.contains_key(name), "{name}");
        }
    }

    #[test]
    fn lists_that_merge_say_so() {
        let containers = &definitions()["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
        assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
        assert_eq!(containers["x-kubernetes-patch-strategy"], "merge");
    }
}
