//! `depends`: when a task of a DAG may run, as a condition over the results of other tasks.
//!
//! ```text
//! "A && (B.Failed || C)"  ->  And[ Task A, Or[ B.Failed, Task C ] ]
//! ```
//!
//! Argo evaluates it as an expression with every `-` made a `_`. Here it has a grammar of its own, so that any
//! task name works and a fan-in of a thousand tasks is no deeper than two.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// How deep parentheses and negations may nest.
const MAX_NESTING: u32 = 100;

/// What can be asked of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskResult {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// It ended in an error.
    Errored,
    /// Its `when` did not hold.
    Skipped,
    /// Its `depends` did not hold.
    Omitted,
    /// It runs as a daemon and is ready.
    Daemoned,
    /// Any of its loop's children succeeded.
    AnySucceeded,
    /// All of its loop's children failed, and there was one.
    AllFailed,
}

impl TaskResult {
    /// Every result, in Argo's order.
    pub const ALL: [Self; 8] = [
        Self::Succeeded,
        Self::Failed,
        Self::Errored,
        Self::Skipped,
        Self::Omitted,
        Self::Daemoned,
        Self::AnySucceeded,
        Self::AllFailed,
    ];

    /// As it is written after the dot.
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Errored => "Errored",
            Self::Skipped => "Skipped",
            Self::Omitted => "Omitted",
            Self::Daemoned => "Daemoned",
            Self::AnySucceeded => "AnySucceeded",
            Self::AllFailed => "AllFailed",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.name() == name)
    }
}

/// A condition over tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Depends {
    /// All must hold; of none, it holds.
    And(Vec<Depends>),
    /// One must hold; of none, it does not.
    Or(Vec<Depends>),
    /// It must not hold.
    Not(Box<Depends>),
    /// A constant.
    Constant(bool),
    /// A bare task name: it went well, as [`Depends::expand`] says.
    Task(String),
    /// A result of a task.
    Result(String, TaskResult),
}

/// Why a text is not a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub message: String,
    /// The bytes of the text that the message is about.
    pub span: Range<usize>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// What a task's own `continueOn` adds to a bare reference to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContinueOn {
    /// An error is as good as success.
    pub error: bool,
    /// A failure is as good as success.
    pub failed: bool,
}

impl Depends {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong and where: an unknown result, an operand that is missing, parentheses that do not match.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parser = Parser {
            text,
            at: 0,
            nesting: 0,
        };
        let condition = parser.or()?;
        parser.skip_blanks();
        if parser.at < text.len() {
            return Err(parser.unexpected());
        }
        Ok(condition)
    }

    /// The condition that `dependencies: [a, b]` stands for.
    pub fn of_dependencies<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self::And(names.into_iter().map(|name| Self::Task(name.into())).collect())
    }

    /// The tasks it names, sorted.
    pub fn tasks(&self) -> BTreeSet<&str> {
        let mut tasks = BTreeSet::new();
        self.each(&mut |task, _| {
            tasks.insert(task);
        });
        tasks
    }

    /// The tasks whose loop's children it looks at, sorted; these are waited for as a group.
    pub fn loops(&self) -> BTreeSet<&str> {
        let mut tasks = BTreeSet::new();
        self.each(&mut |task, result| {
            if matches!(result, Some(TaskResult::AnySucceeded | TaskResult::AllFailed)) {
                tasks.insert(task);
            }
        });
        tasks
    }

    /// Calls `visit` with each task and the result asked of it, none for a bare name.
    pub fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a str, Option<TaskResult>)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.each(visit)),
            Self::Not(part) => part.each(visit),
            Self::Constant(_) => {}
            Self::Task(task) => visit(task, None),
            Self::Result(task, result) => visit(task, Some(*result)),
        }
    }

    /// The condition with each bare name `X` written out: `(X.Succeeded || X.Skipped || X.Daemoned)`, and
    /// `|| X.Errored`, `|| X.Failed` as the task's `continueOn` has it.
    #[must_use]
    pub fn expand(self, continue_on: &dyn Fn(&str) -> ContinueOn) -> Self {
        let all = |parts: Vec<Self>| parts.into_iter().map(|part| part.expand(continue_on)).collect();
        match self {
            Self::And(parts) => Self::And(all(parts)),
            Self::Or(parts) => Self::Or(all(parts)),
            Self::Not(part) => Self::Not(Box::new(part.expand(continue_on))),
            Self::Task(task) => {
                let on = continue_on(&task);
                let mut results = vec![TaskResult::Succeeded, TaskResult::Skipped, TaskResult::Daemoned];
                results.extend(on.error.then_some(TaskResult::Errored));
                results.extend(on.failed.then_some(TaskResult::Failed));
                Self::Or(
                    results
                        .into_iter()
                        .map(|result| Self::Result(task.clone(), result))
                        .collect(),
                )
            }
            other => other,
        }
    }

    /// Whether it holds, with `holds` answering what is asked of a task. A bare name asks for success, being
    /// skipped or being a ready daemon.
    pub fn evaluate(&self, holds: &dyn Fn(&str, TaskResult) -> bool) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.evaluate(holds)),
            Self::Or(parts) => parts.iter().any(|part| part.evaluate(holds)),
            Self::Not(part) => !part.evaluate(holds),
            Self::Constant(value) => *value,
            Self::Task(task) => [TaskResult::Succeeded, TaskResult::Skipped, TaskResult::Daemoned]
                .into_iter()
                .any(|result| holds(task, result)),
            Self::Result(task, result) => holds(task, *result),
        }
    }
}

impl fmt::Display for Depends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Self], operator: &str| {
            f.write_str("(")?;
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {operator} ")?;
                }
                write!(f, "{part}")?;
            }
            f.write_str(")")
        };
        match self {
            Self::And(parts) => list(f, parts, "&&"),
            Self::Or(parts) => list(f, parts, "||"),
            Self::Not(part) => write!(f, "!{part}"),
            Self::Constant(value) => write!(f, "{value}"),
            Self::Task(task) => f.write_str(task),
            Self::Result(task, result) => write!(f, "{task}.{}", result.name()),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    nesting: u32,
}

impl Parser<'_> {
    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn rest(&mut self) -> &str {
        self.skip_blanks();
        &self.text[self.at..]
    }

    /// Takes one of the spellings of an operator.
    fn take(&mut self, spellings: &[&str]) -> bool {
        let rest = self.rest();
        let found = spellings.iter().find(|spelling| {
            let word = spelling.starts_with(|c: char| c.is_ascii_alphabetic());
            rest.strip_prefix(**spelling)
                .is_some_and(|after| !word || !after.starts_with(is_name))
        });
        match found.map(|spelling| spelling.len()) {
            Some(length) => {
                self.at += length;
                true
            }
            None => false,
        }
    }

    fn fail<T>(&self, length: usize, message: impl Into<String>) -> Result<T, Error> {
        Err(Error {
            message: message.into(),
            span: self.at..self.at + length,
        })
    }

    fn unexpected(&self) -> Error {
        let found = self.text[self.at..].chars().next();
        Error {
            message: found.map_or("a task name is missing at the end".to_owned(), |c| {
                format!("unexpected '{c}'")
            }),
            span: self.at..self.at + found.map_or(0, char::len_utf8),
        }
    }

    fn or(&mut self) -> Result<Depends, Error> {
        let mut parts = vec![self.and()?];
        while self.take(&["||", "or"]) {
            parts.push(self.and()?);
        }
        Ok(single(parts, Depends::Or))
    }

    fn and(&mut self) -> Result<Depends, Error> {
        let mut parts = vec![self.unary()?];
        while self.take(&["&&", "and"]) {
            parts.push(self.unary()?);
        }
        Ok(single(parts, Depends::And))
    }

    fn unary(&mut self) -> Result<Depends, Error> {
        if self.nesting >= MAX_NESTING {
            return self.fail(0, format!("nests more than {MAX_NESTING} levels"));
        }
        self.nesting += 1;
        let condition = if self.take(&["!", "not"]) {
            Depends::Not(Box::new(self.unary()?))
        } else if self.take(&["("]) {
            let inner = self.or()?;
            if !self.take(&[")"]) {
                return self.fail(0, "a closing parenthesis is missing");
            }
            inner
        } else {
            self.operand()?
        };
        self.nesting -= 1;
        Ok(condition)
    }

    fn operand(&mut self) -> Result<Depends, Error> {
        let rest = self.rest();
        let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let name = rest[..length].to_owned();
        if name.is_empty() {
            return Err(self.unexpected());
        }
        let after = rest[length..].strip_prefix('.').map(|after| {
            let end = after
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(after.len());
            after[..end].to_owned()
        });
        let Some(result) = after else {
            self.at += length;
            return Ok(match name.as_str() {
                "true" => Depends::Constant(true),
                "false" => Depends::Constant(false),
                _ => Depends::Task(name),
            });
        };
        let whole = length + 1 + result.len();
        let Some(known) = TaskResult::parse(&result) else {
            return self.fail(
                whole,
                format!("task result '{result}' for task '{name}' is invalid"),
            );
        };
        self.at += whole;
        Ok(Depends::Result(name, known))
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn single(mut parts: Vec<Depends>, list: fn(Vec<Depends>) -> Depends) -> Depends {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        list(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_argo_reads() {
        for (text, expected) in [
            ("A", "A"),
            ("A && B", "(A && B)"),
            (
                "A.Succeeded || B.Failed && !C",
                "(A.Succeeded || (B.Failed && !C))",
            ),
            (
                "(a-1 || b_2) and not c.AnySucceeded",
                "((a-1 || b_2) && !c.AnySucceeded)",
            ),
            ("1-first.Daemoned", "1-first.Daemoned"),
            ("order or and-then", "(order || and-then)"),
        ] {
            assert_eq!(Depends::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, message, span) in [
            (
                "A.Succeded",
                "task result 'Succeded' for task 'A' is invalid",
                0..10,
            ),
            ("A &&", "a task name is missing at the end", 4..4),
            ("A & B", "unexpected '&'", 2..3),
            ("(A", "a closing parenthesis is missing", 2..2),
            ("A B", "unexpected 'B'", 2..3),
        ] {
            let error = Depends::parse(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.span), (message, span), "{text}");
        }
        assert!(Depends::parse(&"!".repeat(10_000)).is_err());
    }

    #[test]
    fn a_bare_name_expands_as_continue_on_says() {
        let expanded = Depends::parse("a && b.Failed").unwrap().expand(&|_| ContinueOn {
            error: true,
            failed: true,
        });
        assert_eq!(
            expanded.to_string(),
            "((a.Succeeded || a.Skipped || a.Daemoned || a.Errored || a.Failed) && b.Failed)"
        );
    }

    #[test]
    fn evaluates_and_lists_tasks() {
        let condition = Depends::parse("a && (b.AnySucceeded || !c.Failed)").unwrap();
        assert_eq!(condition.tasks().into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(condition.loops().into_iter().collect::<Vec<_>>(), ["b"]);
        assert!(condition.evaluate(&|task, result| task == "a" && result == TaskResult::Succeeded));
        assert!(!condition.evaluate(&|task, result| task == "c" && result == TaskResult::Failed));
        assert!(Depends::of_dependencies(["a", "b"]).evaluate(&|_, result| result == TaskResult::Skipped));
    }
}
