//! Upstream's own linter cases and examples: what it accepts is accepted, what it refuses is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cli::check::{Rules, check_with};
use cli::diagnostic::render;
use cli::manifest::{Document, load};

const ARGO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/argo");

/// Cases that are judged otherwise, and why.
const OTHERWISE: [(&str, &str); 3] = [
    (
        "parameterizedGlobalArtifactsWithWorkflowTemplateRef",
        "the template it refers to is not among the files",
    ),
    (
        "wfUsingDependsManifest",
        "upstream only sorts its tasks: the templates they name do not exist",
    ),
    (
        "wfWithWFTRefAndOwnArtifactArgument",
        "the template it refers to is not among the files",
    ),
];

fn documents(path: PathBuf) -> Vec<Document> {
    load(&[path], &mut std::io::empty()).documents
}

/// The rows of a CSV file, by column.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines().map(cells);
    let header = lines.next().unwrap_or_default();
    lines
        .map(|cells| header.iter().cloned().zip(cells).collect())
        .collect()
}

/// The cells of one line: quoted ones double their quotes.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}

/// What is wrong with the documents of `path`, with `others` at hand.
fn problems(path: PathBuf, others: &[Document]) -> Vec<String> {
    let own = documents(path);
    let names: BTreeSet<&str> = own
        .iter()
        .filter_map(|document| document.text("/metadata/name"))
        .collect();
    let is_other = |document: &&Document| {
        document
            .text("/metadata/name")
            .is_some_and(|name| !names.contains(name))
    };
    let all: Vec<Document> = own
        .iter()
        .chain(others.iter().filter(is_other))
        .cloned()
        .collect();
    let rules = Rules {
        strict: false,
        whole: true,
        submit: true,
    };
    let source = own.first().map(|document| document.source.name.clone());
    let found = check_with(&all, rules).into_iter();
    let found = found.filter(|problem| problem.source.as_ref().map(|source| &source.name) == source.as_ref());
    found.map(|problem| render(&problem, 120, false)).collect()
}

#[test]
fn upstreams_linter_cases() {
    let folder = Path::new(ARGO).join("lint");
    let rows = rows(&Path::new(ARGO).join("lint.csv"));
    if rows.is_empty() {
        eprintln!("skipped: {ARGO} is not there");
        return;
    }
    let templates: Vec<Document> = documents(folder.clone())
        .into_iter()
        .filter(|document| document.kind().ends_with("WorkflowTemplate"))
        .collect();
    // Several of upstream's cases use one name for different manifests; which of them was kept is not said.
    let mut expected: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in &rows {
        expected
            .entry(&row["manifest_var"])
            .or_default()
            .insert(&row["expect"]);
    }
    let mut wrong = Vec::new();
    let judged = |manifest: &str| !OTHERWISE.iter().any(|(other, _)| *other == manifest);
    let cases = expected
        .iter()
        .filter(|(manifest, expected)| expected.len() == 1 && judged(manifest));
    for (manifest, expected) in cases.clone() {
        let found = problems(folder.join(format!("{manifest}.yaml")), &templates);
        if expected.contains("valid") != found.is_empty() {
            wrong.push(format!("{manifest}: expected {expected:?}\n{}", found.join("\n")));
        }
    }
    let cases = cases.count();
    assert!(
        wrong.is_empty(),
        "{} of {cases} cases are judged otherwise\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn upstreams_examples_are_accepted() {
    let folder = Path::new(ARGO).join("examples");
    let all = documents(folder);
    let rules = Rules {
        strict: true,
        whole: false,
        submit: true,
    };
    let mut wrong = Vec::new();
    // Two have no name, which the API server refuses.
    let is_named = |document: &&Document| {
        document
            .text("/metadata/name")
            .or(document.text("/metadata/generateName"))
            .is_some()
    };
    for document in all.iter().filter(is_named) {
        let found = check_with(std::slice::from_ref(document), rules);
        wrong.extend(found.iter().map(|problem| render(problem, 120, false)));
    }
    assert!(
        wrong.is_empty(),
        "{} problems\n\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}
