//! The tokens of a condition, and the values they stand for.

use std::sync::Arc;

use crate::go;
use crate::lang::Value;

/// What a token is, by govaluate's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Start,
    Prefix,
    Numeric,
    Boolean,
    String,
    Pattern,
    Time,
    Variable,
    Separator,
    Accessor,
    Comparator,
    LogicalOperator,
    Modifier,
    Clause,
    ClauseClose,
    Ternary,
}

impl TokenKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Start => "UNKNOWN",
            Self::Prefix => "PREFIX",
            Self::Numeric => "NUMERIC",
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Pattern => "PATTERN",
            Self::Time => "TIME",
            Self::Variable => "VARIABLE",
            Self::Separator => "SEPARATOR",
            Self::Accessor => "ACCESSOR",
            Self::Comparator => "COMPARATOR",
            Self::LogicalOperator => "LOGICALOP",
            Self::Modifier => "MODIFIER",
            Self::Clause => "CLAUSE",
            Self::ClauseClose => "CLAUSE_CLOSE",
            Self::Ternary => "TERNARY",
        }
    }
}

/// One token: symbols and names hold their text.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) value: Operand,
}

impl Token {
    /// The text of a symbol, a name or a string.
    pub(super) fn text(&self) -> &str {
        match &self.value {
            Operand::Text(text) => text,
            _ => "",
        }
    }

    /// A date as Go prints it.
    pub(super) fn shown_time(&self) -> String {
        let seconds = match self.value {
            Operand::Number(seconds) => crate::lang::ops::truncate(seconds),
            _ => 0,
        };
        let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        go::layout::string(&time.to_zoned(jiff::tz::TimeZone::UTC))
    }
}

/// A value of a condition.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Nil,
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
    Pattern(Arc<regex::Regex>),
    /// What commas make.
    List(Arc<Vec<Operand>>),
}

impl Operand {
    /// As Go's `%v` prints it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Nil => "<nil>".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => go::sprint(&Value::Float(*value)),
            Self::Text(text) => text.to_string(),
            Self::Pattern(pattern) => pattern.to_string(),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::text).collect();
                format!("[{}]", items.join(" "))
            }
        }
    }

    /// Go's `reflect.DeepEqual`.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            #[expect(clippy::float_cmp, reason = "as Go compares them")]
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Pattern(a), Self::Pattern(b)) => a.as_str() == b.as_str(),
            (Self::List(a), Self::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(b))
            }
            _ => false,
        }
    }
}
