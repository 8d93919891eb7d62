//! Field selectors: `status.phase!=Running,spec.nodeName=n1`, on the fields that a row offers.
//!
//! Rule: apimachinery's `fields.ParseSelector`; values escape `\`, `,` and `=` with a backslash.

use super::Row;
use crate::object::pluck;
use crate::status::ApiError;

/// A conjunction of conditions on fields; the empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    path: Vec<String>,
    equal: bool,
    value: String,
}

impl FieldSelector {
    /// Reads a selector for a kind.
    pub(crate) fn parse(text: &str, row: &Row) -> Result<Self, ApiError> {
        let terms = split(text, ',');
        let terms = terms.iter().filter(|term| !term.is_empty());
        let terms = terms
            .map(|term| Term::parse(term, text, row))
            .collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    /// Whether stored bytes match. An absent field is an empty one.
    pub(crate) fn matches(&self, bytes: &[u8]) -> bool {
        self.terms.iter().all(|term| {
            let path: Vec<&str> = term.path.iter().map(String::as_str).collect();
            let actual = pluck(bytes, &path).unwrap_or_default();
            (actual == term.value) == term.equal
        })
    }

    /// The same selector, for one name only.
    pub(crate) fn with_name(mut self, name: &str) -> Self {
        self.terms.push(Term {
            path: vec!["metadata".to_owned(), "name".to_owned()],
            equal: true,
            value: name.to_owned(),
        });
        self
    }

    /// Whether every object matches.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The one name that can match, if the selector says so.
    pub(crate) fn name(&self) -> Option<&str> {
        let named = |term: &&Term| term.equal && term.path == ["metadata", "name"];
        self.terms.iter().find(named).map(|term| term.value.as_str())
    }
}

impl Term {
    fn parse(term: &str, whole: &str, row: &Row) -> Result<Self, ApiError> {
        let (path, equal, value) = if let Some((path, value)) = term.split_once("!=") {
            (path, false, value)
        } else if let Some((path, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            (path, true, value)
        } else {
            return Err(ApiError::bad_request(format!(
                "invalid selector: '{whole}'; can't understand '{term}'"
            )));
        };
        if !supported(path, row) {
            // Kinds without fields of their own share a conversion, which has words of its own.
            return Err(ApiError::bad_request(match row.strategy.fields {
                [] if !row.custom => format!(
                    "\"{path}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                ),
                _ => format!("field label not supported: {path}"),
            }));
        }
        Ok(Self {
            path: location(path, row).split('.').map(str::to_owned).collect(),
            equal,
            value: unescape(value),
        })
    }
}

fn supported(path: &str, row: &Row) -> bool {
    path == "metadata.name"
        || (path == "metadata.namespace" && row.namespaced)
        || row.strategy.fields.contains(&path)
}

/// Where a label's value is, for the few whose name is not their path.
fn location<'p>(path: &'p str, row: &Row) -> &'p str {
    match (row.kind.as_str(), path) {
        ("Event", "source") => "source.component",
        _ => path,
    }
}

/// Splits at `separator` where no backslash precedes it.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut start, mut escaped, mut parts) = (0, false, Vec::new());
    for (at, c) in text.char_indices() {
        if c == separator && !escaped {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&text[start..]);
    parts
}

fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    fn check(selector: &str, expected: bool) {
        let row = Registry::new().get("", "v1", "pods").unwrap();
        let pod = br#"{"metadata":{"name":"a,b"},"spec":{"nodeName":"n1","hostNetwork":true}}"#;
        let selector = FieldSelector::parse(selector, &row).unwrap();
        assert_eq!(selector.matches(pod), expected, "{selector:?}");
    }

    #[test]
    fn conditions_on_fields() {
        check("", true);
        check("spec.nodeName=n1", true);
        check("spec.nodeName==n2", false);
        check("spec.nodeName!=n2,status.phase!=Running", true);
        check("status.phase=", true);
        check("metadata.name=a\\,b", true);
        check("spec.hostNetwork=true", true);
    }

    #[test]
    fn unknown_fields_are_refused() {
        let row = Registry::new().get("", "v1", "pods").unwrap();
        for bad in ["spec.image=x", "nonsense"] {
            assert_eq!(FieldSelector::parse(bad, &row).unwrap_err().code(), 400, "{bad}");
        }
    }
}
