//! `{{=...}}`: evaluating an expression where a tag stands, and deciding when it has to wait.

use super::identifiers::{exists, identifiers};
use super::scan::{Kind, tags};
use super::{Error, PLACEHOLDER, Scope, Unresolved, missing, terminal};
use crate::lang::{self, Context, Environment, Value};

/// Names that get their values late; an expression that uses one waits for it, however it would handle nil.
const LATE: [&str; 8] = [
    "item",
    "retries",
    "lastRetry.exitCode",
    "lastRetry.status",
    "lastRetry.duration",
    "lastRetry.message",
    "workflow.status",
    "workflow.failures",
];

/// The environment of a scope: its names expanded into maps, and Argo's functions.
fn environment(scope: &dyn Scope) -> Environment {
    let mut variables = Vec::new();
    scope.each(&mut |name, value| variables.push((name.to_owned(), value.clone())));
    Environment::argo(
        variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone())),
    )
}

/// What an expression tag becomes; `None` if it stays.
pub(super) fn replace(
    expression: &str,
    scope: &dyn Scope,
    unresolved: Unresolved<'_>,
    context: &mut Context<'_>,
) -> Result<Option<String>, Error> {
    let environment = environment(scope);
    let absent: Option<Vec<String>> = identifiers(expression).map(|names| {
        names
            .into_iter()
            .filter(|name| !exists(&environment, name))
            .collect()
    });
    // What is not an expression is reported as such, whatever the caller allows.
    let may_stay = match &absent {
        None => false,
        Some(names) => {
            if let Some(name) = names.iter().find(|name| unresolved.fails(name)) {
                return Err(missing(format!(
                    "failed to evaluate expression: {name} is missing"
                )));
            }
            !names.is_empty() || matches!(unresolved, Unresolved::Keep)
        }
    };
    let waits = |name: &String| LATE.contains(&name.as_str());
    if may_stay && absent.unwrap_or_default().iter().any(waits) {
        return Ok(None);
    }
    let tolerated = may_stay || has_placeholder(scope);
    match lang::eval(expression, &environment, context) {
        Err(_) | Ok(Value::Nil) if tolerated => Ok(None),
        Err(problem) => Err(terminal(format!("failed to evaluate expression: {problem}"))),
        Ok(Value::Nil) => Err(terminal(format!(
            "failed to evaluate expression {}",
            crate::go::quote(expression)
        ))),
        Ok(value) => text(&value, may_stay, context),
    }
}

/// Strings as they are, everything else as JSON.
fn text(value: &Value, may_stay: bool, context: &mut Context<'_>) -> Result<Option<String>, Error> {
    if let Value::String(text) = value {
        return Ok(Some(text.to_string()));
    }
    match crate::go::to_json(context, value) {
        Ok(json) => Ok(Some(json)),
        Err(_) if may_stay => Ok(None),
        Err(problem) => Err(terminal(format!(
            "failed to marshal evaluated expression: {problem}"
        ))),
    }
}

fn has_placeholder(scope: &dyn Scope) -> bool {
    let mut found = false;
    scope.each(&mut |_, value| {
        found = found || value.as_str().is_some_and(|text| text.starts_with(PLACEHOLDER));
    });
    found
}

/// The value, not the text, of a string that is one tag, as `from` of an artifact is: `{{steps.a.outputs.artifacts.b}}`
/// or `{{=expression}}`. The braces may be missing.
///
/// # Errors
/// Argo's message, where there is no such name or the expression fails.
pub fn resolve(text: &str, scope: &dyn Scope, context: &mut Context<'_>) -> Result<Value, String> {
    let braced = tags(text.trim());
    let (kind, name) = match braced.tags.as_slice() {
        [tag] => (tag.kind, tag.name()),
        _ => match text.trim().strip_prefix('=') {
            Some(expression) => (Kind::Expression, expression),
            None => (Kind::Simple, text.trim()),
        },
    };
    let unresolved = || format!("Unable to resolve: {}", crate::go::quote(name));
    if kind == Kind::Simple {
        return scope.get(name).cloned().ok_or_else(unresolved);
    }
    let environment = environment(scope);
    let program = lang::compile(name, &environment)
        .map_err(|_| format!("Unable to compile: {}", crate::go::quote(name)))?;
    match program.run(&environment, context) {
        Ok(Value::Nil) => Err(unresolved()),
        Ok(value) => Ok(value),
        Err(_) => Err(format!("Invalid expression: {}", crate::go::quote(name))),
    }
}
