//! A case: what to create, which workflows to run, and how each must end.

use std::path::Path;

use serde_json::Value;

use crate::nodes::Expectation;

/// How a case's workflows end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// In this phase.
    Phase(String),
    /// In any: it throws dice.
    Random,
    /// Not at all: it waits for a person.
    Waits,
}

/// One case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// What there must be before the workflows are.
    pub(crate) others: Vec<Value>,
    pub(crate) workflows: Vec<Value>,
    pub(crate) ending: Ending,
    /// What the message of a workflow or of one of its nodes must be.
    pub(crate) message: Option<Message>,
    /// What some nodes must be.
    pub(crate) nodes: Vec<Expectation>,
    /// What the upstream controller left.
    pub(crate) tree: Option<Value>,
}

/// What is expected of a message.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Is(String),
    Contains(String),
}

impl Message {
    /// Whether it is as expected.
    pub(crate) fn fits(&self, message: &str) -> bool {
        match self {
            Self::Is(text) => message == text,
            Self::Contains(text) => message.contains(text.as_str()),
        }
    }
}

impl Case {
    /// Whether how it ends is a matter of chance, so that it may fail upstream too.
    pub(crate) fn throws_dice(&self) -> bool {
        let varies = self.tree.as_ref().is_some_and(|tree| tree["varies"].is_array());
        varies
            || self
                .workflows
                .iter()
                .any(|workflow| workflow.to_string().contains("random"))
    }
}

/// The documents of a file.
pub(crate) fn documents(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    // As Argo reads them: of two keys of one name the last counts.
    let options = serde_saphyr::options! { duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(&text, options).unwrap();
    documents
        .into_iter()
        .filter(|document| !document.is_null())
        .collect()
}

/// The tree that the upstream controller left for a case, if there is one.
pub(crate) fn tree(folder: &Path, kind: &str, name: &str) -> Option<Value> {
    let file = format!("{}.json", name.replace('/', "__"));
    let text = std::fs::read_to_string(folder.join("trees").join(kind).join(file)).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

/// A workflow under the name that the trees have it under: what it asks to begin with, without the hyphen.
pub(crate) fn named(mut workflow: Value) -> Value {
    let metadata = workflow["metadata"].as_object_mut().unwrap();
    if let Some(prefix) = metadata.remove("generateName") {
        let name = prefix.as_str().unwrap().trim_end_matches('-').to_owned();
        metadata.entry("name").or_insert(name.into());
    }
    metadata.remove("namespace");
    workflow
}
