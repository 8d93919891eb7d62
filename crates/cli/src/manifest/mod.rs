//! Manifests: the documents of files, folders and stdin, with the place of every part.
//!
//! ```text
//! arguments -> files -> documents -> (value, spans) -> check -> objects to create
//!                 \________ problems, all of them ________/
//! ```
//!
//! Everything is read before anything is judged, and everything is judged before anything is created.

use std::io::Read;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Source};

mod files;
pub mod split;
pub mod tree;

use tree::Spans;

/// One document: an object to create, still unchecked.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its file.
    pub source: Arc<Source>,
    /// What it says.
    pub value: Value,
    spans: Arc<Spans>,
    /// Where `value` lies in the document that was read: empty, or an item of a List.
    root: String,
}

impl Document {
    /// The string at `pointer`, if there is one.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer).and_then(Value::as_str)
    }

    /// Its kind, or the empty string.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("/kind").unwrap_or_default()
    }

    /// Whether it is a Workflow.
    #[must_use]
    pub fn is_workflow(&self) -> bool {
        self.kind() == "Workflow"
            && self
                .text("/apiVersion")
                .is_some_and(|version| version.starts_with("argoproj.io/"))
    }

    /// A problem with the value at `pointer`.
    #[must_use]
    pub fn problem(&self, pointer: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(&self.source, self.value_span(pointer), message)
    }

    /// A problem with the key at `pointer`.
    #[must_use]
    pub fn key_problem(&self, pointer: &str, message: impl Into<String>) -> Diagnostic {
        let span = self.spans.key(&format!("{}{pointer}", self.root));
        Diagnostic::at(&self.source, span, message)
    }

    /// The problem at the first place of `part` within its span, if it is there: of a long text, one tag.
    #[must_use]
    pub fn narrow(&self, mut problem: Diagnostic, part: &str) -> Diagnostic {
        let text = problem
            .span
            .as_ref()
            .and_then(|span| Some((span.start, self.source.text.get(span.clone())?)));
        let found = text
            .filter(|_| !part.is_empty())
            .and_then(|(start, text)| Some(start + text.find(part)?));
        if let Some(start) = found {
            problem.span = Some(start..start + part.len());
        }
        problem
    }

    /// Where the value at `pointer` lies: `file.yaml:3:5`.
    #[must_use]
    pub fn place(&self, pointer: &str) -> String {
        let start = self
            .value_span(pointer)
            .map_or(0, |span| span.start.min(self.source.text.len()));
        let before = &self.source.text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        format!("{}:{line}:{column}", self.source.name)
    }

    fn value_span(&self, pointer: &str) -> Option<Range<usize>> {
        self.spans.value(&format!("{}{pointer}", self.root))
    }
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The documents that could be read, in the order of the arguments.
    pub documents: Vec<Document>,
    /// What could not.
    pub problems: Vec<Diagnostic>,
}

/// Reads every document of `paths`: files, folders (their `.yaml`, `.yml` and `.json` files, in order of name, folders
/// below included) and `-`, which is `stdin`.
#[must_use]
pub fn load(paths: &[PathBuf], stdin: &mut dyn Read) -> Loaded {
    let mut loaded = Loaded::default();
    for path in paths {
        for source in files::read(path, stdin) {
            match source {
                Ok(source) => parse(&Arc::new(source), &mut loaded),
                Err(problem) => loaded.problems.push(problem),
            }
        }
    }
    loaded
}

/// Reads every document of one text.
#[must_use]
pub fn load_text(name: &str, text: &str) -> Loaded {
    let mut loaded = Loaded::default();
    let source = Source {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    parse(&Arc::new(source), &mut loaded);
    loaded
}

fn parse(source: &Arc<Source>, loaded: &mut Loaded) {
    let ranges = split::documents(&source.text);
    if ranges.is_empty() {
        let problem = Diagnostic::at(source, None, "there is no document in this file");
        loaded
            .problems
            .push(problem.hint("a manifest has at least apiVersion, kind and metadata"));
    }
    for range in ranges {
        match tree::read(&source.text[range.clone()], range.start) {
            Ok((Value::Null, _)) => {}
            Ok((value, spans)) => loaded
                .documents
                .extend(documents(source, value, &Arc::new(spans))),
            Err(broken) => {
                let problem = Diagnostic::at(source, broken.span, broken.message);
                loaded.problems.push(problem.hint(broken.hint));
            }
        }
    }
}

/// The document itself, or the items of a `kind: List`.
fn documents(source: &Arc<Source>, mut value: Value, spans: &Arc<Spans>) -> Vec<Document> {
    let is_list = value.get("kind").and_then(Value::as_str) == Some("List");
    let document = |value, root| Document {
        source: Arc::clone(source),
        value,
        spans: Arc::clone(spans),
        root,
    };
    match value.get_mut("items") {
        Some(Value::Array(items)) if is_list => {
            let items = std::mem::take(items);
            items
                .into_iter()
                .enumerate()
                .map(|(index, item)| document(item, format!("/items/{index}")))
                .collect()
        }
        _ => vec![document(value, String::new())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::render;
    use expect_test::expect;

    #[test]
    fn a_broken_document_hides_no_other() {
        let loaded = load_text("a.yaml", "kind: A\n---\nkind: [\n---\nkind: B\n---\n'x: 1\n");
        let kinds: Vec<_> = loaded.documents.iter().map(Document::kind).collect();
        assert_eq!(kinds, ["A", "B"]);
        assert_eq!(loaded.problems.len(), 2);
    }

    #[test]
    fn the_items_of_a_list_are_documents_with_places_of_their_own() {
        let loaded = load_text("a.yaml", "kind: List\nitems:\n- kind: A\n- kind: B\n  x: 1\n");
        assert_eq!(loaded.documents.len(), 2);
        expect![[r#"
            error: bad
             --> a.yaml:5:3
              |
            5 |   x: 1
              |   ^"#]]
        .assert_eq(&render(&loaded.documents[1].key_problem("/x", "bad"), 80, false));
    }

    #[test]
    fn a_file_without_documents_is_a_problem() {
        let loaded = load_text("a.yaml", "# nothing\n---\n");
        assert!(loaded.documents.is_empty());
        assert_eq!(loaded.problems.len(), 1);
    }

    #[test]
    fn folders_are_read_in_order_and_missing_files_have_their_sibling_suggested() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir(path("sub")).expect("a folder");
        for (name, text) in [
            ("b.yaml", "kind: B"),
            ("a.yml", "kind: A"),
            ("sub/c.json", "{\"kind\": \"C\"}"),
            ("d.txt", "no"),
        ] {
            std::fs::write(path(name), text).expect("a file");
        }
        let loaded = load(
            &[dir.path().to_owned(), path("a.yaml"), PathBuf::from("-")],
            &mut "kind: D".as_bytes(),
        );
        let kinds: Vec<_> = loaded.documents.iter().map(Document::kind).collect();
        assert_eq!(kinds, ["A", "B", "C", "D"]);
        let problem = &loaded.problems[0];
        assert!(problem.message.contains("does not exist"), "{problem:?}");
        assert_eq!(
            problem.hints,
            [format!("did you mean `{}`?", path("a.yml").display())]
        );
    }
}
