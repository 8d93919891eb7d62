//! What is wrong with workflows beyond their shape: `workflow::validate`, with the other documents as its library.

use std::sync::Arc;

use argo::WorkflowSpec;
use workflow::contract::Library;
use workflow::validate::{Rules, validate};

use crate::diagnostic::Diagnostic;
use crate::manifest::Document;

/// The templates that the documents hold, over those that are elsewhere.
pub(super) fn library(documents: &[Document], elsewhere: Library) -> Library {
    let mut library = elsewhere;
    for document in documents {
        let into = match document.kind() {
            "WorkflowTemplate" => &mut library.templates,
            "ClusterWorkflowTemplate" => &mut library.cluster_templates,
            _ => continue,
        };
        let spec = document.value.get("spec").cloned().unwrap_or_default();
        if let (Some(name), Ok(spec)) = (
            document.text("/metadata/name"),
            serde_json::from_value::<WorkflowSpec>(spec),
        ) {
            into.insert(name.to_owned(), Arc::new(spec));
        }
    }
    library
}

/// What is wrong with one document.
pub(super) fn check(document: &Document, library: &Library, rules: Rules) -> Vec<Diagnostic> {
    let found = validate(&document.value, library, rules).into_iter();
    let shown = found.map(|problem| {
        let shown = document
            .problem(&problem.pointer, problem.message)
            .hint(problem.hint);
        document.narrow(shown, &problem.part)
    });
    shown.collect()
}
