//! The functions of the language that take no predicate. Those that do are loops, which the compiler writes.

mod lists;
mod maps;
mod numbers;
mod strings;
mod times;

use super::function::Answer;
use super::value::Value;
use super::vm::Context;

/// A function of the language, ready to be called.
#[derive(Clone, Copy)]
pub(crate) struct Native {
    name: &'static str,
    function: fn(&mut Context<'_>, &[Value]) -> Answer,
}

impl std::fmt::Debug for Native {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Native {
    /// Calls the function and counts what it made.
    pub(crate) fn call(self, context: &mut Context<'_>, arguments: &[Value]) -> Answer {
        let value = (self.function)(context, arguments)?;
        match &value {
            Value::String(text) => context.grow_bytes(text.len())?,
            Value::Array(array) => context.work(array.items().len())?,
            _ => {}
        }
        Ok(value)
    }
}

/// The function with this name.
pub(crate) fn find(name: &str) -> Option<Native> {
    let tables = [
        numbers::TABLE,
        strings::TABLE,
        lists::TABLE,
        maps::TABLE,
        times::TABLE,
    ];
    tables
        .into_iter()
        .flatten()
        .find(|(known, _)| *known == name)
        .map(|(name, function)| Native {
            name,
            function: *function,
        })
}

pub(crate) use numbers::{float, int};

/// A row of a table of functions.
type Entry = (&'static str, fn(&mut Context<'_>, &[Value]) -> Answer);

/// The argument at `index`, nil if there is none.
fn argument(arguments: &[Value], index: usize) -> &Value {
    static NIL: Value = Value::Nil;
    arguments.get(index).unwrap_or(&NIL)
}

/// The argument at `index`, which must be a string.
fn text(arguments: &[Value], index: usize) -> Result<&str, String> {
    let value = argument(arguments, index);
    value.as_str().ok_or_else(|| super::ops::not_a(value, "string"))
}

/// A length as Go's `int`.
fn length(length: usize) -> Value {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}
