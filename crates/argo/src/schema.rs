//! The schemas of Argo's kinds, with every field there is: for finding those there are not.
//!
//! (The CustomResourceDefinitions that are served are upstream's, which accept anything.)
//! References to core types point to definitions that `kinds` has.

use std::sync::OnceLock;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::core::REF_PREFIX;
use crate::{ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowEventBinding, WorkflowTemplate};

/// The kinds that people write.
const WRITTEN: [&str; 5] = [
    "ClusterWorkflowTemplate",
    "CronWorkflow",
    "Workflow",
    "WorkflowEventBinding",
    "WorkflowTemplate",
];

/// A reference to the definition of a kind that people write, to be looked up in [`definitions`].
pub fn schema(kind: &str) -> Option<Value> {
    WRITTEN
        .contains(&kind)
        .then(|| json!({"$ref": format!("{REF_PREFIX}{kind}")}))
}

/// Every definition of Argo's own types, by name, in OpenAPI v3.
pub fn definitions() -> &'static Map<String, Value> {
    static DEFINITIONS: OnceLock<Map<String, Value>> = OnceLock::new();
    DEFINITIONS.get_or_init(|| {
        let mut generator = SchemaSettings::openapi3().into_generator();
        collect(&mut generator);
        let mut definitions = generator.take_definitions(true);
        definitions.values_mut().for_each(plain_options);
        definitions
    })
}

/// Writes "this or null" as "this": a null stands for absence, and a rule that is broken inside is then shown
/// where it is broken and not as "none of two".
fn plain_options(schema: &mut Value) {
    let choices = schema.get("anyOf").and_then(Value::as_array);
    let wanted = choices.filter(|choices| choices.len() == 2).and_then(|choices| {
        let (first, second) = (&choices[0], &choices[1]);
        is_null(second)
            .then_some(first)
            .or(is_null(first).then_some(second))
            .cloned()
    });
    match (wanted, schema.as_object_mut()) {
        (Some(Value::Object(wanted)), Some(map)) => {
            map.remove("anyOf");
            map.extend(wanted);
        }
        (_, Some(map)) => map.values_mut().for_each(plain_options),
        (_, None) => {}
    }
    if let Some(items) = schema.as_array_mut() {
        items.iter_mut().for_each(plain_options);
    }
}

fn is_null(schema: &Value) -> bool {
    let only = |key: &str, value: Value| schema.get(key) == Some(&value);
    only("type", json!("null")) || only("const", Value::Null) || only("enum", json!([null]))
}

fn collect(generator: &mut SchemaGenerator) {
    generator.subschema_for::<ClusterWorkflowTemplate>();
    generator.subschema_for::<CronWorkflow>();
    generator.subschema_for::<Workflow>();
    generator.subschema_for::<WorkflowEventBinding>();
    generator.subschema_for::<WorkflowTemplate>();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_definition() {
        for kind in WRITTEN {
            assert!(schema(kind).is_some());
            assert!(definitions().contains_key(kind), "{kind}");
        }
        assert_eq!(schema("Pod"), None);
    }
}
