//! What is wrong with documents, before anything is created.
//!
//! ```text
//! every document     identity: apiVersion, kind, a name; no two of the same name
//! known kinds        shape: unknown fields, wrong types (JSON Schema)
//! workflows          meaning: templates, cycles, references (crate `workflow`)
//! ```

use serde_json::Value;
use workflow::contract::Library;

use crate::diagnostic::Diagnostic;
use crate::manifest::Document;

mod identity;
mod meaning;
mod shape;

/// How strict to be.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Fields that nobody defined are problems.
    pub strict: bool,
    /// Templates that are referred to must be among the documents: there is nowhere else for them to be.
    pub whole: bool,
    /// The workflows are about to run, so their arguments need values.
    pub submit: bool,
}

/// Reads numbers and booleans as text where the kind of `object` has text (`args: [sleep, 10]`), as Argo's command
/// line and its server do.
pub fn read_as_typed(object: &mut Value) {
    shape::scalars_to_text(object);
}

/// Every problem that keeps `documents` from being created, in their order.
#[must_use]
pub fn check(documents: &[Document]) -> Vec<Diagnostic> {
    check_with(
        documents,
        Rules {
            strict: true,
            whole: false,
            submit: true,
        },
    )
}

/// Every problem of `documents` under `rules`, in their order.
#[must_use]
pub fn check_with(documents: &[Document], rules: Rules) -> Vec<Diagnostic> {
    check_beside(documents, Library::default(), rules)
}

/// As [`check_with`], with templates that are elsewhere; those of the documents count before them.
#[must_use]
pub fn check_beside(documents: &[Document], elsewhere: Library, rules: Rules) -> Vec<Diagnostic> {
    let library = meaning::library(documents, elsewhere);
    let meaning = workflow::validate::Rules {
        whole: rules.whole,
        submit: rules.submit,
    };
    let mut problems = Vec::new();
    for document in documents {
        let mut found = identity::check(document);
        found.extend(shape::check(document, rules.strict));
        found.extend(meaning::check(document, &library, meaning));
        found.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        // Two rules of one schema may say the same.
        found.dedup();
        problems.extend(found);
    }
    problems.extend(identity::duplicates(documents));
    problems
}
