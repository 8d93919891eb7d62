//! Sprig 3.3's functions as Argo exposes them: `sprig.trunc(5, "abcdef")`; all but `env` and `expandenv`.
//!
//! Sprig is written for templates, where the value comes last, and answers an empty value where others would
//! fail. The names and meanings here are its own. Three differences:
//!
//! * Values are never changed in place: `set`, `unset` and `merge` answer a changed copy.
//! * Maps list their keys in order.
//! * What needs the time or randomness takes it from the evaluation and fails without; keys and certificates
//!   are not made at all, and no name is looked up on a network.

mod dates;
mod decimal;
mod defaults;
mod digests;
mod lists;
mod maps;
mod numbers;
mod paths;
mod random;
mod regexes;
mod semver;
mod strings;
mod urls;
mod words;

use std::sync::{Arc, OnceLock};

use crate::lang::{Answer, Context, Function, GoType, Map, Value};

pub use semver::Version;
pub(crate) use semver::compare as compare_versions;

/// The functions by name.
pub(crate) fn functions() -> Map {
    static MAP: OnceLock<Map> = OnceLock::new();
    MAP.get_or_init(|| {
        let tables = [
            dates::TABLE,
            defaults::TABLE,
            digests::TABLE,
            lists::TABLE,
            maps::TABLE,
            numbers::TABLE,
            paths::TABLE,
            random::TABLE,
            regexes::TABLE,
            semver::TABLE,
            strings::TABLE,
            urls::TABLE,
        ];
        tables
            .into_iter()
            .flatten()
            .map(|function| (Arc::from(function.name), Value::Function(function)))
            .collect()
    })
    .clone()
}

type Call = fn(&mut Context<'_>, &[Value]) -> Answer;

/// A function with a fixed list of parameters.
const fn fixed(name: &'static str, parameters: &'static [GoType], call: Call) -> Function {
    Function {
        name,
        parameters,
        variadic: false,
        result: GoType::Any,
        call,
    }
}

/// A function whose last parameter takes any number of arguments.
const fn variadic(name: &'static str, parameters: &'static [GoType], call: Call) -> Function {
    Function {
        name,
        parameters,
        variadic: true,
        result: GoType::Any,
        call,
    }
}

/// The argument at `index`, nil if there is none.
fn any(arguments: &[Value], index: usize) -> &Value {
    arguments.get(index).unwrap_or(&Value::Nil)
}

/// The string at `index`; the caller has checked that it is one.
fn text(arguments: &[Value], index: usize) -> &str {
    any(arguments, index).as_str().unwrap_or_default()
}

/// The `int` at `index`; the caller has checked that it is one.
fn int(arguments: &[Value], index: usize) -> i64 {
    match any(arguments, index) {
        Value::Int(value) | Value::Int64(value) => *value,
        _ => 0,
    }
}

/// A value as sprig's own conversion to a string has it.
fn to_text(context: &mut Context<'_>, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.to_string()),
        Value::Bytes(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        other => crate::go::sprint_bounded(context, other),
    }
}

/// Bytes of a string; a character cut in half becomes the replacement character.
fn bytes_text(bytes: &[u8]) -> Value {
    Value::string(String::from_utf8_lossy(bytes))
}

/// The text under a key of a dictionary, empty if there is none.
fn maps_text(map: &Value, key: &str) -> Result<String, String> {
    let found = match map {
        Value::Map(map) => map.get(key),
        _ => None,
    };
    match found {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.to_string()),
        Some(other) => Err(format!(
            "unable to parse {key} key, must be of type string, but {} found",
            crate::lang::ops::kind(other)
        )),
    }
}
