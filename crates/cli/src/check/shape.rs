//! Unknown fields and wrong types, found by the kind's JSON Schema.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use argo::AnyString;
use meta::{Gvk, suggest};
use schema::{Rule, Schema, Unknown, Violation};
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::manifest::Document;
use crate::manifest::tree::escape;

/// What in `document` has no place in its kind, or has the wrong type. A kind that is not known here (a custom
/// resource) is let through: its server knows it.
pub(super) fn check(document: &Document, strict: bool) -> Vec<Diagnostic> {
    let version = document.text("/apiVersion").unwrap_or_default();
    match schema_of(&Gvk::from_api_version(version, document.kind())) {
        Some(schema) => against(document, &schema, strict),
        None => Vec::new(),
    }
}

/// Scalars become text wherever the schema has text.
pub(super) fn scalars_to_text(object: &mut Value) {
    let text = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let Some(schema) = schema_of(&Gvk::from_api_version(text("/apiVersion"), text("/kind"))) else {
        return;
    };
    for found in schema.mistyped(object) {
        let value = object
            .pointer_mut(&pointer(&found.path))
            .filter(|_| found.rule == Rule::Type("string"));
        let Some(value) = value.filter(|value| value.is_number() || value.is_boolean()) else {
            continue;
        };
        if let Ok(AnyString(text)) = serde_json::from_value(value.clone()) {
            *value = Value::String(text);
        }
    }
}

/// The schema of a kind, compiled at its first use.
fn schema_of(gvk: &Gvk) -> Option<Arc<Schema>> {
    type Compiled = Mutex<BTreeMap<String, Option<Arc<Schema>>>>;
    static COMPILED: OnceLock<Compiled> = OnceLock::new();
    let mut compiled = COMPILED
        .get_or_init(Compiled::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let key = format!("{}/{}", gvk.api_version(), gvk.kind);
    compiled
        .entry(key)
        .or_insert_with(|| compile(gvk).map(Arc::new))
        .clone()
}

/// Argo's kinds by their own types, in whose definitions core types are references to those of `kinds`.
fn compile(gvk: &Gvk) -> Option<Schema> {
    let compiled = if gvk.group == argo::GROUP {
        let mut definitions = kinds::definitions().clone();
        definitions.extend(argo::schema::definitions().clone());
        Schema::compile_with(&argo::schema::schema(&gvk.kind)?, &definitions)
    } else {
        Schema::compile_with(&kinds::schema(gvk)?, kinds::definitions())
    };
    // A test compiles them all; should one fail nevertheless, its server still checks the object.
    compiled
        .inspect_err(|why| tracing::error!("the schema of {}: {why}", gvk.kind))
        .ok()
}

fn against(document: &Document, schema: &Schema, strict: bool) -> Vec<Diagnostic> {
    let mut problems: Vec<Diagnostic> = schema
        .validate(&document.value)
        .iter()
        .map(|found| violation(document, found))
        .collect();
    if strict {
        problems.extend(
            schema
                .unknown_fields(&document.value)
                .iter()
                .map(|found| unknown(document, found)),
        );
    }
    problems
}

fn unknown(document: &Document, unknown: &Unknown) -> Diagnostic {
    let pointer = pointer(&unknown.path);
    let (parent, field) = split(&unknown.path);
    let problem = document.key_problem(&pointer, format!("unknown field `{field}`"));
    let known = unknown.known.iter().map(String::as_str);
    let problem = match suggest::nearest(field, known.clone()) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(fields(parent, &unknown.known)),
    };
    if parent.is_empty() {
        problem
    } else {
        problem.label(format!("not a field of `{parent}`"))
    }
}

/// What could be there instead, where nothing has a similar name.
fn fields(parent: &str, known: &[String]) -> String {
    const MANY: usize = 16;
    let place = if parent.is_empty() {
        "there".to_owned()
    } else {
        format!("in `{parent}`")
    };
    match known.len() {
        0 => format!("no fields are allowed {place}"),
        1..MANY => format!("the fields {place} are {}", known.join(", ")),
        _ => format!("none of the {} fields {place} has a similar name", known.len()),
    }
}

fn violation(document: &Document, violation: &Violation) -> Diagnostic {
    let pointer = pointer(&violation.path);
    let (_, field) = split(&violation.path);
    match &violation.rule {
        Rule::Type(wanted) => mistyped(
            document,
            &pointer,
            field,
            wanted,
            violation.value.as_str().unwrap_or_default(),
        ),
        Rule::Required => document.key_problem(&pointer, format!("`{}` is missing", violation.path)),
        Rule::Enum(known) => one_of(document, &pointer, field, &violation.value, known),
        Rule::TooLong(most) => document.problem(&pointer, format!("`{field}` is longer than {most} bytes")),
        Rule::TooMany(most) => document.problem(&pointer, format!("`{field}` has more than {most} entries")),
        Rule::Duplicate => document.problem(&pointer, format!("`{field}` is given twice")),
        Rule::Bounds | Rule::Format => document.problem(
            &pointer,
            format!("`{field}` is not allowed: {}", violation.message),
        ),
    }
}

fn mistyped(document: &Document, pointer: &str, field: &str, wanted: &str, is: &str) -> Diagnostic {
    let problem = document.problem(
        pointer,
        format!("`{field}` must be {}, not {}", article(wanted), article(is)),
    );
    problem.hint(match (wanted, is) {
        ("string", "object" | "array") => "write the text itself",
        ("string", _) => "put it in quotes",
        ("integer", _) => "write a whole number, without quotes",
        ("number", _) => "write a number, without quotes",
        ("boolean", _) => "write true or false, without quotes",
        ("array", _) => "begin each entry on a line of its own with `- `",
        _ => "write `name: value` lines below it, further to the right",
    })
}

fn one_of(document: &Document, pointer: &str, field: &str, value: &Value, known: &[Value]) -> Diagnostic {
    let names: Vec<&str> = known.iter().filter_map(Value::as_str).collect();
    let problem = document.problem(
        pointer,
        format!("`{field}` cannot be `{}`", value.as_str().unwrap_or_default()),
    );
    match value
        .as_str()
        .and_then(|word| suggest::nearest(word, names.iter().copied()))
    {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("it is one of {}", names.join(", "))),
    }
}

fn article(kind: &str) -> String {
    match kind {
        "object" => "a mapping".to_owned(),
        "array" => "a list".to_owned(),
        "integer" => "an integer".to_owned(),
        "null" => "null".to_owned(),
        other => format!("a {other}"),
    }
}

/// Splits off the last step of a path: `spec` and `entryPoint` of `spec.entryPoint`.
fn split(path: &str) -> (&str, &str) {
    let depth_zero_dot = path
        .rmatch_indices('.')
        .map(|(at, _)| at)
        .find(|at| !in_brackets(path, *at));
    match depth_zero_dot {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => ("", path),
    }
}

fn in_brackets(path: &str, at: usize) -> bool {
    let before = &path[..at];
    before.matches('[').count() > before.matches(']').count()
}

/// The JSON pointer of a path as Kubernetes writes it: `/spec/containers/0/name` of `spec.containers[0].name`.
pub(super) fn pointer(path: &str) -> String {
    let mut pointer = String::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[') {
            Some(inside) => inside.split_once(']').unwrap_or((inside, "")),
            None => {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        pointer.push('/');
        pointer.push_str(&escape(step));
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::render;
    use crate::manifest::load_text;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn check(text: &str, expected: &Expect) {
        let schema = Schema::compile(&json!({"type": "object", "properties": {"spec": {"type": "object", "required": ["templates"], "properties": {
            "entrypoint": {"type": "string"},
            "parallelism": {"type": "integer"},
            "podGC": {"type": "object", "properties": {"strategy": {"type": "string", "enum": ["OnPodCompletion", "OnPodSuccess"]}}},
            "templates": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        }}}}))
        .expect("a schema");
        let loaded = load_text("a.yaml", text);
        let problems = against(&loaded.documents[0], &schema, true);
        let shown: Vec<String> = problems
            .iter()
            .map(|problem| render(problem, 100, false))
            .collect();
        expected.assert_eq(&shown.join("\n\n"));
    }

    #[test]
    fn paths_become_pointers() {
        let check = |path: &str, expected: &str| assert_eq!(pointer(path), expected);
        check("", "");
        check("spec.containers[0].name", "/spec/containers/0/name");
        check("metadata.labels[a/b.c]", "/metadata/labels/a~1b.c");
        check("spec.steps[0][1].when", "/spec/steps/0/1/when");
        assert_eq!(split("metadata.labels[a.b]"), ("metadata", "labels[a.b]"));
    }

    #[test]
    fn every_schema_compiles() {
        for kind in [
            "Workflow",
            "WorkflowTemplate",
            "CronWorkflow",
            "ClusterWorkflowTemplate",
        ] {
            assert!(
                schema_of(&Gvk::new(argo::GROUP, argo::VERSION, kind)).is_some(),
                "{kind}"
            );
        }
        for kind in ["Pod", "ConfigMap", "Secret"] {
            assert!(schema_of(&Gvk::new("", "v1", kind)).is_some(), "{kind}");
        }
        assert!(schema_of(&Gvk::new("example.com", "v1", "Thing")).is_none());
    }

    #[test]
    fn unknown_fields_and_wrong_types_are_shown_where_they_are() {
        check(
            "spec:\n  entryPoint: main\n  parallelism: two\n  podGC: {strategy: OnPodComplete}\n  templates:\n  - name: 1\n",
            &expect![[r#"
                error: `parallelism` must be an integer, not a string
                 --> a.yaml:3:16
                  |
                3 |   parallelism: two
                  |                ^^^
                hint: write a whole number, without quotes

                error: `strategy` cannot be `OnPodComplete`
                 --> a.yaml:4:21
                  |
                4 |   podGC: {strategy: OnPodComplete}
                  |                     ^^^^^^^^^^^^^
                hint: did you mean `OnPodCompletion`?

                error: `name` must be a string, not an integer
                 --> a.yaml:6:11
                  |
                6 |   - name: 1
                  |           ^
                hint: put it in quotes

                error: unknown field `entryPoint`
                 --> a.yaml:2:3
                  |
                2 |   entryPoint: main
                  |   ^^^^^^^^^^ not a field of `spec`
                hint: did you mean `entrypoint`?"#]],
        );
        check(
            "spec:\n  entrypoint: {}\n  nonsense: 1\n",
            &expect![[r#"
                error: `spec.templates` is missing
                 --> a.yaml:1:1
                  |
                1 | spec:
                  | ^^^^

                error: `entrypoint` must be a string, not a mapping
                 --> a.yaml:2:15
                  |
                2 |   entrypoint: {}
                  |               ^
                hint: write the text itself

                error: unknown field `nonsense`
                 --> a.yaml:3:3
                  |
                3 |   nonsense: 1
                  |   ^^^^^^^^ not a field of `spec`
                hint: the fields in `spec` are entrypoint, parallelism, podGC, templates"#]],
        );
    }

    /// Every example of upstream's that its own linter accepts has only known fields and right types.
    #[test]
    fn upstreams_examples_have_the_right_shape() {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/conformance/argo/examples"
        );
        let loaded = crate::manifest::load(&[folder.into()], &mut std::io::empty());
        if loaded.documents.is_empty() {
            eprintln!("skipped: {folder} is not there");
            return;
        }
        let shown = |problem: &Diagnostic| render(problem, 120, false);
        // Upstream's reader lets a key be given twice; ours does not, as little as kubectl's.
        loaded
            .problems
            .iter()
            .for_each(|problem| eprintln!("not read: {}", shown(problem)));
        let mut problems: Vec<String> = Vec::new();
        for document in &loaded.documents {
            problems.extend(super::check(document, true).iter().map(shown));
        }
        assert!(
            problems.is_empty(),
            "{} problems\n{}",
            problems.len(),
            problems.join("\n\n")
        );
    }
}
