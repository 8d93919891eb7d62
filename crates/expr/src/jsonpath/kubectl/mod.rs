//! kubectl's JSONPath: a text template over one document, as in `-o jsonpath='{.items[*].metadata.name}'`,
//! `valueFrom.jsonPath` and printer columns.
//!
//! ```text
//! names: {range .items[?(@.spec.replicas>1)]}{.metadata.name}{"\n"}{end}
//! ------ -------------------------------------------------------------
//! text   actions: paths, quoted texts, ranges
//! ```
//!
//! Maps are walked in the order of their keys.

mod compare;
mod execute;
mod parse;
mod print;

use std::fmt;

use serde_json::Value as Json;

/// A template, read once and executed on any number of documents.
#[derive(Clone, Debug)]
pub struct Template {
    nodes: Vec<Node>,
    allow_missing_keys: bool,
}

/// Why a template could not be read or executed: kubectl's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// A part of a template. An action is a list of parts, each applied to what the one before selected.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Action(Vec<Node>),
    Text(String),
    Field(String),
    /// `[from:to:step]`
    Slice(Slice),
    /// `[?(left operator right)]`; `exists` has no right side.
    Filter {
        left: Vec<Node>,
        operator: String,
        right: Vec<Node>,
    },
    Int(i64),
    Float(f64),
    Bool(bool),
    Wildcard,
    Recursive,
    Union(Vec<Vec<Node>>),
    /// `range`, `end`, or a word that means nothing.
    Word(String),
}

/// The bounds of a slice as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slice {
    from: Option<i64>,
    to: Option<i64>,
    step: Option<i64>,
    /// `[n]`: one item, and `to` is not written.
    single: bool,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// For an action that does not end, or holds what is not a path.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self {
            nodes: parse::parse(text, 0).map_err(Error)?,
            allow_missing_keys: false,
        })
    }

    /// Reads a path as kubectl's flags and printer columns have it, where the braces and the first dot may be
    /// missing: `spec.replicas`, `.spec.replicas`, `{.spec.replicas}`.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_relaxed(path: &str) -> Result<Self, Error> {
        let path = path.trim();
        let inner = path
            .strip_prefix('{')
            .and_then(|path| path.strip_suffix('}'))
            .unwrap_or(path);
        let dot = if inner.starts_with(['.', '[', '@', '$']) {
            ""
        } else {
            "."
        };
        Self::parse(&format!("{{{dot}{inner}}}"))
    }

    /// Makes a field that is not there select nothing, where it would be an error.
    #[must_use]
    pub fn allow_missing_keys(mut self) -> Self {
        self.allow_missing_keys = true;
        self
    }

    /// Executes the template and answers its text.
    ///
    /// # Errors
    /// For a field that is not there, an index out of bounds, a comparison of different types.
    pub fn execute(&self, document: &Json) -> Result<String, Error> {
        let results = execute::find(&self.nodes, document, self.allow_missing_keys).map_err(Error)?;
        Ok(results.iter().map(|found| print::texts(found)).collect())
    }

    /// What each part of the template selects, without making a text of it.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub fn find(&self, document: &Json) -> Result<Vec<Vec<Json>>, Error> {
        let results = execute::find(&self.nodes, document, self.allow_missing_keys).map_err(Error)?;
        let owned =
            |found: Vec<execute::Item<'_>>| found.into_iter().map(std::borrow::Cow::into_owned).collect();
        Ok(results.into_iter().map(owned).collect())
    }
}
