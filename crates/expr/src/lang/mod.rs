//! expr-lang 1.17, the language of `{{=...}}`, `expression`, `fromExpression` and hooks.
//!
//! ```text
//! source -> lexer -> parser -> check -> optimize -> compile -> vm
//!                      |         |                               |
//!                    Error (Compile): it can never work        Error (Run)
//! ```
//!
//! The language is defined by its Go implementation, and what is observable of it is kept: Go's types, its
//! formatting, its order of evaluation. Any input ends, within bounds on nodes, steps, elements and bytes
//! (`limits`). Nothing here reads a clock or makes randomness; a [`Context`] brings them.

mod argo;
mod arithmetic;
mod ast;
mod builtins;
mod check;
mod check_call;
mod check_operator;
mod compile;
mod compile_call;
mod environment;
mod error;
mod function;
mod lexer;
pub(crate) mod limits;
mod methods;
pub(crate) mod ops;
mod optimize;
mod parser;
mod primary;
mod program;
mod signature;
mod sort;
mod types;
mod unescape;
mod value;
pub(crate) mod vm;

use std::sync::Arc;

/// The syntax tree, for those who look at an expression without running it.
pub(crate) mod syntax {
    pub(crate) use super::ast::{Ast, Binary, Id, Kind};
    pub(crate) use super::parser::parse;
}

pub use crate::sprig::Version;
pub use environment::Environment;
pub use error::{Error, Stage};
pub use function::{Answer, Function};
pub use types::GoType;
pub use value::{Array, Elem, Key, Map, MapKind, OrderedFloat, Value};
pub use vm::{Context, Random};

/// A compiled expression.
#[derive(Debug)]
pub struct Program {
    source: Arc<str>,
    code: program::Code,
}

/// Parses, checks and compiles `source` against the names and types of `environment`.
///
/// # Errors
/// A [`Stage::Compile`] error where it is not an expression or would fail on any input.
pub fn compile(source: &str, environment: &Environment) -> Result<Program, Error> {
    let shared: Arc<str> = source.into();
    let compiled = || {
        let mut ast = parser::parse(source, &|name| environment.get(name).is_some())?;
        let mut natures = check::check(&ast, source, environment)?;
        optimize::optimize(&mut ast, &mut natures)?;
        compile::compile(&ast, &natures)
    };
    match compiled() {
        Ok(code) => Ok(Program { source: shared, code }),
        Err(fault) => Err(fault.bind(Stage::Compile, &shared)),
    }
}

impl Program {
    /// Runs the expression.
    ///
    /// # Errors
    /// A [`Stage::Run`] error where it fails on these values, or exceeds a bound.
    pub fn run(&self, environment: &Environment, context: &mut Context<'_>) -> Result<Value, Error> {
        vm::run(&self.code, environment, context).map_err(|fault| fault.bind(Stage::Run, &self.source))
    }
}

/// Compiles and runs `source`.
///
/// # Errors
/// As [`compile`] and [`Program::run`].
pub fn eval(source: &str, environment: &Environment, context: &mut Context<'_>) -> Result<Value, Error> {
    compile(source, environment)?.run(environment, context)
}

/// Evaluates a condition as Argo does for hooks, retries and `depends`.
///
/// # Errors
/// The message Argo shows: for an expression that fails, or does not answer a boolean.
pub fn eval_bool(source: &str, environment: &Environment, context: &mut Context<'_>) -> Result<bool, String> {
    let program = compile(source, environment).map_err(|error| error.to_string())?;
    let value = program
        .run(environment, context)
        .map_err(|error| format!("unable to evaluate expression '{source}': {error}"))?;
    match value {
        Value::Bool(value) => Ok(value),
        other => Err(format!(
            "unable to cast expression result '{}' to bool",
            go_string(&other)
        )),
    }
}

/// A value as Go's `%v` prints it.
pub fn go_string(value: &Value) -> String {
    crate::go::sprint(value)
}

/// A value as Go's `json.Marshal` writes it.
///
/// # Errors
/// Go's message for what JSON cannot hold: functions, NaN, maps with keys of any type.
pub fn to_json(value: &Value) -> Result<String, String> {
    crate::go::to_json(&mut Context::default(), value)
}
