//! A problem in a file: what, where, and what was perhaps meant.
//!
//! ```text
//! error: unknown field `entryPoint`
//!  --> hello.yaml:5:3
//!   |
//! 5 |   entryPoint: main
//!   |   ^^^^^^^^^^ not a field of a Workflow's spec
//!   |
//! hint: did you mean `entrypoint`?
//! ```

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::ui::style;

/// The text a problem lies in.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The file as the user named it, or `<stdin>`.
    pub name: String,
    /// All of its text.
    pub text: String,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, without a final period.
    pub message: String,
    /// The file.
    pub source: Option<Arc<Source>>,
    /// Where in the text, in bytes.
    pub span: Option<Range<usize>>,
    /// What to say at the place itself.
    pub label: String,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// A problem at `span` of `source`.
    #[must_use]
    pub fn at(source: &Arc<Source>, span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: Some(Arc::clone(source)),
            span,
            label: String::new(),
            hints: Vec::new(),
        }
    }

    /// A problem of no particular place in a file.
    #[must_use]
    pub fn general(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
            span: None,
            label: String::new(),
            hints: Vec::new(),
        }
    }

    /// Adds what to say at the place itself.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// The problem as text, at most `width` cells wide, with or without escape codes for colour.
#[must_use]
pub fn render(problem: &Diagnostic, width: usize, styled: bool) -> String {
    let renderer = if styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let title = Level::ERROR.primary_title(problem.message.as_str());
    let group = match (&problem.source, &problem.span) {
        (Some(source), Some(span)) => title.element(snippet(source, span, &problem.label)),
        (Some(source), None) => title.element(annotate_snippets::Origin::path(source.name.as_str())),
        (None, _) => annotate_snippets::Group::with_title(title),
    };
    let mut text = renderer.term_width(width).render(&[group]);
    for hint in &problem.hints {
        let label = if styled {
            style::paint(style::HINT, "hint")
        } else {
            "hint".to_owned()
        };
        text.push_str(&format!("\n{label}: {hint}"));
    }
    text
}

fn snippet<'a>(
    source: &'a Source,
    span: &Range<usize>,
    label: &'a str,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let annotation = AnnotationKind::Primary.span(within(&source.text, span));
    let annotation = if label.is_empty() {
        annotation
    } else {
        annotation.label(label)
    };
    Snippet::source(source.text.as_str())
        .path(source.name.as_str())
        .annotation(annotation)
}

/// `span` cut to the text and to its first line: a caret under a whole block says nothing.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = floor(text, span.start.min(text.len()));
    let end = floor(text, span.end.min(text.len())).max(start);
    let line_end = text[start..end].find('\n').map_or(end, |at| start + at);
    start..line_end
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn hello() -> Arc<Source> {
        Arc::new(Source {
            name: "hello.yaml".to_owned(),
            text: "kind: Workflow\nspec:\n  entryPoint: main\n".to_owned(),
        })
    }

    #[test]
    fn a_problem_shows_its_file_line_and_caret() {
        let problem = Diagnostic::at(&hello(), Some(23..33), "unknown field `entryPoint`")
            .label("not a field of a Workflow's spec")
            .hint("did you mean `entrypoint`?");
        expect![[r#"
            error: unknown field `entryPoint`
             --> hello.yaml:3:3
              |
            3 |   entryPoint: main
              |   ^^^^^^^^^^ not a field of a Workflow's spec
            hint: did you mean `entrypoint`?"#]]
        .assert_eq(&render(&problem, 80, false));
    }

    #[test]
    fn a_span_beyond_the_text_is_cut_to_it() {
        let problem = Diagnostic::at(&hello(), Some(15..4000), "unexpected end");
        expect![[r#"
            error: unexpected end
             --> hello.yaml:2:1
              |
            2 | spec:
              | ^^^^^"#]]
        .assert_eq(&render(&problem, 80, false));
    }

    #[test]
    fn a_problem_may_have_a_file_only_or_nothing() {
        let file = Diagnostic::at(&hello(), None, "no documents");
        expect![[r#"
            error: no documents
            --> hello.yaml"#]]
        .assert_eq(&render(&file, 80, false));
        expect!["error: two workflows are called `a`"].assert_eq(&render(
            &Diagnostic::general("two workflows are called `a`"),
            80,
            false,
        ));
    }
}
