//! What an expression answers when it cannot be compiled or run: a message and the place it is about.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// When an expression was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is not a valid expression, or its types do not fit: it would fail with any input.
    Compile,
    /// It failed on the values it was given.
    Run,
}

/// Why an expression was refused.
///
/// Displays as expr-lang does: the message, the line and column, and the line itself with a caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// When it was refused.
    pub stage: Stage,
    /// What is wrong.
    pub message: String,
    /// The bytes of the source that the message is about.
    pub span: Range<usize>,
    pub(crate) source: Arc<str>,
}

/// A message with a span, before it is bound to its source.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) span: Span,
}

/// A range of bytes of the source. Expressions are shorter than 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: clamp(start),
            end: clamp(end),
        }
    }
}

impl Fault {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            message: message.into(),
            span,
        })
    }

    pub(crate) fn bind(self, stage: Stage, source: &Arc<str>) -> Error {
        let length = source.len();
        let start = (self.span.start as usize).min(length);
        Error {
            stage,
            message: self.message,
            span: start..(self.span.end as usize).clamp(start, length),
            source: source.clone(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = &self.source[..floor_char_boundary(&self.source, self.span.start)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let number = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count();
        let line = self.source[line_start..].lines().next().unwrap_or("");
        write!(f, "{} ({number}:{})", self.message, column + 1)?;
        if line.is_empty() {
            return Ok(());
        }
        let line = line.replace('\t', " ");
        write!(f, "\n | {line}\n | {}^", ".".repeat(column))
    }
}

impl std::error::Error for Error {}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
