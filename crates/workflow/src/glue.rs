//! The languages inside manifests, as the machine asks for them.

use argo::Artifact;
use expr::lang::{self, Environment, Value};
use expr::template::Scope;

use crate::vars::{Texts, Vars, as_artifact};

/// Whether a `when` condition, its tags replaced, holds. An empty one does.
pub(crate) fn when(condition: &str) -> Result<bool, String> {
    expr::when::evaluate(condition)
}

fn environment(scope: &dyn Scope) -> Environment {
    let mut all = Vec::new();
    scope.each(&mut |name, value| all.push((name.to_owned(), value.clone())));
    Environment::argo(all.iter().map(|(name, value)| (name.as_str(), value.clone())))
}

fn eval(expression: &str, vars: Vars<'_>) -> Result<Value, String> {
    lang::eval(expression, &environment(&vars), &mut vars.context()).map_err(|e| e.to_string())
}

/// The truth of an expression.
pub(crate) fn truth(expression: &str, vars: Vars<'_>) -> Result<bool, String> {
    lang::eval_bool(expression, &environment(&Texts(vars)), &mut vars.context())
}

/// Why an expression gave no string.
pub(crate) enum NotText {
    /// It could not be evaluated.
    Failed(String),
    /// It gave something else; Go's name of its type.
    Is(&'static str),
}

/// The string that an expression gives; nothing else will do.
pub(crate) fn string(expression: &str, vars: Vars<'_>) -> Result<String, NotText> {
    match eval(expression, vars).map_err(NotText::Failed)? {
        Value::String(text) => Ok(text.to_string()),
        Value::Nil => Err(NotText::Is("<nil>")),
        Value::Bool(_) => Err(NotText::Is("bool")),
        Value::Int(_) => Err(NotText::Is("int")),
        Value::Int64(_) => Err(NotText::Is("int64")),
        Value::Float(_) => Err(NotText::Is("float64")),
        Value::Map(_) => Err(NotText::Is("map[string]interface {}")),
        _ => Err(NotText::Is("[]interface {}")),
    }
}

/// The text that an expression gives; nil is an error.
pub(crate) fn text(expression: &str, vars: Vars<'_>) -> Result<String, String> {
    match eval(expression, vars)? {
        Value::Nil => Err(format!("failed to evaluate expression \"{expression}\"")),
        value => Ok(lang::go_string(&value)),
    }
}

/// The artifact that an expression gives.
pub(crate) fn artifact(expression: &str, vars: Vars<'_>) -> Result<Artifact, String> {
    let value = eval(expression, vars)?;
    as_artifact(&value).ok_or_else(|| format!("Variable {{{{{expression}}}}} is not an artifact"))
}
