//! Every object says what it is and how it is called, and no two are called the same.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::manifest::Document;

/// What a document lacks.
pub(super) fn check(document: &Document) -> Vec<Diagnostic> {
    if !document.value.is_object() {
        return vec![document.problem(
            "",
            "a document must be a mapping with apiVersion, kind and metadata",
        )];
    }
    let mut problems = Vec::new();
    for field in ["apiVersion", "kind"] {
        problems.extend(required(document, &format!("/{field}"), field));
    }
    problems.extend(name(document));
    problems
}

fn required(document: &Document, pointer: &str, field: &str) -> Option<Diagnostic> {
    let problem = match document.value.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => return None,
        Some(Value::String(_)) => document.problem(pointer, format!("`{field}` is empty")),
        Some(Value::Null) | None => first_line(document, format!("`{field}` is missing")),
        Some(_) => document.problem(pointer, format!("`{field}` must be a string")),
    };
    let example = if field == "kind" {
        "Workflow"
    } else {
        argo::API_VERSION
    };
    Some(problem.hint(format!("a workflow has `{field}: {example}`")))
}

fn name(document: &Document) -> Option<Diagnostic> {
    let generated = document
        .text("/metadata/generateName")
        .is_some_and(|name| !name.is_empty());
    match document.value.pointer("/metadata/name") {
        Some(Value::String(name)) if !name.is_empty() => bad_name(document, name),
        None | Some(Value::Null) if generated => None,
        None | Some(Value::Null) => {
            let problem = match document.value.get("metadata") {
                Some(_) => document.key_problem("/metadata", "the object has no name"),
                None => first_line(document, "the object has no metadata, hence no name".to_owned()),
            };
            Some(problem.hint("give it metadata.name, or metadata.generateName for a new name each time"))
        }
        Some(Value::String(_)) => Some(document.problem("/metadata/name", "the name is empty")),
        Some(_) => Some(
            document
                .problem("/metadata/name", "the name must be a string")
                .hint("quote it, so that it is not read as something else"),
        ),
    }
}

fn bad_name(document: &Document, name: &str) -> Option<Diagnostic> {
    let why = meta::names::check_subdomain(name).err()?;
    // Cluster roles and the like are named more freely.
    document
        .is_workflow()
        .then(|| document.problem("/metadata/name", format!("`{name}` cannot be a name: {why}")))
}

/// A problem with the document as a whole is shown at its first field.
fn first_line(document: &Document, message: String) -> Diagnostic {
    let first = document.value.as_object().and_then(|map| map.keys().next());
    let pointer = first.map_or(String::new(), |key| {
        format!("/{}", crate::manifest::tree::escape(key))
    });
    document.key_problem(&pointer, message)
}

/// Documents of one kind, namespace and name.
pub(super) fn duplicates(documents: &[Document]) -> Vec<Diagnostic> {
    let mut first: BTreeMap<[&str; 4], &Document> = BTreeMap::new();
    let mut problems = Vec::new();
    for document in documents {
        let text = |pointer| document.text(pointer).unwrap_or_default();
        let group = text("/apiVersion").split_once('/').map_or("", |(group, _)| group);
        let key = [
            group,
            text("/kind"),
            text("/metadata/namespace"),
            text("/metadata/name"),
        ];
        if key[3].is_empty() {
            continue;
        }
        if let Some(other) = first.get(&key) {
            let message = format!("there are two of {} `{}`", key[1], key[3]);
            let problem = document.problem("/metadata/name", message);
            problems.push(problem.hint(format!("the other is {}", other.place("/metadata/name"))));
        } else {
            first.insert(key, document);
        }
    }
    problems
}
