//! How two answers differ, and which differences are meant.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde_json::Value;

use crate::play::Answer;
use crate::script::Step;

/// A place where the answers differ.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `code`, `header NAME`, or a JSON pointer into the body.
    at: String,
    real: Option<String>,
    embedded: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |side: &Option<String>| side.clone().unwrap_or_else(|| "(absent)".to_owned());
        write!(
            f,
            "  {}\n    real      {}\n    embedded  {}",
            self.at,
            show(&self.real),
            show(&self.embedded)
        )
    }
}

/// Every difference of two answers.
pub(crate) fn answers(real: &Answer, embedded: &Answer) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |at: String, real: Option<String>, embedded: Option<String>| {
        if real != embedded {
            found.push(Difference { at, real, embedded });
        }
    };
    differ(
        "code".to_owned(),
        Some(real.code.to_string()),
        Some(embedded.code.to_string()),
    );
    if real.code != embedded.code {
        // One is a refusal, or another: its words say all.
        let words = |answer: &Answer| answer.body.first().map(|body| body["message"].to_string());
        differ("/message".to_owned(), words(real), words(embedded));
        return found;
    }
    let names: BTreeSet<&String> = real
        .headers
        .iter()
        .chain(&embedded.headers)
        .map(|(name, _)| name)
        .collect();
    for name in names {
        differ(
            format!("header {name}"),
            header(real, name),
            header(embedded, name),
        );
    }
    if let ([real], [embedded]) = (real.body.as_slice(), embedded.body.as_slice()) {
        if std::mem::discriminant(real) != std::mem::discriminant(embedded) || real.is_string() {
            differ(
                "body".to_owned(),
                Some(real.to_string()),
                Some(embedded.to_string()),
            );
        }
        values(String::new(), Some(real), Some(embedded), &mut differ);
    } else {
        for at in 0..real.body.len().max(embedded.body.len()) {
            let (real, embedded) = (real.body.get(at), embedded.body.get(at));
            values(format!("/{at}"), real, embedded, &mut differ);
        }
    }
    found
}

fn header(answer: &Answer, name: &str) -> Option<String> {
    let values = answer.headers.iter().filter(|(key, _)| key == name);
    let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
    (!values.is_empty()).then(|| values.join(" | "))
}

fn values(
    at: String,
    real: Option<&Value>,
    embedded: Option<&Value>,
    differ: &mut impl FnMut(String, Option<String>, Option<String>),
) {
    match (real, embedded) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                values(at, one.get(key), other.get(key), differ);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                values(format!("{at}/{index}"), one.get(index), other.get(index), differ);
            }
        }
        // Whole bodies that are no objects are compared as they are.
        _ if at.is_empty() => {}
        (one, other) => differ(at, one.map(Value::to_string), other.map(Value::to_string)),
    }
}

/// Differences that are meant.
///
/// Of each block of lines the first `# ` lines are the reason; then `scenario | request | place`, with `*` for
/// anything, of the differences that it explains.
pub(crate) struct Allowed(Vec<Rule>);

struct Rule {
    line: String,
    scenario: String,
    request: String,
    at: String,
    used: Cell<bool>,
}

impl Allowed {
    pub(crate) fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let mut reason = false;
        let mut rules = Vec::new();
        for line in text.lines() {
            if line.trim().is_empty() {
                reason = false;
            } else if line.starts_with('#') {
                reason = true;
            } else {
                assert!(reason, "no reason is given for: {line}");
                rules.push(Rule::parse(line));
            }
        }
        Self(rules)
    }

    /// Whether a difference is meant.
    pub(crate) fn allows(&self, scenario: &str, step: &Step, difference: &Difference) -> bool {
        let title = step.title();
        let mut fitting = self.0.iter().filter(|rule| {
            matches(&rule.scenario, scenario)
                && matches(&rule.request, &title)
                && matches(&rule.at, &difference.at)
        });
        let rule = fitting.next();
        rule.is_some_and(|rule| {
            rule.used.set(true);
            true
        })
    }

    /// What says the rules that explain nothing.
    pub(crate) fn unused(&self) -> String {
        let unused = self.0.iter().filter(|rule| !rule.used.get());
        unused
            .map(|rule| format!("explains nothing any more: {}\n", rule.line))
            .collect()
    }
}

impl Rule {
    fn parse(line: &str) -> Self {
        let parts: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [scenario, request, at] = parts.as_slice() else {
            panic!("not `scenario | request | place`: {line}");
        };
        Self {
            line: line.to_owned(),
            scenario: (*scenario).to_owned(),
            request: (*request).to_owned(),
            at: (*at).to_owned(),
            used: Cell::new(false),
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(tail, &rest[at..]))
}

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("a*c", "abc", true),
        ("*", "", true),
        ("a", "ab", false),
        ("*b*", "abc", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}
